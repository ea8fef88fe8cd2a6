import { ServerCredentials } from '@grpc/grpc-js';
import type { PeerTls } from './peer-transport.js';

/**
 * TLS of a port that nodes and clients share: everybody is asked for a certificate and nobody needs one. One that our authority did not sign counts
 * as none: `getAuthContext` of a call shows verified ones alone. Peers are turned away without (peer-door.ts); clients show a token instead.
 *
 * gRPC's own `createSsl` knows only "asked and needed" and "not asked".
 */
export class CertificatesOnRequest extends ServerCredentials {
  constructor({ cert, key, ca }: PeerTls) {
    super({ requestCert: true, rejectUnauthorized: false }, { cert, key, ca });
  }

  override _equals(other: ServerCredentials): boolean {
    return this === other;
  }
}
