import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';

/** A client of SCRAM that follows the letter of RFC 5802 §3, with nothing of ours. Names have no comma and no equals sign. */
export class ScramClient {
  /** The last word of the server, if it has the keys; after `final`. */
  expected = '';
  readonly first: string;
  readonly #digest: 'sha256' | 'sha512';
  readonly #bytes: number;
  readonly #bare: string;
  readonly #header: string;
  readonly #password: string;

  constructor(mechanism: 'SCRAM-SHA-256' | 'SCRAM-SHA-512', name: string, password: string, header = 'n,,') {
    this.#digest = mechanism === 'SCRAM-SHA-256' ? 'sha256' : 'sha512';
    this.#bytes = mechanism === 'SCRAM-SHA-256' ? 32 : 64;
    this.#bare = `n=${name},r=abc`;
    this.#header = header;
    this.#password = password;
    this.first = header + this.#bare;
  }

  final(serverFirst: string, channel: string = this.#header): string {
    const digest = this.#digest;
    const [, nonce, salt, iterations] = /^r=([^,]+),s=([^,]+),i=(\d+)$/.exec(serverFirst) ?? [];
    const salted = pbkdf2Sync(this.#password, Buffer.from(salt, 'base64'), Number(iterations), this.#bytes, digest);
    const clientKey = createHmac(digest, salted).update('Client Key').digest();
    const storedKey = createHash(digest).update(clientKey).digest();
    const withoutProof = `c=${Buffer.from(channel).toString('base64')},r=${nonce}`;
    const message = `${this.#bare},${serverFirst},${withoutProof}`;
    const signature = createHmac(digest, storedKey).update(message).digest();
    const serverKey = createHmac(digest, salted).update('Server Key').digest();
    this.expected = `v=${createHmac(digest, serverKey).update(message).digest('base64')}`;
    return `${withoutProof},p=${Buffer.from(clientKey.map((byte, at) => byte ^ signature[at])).toString('base64')}`;
  }
}
