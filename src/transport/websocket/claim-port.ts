import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { assert } from '../../base/assert.js';
import { BrokerError, systemCodeOf } from '../../base/errors.js';
import { portOwner } from '../port-owner.js';

/** Below the ports that the kernel gives to whoever names none (ip_local_port_range): it would give ours away until the shards listen on it. */
const FREE_PORT_MIN = 10_240;
const FREE_PORT_MAX = 32_767;
const TRIES_MAX = 64;

/**
 * Makes sure that a port is nobody's, before shards listen on it with SO_REUSEPORT: with that option a second broker would
 * "start" on the same port and get half of the connections. Binds exclusively and lets go again.
 * @param port 0 picks a free one.
 * @returns the port. Throws BrokerError RMQ-1003 if somebody has it.
 */
export async function claimPort(host: string, port: number): Promise<number> {
  if (port !== 0) return hold(host, port);
  for (let tries = 1; ; tries += 1) {
    try {
      return await hold(host, tries < TRIES_MAX ? randomInt(FREE_PORT_MIN, FREE_PORT_MAX + 1) : 0);
    } catch (error) {
      if (tries === TRIES_MAX || !(error instanceof BrokerError) || systemCodeOf(error.cause) !== 'EADDRINUSE') throw error;
    }
  }
}

async function hold(host: string, port: number): Promise<number> {
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
