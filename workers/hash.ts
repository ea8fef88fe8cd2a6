import { type HashTask, runHash } from '../src/runtime/hash-thread.js';

/* Thread of the pool that verifies passwords. Started by runtime/hash-pool.ts, which calls `verify`. */
export function verify(task: HashTask): boolean {
  return runHash(task);
}
