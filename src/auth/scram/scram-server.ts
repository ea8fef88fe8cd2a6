import { createHash, createHmac, randomBytes } from 'node:crypto';
import { areEqual } from '../passwords/stored-password.js';
import { type ClientFirst, parseClientFinal, parseClientFirst } from './messages.js';
import {
  digestBytesOf,
  digestOf,
  prepareName,
  SCRAM_ITERATIONS,
  SCRAM_SALT_BYTES,
  type ScramKeys,
  type ScramMechanism,
} from './stored-keys.js';

export type ScramStep =
  | { readonly kind: 'continue'; readonly data: Uint8Array }
  /** `data`: the server's signature, by which the client knows that we have its keys. */
  | { readonly kind: 'proven'; readonly data: Uint8Array }
  | { readonly kind: 'failed'; readonly why: 'malformed' | 'channel-binding' | 'wrong' };

export interface ScramOptions {
  readonly mechanism: ScramMechanism;
  /** By the prepared name. null: there is no such user, or none with keys for this mechanism. */
  readonly keysOf: (userName: string) => ScramKeys | null;
  /** From it the salts of users come that are not there: the same each time, so that nobody can tell them by it. */
  readonly decoyKey: Uint8Array;
  /** The server's share of the nonce; for the examples of the RFCs. */
  readonly nonce?: string;
}

const NONCE_BYTES = 18;

/**
 * One exchange of SCRAM on the server's side, RFC 5802 §5. Pure: words in, words out.
 *
 *     client-first --> [continue: server-first] --> client-final --> [proven: server-final]
 */
export class ScramServer {
  /** Prepared; empty until the client has said it. */
  userName = '';
  readonly #options: ScramOptions;
  #state: 'first' | 'final' | 'over' = 'first';
  #first: ClientFirst | null = null;
  #keys: ScramKeys | null = null;
  #nonce = '';
  #serverFirst = '';

  constructor(options: ScramOptions) {
    this.#options = options;
  }

  step(data: Uint8Array): ScramStep {
    const state = this.#state;
    this.#state = 'over';
    if (state === 'first') return this.#onFirst(data);
    return state === 'final' ? this.#onFinal(data) : this.#fail('malformed');
  }

  #onFirst(data: Uint8Array): ScramStep {
    const first = parseClientFirst(data);
    const userName = first === null ? null : prepareName(first.userName);
    if (first === null || userName === null) return this.#fail('malformed');
    this.userName = userName;
    if (first.bindsChannel) return this.#fail('channel-binding');
    if (first.authorizationName !== '' && prepareName(first.authorizationName) !== userName) return this.#fail('wrong');
    const known = this.#options.keysOf(userName);
    const { salt, iterations } = known ?? { salt: this.#decoySalt(userName), iterations: SCRAM_ITERATIONS };
    this.#first = first;
    this.#keys = known;
    this.#nonce = first.nonce + (this.#options.nonce ?? randomBytes(NONCE_BYTES).toString('base64'));
    this.#serverFirst = `r=${this.#nonce},s=${Buffer.from(salt).toString('base64')},i=${iterations}`;
    this.#state = 'final';
    return { kind: 'continue', data: Buffer.from(this.#serverFirst) };
  }

  #onFinal(data: Uint8Array): ScramStep {
    const final = parseClientFinal(data);
    const first = this.#first;
    if (final === null || first === null) return this.#fail('malformed');
    const isOurs = areEqual(Buffer.from(final.nonce), Buffer.from(this.#nonce));
    // What the client said of its channel cannot have been changed on the way (§6).
    const isBound = final.channelBinding === Buffer.from(first.gs2Header).toString('base64');
    if (!isOurs || !isBound) return this.#fail('wrong');
    const digest = digestOf(this.#options.mechanism);
    const message = `${first.bare},${this.#serverFirst},${final.withoutProof}`;
    const keys = this.#keys ?? this.#decoyKeys();
    const signature = createHmac(digest, keys.storedKey).update(message).digest();
    if (final.proof.length !== signature.length) return this.#fail('wrong');
    const clientKey = signature.map((byte, at) => byte ^ final.proof[at]);
    const isProven = areEqual(createHash(digest).update(clientKey).digest(), keys.storedKey);
    if (!isProven || this.#keys === null) return this.#fail('wrong');
    const verifier = createHmac(digest, keys.serverKey).update(message).digest('base64');
    return { kind: 'proven', data: Buffer.from(`v=${verifier}`) };
  }

  #fail(why: 'malformed' | 'channel-binding' | 'wrong'): ScramStep {
    return { kind: 'failed', why };
  }

  #decoySalt(userName: string): Uint8Array {
    const { mechanism, decoyKey } = this.#options;
    return createHmac('sha256', decoyKey).update(`${mechanism}\n${userName}`).digest().subarray(0, SCRAM_SALT_BYTES);
  }

  /** As much work as for a user who is there. */
  #decoyKeys(): ScramKeys {
    const { mechanism } = this.#options;
    const key = randomBytes(digestBytesOf(mechanism));
    return { mechanism, iterations: SCRAM_ITERATIONS, salt: key, storedKey: key, serverKey: key };
  }
}
