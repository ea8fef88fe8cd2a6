import { readFileSync } from 'node:fs';
import { BrokerError, systemCodeOf } from '../../base/errors.js';
import type { AuthTlsSettings } from '../../settings/auth-source-schema.js';

/** As node:tls wants them. */
export interface SourceTls {
  readonly ca?: string;
  readonly rejectUnauthorized: boolean;
}

/** @throws BrokerError RMQ-1001. */
export function tlsOptions({ ca, verify }: AuthTlsSettings): SourceTls {
  return { rejectUnauthorized: verify, ...(ca === '' ? {} : { ca: readPem(ca) }) };
}

/** @throws BrokerError RMQ-1001. */
export function readPem(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new BrokerError('RMQ-1001', `from ${path}: ${systemCodeOf(error)}`, { cause: error });
  }
}
