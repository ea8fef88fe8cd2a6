import type { ServiceError as CallError, Client, ClientDuplexStream, Metadata } from '@grpc/grpc-js';
import { assert } from '../../base/assert.js';
import type { Clock } from '../../base/clock.js';
import { BrokerError } from '../../base/errors.js';
import { REQUEST_ID_BYTES } from '../catalogue/commands.js';
import {
  type Command,
  CatalogueService as definition,
  type Outcome,
  SessionFailure,
  type SessionRequest,
  type SessionResponse,
} from '../grpc/generated/robustmq/v1/catalogue.js';
import type { Key, Record as RecordMessage } from '../grpc/generated/robustmq/v1/resources.js';
import { brokerErrorOf, isWorthRepeating } from './call-errors.js';
import type { Endpoints } from './endpoints.js';
import { bytesAbout } from './message-size.js';

const DEADLINE_MS_DEFAULT = 10_000;
/** Callers that wait. */
const WAITING_MAX = 100_000;
const BATCH_LENGTH_MAX = 1024;
const BATCH_BYTES_MAX = 1024 * 1024;
const SWEEP_MS = 100;
const PAUSE_MS_MIN = 20;
const PAUSE_MS_MAX = 500;

/** Put, deletion or commit of offsets. */
export type CommandWish = NonNullable<Command['command']>;

export interface MetadataSessionOptions {
  readonly endpoints: Endpoints;
  readonly metadata: Metadata;
  readonly clock: Clock;
  readonly fillRandom: (bytes: Uint8Array) => void;
}

type Work =
  | { readonly kind: 'command'; readonly message: Command; readonly resolve: (outcome: Outcome) => void }
  | { readonly kind: 'read'; readonly message: Key; readonly resolve: (record: RecordMessage) => void };

type Caller = Work & {
  readonly reject: (error: BrokerError) => void;
  /** Monotonic. */
  readonly deadlineMs: number;
  readonly bytes: number;
  /** It was told that there was no answer in time. */
  isOver: boolean;
};

type Stream = ClientDuplexStream<SessionRequest, SessionResponse>;

/*
  Many callers over one stream. What they want in one turn of the event loop goes together; where the stream breaks, everything that has no
  answer is sent again to another node, with the same request ids.

    propose, read --> #queue --(end of the turn)--> #sent, by sequence --> answer
                        ^                              |
                        +----(broken, unknown)---------+
*/
export class MetadataSession {
  readonly #options: MetadataSessionOptions;
  readonly #idPrefix: Buffer = Buffer.alloc(8);
  readonly #sent = new Map<number, readonly Caller[]>();
  #idNext = 0;
  #sequenceNext = 1;
  #queue: Caller[] = [];
  #waiting = 0;
  #stream: Stream | null = null;
  #isBlocked = false;
  #isFlushWanted = false;
  #isPausing = false;
  #isClosed = false;
  #pauseMs = PAUSE_MS_MIN;
  #sweeper: NodeJS.Timeout | null = null;

