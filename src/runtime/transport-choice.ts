import { BrokerError } from '../base/errors.js';
import type { Logger } from '../base/logger.js';
import { loadNative } from '../native/door.js';
import type { Settings } from '../settings/schema.js';

export type TransportKind = 'native' | 'node';

/** What the settings want and this machine has. @throws BrokerError RMQ-1008. */
export function chooseTransport(settings: Settings, log: Logger): TransportKind {
  const wanted = settings.runtime.transport;
  const native = loadNative();
  if ('unavailable' in native) {
    if (wanted === 'native') throw new BrokerError('RMQ-1008', `(${native.unavailable})`);
    if (wanted === 'auto')
      log.warn('transport.fallback', 'the native transport is not available, node:net takes its place', { why: native.unavailable });
    return 'node';
  }
  native.raiseDescriptorLimit(); // Where it is not there Node has done so.
  return wanted === 'node' ? 'node' : 'native';
}
