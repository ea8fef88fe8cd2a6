import { parentPort, workerData } from 'node:worker_threads';
import { assert } from '../src/base/assert.js';
import { isAuthHandOver, runAuth } from '../src/runtime/auth-thread.js';

/* Thread of authentication. Started by runtime/spawn-auth.ts, where somebody has to prove who it is. */
assert(parentPort !== null, 'authentication runs in a worker');
const handOver: unknown = workerData;
assert(isAuthHandOver(handOver), 'main hands over what authentication needs');
await runAuth(handOver, parentPort);
