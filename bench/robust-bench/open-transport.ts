import { BrokerError } from '../../src/base/errors.js';
import { loadNative } from '../../src/native/door.js';
import { NativeTransport } from '../../src/transport/native/native-transport.js';
import { NodeTransport } from '../../src/transport/node/node-transport.js';
import type { Transport } from '../../src/transport/ports.js';
import { frameBytesMaxOf } from './dialer.js';
import type { LoadPlan } from './load-plan.js';

const TOPICS_MIN = 4096;
/** A connection that is closing still has its number. */
const CONNECTIONS_SPARE = 16;

/** Why the native transport cannot be used; null if it can. */
export function nativeFault(): string | null {
  const native = loadNative();
  return 'unavailable' in native ? native.unavailable : null;
}

/** The socket layer of one load thread. */
export function openTransport(plan: LoadPlan): Transport {
  const clients = plan.publishers + plan.subscribers + plan.idle;
  const options = {
    connectionsMax: Math.ceil(clients / plan.threads) + CONNECTIONS_SPARE,
    topicsMax: Math.max(TOPICS_MIN, 2 * plan.topics),
    frameBytesMax: frameBytesMaxOf(plan),
  };
  const fault = nativeFault();
  if (plan.transport === 'native' && fault !== null) throw new BrokerError('RMQ-1008', `: ${fault}`);
  return plan.transport === 'node' || fault !== null ? NodeTransport.open(options) : NativeTransport.open(options);
}
