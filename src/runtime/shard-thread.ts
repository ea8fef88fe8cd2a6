import type { MessagePort } from 'node:worker_threads';
import { CLOSE_EVENT } from './hung-thread.js';
import type { ShardHandOver, ShardOrder } from './orders.js';
import { Shard } from './shard.js';
import { ThreadCatalogue } from './thread-catalogue.js';
import { ThreadCells } from './thread-cells.js';

const BEAT_MS = 100;

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
  const orders = new EarlyOrders(port);
  const catalogue = await firstCatalogue(handOver, orders, port);
  shard = await Shard.open(handOver, catalogue, {
    post: (notice) => port.postMessage(notice),
    onOrder: (take) => orders.deliverTo(take),
  });
}

/** Orders until the shard can take them. The port never stands without a listener: what came then would be lost. */
class EarlyOrders {
  /** Sees each order as it comes. @returns whether it is done with. */
  watch: (order: ShardOrder) => boolean = () => false;
  readonly #waiting: ShardOrder[] = [];
  #take: ((order: ShardOrder) => void) | null = null;

  constructor(port: MessagePort) {
    port.on('message', (order: ShardOrder) => {
      if (this.#take !== null) this.#take(order);
      else if (!this.watch(order)) this.#waiting.push(order);
    });
  }

  deliverTo(take: (order: ShardOrder) => void): void {
    this.#take = take;
    for (const order of this.#waiting.splice(0)) take(order);
  }
}

/** The metadata service may be waiting for a majority. Meanwhile the shard beats: it waits, and does not hang. */
async function firstCatalogue(handOver: ShardHandOver, orders: EarlyOrders, port: MessagePort): Promise<ThreadCatalogue> {
  const cells = new ThreadCells(handOver.cells);
  const timer = setInterval(() => cells.beat(handOver.shard), BEAT_MS);
  const catalogue = new ThreadCatalogue();
  await new Promise<void>((resolve) => {
    orders.watch = (order) => {
      if (order.kind === 'stop') process.exit(0);
      if (order.kind === 'drain') port.postMessage({ kind: 'drained' });
      if (order.kind !== 'catalogue') return order.kind === 'catalogue-change'; // It is in the whole that is still to come.
      catalogue.load(order.chunks);
      resolve();
      orders.watch = () => false;
      return true;
    };
  });
  clearInterval(timer);
  return catalogue;
}

/** What main put into `workerData`. Both threads run the same build, so its presence is all there is to check. */
export function isShardHandOver(value: unknown): value is ShardHandOver {
  return typeof value === 'object' && value !== null && 'shard' in value && 'fromMain' in value && 'cells' in value;
}
