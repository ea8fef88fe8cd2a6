import type { Clock } from '../base/clock.js';
import type { RaftDriver } from '../raft/driver/driver.js';
import type { LogIndex, NodeId } from '../raft/messages.js';
import { WireViolation } from '../wire/violation.js';
import type { CommandEnvelope, CommandOutcome } from './catalogue/commands.js';
import { NewerVersion } from './catalogue/forms.js';
import { CommandBatcher } from './command-batcher.js';
import { decodeAnswer, decodeRequest, encodeAnswer, encodeRequest, type ForwardedAnswer, type ForwardedRequest } from './forwarded.js';

/** Requests that wait for a leader, and those that are under way. */
const REQUESTS_MAX = 100_000;

/** Of a peer, with a bounded number under way. */
export interface Forwarder {
  /** Whether a request would be sent now. If not there is no use in encoding it. */
  mayForward(to: NodeId): boolean;
  /**
   * @param done in a turn of its own. not-sent: the leader did not begin it. null: the connection broke, or the time is over; what the leader did is
   * not known.
   */
  forward(to: NodeId, request: Uint8Array, deadlineMs: number, done: (answer: Uint8Array | 'not-sent' | null) => void): void;
}

export type RequestFailure =
  /** No leader within the deadline: there is no majority, or it has just been lost. Nothing was done. */
  | { readonly kind: 'no-leader' }
  | { readonly kind: 'busy' }
  /** It may have been done. With a request id it can be tried again safely. */
  | { readonly kind: 'unknown' }
  | { readonly kind: 'invalid'; readonly why: string };

export type ProposeAnswer =
  | { readonly kind: 'applied'; readonly index: LogIndex; readonly result: readonly CommandOutcome[] }
  | RequestFailure;
/** fresh: this node's copy has everything that was committed when the read was asked for. */
export type ReadAnswer = { readonly kind: 'fresh' } | RequestFailure;

type IndexedAnswer = Extract<ForwardedAnswer, { readonly index: LogIndex }>;

interface Request {
  readonly body: ForwardedRequest;
  /** Monotonic. */
  readonly deadlineMs: number;
  readonly done: (answer: ForwardedAnswer | RequestFailure) => void;
}

/*
  What callers of this node want of the leader, whoever that is. This node's driver answers if it leads; else the leader is asked over the
  connection of the peers. While there is no leader requests wait, up to their deadline: an election is not the caller's affair.

    caller --> Requests --(leads)--> batcher --> driver
                  |  +--(follows)--> peers.forward --> leader's Requests.onForwarded
                  +----(no leader)-> waiting --> again when there is one
*/
export class Requests {
  readonly #clock: Clock;
  readonly #driver: RaftDriver<readonly CommandOutcome[]>;
  readonly #forwarder: Forwarder;
  readonly #batcher: CommandBatcher;
  #waiting: Request[] = [];
  #underWay = 0;
  #isClosed = false;
  /** Answers that are given as soon as this node's copy has the entry: whoever was told of a change finds it here. */
  #behind: { readonly answer: IndexedAnswer; readonly request: Request }[] = [];

  constructor(clock: Clock, driver: RaftDriver<readonly CommandOutcome[]>, forwarder: Forwarder) {
    this.#clock = clock;
    this.#driver = driver;
    this.#forwarder = forwarder;
    this.#batcher = new CommandBatcher(clock, (data, done) => driver.propose(data, done));
  }

