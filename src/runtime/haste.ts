import type { Supervisor } from './supervisor.js';
import type { ThreadCells } from './thread-cells.js';

/** Shards have so long to close when the process ends without waiting for clients. Main stands still meanwhile. */
const HASTE_MS_MAX = 2000;

/**
 * The process ends while shards run: it was told to stop twice, or main has a bug. Every thread that is ended with uWebSockets.js
 * listening aborts the process, which loses the exit code and leaves a core file; so all of them close first. Nothing is
 * awaited, because after `exit` no turn comes. A shard that hangs cannot close: then SIGKILL is the quiet end.
 */
export function endInHaste(cells: ThreadCells, supervisor: Supervisor, shardCount: number): void {
  cells.beginProcessEnd();
  supervisor.stop();
  const deadlineMs = performance.now() + HASTE_MS_MAX;
  for (let shard = 0; shard < shardCount; shard += 1) {
    const isClosed = cells.waitForClose(shard, Math.max(0, deadlineMs - performance.now()));
    if (!isClosed) process.kill(process.pid, 'SIGKILL');
  }
}