  constructor(options: MetadataSessionOptions) {
    this.#options = options;
    options.fillRandom(this.#idPrefix);
  }

  /** A refusal is an outcome, too. @throws BrokerError if there is none. */
  propose(command: CommandWish, deadlineMs: number = DEADLINE_MS_DEFAULT): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      const message: Command = { command, requestId: this.#nextId() };
      this.#add({
        kind: 'command',
        message,
        resolve,
        reject,
        deadlineMs: this.#deadline(deadlineMs),
        bytes: bytesAbout(command),
        isOver: false,
      });
    });
  }

  /** Linearizable. Without a resource: there is none. */
  read(key: Key, deadlineMs: number = DEADLINE_MS_DEFAULT): Promise<RecordMessage> {
    return new Promise((resolve, reject) => {
      this.#add({
        kind: 'read',
        message: key,
        resolve,
        reject,
        deadlineMs: this.#deadline(deadlineMs),
        bytes: bytesAbout(key),
        isOver: false,
      });
    });
  }

  /** Who waits is told that it is not known. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#takeSent();
    this.#rejectAll(new BrokerError('RMQ-1029', '(the session was closed)'));
    this.#stream?.end();
    this.#stream = null;
    if (this.#sweeper !== null) clearInterval(this.#sweeper);
  }

  #deadline(deadlineMs: number): number {
    return this.#options.clock.monotonicMs() + deadlineMs;
  }

  #nextId(): Buffer {
    const id = Buffer.allocUnsafe(REQUEST_ID_BYTES);
    id.set(this.#idPrefix);
    id.writeUIntBE(0, 8, 2);
    id.writeUIntBE(this.#idNext, 10, 6);
    this.#idNext += 1;
    return id;
  }

  #add(caller: Caller): void {
    if (this.#isClosed || this.#waiting >= WAITING_MAX) {
      caller.reject(
        this.#isClosed ? new BrokerError('RMQ-1029', '(the session was closed)') : new BrokerError('RMQ-1033', '(in this session)'),
      );
      return;
    }
    this.#waiting += 1;
    this.#queue.push(caller);
    this.#sweeper ??= setInterval(() => this.#sweep(), SWEEP_MS);
    this.#wantFlush();
  }

  #wantFlush(): void {
    if (this.#isFlushWanted) return;
    this.#isFlushWanted = true;
    setImmediate(() => {
      this.#isFlushWanted = false;
      this.#flush();
    });
  }

  #flush(): void {
    if (this.#isClosed || this.#isPausing) return;
    this.#stream ??= this.#open();
    const queue = this.#queue;
    let at = 0;
    while (at < queue.length && !this.#isBlocked) {
      let bytes = 0;
      const start = at;
      while (at < queue.length && at - start < BATCH_LENGTH_MAX && (at === start || bytes + queue[at].bytes <= BATCH_BYTES_MAX)) {
        bytes += queue[at].bytes;
        at += 1;
      }
      this.#send(this.#stream, queue.slice(start, at));
    }
    this.#queue = queue.slice(at);
  }

  #send(stream: Stream, callers: readonly Caller[]): void {
    const commands: Command[] = [];
    const reads: Key[] = [];
    let deadlineMs = 0;
    for (const caller of callers) {
      if (caller.kind === 'command') commands.push(caller.message);
      else reads.push(caller.message);
      deadlineMs = Math.max(deadlineMs, caller.deadlineMs);
    }
    const sequence = this.#sequenceNext;
    this.#sequenceNext += 1;
    this.#sent.set(sequence, callers);
    const timeoutMs = Math.max(1, Math.ceil(deadlineMs - this.#options.clock.monotonicMs()));
    this.#isBlocked = !stream.write({ sequence, commands, reads, timeoutMs });
  }

  #open(): Stream {
    const { endpoints, metadata } = this.#options;
    const client = endpoints.current;
    const { path, requestSerialize, responseDeserialize } = definition.session;
    const stream = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, metadata);
    this.#isBlocked = false;
    stream.on('data', (response: SessionResponse) => {
      if (stream === this.#stream) this.#onResponse(response);
    });
    stream.on('drain', () => {
      this.#isBlocked = false;
      if (this.#queue.length > 0) this.#flush();
    });
    stream.on('error', (error: CallError) => this.#onBroken(stream, client, error));
    stream.on('end', () => this.#onBroken(stream, client, null));
    return stream;
  }

  #onResponse({ sequence, outcomes, records, failure, detail }: SessionResponse): void {
    const callers = this.#sent.get(sequence);
    if (callers === undefined) return;
    this.#sent.delete(sequence);
    this.#pauseMs = PAUSE_MS_MIN;
    if (failure === SessionFailure.UNKNOWN) {
      this.#queue.push(...callers.filter(isOpen));
      this.#pause();
      return;
    }
    const error = errorOf(failure, detail);
    let command = 0;
    let read = 0;
    for (const caller of callers) {
      const answer = caller.kind === 'command' ? outcomes[command++] : records[read++];
      if (caller.isOver) continue;
      this.#waiting -= 1;
      if (error !== null || answer === undefined) caller.reject(error ?? new BrokerError('RMQ-1029', '(the node did not answer all)'));
      else if (caller.kind === 'command' && 'refusal' in answer) caller.resolve(answer);
      else if (caller.kind === 'read' && 'resource' in answer) caller.resolve(answer);
    }
  }

  /** @param error null: the node has ended it. */
  #onBroken(stream: Stream, client: Client, error: CallError | null): void {
    if (stream !== this.#stream) return;
    this.#stream = null;
    this.#takeSent();
    if (error !== null && !isWorthRepeating(error)) {
      this.#rejectAll(brokerErrorOf(error));
      return;
    }
    this.#options.endpoints.leave(client);
    this.#pause();
  }

  /** What has no answer is sent again. */
  #takeSent(): void {
    const callers = [...this.#sent.values()].flat().filter(isOpen);
    this.#sent.clear();
    this.#queue = [...callers, ...this.#queue];
  }

  #pause(): void {
    if (this.#isPausing || this.#queue.length === 0) return;
    this.#isPausing = true;
    setTimeout(() => {
      this.#isPausing = false;
      this.#flush();
    }, this.#pauseMs);
    this.#pauseMs = Math.min(2 * this.#pauseMs, PAUSE_MS_MAX);
  }

  #rejectAll(error: BrokerError): void {
    const queue = this.#queue;
    this.#queue = [];
    this.#waiting -= queue.length;
    assert(this.#waiting === 0, 'everybody is in the queue');
    for (const { reject } of queue) reject(error);
  }

  /** Those whose time is over; what was sent may have been done. */
  #sweep(): void {
    const nowMs = this.#options.clock.monotonicMs();
    for (const callers of this.#sent.values()) for (const caller of callers) this.#maybeEnd(caller, nowMs);
    for (const caller of this.#queue) this.#maybeEnd(caller, nowMs);
    this.#queue = this.#queue.filter(isOpen);
    for (const [sequence, callers] of this.#sent) if (!callers.some(isOpen)) this.#sent.delete(sequence);
    if (this.#waiting > 0 || this.#sweeper === null) return;
    clearInterval(this.#sweeper);
    this.#sweeper = null;
  }

  #maybeEnd(caller: Caller, nowMs: number): void {
    if (caller.isOver || caller.deadlineMs > nowMs) return;
    caller.isOver = true;
    this.#waiting -= 1;
    caller.reject(new BrokerError('RMQ-1029', '(there was no answer in time; it may have been done)'));
  }
}

function isOpen({ isOver }: Caller): boolean {
  return !isOver;
}

function errorOf(failure: SessionFailure, detail: string): BrokerError | null {
  switch (failure) {
    case SessionFailure.NONE:
      return null;
    case SessionFailure.BUSY:
      return new BrokerError('RMQ-1033', '(the leader has too many requests under way)');
    case SessionFailure.INVALID:
      return new BrokerError('RMQ-1031', `(${detail})`);
    default:
      return new BrokerError('RMQ-1029', '(nobody leads; nothing was done)');
  }
}
