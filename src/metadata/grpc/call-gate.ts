import { createHash, timingSafeEqual } from 'node:crypto';
import { type handleUnaryCall, type Metadata, status } from '@grpc/grpc-js';
import { AssertionFailure } from '../../base/assert.js';
import type { Clock } from '../../base/clock.js';
import type { Logger } from '../../base/logger.js';
import { type Checked, requestOf } from './checked-definition.js';
import { CallFailure, notAuthenticated, shuttingDown, starting, statusOf, tooMuch } from './error-status.js';

/** For calls that come without a deadline. */
const DEADLINE_MS_DEFAULT = 10_000;
/** Of the time that a caller has, so much is kept for the answer that says what is wrong. */
const RESERVE_MS = 100;
/** Nobody waits longer for one answer. */
const DEADLINE_MS_MAX = 60_000;
const CALLS_MAX = 10_000;
/** Watches and sessions, of all connections together. */
const STREAMS_MAX = 1024;

export interface CallGateOptions {
  /** Of the cluster; empty: nobody needs one. */
  readonly token: string;
  /** The connection itself says who it is: it has a certificate of our authority. */
  readonly asksForCertificates: boolean;
  readonly clock: Clock;
  readonly log: Logger;
}

/** What a verb needs to know of its call beside the request. */
export interface CallFacts {
  readonly deadlineMs: number;
  /** What it came with; empty: none. */
  readonly token: string;
  /** Who calls, for the audit log: `grpc 10.0.0.7:49152`. */
  readonly by: string;
}

export type Verb<Q, A> = (request: Q, facts: CallFacts) => Promise<A>;

/** What all calls have, seen from here. */
interface AnyCall {
  readonly metadata: Metadata;
  getAuthContext(): { readonly sslPeerCertificate?: unknown };
  getDeadline(): Date | number;
  getPeer(): string;
}

/** A watch or a session: a call that stays. */
export interface StreamCall extends AnyCall {
  on(event: 'cancelled' | 'close', listener: () => void): unknown;
  emit(event: 'error', error: unknown): boolean;
}

/** Through which every call of the public API comes: who may, how many at once, for how long; and how errors leave. */
export class CallGate {
  readonly #options: CallGateOptions;
  readonly #tokenHash: Buffer;
  readonly #streams = new Set<StreamCall>();
  #calls = 0;
  #isServing = false;
  #isClosed = false;

  constructor(options: CallGateOptions) {
    this.#options = options;
    this.#tokenHash = hashOf(options.token);
  }

  /** Calls that are under way, streams among them. */
  get underWay(): number {
    return this.#calls + this.#streams.size;
  }

  /** From now on calls that need the catalogue are let through. */
  beginServing(): void {
    this.#isServing = true;
  }

  /** A verb that needs the catalogue. */
  unary<Q, A>(verb: Verb<Q, A>): handleUnaryCall<Q, A> {
    return this.#admitted(verb, () => this.#isServing);
  }

  /** A verb that also serves whoever wants to know why the node does not serve yet. */
  always<Q, A>(verb: Verb<Q, A>): handleUnaryCall<Q, A> {
    return this.#admitted(verb, () => true);
  }

  /** @returns false: it was refused and has ended. Else it counts until it is closed or cancelled, and ends when the node stops. */
  admit(call: StreamCall): boolean {
    const refusal =
      this.#faultOf(call, this.#isServing) ?? (this.#streams.size >= STREAMS_MAX ? tooMuch('too many streams are open') : null);
    if (refusal !== null) {
      call.emit('error', statusOf(refusal));
      return false;
    }
    this.#streams.add(call);
    const leave = (): void => void this.#streams.delete(call);
    call.on('cancelled', leave);
    call.on('close', leave);
    return true;
  }

  /** No more calls; streams end. Calls that are under way may go on. */
  close(): void {
    this.#isClosed = true;
    for (const call of [...this.#streams]) call.emit('error', statusOf(shuttingDown()));
    this.#streams.clear();
  }

  /** What the caller is told of anything that was thrown. Our bugs end the thread. */
  statusOf(error: unknown): ReturnType<typeof statusOf> {
    if (error instanceof AssertionFailure) {
      setImmediate(() => {
        throw error; // Out of the promise that caught it.
      });
    } else if (!(error instanceof CallFailure)) this.#options.log.error('grpc.failed', 'a call failed by a fault of ours', { error });
    return statusOf(error);
  }

  #admitted<Q, A>(verb: Verb<Q, A>, isOpen: () => boolean): handleUnaryCall<Q, A> {
    // The request is asked for within the promise, so that one that is not well is a failure like others.
    const run = async (request: Checked<Q>, facts: CallFacts): Promise<A> => verb(requestOf(request), facts);
    return (call, callback) => {
      const refusal = this.#faultOf(call, isOpen()) ?? (this.#calls >= CALLS_MAX ? tooMuch('too many calls are under way') : null);
      if (refusal !== null) {
        callback(statusOf(refusal));
        return;
      }
      const deadlineMs = this.#deadlineMsOf(call);
      const end = this.#begin();
      const timer = setTimeout(() => {
        if (end()) callback({ code: status.DEADLINE_EXCEEDED, details: 'there was no answer in time; it may have been done' });
      }, deadlineMs);
      call.on('cancelled', () => {
        clearTimeout(timer);
        end();
      });
      const facts = {
        deadlineMs: deadlineMs - Math.min(RESERVE_MS, deadlineMs / 10),
        token: tokenOf(call.metadata),
        by: callerOf(call),
      };
      run(call.request, facts)
        .then(
          (answer) => end() && callback(null, answer),
          (error: unknown) => end() && callback(this.statusOf(error)),
        )
        .finally(() => clearTimeout(timer));
    };
  }

  #begin(): () => boolean {
    this.#calls += 1;
    let isOpen = true;
    return () => {
      if (!isOpen) return false;
      isOpen = false;
      this.#calls -= 1;
      return true;
    };
  }

  #faultOf(call: AnyCall, isOpen: boolean): CallFailure | null {
    if (this.#isClosed) return shuttingDown();
    return this.#faultOfCaller(call) ?? (isOpen ? null : starting());
  }

  /** A certificate of our authority is enough, and so is the token. */
  #faultOfCaller(call: AnyCall): CallFailure | null {
    const { token, asksForCertificates } = this.#options;
    if (asksForCertificates && call.getAuthContext().sslPeerCertificate !== undefined) return null; // It is a verified one.
    if (token === '') return asksForCertificates ? notAuthenticated('no certificate of the cluster was shown') : null;
    const given = tokenOf(call.metadata);
    if (given === '') return notAuthenticated('no token was given');
    return timingSafeEqual(hashOf(given), this.#tokenHash) ? null : notAuthenticated('the token is not that of the cluster');
  }

  #deadlineMsOf(call: AnyCall): number {
    const deadline = Number(call.getDeadline());
    if (!Number.isFinite(deadline)) return DEADLINE_MS_DEFAULT;
    return Math.max(1, Math.min(DEADLINE_MS_MAX, deadline - this.#options.clock.nowMs()));
  }
}

/** For the audit log: `grpc 10.0.0.7:49152`. */
export function callerOf(call: Pick<AnyCall, 'getPeer'>): string {
  return `grpc ${call.getPeer()}`;
}

function tokenOf(metadata: Metadata): string {
  const [given] = metadata.get('authorization');
  return typeof given === 'string' && /^bearer /i.test(given) ? given.slice('bearer '.length) : '';
}

/** Of the same length for every token, so that comparing takes the same time. */
function hashOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
