import type { MessagePort } from 'node:worker_threads';
import { CLOSE_EVENT } from './hung-thread.js';
import type { ShardHandOver, ShardOrder } from './orders.js';
import { Shard } from './shard.js';

/**
 * Runs a shard on this thread until main ends it. An error that nobody caught ends the thread, in order: main hears why, the
 * WebSocket listener is closed, and the supervisor starts a successor.
 */
export async function runShard(handOver: ShardHandOver, port: MessagePort): Promise<void> {
  let shard: Shard | null = null;
  process.on('uncaughtException', (error) => {
    port.postMessage({ kind: 'failed', error });
    try {
      shard?.close();
    } finally {
      process.exit(1);
    }
  });
  process.on(CLOSE_EVENT, () => shard?.close());
  shard = await Shard.open(handOver, {
    post: (notice) => port.postMessage(notice),
    onOrder: (take) => void port.on('message', (order: ShardOrder) => take(order)),
  });
}

/** What main put into `workerData`. Both threads run the same build, so its presence is all there is to check. */
export function isShardHandOver(value: unknown): value is ShardHandOver {
  return typeof value === 'object' && value !== null && 'shard' in value && 'fromMain' in value && 'cells' in value;
}
