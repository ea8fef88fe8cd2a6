import { systemCodeOf } from '../base/errors.js';

let lastBytes = 0;

/**
 * Memory of the process as the kernel counts it. To look takes a descriptor; while clients have used up all of them it is as it was when there
 * was one, since a count that cannot be taken must not end the process.
 */
export function residentBytes(): number {
  try {
    lastBytes = process.memoryUsage.rss();
  } catch (error) {
    const code = systemCodeOf(error);
    if (code !== 'EMFILE' && code !== 'ENFILE') throw error;
  }
  return lastBytes;
}
