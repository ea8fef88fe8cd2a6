import { NodeTransport } from '../../src/transport/node/node-transport.js';
import type { Transport } from '../../src/transport/ports.js';
import { frameBytesMaxOf } from './dialer.js';
import type { LoadPlan } from './load-plan.js';

/** The socket layer of one load thread. */
export async function openTransport(plan: LoadPlan): Promise<Transport> {
  const clients = plan.publishers + plan.subscribers + plan.idle;
  const options = {
    connectionsMax: Math.ceil(clients / plan.threads) + 16,
    topicsMax: Math.max(4096, 2 * plan.topics),
    frameBytesMax: frameBytesMaxOf(plan),
  };
  return NodeTransport.open(options);
}
