import { createHash, timingSafeEqual } from 'node:crypto';

/** Whether requests come from who may. There is no other way in: not from this machine either, whose other users are strangers. */
export class AccessToken {
  readonly #hash: Buffer;

  constructor(token: string) {
    this.#hash = hashOf(token);
  }

  /** @param authorization header of a request: `Bearer ...`. */
  admits(authorization: string | undefined): boolean {
    const given = /^bearer +(\S+) *$/i.exec(authorization ?? '')?.[1];
    return given !== undefined && timingSafeEqual(hashOf(given), this.#hash);
  }
}

/** Of the same length for every token, so that comparing takes the same time. */
function hashOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