  /** The commands stay together: other commands come before all of them or after. Each has an outcome of its own. */
  propose(envelopes: readonly CommandEnvelope[], deadlineMs: number, done: (answer: ProposeAnswer) => void): void {
    this.#begin({ kind: 'propose', envelopes }, deadlineMs, (answer) => {
      if (answer.kind === 'applied' || answer.kind === 'no-leader' || answer.kind === 'busy' || answer.kind === 'invalid') done(answer);
      else done({ kind: 'unknown' });
    });
  }

  read(deadlineMs: number, done: (answer: ReadAnswer) => void): void {
    this.#begin({ kind: 'read' }, deadlineMs, (answer) => {
      if (answer.kind === 'fresh') done({ kind: 'fresh' });
      else done(answer.kind === 'busy' || answer.kind === 'no-leader' ? answer : { kind: 'unknown' });
    });
  }

  /** @param done true if the leader has begun. */
  transfer(to: NodeId, deadlineMs: number, done: (hasBegun: boolean) => void): void {
    this.#begin({ kind: 'transfer', to }, deadlineMs, (answer) => done(answer.kind === 'done'));
  }

  /** Of a peer that believes this node leads. */
  onForwarded(bytes: Uint8Array, answer: (bytes: Uint8Array) => void): void {
    let request: ForwardedRequest;
    try {
      request = decodeRequest(bytes);
    } catch (error) {
      if (!(error instanceof WireViolation || error instanceof NewerVersion)) throw error;
      answer(encodeAnswer({ kind: 'invalid', why: error.message }));
      return;
    }
    if (this.#driver.isLeader) this.#serve(request, (given) => answer(encodeAnswer(given)));
    else answer(encodeAnswer({ kind: 'not-leader', leader: this.#driver.leader }));
  }

  /** Before the driver's turn. */
  flush(): void {
    if (this.#batcher.hasWork) this.#batcher.flush();
  }

  onLeader(): void {
    if (this.#driver.leader === 0) return;
    for (const request of this.#waiting.splice(0)) this.#dispatch(request);
  }

  onApplied(applied: LogIndex): void {
    if (this.#behind.length === 0) return;
    const behind = this.#behind;
    this.#behind = behind.filter(({ answer }) => answer.index > applied);
    for (const { answer, request } of behind) if (answer.index <= applied) this.#end(request, answer);
  }

  onTick(): void {
    const nowMs = this.#clock.monotonicMs();
    const waiting = this.#waiting;
    this.#waiting = waiting.filter(({ deadlineMs }) => deadlineMs > nowMs);
    for (const request of waiting) if (request.deadlineMs <= nowMs) this.#end(request, { kind: 'no-leader' });
    const behind = this.#behind;
    this.#behind = behind.filter(({ request }) => request.deadlineMs > nowMs);
    for (const { request } of behind) if (request.deadlineMs <= nowMs) this.#end(request, { kind: 'unknown' });
    if (this.#waiting.length > 0) this.onLeader();
  }

  /** The node ends. What its peers give back after it ends too. */
  close(): void {
    this.#isClosed = true;
    for (const request of this.#waiting.splice(0)) this.#end(request, { kind: 'no-leader' });
    for (const { request } of this.#behind.splice(0)) this.#end(request, { kind: 'unknown' });
  }

  #begin(body: ForwardedRequest, deadlineMs: number, done: Request['done']): void {
    if (this.#underWay >= REQUESTS_MAX) {
      done({ kind: 'busy' });
      return;
    }
    this.#underWay += 1;
    this.#dispatch({ body, deadlineMs: this.#clock.monotonicMs() + deadlineMs, done });
  }

  #dispatch(request: Request): void {
    const { leader } = this.#driver;
    if (this.#driver.isLeader) this.#serve(request.body, (answer) => this.#onAnswer(request, answer));
    else if (leader === 0 || !this.#forwarder.mayForward(leader)) this.#wait(request);
    else this.#forward(request, leader);
  }

  #serve(body: ForwardedRequest, done: (answer: ForwardedAnswer) => void): void {
    switch (body.kind) {
      case 'propose':
        this.#batcher.add(body.envelopes, done);
        this.#driver.onWork();
        return;
      case 'read':
        this.#driver.read(done);
        return;
      case 'transfer':
        this.#driver.transferLeadership(body.to);
        done({ kind: 'done' });
    }
  }

  #forward(request: Request, leader: NodeId): void {
    const leftMs = request.deadlineMs - this.#clock.monotonicMs();
    if (leftMs <= 0) {
      this.#end(request, { kind: 'no-leader' });
      return;
    }
    let bytes: Uint8Array;
    try {
      bytes = encodeRequest(request.body);
    } catch (error) {
      if (!(error instanceof WireViolation)) throw error;
      this.#end(request, { kind: 'invalid', why: error.message });
      return;
    }
    this.#forwarder.forward(leader, bytes, leftMs, (answer) => {
      if (answer === null) this.#onBroken(request);
      else if (answer === 'not-sent') this.#wait(request);
      else this.#onForwardedAnswer(request, answer);
    });
  }

  #onForwardedAnswer(request: Request, bytes: Uint8Array): void {
    let answer: ForwardedAnswer;
    try {
      answer = decodeAnswer(bytes);
    } catch (error) {
      if (!(error instanceof WireViolation)) throw error;
      answer = { kind: 'unknown' };
    }
    this.#onAnswer(request, answer);
  }

  /** What the leader did is not known. What may be done twice is tried again. */
  #onBroken(request: Request): void {
    if (isRepeatable(request.body) && !this.#isClosed) this.#wait(request);
    else this.#end(request, { kind: 'unknown' });
  }

  #onAnswer(request: Request, answer: ForwardedAnswer): void {
    // In no log. A leader is busy for a moment while it hands over, too; whoever waits is counted, and has a deadline.
    if (answer.kind === 'not-leader' || answer.kind === 'busy') this.#wait(request);
    else if (answer.kind === 'lost' || answer.kind === 'unknown') this.#onBroken(request);
    else if ((answer.kind === 'fresh' || answer.kind === 'applied') && answer.index > this.#driver.appliedIndex)
      this.#behind.push({ answer, request });
    else this.#end(request, answer);
  }

  /** For one who leads and can be reached. Nothing of it is done. */
  #wait(request: Request): void {
    if (this.#isClosed) this.#end(request, { kind: 'no-leader' });
    else this.#waiting.push(request);
  }

  #end(request: Request, answer: ForwardedAnswer | RequestFailure): void {
    this.#underWay -= 1;
    request.done(answer);
  }
}

function isRepeatable(body: ForwardedRequest): boolean {
  return body.kind !== 'propose' || body.envelopes.every(({ requestId }) => requestId !== null);
}
