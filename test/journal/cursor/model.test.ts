import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  ANY_TOKEN,
  type CursorOptions,
  completeOptions,
  newRejected,
  newTaken,
  type RecordFacts,
  type RecordReader,
} from '../../../src/journal/cursor/cursor-options.js';
import { restoreCursor } from '../../../src/journal/cursor/cursor-restore.js';
import { createCursor, type QueueCursor } from '../../../src/journal/cursor/queue-cursor.js';
import { Waiter } from '../../../src/journal/cursor/waiter.js';
import { FakeTable, ignore } from './fake-log.js';
import { NaiveCursor, type NaiveWaiter } from './naive-cursor.js';
import { randomRuns } from './random-runs.js';

/*
  Random histories of a cursor and of a naive one, compared after every step, with crashes: the process ends, the last turns that were drained may
  be lost, and a cursor is restored from the rows that are left.
*/

const small = fc.nat({ max: 25 });
const how = fc.record({
  delayMs: fc.constantFrom(0, 0, 0, 20, 60),
  counts: fc.boolean(),
  position: fc.constantFrom('order' as const, 'order' as const, 'front' as const, 'back' as const),
});
const key = fc.constantFrom('right' as const, 'right' as const, 'right' as const, 'any' as const, 'wrong' as const);

const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('append' as const), count: small }) },
  {
    weight: 12,
    arbitrary: fc.record({ do: fc.constant('take' as const), waiter: fc.nat({ max: 3 }), times: fc.integer({ min: 1, max: 6 }) }),
  },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('settle' as const), pick: small, token: key }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('release' as const), pick: small, token: key, how }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('reject' as const), pick: small, token: key }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('extend' as const), pick: small, token: key, ms: small }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('releaseAll' as const), consumer: fc.integer({ min: 1, max: 3 }), how }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('settleRange' as const), from: small, count: small }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('bury' as const), isSafe: fc.boolean() }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.nat({ max: 80 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('dropExcess' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('dropExpired' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('purge' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('seek' as const), back: small }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('clamp' as const), ahead: small }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('drain' as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('crash' as const), turnsLost: fc.nat({ max: 3 }), recordsLost: fc.constantFrom(0, 0, 0, 2) }),
  },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

const settings = fc.record({
  redelivery: fc.constantFrom('offset' as const, 'release' as const),
  deliveriesMax: fc.constantFrom(0, 0, 1, 3),
  heldMax: fc.constantFrom(4, 30, 1000),
  recordsMax: fc.constantFrom(6, 40, 1000),
  priorities: fc.constantFrom(1, 1, 4, 40),
  hasLocks: fc.boolean(),
  scanAhead: fc.constantFrom(1, 3, 100),
  lengthMax: fc.constantFrom(0, 5),
  keepsRejected: fc.boolean(),
  deltasMax: fc.constantFrom(1, 2, 5),
  chunkBytes: fc.constantFrom(1, 8, 10_000),
});

/** Facts that follow from the offset. */
class PatternLog implements RecordReader {
  readonly #isPlain: boolean;

  constructor(isPlain: boolean) {
    this.#isPlain = isPlain;
  }

  look(offset: number, facts: RecordFacts): 'ok' | 'skip' {
    const pattern = (Math.imul(offset | 0, 0x9e37_79b1) >>> 8) % 9973;
    facts.priority = pattern % 6;
    facts.key = pattern % 4;
    if (this.#isPlain) return 'ok';
    facts.expiresAt = pattern % 5 === 0 ? 1000 + (pattern % 600) : 0;
    return pattern % 13 === 0 ? 'skip' : 'ok';
  }
}

const WAITERS: readonly NaiveWaiter[] = [
  { consumer: 1, leaseMs: 0, settlesAtOnce: false, accepts: null },
  { consumer: 2, leaseMs: 50, settlesAtOnce: false, accepts: null },
  { consumer: 3, leaseMs: 0, settlesAtOnce: false, accepts: (offset) => offset % 2 === 0 },
  { consumer: 1, leaseMs: 0, settlesAtOnce: true, accepts: null },
];
const REAL_WAITERS = WAITERS.map((waiter) => new Waiter({ ...waiter, messages: Number.POSITIVE_INFINITY }));

interface Persisted {
  readonly rows: ReadonlyMap<string, Uint8Array>;
  readonly model: NaiveCursor;
  readonly settled: ReadonlySet<number>;
}

class History {
  readonly options: CursorOptions;
  readonly log: PatternLog;
  cursor: QueueCursor;
  model: NaiveCursor;
  now = 1000;
  logStart: number;
  table = new FakeTable();
  persisted: Persisted[] = [];
  tokensFrom = 1;
  /** From here on, whether a record was delivered before is known exactly. */
  exactFrom = 0;
  /** What was delivered for good, as the tests see it: an oracle of its own. */
  settled = new Set<number>();

  constructor(options: Partial<CursorOptions>, isPlain: boolean, first: number) {
    this.options = completeOptions(options);
    this.log = new PatternLog(isPlain);
    this.cursor = createCursor(this.options, first);
    this.model = new NaiveCursor(this.options, this.log, first);
    this.logStart = first;
    this.drain();
  }

  run(step: Step): void {
    const { cursor, model, now } = this;
    switch (step.do) {
      case 'append':
        model.append(step.count);
        cursor.append(model.tail);
        break;
      case 'take':
        for (let time = 0; time < step.times; time += 1) this.take(step.waiter);
        break;
      case 'settle': {
        const { offset, token } = this.pick(step.pick, step.token);
        const outcome = cursor.settle(offset, token);
        assert.equal(outcome, model.settle(offset, token));
        if (outcome === 'done') this.settled.add(offset);
        break;
      }
      case 'release': {
        const { offset, token } = this.pick(step.pick, step.token);
        assert.equal(cursor.release(offset, token, now, step.how), model.release(offset, token, now, step.how));
        break;
      }
      case 'reject': {
        const { offset, token } = this.pick(step.pick, step.token);
        assert.equal(cursor.reject(offset, token, 'rejected'), model.reject(offset, token, 'rejected'));
        break;
      }
      case 'extend': {
        const { offset, token } = this.pick(step.pick, step.token);
        assert.equal(cursor.extend(offset, token, now + step.ms), model.extend(offset, token, now + step.ms));
        break;
      }
      case 'releaseAll':
        assert.equal(cursor.releaseAll(step.consumer, now, step.how), model.releaseAll(step.consumer, now, step.how));
        break;
      case 'settleRange': {
        const from = model.first + step.from;
        const count = cursor.settleRange(from, from + step.count);
        assert.equal(count, model.settleRange(from, from + step.count, ['rejected', 'burying']));
        break;
      }
      case 'bury':
        this.bury(step.isSafe);
        break;
      case 'wait':
        this.now += step.ms;
        cursor.expire(this.now, Number.POSITIVE_INFINITY, ignore, ignore);
        model.expire(this.now);
        break;
      case 'dropExcess': {
        let gone = 0;
        while (this.options.lengthMax > 0 && this.readyOfModel() > this.options.lengthMax && model.dropOldest('length')) gone += 1;
        assert.equal(cursor.dropExcess(1000), gone);
        break;
      }
      case 'dropExpired':
        assert.equal(cursor.dropExpired(now, this.log, 1000), this.dropExpiredOfModel());
        break;
      case 'purge':
        assert.equal(cursor.purge(), model.settleRange(0, model.tail, ['held', 'rejected', 'burying']));
        break;
      case 'seek': {
        const offset = Math.max(this.logStart, model.tail - step.back);
        assert.equal(cursor.seek(offset), 'done');
        model.seek(offset);
        for (const known of this.settled) if (known >= offset) this.settled.delete(known);
        break;
      }
      case 'clamp': {
        this.logStart = Math.min(model.tail, this.logStart + step.ahead);
        const lost = cursor.clamp(this.logStart);
        assert.equal(lost, model.settleRange(0, this.logStart, []));
        model.dropped += lost;
        break;
      }
      case 'drain':
        this.drain();
        break;
      case 'crash':
        this.crash(step.turnsLost, step.recordsLost);
        break;
    }
    this.check();
  }

  take(index: number): void {
    const taken = newTaken();
    const status = this.cursor.take(this.now, REAL_WAITERS[index], this.log, taken);
    const expected = this.model.take(this.now, WAITERS[index], taken.token);
    assert.equal(status, expected.status);
    if (status !== 'taken') return;
    assert.equal(taken.offset, expected.offset);
    assert.equal(taken.count, expected.count);
    assert.ok(taken.isRedelivered || !expected.wasDelivered, 'a record that was delivered before is marked');
    if (taken.offset >= this.exactFrom) assert.equal(taken.isRedelivered, expected.wasDelivered);
    assert.ok(!this.settled.has(taken.offset), 'what is settled is not delivered');
    if (WAITERS[index].settlesAtOnce) this.settled.add(taken.offset);
  }

  /** An offset that is held, or any other, and a token for it. */
  pick(pick: number, which: 'right' | 'any' | 'wrong'): { offset: number; token: number } {
    const held = this.model.offsets('held');
    const offset = which === 'right' && held.length > 0 ? held[pick % held.length] : this.model.first + pick;
    if (which === 'any') return { offset, token: ANY_TOKEN };
    const isHeld = offset < this.model.tail && this.model.phaseOf(offset) === 'held';
    return { offset, token: which === 'right' && isHeld ? this.model.at(offset).token : this.tokensFrom + 999_999 };
  }

  bury(isSafe: boolean): void {
    const rejected = newRejected();
    const expected = this.model.nextRejected();
    assert.equal(this.cursor.nextRejected(rejected), expected >= 0);
    if (expected < 0) return;
    const { count, reason } = this.model.at(expected);
    assert.deepEqual(rejected, { offset: expected, count, reason });
    if (isSafe) {
      assert.equal(this.cursor.settleRejected(expected), 'done');
      this.model.at(expected).phase = 'settled';
    } else if (expected % 2 === 0) {
      assert.equal(this.cursor.keepRejected(expected), 'done');
      this.model.keepRejected(expected);
    }
  }

  drain(): void {
    this.cursor.drain(this.table);
    this.persisted.push({ rows: new Map(this.table.rows), model: this.model.persisted(), settled: new Set(this.settled) });
    if (this.persisted.length > 5) this.persisted.shift();
  }

  crash(turnsLost: number, recordsLost: number): void {
    const last = this.persisted[Math.max(0, this.persisted.length - 1 - turnsLost)];
    const tail = Math.max(this.logStart, this.model.tail - recordsLost);
    this.tokensFrom += 1_000_000;
    this.table = new FakeTable();
    this.table.rows = new Map(last.rows);
    this.cursor = restoreCursor(this.table.rows, { ...this.options, tokenFirst: this.tokensFrom }, this.logStart, tail);
    this.model = last.model.restored(tail);
    this.model.dropped = this.model.settleRange(0, this.logStart, []);
    this.model.readHead = this.model.floor;
    this.settled = new Set([...last.settled].filter((offset) => offset < tail));
    this.exactFrom = tail;
    this.persisted = [last];
    if (recordsLost > 0) {
      this.persisted = [];
      this.drain();
    }
  }

  readyOfModel(): number {
    return this.model.offsets('unread', 'again').length;
  }

  dropExpiredOfModel(): number {
    for (let gone = 0; ; gone += 1) {
      const offset = this.model.oldestReady();
      const facts = { size: 0, priority: 0, key: 0, expiresAt: 0 };
      if (offset < 0 || this.log.look(offset, facts) === 'skip' || facts.expiresAt === 0 || facts.expiresAt > this.now) return gone;
      if (!this.model.dropOldest('expired')) return gone;
    }
  }

  check(): void {
    const { cursor, model } = this;
    const { floor, tail, ready, unacked, delayed, rejected, dropped } = cursor.stats();
    assert.deepEqual(
      { floor, tail, ready, unacked, delayed, rejected, dropped },
      {
        floor: model.floor,
        tail: model.tail,
        ready: this.readyOfModel(),
        unacked: model.offsets('held').length,
        delayed: model.offsets('delayed').length,
        rejected: model.offsets('rejected', 'burying').length,
        dropped: model.dropped,
      },
    );
    let deadline = Number.POSITIVE_INFINITY;
    for (let offset = model.first; offset < model.tail; offset += 1) {
      const record = model.at(offset);
      assert.equal(cursor.isSettled(offset), record.phase === 'settled');
      assert.equal(cursor.holderOf(offset), record.phase === 'held' ? record.consumer : -1);
      if ((record.phase === 'held' && record.deadline > 0) || record.phase === 'delayed') deadline = Math.min(deadline, record.deadline);
    }
    assert.equal(cursor.nextDeadline, deadline);
  }

  /** Everything that is not settled is delivered or rejected once more, after a last crash that loses nothing. */
  finish(): void {
    this.drain();
    this.crash(0, 0);
    this.run({ do: 'wait', ms: 10_000 });
    for (let round = 0; this.cursor.floor < this.model.tail; round += 1) {
      assert.ok(round < 10_000, 'nothing is lost, and nothing is stuck');
      this.take(3);
      this.bury(true);
    }
    this.check();
  }
}

test('cursor: random histories with crashes end as those of a naive cursor', () => {
  fc.assert(
    fc.property(
      settings,
      fc.boolean(),
      fc.constantFrom(0, 4090, 8191, 2 ** 33 - 3),
      fc.array(step, { maxLength: 80, size: 'max' }),
      (options, isPlain, first, steps) => {
        const history = new History(options, isPlain, first);
        for (const next of steps) history.run(next);
        history.finish();
      },
    ),
    randomRuns(300),
  );
});
