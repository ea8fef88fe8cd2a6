import { lstatSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { BrokerError } from '../base/errors.js';

/** Makes way for a unix socket: one that nobody listens on any more is removed. @throws BrokerError RMQ-1003 if it is somebody's, or no socket. */
export async function claimSocketPath(path: string): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isSocket()) throw new BrokerError('RMQ-1003', `on ${path}: there is something that is no socket`);
  const isInUse = await new Promise<boolean>((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
  if (isInUse) throw new BrokerError('RMQ-1003', `on ${path}: in use`);
  removeSocket(path);
}

/** Idempotent. */
export function removeSocket(path: string): void {
  rmSync(path, { force: true });
}
