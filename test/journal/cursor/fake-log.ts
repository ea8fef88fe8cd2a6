import type { RowSink } from '../../../src/journal/cursor/cursor-journal.js';
import type { RecordFacts, RecordReader, Taken, TakeStatus } from '../../../src/journal/cursor/cursor-options.js';
import { newTaken } from '../../../src/journal/cursor/cursor-options.js';
import type { QueueCursor } from '../../../src/journal/cursor/queue-cursor.js';
import { Waiter } from '../../../src/journal/cursor/waiter.js';

/** A log whose records are what a test says; all others have size 1 and nothing else. */
export class FakeLog implements RecordReader {
  readonly facts: Map<number, Partial<RecordFacts>> = new Map();
  readonly skipped: Set<number> = new Set();
  readonly absent: Set<number> = new Set();
  looks = 0;

  look(offset: number, facts: RecordFacts): 'ok' | 'skip' | 'later' {
    this.looks += 1;
    if (this.absent.has(offset)) return 'later';
    if (this.skipped.has(offset)) return 'skip';
    const given = this.facts.get(offset);
    facts.size = given?.size ?? 1;
    facts.priority = given?.priority ?? 0;
    facts.key = given?.key ?? 0;
    facts.expiresAt = given?.expiresAt ?? 0;
    return 'ok';
  }
}

/** A state table with the rows of one cursor. */
export class FakeTable implements RowSink {
  rows: Map<string, Uint8Array> = new Map();

  put(key: string, value: Uint8Array): void {
    this.rows.set(key, value);
  }

  delete(key: string): void {
    this.rows.delete(key);
  }
}

/** A cursor whose consumers have credit without end. */
export class Consumers {
  readonly cursor: QueueCursor;
  readonly log: FakeLog;
  now = 1000;
  leaseMs = 0;
  /** Of the last take. */
  readonly taken: Taken = newTaken();

  constructor(cursor: QueueCursor, log: FakeLog = new FakeLog()) {
    this.cursor = cursor;
    this.log = log;
  }

  waiter(consumer: number, accepts: ((offset: number) => boolean) | null = null): Waiter {
    return new Waiter({ consumer, messages: Number.POSITIVE_INFINITY, leaseMs: this.leaseMs, accepts });
  }

  take(consumer = 1): TakeStatus {
    return this.cursor.take(this.now, this.waiter(consumer), this.log, this.taken);
  }

  /** Offsets that the consumer gets, at most `count`. */
  takeMany(count: number, consumer = 1): number[] {
    const offsets: number[] = [];
    while (offsets.length < count && this.take(consumer) === 'taken') offsets.push(this.taken.offset);
    return offsets;
  }

  /** Time goes on. */
  wait(ms: number): void {
    this.now += ms;
    this.cursor.expire(this.now, Number.POSITIVE_INFINITY, ignore, ignore);
  }
}

export function ignore(): void {
  // Nothing to do with it.
}
