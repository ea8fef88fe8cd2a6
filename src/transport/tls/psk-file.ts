import { BrokerError } from '../../base/errors.js';

/** Bytes of a key that OpenSSL takes. */
const KEY_BYTES_MAX = 512;
const IDENTITY_BYTES_MAX = 256;
const KEYS_MAX = 1_000_000;

/**
 * Lines of `identity:key`, the key as hexadecimal digits, as Mosquitto has them; empty lines and those that begin with # say nothing.
 * @param where for the error. @throws BrokerError RMQ-1038 with the number of the line, and nothing of what is in it.
 */
export function parsePskFile(text: string, where: string): ReadonlyMap<string, Uint8Array> {
  const keys = new Map<string, Uint8Array>();
  for (const [index, line] of text.split('\n').entries()) {
    const trimmed = line.trim();
    if (trimmed === '' || trimmed.startsWith('#')) continue;
    const fault = addKey(keys, trimmed);
    if (fault !== '') throw new BrokerError('RMQ-1038', `(${where}:${index + 1}: ${fault})`);
  }
  return keys;
}

function addKey(keys: Map<string, Uint8Array>, line: string): string {
  const colon = line.lastIndexOf(':');
  if (colon < 1) return 'has the form identity:key';
  const identity = line.slice(0, colon);
  const digits = line.slice(colon + 1);
  if (Buffer.byteLength(identity) > IDENTITY_BYTES_MAX) return 'the identity is too long';
  if (!/^(?:[0-9A-Fa-f]{2})+$/.test(digits) || digits.length > 2 * KEY_BYTES_MAX) return 'the key is an even number of hexadecimal digits';
  if (keys.has(identity)) return 'the identity is there twice';
  if (keys.size === KEYS_MAX) return 'too many keys';
  keys.set(identity, Buffer.from(digits, 'hex'));
  return '';
}
