import { Worker } from 'node:worker_threads';
import type { MetadataHandOver, MetadataNotice, MetadataOrder } from './metadata-orders.js';

export interface MetadataThreadEvents {
  onNotice(notice: MetadataNotice): void;
  /** Once, and last. */
  onExit(exitCode: number): void;
}

export interface MetadataThread {
  post(order: MetadataOrder): void;
  terminate(): void;
}

/** Starts the metadata service in a thread of its own, where no load of clients delays its heartbeats. */
export function spawnMetadata(handOver: MetadataHandOver, events: MetadataThreadEvents): MetadataThread {
  const worker = new Worker(new URL('../../workers/raft.js', import.meta.url), { workerData: handOver, name: 'raft' });
  worker.on('message', (notice: MetadataNotice) => events.onNotice(notice));
  worker.on('error', (error) => events.onNotice({ kind: 'failed', error }));
  worker.on('exit', (exitCode) => events.onExit(exitCode));
  return {
    post: (order) => worker.postMessage(order),
    terminate: () => void worker.terminate(),
  };
}
