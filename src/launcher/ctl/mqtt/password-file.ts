import { readFileSync } from 'node:fs';
import { BrokerError, systemCodeOf } from '../../../base/errors.js';

/** @param path - is standard input. @throws BrokerError RMQ-1001. */
export function firstLine(path: string): string {
  const place = path === '-' ? 0 : path; // Descriptor 0: standard input.
  try {
    return readFileSync(place, 'utf8').split(/\r?\n/, 1)[0];
  } catch (error) {
    throw new BrokerError('RMQ-1001', `from ${path === '-' ? 'standard input' : path}: ${systemCodeOf(error)}`, { cause: error });
  }
}
