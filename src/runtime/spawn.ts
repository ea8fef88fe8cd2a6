import { type MessagePort, Worker } from 'node:worker_threads';
import { closeHungThread } from './hung-thread.js';
import type { ShardHandOver, ShardNotice, ShardOrder } from './orders.js';

export interface ShardThreadEvents {
  onNotice(notice: ShardNotice): void;
  /** Once, and last. */
  onExit(exitCode: number): void;
}

/** A running shard as its supervisor sees it. */
export interface ShardThread {
  /** @param ports of the order, which go with it. */
  post(order: ShardOrder, ports?: readonly MessagePort[]): void;
  /** Ends it wherever it stands; `onExit` follows. Where it stood is noticed as its last words. */
  terminate(): void;
  /** Which part of the time since the last call its loop was busy, from 0 to 1. */
  busyRatio(): number;
}

export type SpawnShard = (handOver: ShardHandOver, events: ShardThreadEvents) => ShardThread;

/**
 * Three semi-spaces of 4 MiB: a shard makes little garbage, and with V8's own 16 MiB a storm of connections leaves memory behind that counts as
 * a kilobyte for each of 10,000 of them. This bounds no heap, so it cannot end a thread.
 */
const YOUNG_GENERATION_MB = 12;

/** Starts a shard in a thread of its own. */
export function spawnShard(handOver: ShardHandOver, events: ShardThreadEvents): ShardThread {
  const worker = new Worker(new URL('../../workers/shard.js', import.meta.url), {
    workerData: handOver,
    name: `shard ${handOver.shard}`,
    resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION_MB },
  });
  worker.on('message', (notice: ShardNotice) => events.onNotice(notice));
  // An error that the shard could not catch itself: it failed to load, or its heap was full.
  worker.on('error', (error) => events.onNotice({ kind: 'failed', error }));
  worker.on('exit', (exitCode) => events.onExit(exitCode));
  let before = worker.performance.eventLoopUtilization();
  return {
    busyRatio: () => {
      const now = worker.performance.eventLoopUtilization();
      const { utilization } = worker.performance.eventLoopUtilization(now, before);
      before = now;
      return utilization;
    },
    post: (order, ports = []) => worker.postMessage(order, ports),
    terminate: () =>
      closeHungThread(worker.threadId, (stack) => {
        events.onNotice({ kind: 'failed', error: new Error(`ended while it stood at ${stack.join(', ') || 'some place outside of JS'}`) });
        void worker.terminate();
      }),
  };
}
