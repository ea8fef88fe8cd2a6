import type { MessagePort } from 'node:worker_threads';
import { MetadataHost } from './metadata-host.js';
import type { MetadataHandOver, MetadataOrder } from './metadata-orders.js';

/** Runs the metadata service on this thread until main ends it. */
export async function runMetadata(handOver: MetadataHandOver, port: MessagePort): Promise<void> {
  process.on('uncaughtException', (error) => {
    port.postMessage({ kind: 'failed', error });
    process.exit(1);
  });
  const host = await MetadataHost.open(handOver, (notice) => port.postMessage(notice));
  port.on('message', (order: MetadataOrder) => host.onOrder(order));
}

/** What main put into `workerData`. Both threads run the same build, so its presence is all there is to check. */
export function isMetadataHandOver(value: unknown): value is MetadataHandOver {
  return typeof value === 'object' && value !== null && 'settings' in value && 'cells' in value && 'shape' in value;
}
