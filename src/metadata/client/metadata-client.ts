import type { ServiceError as CallError, Client, Metadata, MethodDefinition } from '@grpc/grpc-js';
import { status } from '@grpc/grpc-js';
import type { Clock } from '../../base/clock.js';
import { REQUEST_ID_BYTES } from '../catalogue/commands.js';
import { brokerErrorOf, isWorthRepeating } from './call-errors.js';
import { type ClientTls, Endpoints, metadataOf } from './endpoints.js';
import { MetadataSession } from './metadata-session.js';

export const DEADLINE_MS_DEFAULT = 10_000;
/** Of several nodes one that hangs must not take all the time. */
const ATTEMPT_MS_MAX_DEFAULT = 3000;
const PAUSE_MS_MIN = 20;
const PAUSE_MS_MAX = 500;

export interface MetadataClientOptions {
  /** host:port of nodes of one cluster; the first is asked first. */
  readonly addresses: readonly string[];
  /** Empty: none. */
  readonly token: string;
  readonly tls: ClientTls | null;
  readonly clock: Clock;
  readonly fillRandom: (bytes: Uint8Array) => void;
  /** How long one of several nodes is waited for. */
  readonly attemptMsMax?: number;
}

/** What ts-proto generates for a unary method: `CatalogueService.put`. */
export type UnaryMethod<Q, A> = Pick<MethodDefinition<Q, A>, 'path' | 'requestSerialize' | 'responseDeserialize'>;

/**
 * A client of the public API that knows several nodes. What one node cannot do, another is asked, until the deadline; a request id sees to it that
 * nothing is done twice.
 */
export class MetadataClient {
  readonly #options: MetadataClientOptions;
  readonly #endpoints: Endpoints;
  readonly #metadata: Metadata;

  constructor(options: MetadataClientOptions) {
    this.#options = options;
    this.#endpoints = new Endpoints(options.addresses, options.tls);
    this.#metadata = metadataOf(options.token);
  }

  /** @throws BrokerError with the node's code; RMQ-1029 if no node answered. */
  async call<Q extends object, A>(method: UnaryMethod<Q, A>, request: Q, deadlineMs: number = DEADLINE_MS_DEFAULT): Promise<A> {
    const { clock, attemptMsMax = ATTEMPT_MS_MAX_DEFAULT } = this.#options;
    const endMs = clock.monotonicMs() + deadlineMs;
    const repeatable = this.#withRequestId(request);
    let pauseMs = PAUSE_MS_MIN;
    for (let attempt = 1; ; attempt += 1) {
      const leftMs = endMs - clock.monotonicMs();
      const attemptMs = this.#endpoints.count > 1 ? Math.min(leftMs, attemptMsMax) : leftMs;
      const client = this.#endpoints.current;
      const answer = await this.#try(client, method, repeatable, clock.nowMs() + attemptMs);
      if (answer.isOk) return answer.value;
      const { error } = answer;
      const isLate = error.code === status.DEADLINE_EXCEEDED && attemptMs < leftMs;
      if (!isWorthRepeating(error) && !isLate) throw brokerErrorOf(error);
      this.#endpoints.leave(client);
      if (attempt % this.#endpoints.count === 0) {
        if (clock.monotonicMs() + pauseMs >= endMs) throw brokerErrorOf(error);
        await new Promise((resolve) => setTimeout(resolve, pauseMs));
        pauseMs = Math.min(2 * pauseMs, PAUSE_MS_MAX);
      }
      if (clock.monotonicMs() >= endMs) throw brokerErrorOf(error);
    }
  }

  /** For many callers at once: their commands share messages. */
  session(): MetadataSession {
    const { clock, fillRandom } = this.#options;
    return new MetadataSession({ endpoints: this.#endpoints, metadata: this.#metadata, clock, fillRandom });
  }

  /** Sessions are closed before. */
  close(): void {
    this.#endpoints.close();
  }

  #try<Q, A>(client: Client, method: UnaryMethod<Q, A>, request: Q, deadline: number): Promise<Attempt<A>> {
    const { path, requestSerialize, responseDeserialize } = method;
    return new Promise((resolve) => {
      client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, this.#metadata, { deadline }, (error, value) => {
        if (error !== null) resolve({ isOk: false, error });
        else if (value !== undefined) resolve({ isOk: true, value });
      });
    });
  }

  #withRequestId<Q extends object>(request: Q): Q {
    if (!('requestId' in request) || !(request.requestId instanceof Uint8Array) || request.requestId.length > 0) return request;
    const requestId = Buffer.alloc(REQUEST_ID_BYTES);
    this.#options.fillRandom(requestId);
    return { ...request, requestId };
  }
}

type Attempt<A> = { readonly isOk: true; readonly value: A } | { readonly isOk: false; readonly error: CallError };
