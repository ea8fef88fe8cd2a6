import type { MessagePort } from 'node:worker_threads';
import { AuthHost } from './auth-host.js';
import type { AuthHandOver, AuthOrder } from './auth-orders.js';

/** Runs authentication on this thread until main ends it. */
export async function runAuth(handOver: AuthHandOver, port: MessagePort): Promise<void> {
  process.on('uncaughtException', (error) => {
    port.postMessage({ kind: 'failed', error });
    process.exit(1);
  });
  let host: AuthHost | null = null;
  const early: AuthOrder[] = [];
  // The port has a listener from the start: what comes while sources are opened would be lost otherwise.
  port.on('message', (order: AuthOrder) => {
    if (host !== null) host.onOrder(order);
    else if (order.kind === 'stop') process.exit(0);
    else early.push(order);
  });
  host = await AuthHost.open(handOver, (notice) => port.postMessage(notice));
  for (const order of early) host.onOrder(order);
}

/** What main put into `workerData`. Both threads run the same build, so its presence is all there is to check. */
export function isAuthHandOver(value: unknown): value is AuthHandOver {
  return typeof value === 'object' && value !== null && 'settings' in value && 'cells' in value;
}
