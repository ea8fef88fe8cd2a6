import { type MessagePort, Worker } from 'node:worker_threads';
import type { AuthHandOver, AuthNotice, AuthOrder } from './auth-orders.js';

export interface AuthThreadEvents {
  onNotice(notice: AuthNotice): void;
  /** Once, and last. */
  onExit(exitCode: number): void;
}

export interface AuthThread {
  /** @param ports of the order, which go with it. */
  post(order: AuthOrder, ports?: readonly MessagePort[]): void;
  terminate(): void;
}

export type SpawnAuth = (handOver: AuthHandOver, events: AuthThreadEvents) => AuthThread;

/** Starts authentication in a thread of its own, so that no shard waits for a source or loads its driver. */
export function spawnAuth(handOver: AuthHandOver, events: AuthThreadEvents): AuthThread {
  const worker = new Worker(new URL('../../workers/auth.js', import.meta.url), { workerData: handOver, name: 'auth' });
  worker.on('message', (notice: AuthNotice) => events.onNotice(notice));
  worker.on('error', (error) => events.onNotice({ kind: 'failed', error }));
  worker.on('exit', (exitCode) => events.onExit(exitCode));
  return {
    post: (order, ports = []) => worker.postMessage(order, ports),
    terminate: () => void worker.terminate(),
  };
}
