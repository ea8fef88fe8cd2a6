import { NEVER } from './cursor-options.js';

export interface WaiterOptions {
  /** Number of the consumer that holds what it takes. */
  readonly consumer: number;
  /** Higher first. */
  readonly priority: number;
  /** Credit to begin with: messages, and bytes. It takes while it has both, so the last message may go over the bytes. */
  readonly messages: number;
  readonly bytes: number;
  /** What it takes is held so long; NEVER: until the consumer leaves. */
  readonly leaseMs: number;
  /** When it stops waiting; NEVER: it stays until it is removed. */
  readonly deadline: number;
  /** Messages in a row before the next waiter of its priority has a turn: 1 shares evenly, a batch request takes all it asked for. */
  readonly turn: number;
  /** What it takes is settled by that (no acknowledgements). */
  readonly settlesAtOnce: boolean;
  /** Null: it takes any record. */
  readonly accepts: ((offset: number) => boolean) | null;
}

/** Somebody who wants records: a subscriber with credit, or one request for a batch. */
export class Waiter {
  readonly consumer: number;
  readonly priority: number;
  readonly leaseMs: number;
  readonly deadline: number;
  readonly turn: number;
  readonly settlesAtOnce: boolean;
  readonly accepts: ((offset: number) => boolean) | null;
  /** Credit that is left. Given by `grant`, spent by `take`. */
  messages: number;
  bytes: number;
  /** The line's: neighbours of the same priority, whether it stands there, what it took since it came to the front. */
  next: Waiter | null = null;
  previous: Waiter | null = null;
  isInLine = false;
  turnTaken = 0;

  constructor(given: Partial<WaiterOptions> & Pick<WaiterOptions, 'consumer'>) {
    this.consumer = given.consumer;
    this.priority = given.priority ?? 0;
    this.leaseMs = given.leaseMs ?? NEVER;
    this.deadline = given.deadline ?? NEVER;
    this.turn = given.turn ?? 1;
    this.settlesAtOnce = given.settlesAtOnce ?? false;
    this.accepts = given.accepts ?? null;
    this.messages = given.messages ?? 0;
    this.bytes = given.bytes ?? Number.POSITIVE_INFINITY;
  }

  get hasCredit(): boolean {
    return this.messages > 0 && this.bytes > 0;
  }
}
