import { once } from 'node:events';
import { createServer } from 'node:net';
import { assert } from '../../base/assert.js';
import { BrokerError, systemCodeOf } from '../../base/errors.js';
import { portOwner } from '../port-owner.js';

/**
 * Makes sure that a port is nobody's, before shards listen on it with SO_REUSEPORT: with that option a second broker would
 * "start" on the same port and get half of the connections. Binds exclusively and lets go again.
 * @param port 0 picks a free one.
 * @returns the port. Throws BrokerError RMQ-1003 if somebody has it.
 */
export async function claimPort(host: string, port: number): Promise<number> {
  const server = createServer();
  try {
    server.listen({ host, port, exclusive: true });
    await once(server, 'listening');
  } catch (error) {
    throw new BrokerError('RMQ-1003', `on ${host}:${port}: ${reasonOf(error, port)}`, { cause: error });
  }
  const address = server.address();
  assert(address !== null && typeof address === 'object', 'a TCP server has an address');
  server.close();
  await once(server, 'close');
  return address.port;
}

function reasonOf(error: unknown, port: number): string {
  if (systemCodeOf(error) !== 'EADDRINUSE') return error instanceof Error ? error.message : String(error);
  const owner = portOwner(port);
  return owner === null ? 'in use' : `in use by pid ${owner}`;
}
