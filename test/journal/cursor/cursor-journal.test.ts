import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BlockWriter, readBlock } from '../../../src/journal/cursor/cursor-block.js';
import { ANY_TOKEN, type CursorOptions, RELEASE_COUNTED, type RejectReason } from '../../../src/journal/cursor/cursor-options.js';
import { restoreCursor } from '../../../src/journal/cursor/cursor-restore.js';
import { createCursor, type QueueCursor } from '../../../src/journal/cursor/queue-cursor.js';
import { WireViolation } from '../../../src/wire/violation.js';
import { Consumers, FakeTable } from './fake-log.js';
import { randomRuns } from './random-runs.js';

function hex(bytes: Uint8Array | undefined): string {
  return Buffer.from(bytes ?? []).toString('hex');
}

test('cursor journal: a block has these bytes', () => {
  const block = new BlockWriter({ isReset: true, floor: 300, mark: 8192 });
  block.addRange(301, 302);
  block.addRange(310, 700);
  block.addState(305, 2, 0, null, 0);
  block.addState(306, 0, 2 ** 40, null, 9);
  block.addState(2 ** 50, 3, 0, 'expired', 0);
  assert.equal(
    hex(block.finish()),
    `01 01 ac02 8040  02 01 01 08 8603  03 b102 00 02  01 18 00 808080808020 09  ce fdffffffffff01 03 03`.replaceAll(' ', ''),
  );
});

test('cursor journal: a turn is one delta, a turn without changes none', () => {
  const table = new FakeTable();
  const cursor = createCursor({}, 5);
  const consumers = new Consumers(cursor);
  assert.equal(cursor.drain(table), true);
  assert.equal(cursor.drain(table), false);
  assert.deepEqual([...table.rows.keys()], ['h', 'd0']);
  assert.equal(hex(table.rows.get('h')), '01000000');
  cursor.append(20);
  consumers.takeMany(10);
  for (const offset of [5, 6, 12, 11, 10, 8]) cursor.settle(offset, ANY_TOKEN);
  cursor.release(13, ANY_TOKEN, 0, RELEASE_COUNTED);
  cursor.release(9, ANY_TOKEN, 0, RELEASE_COUNTED);
  cursor.settle(9, ANY_TOKEN);
  assert.equal(cursor.drain(table), true);
  assert.equal(hex(table.rows.get('d1')), '01 00 07 8040  01 01 05  01 0d 00 01'.replaceAll(' ', ''));
});

test('cursor journal: no rows are an empty cursor at the beginning of the log', () => {
  const cursor = restoreCursor([], {}, 7, 10);
  assert.deepEqual(new Consumers(cursor).takeMany(9), [7, 8, 9]);
});

test('cursor journal: a cursor without one has no rows', () => {
  const table = new FakeTable();
  const cursor = createCursor({ isJournaled: false });
  cursor.append(9);
  cursor.purge();
  assert.equal(cursor.drain(table), false);
  assert.equal(table.rows.size, 0);
});

test('cursor journal: after a snapshot its rows are all there is, a few for many deltas', () => {
  const table = new FakeTable();
  const cursor = createCursor({ deltasMax: 10, chunkBytes: 64 });
  cursor.append(100_000);
  for (let turn = 0; turn < 500; turn += 1) {
    for (let i = 0; i < 20; i += 1) cursor.settle(1 + (((turn * 20 + i) * 7919) % 99_999), ANY_TOKEN);
    cursor.drain(table);
  }
  for (let turn = 0; turn < 2000 && cursor.drain(table); turn += 1) {
    // Until the snapshot that is under way is finished.
  }
  const deltas = [...table.rows.keys()].filter((key) => key.startsWith('d'));
  const generations = new Set([...table.rows.keys()].filter((key) => key.startsWith('c')).map((key) => key.split('.')[0]));
  assert.equal(generations.size, 1);
  assert.ok(deltas.length < 500, `${deltas.length} deltas`);
  same(restoreCursor(table.rows, {}, 0, 100_000), cursor, 100_000);
});

test('cursor journal: a snapshot of thirty million settled records between holes is small and in small rows', () => {
  const table = new FakeTable();
  const cursor = createCursor({ deltasMax: 1 });
  cursor.append(30_000_000);
  cursor.drain(table);
  for (let offset = 0; offset < 30_000_000; offset += 100_000) cursor.settleRange(offset + 1, offset + 100_000);
  while (cursor.drain(table)) {
    // Until the snapshot is finished.
  }
  let bytes = 0;
  for (const [key, value] of table.rows) {
    assert.ok(value.length < 32 * 1024, key);
    bytes += value.length;
  }
  assert.ok(bytes < 10_000, `${bytes} bytes`);
  const restored = restoreCursor(table.rows, {}, 0, 30_000_000);
  assert.equal(restored.stats().ready, 300);
  assert.deepEqual(new Consumers(restored).takeMany(3), [0, 100_000, 200_000]);
});

test('cursor journal: what is said of offsets beyond the log is forgotten, also for the next restart', () => {
  const table = new FakeTable();
  const cursor = createCursor();
  cursor.append(10);
  cursor.settleRange(0, 5);
  cursor.settle(8, ANY_TOKEN);
  cursor.drain(table);
  const restored = restoreCursor(table.rows, {}, 0, 3);
  assert.equal(restored.floor, 3);
  restored.drain(table);
  restored.append(10);
  assert.deepEqual(new Consumers(restoreCursor(table.rows, {}, 0, 10)).takeMany(99), [3, 4, 5, 6, 7, 8, 9]);
});

/** Large strides over many pages, with snapshots under way at the crash. */
test('cursor journal: random rows of many pages restore what was settled', () => {
  const offsets = 20 * 4096;
  const place = fc.nat({ max: offsets });
  const turn = fc.array(
    fc.record({
      do: fc.constantFrom(
        'range' as const,
        'range' as const,
        'one' as const,
        'one' as const,
        'one' as const,
        'floor' as const,
        'seek' as const,
      ),
      from: place,
      length: fc.oneof(fc.nat({ max: 70 }), fc.nat({ max: 15_000 })),
    }),
    { maxLength: 6 },
  );
  const options = fc.record({ deltasMax: fc.constantFrom(1, 3), chunkBytes: fc.constantFrom(1, 40, 1000) });
  fc.assert(
    fc.property(options, fc.array(turn, { maxLength: 15 }), fc.nat({ max: 14 }), (given, turns, crashAfter) => {
      const table = new FakeTable();
      let cursor = createCursor(given);
      cursor.append(offsets);
      for (const [at, events] of turns.entries()) {
        for (const event of events) {
          if (event.do === 'range') cursor.settleRange(event.from, event.from + event.length);
          else if (event.do === 'one') cursor.settle(event.from, ANY_TOKEN);
          else if (event.do === 'floor') cursor.settleRange(0, event.length);
          else if (event.length < 20) cursor.seek(event.from);
        }
        cursor.drain(table);
        const restored = restoreCursor(new Map(table.rows), given, 0, offsets);
        same(restored, cursor, offsets);
        if (at === crashAfter) cursor = restored;
      }
    }),
    randomRuns(60),
  );
});

function same(left: QueueCursor, right: QueueCursor, offsets: number): void {
  assert.equal(left.floor, right.floor);
  assert.equal(left.stats().ready, right.stats().ready);
  for (let offset = 0; offset < offsets; offset += 13) assert.equal(left.isSettled(offset), right.isSettled(offset));
}

test('cursor journal: any block is read as it was written', () => {
  const reason = fc.constantFrom<RejectReason | null>(null, 'rejected', 'limit', 'expired', 'length');
  const large = fc.oneof(fc.nat({ max: 300 }), fc.nat({ max: 2 ** 31 - 1 }), fc.maxSafeNat());
  fc.assert(
    fc.property(
      fc.tuple(fc.boolean(), fc.nat(), large).map(([isReset, floor, mark]) => ({ isReset, floor, mark })),
      fc.array(fc.tuple(fc.nat({ max: 5000 }), fc.integer({ min: 1, max: 5000 }))),
      fc.array(fc.record({ gap: fc.nat({ max: 2 ** 40 }), count: fc.nat(), visibleAt: large, reason, key: large })),
      (head, gaps, states) => {
        const block = new BlockWriter(head);
        const written: unknown[] = [head];
        let at = head.floor;
        for (const [gap, length] of gaps) {
          block.addRange(at + gap, at + gap + length);
          at += gap + length;
          written.push([at - length, at]);
        }
        at = 0;
        for (const { gap, count, visibleAt, reason: why, key } of states) {
          at += gap;
          block.addState(at, count, visibleAt, why, key);
          written.push({ offset: at, count, visibleAt, reason: why, key });
        }
        const read: unknown[] = [];
        readBlock(block.finish(), {
          onHead: (found) => read.push(found),
          onRange: (from, to) => read.push([from, to]),
          onState: (state) => read.push(state),
        });
        assert.deepEqual(read, written);
      },
    ),
    randomRuns(200),
  );
});

test('cursor journal: damaged rows are a violation or another cursor, nothing else', () => {
  const { rows, options } = someRows();
  fc.assert(
    fc.property(fc.nat(), fc.nat(), fc.integer({ min: 1, max: 255 }), fc.boolean(), (pick, place, flip, isCut) => {
      const damaged = new Map(rows);
      const key = [...rows.keys()][pick % rows.size];
      const value = Uint8Array.from(rows.get(key) ?? []);
      if (isCut) damaged.set(key, value.subarray(0, place % value.length));
      else {
        value[place % value.length] ^= flip;
        damaged.set(key, value);
      }
      try {
        const cursor = restoreCursor(damaged, options, 0, 20_000);
        assert.ok(cursor.floor <= 20_000);
      } catch (error) {
        if (!(error instanceof WireViolation)) throw error;
      }
    }),
    randomRuns(500),
  );
});

test('cursor journal: a row that is missing, unknown or of another version is a violation', () => {
  const { rows, options } = someRows();
  const restore = (change: (damaged: Map<string, Uint8Array>) => void): (() => QueueCursor) => {
    const damaged = new Map(rows);
    change(damaged);
    return () => restoreCursor(damaged, options, 0, 20_000);
  };
  assert.doesNotThrow(restore(() => undefined));
  const keys = [...rows.keys()].filter((key) => key.startsWith('d'));
  const cases: readonly ((damaged: Map<string, Uint8Array>) => void)[] = [
    (damaged) => damaged.delete('h'),
    (damaged) => damaged.delete(keys[0]),
    (damaged) => damaged.delete([...rows.keys()].find((key) => key.startsWith('c')) ?? ''),
    (damaged) => damaged.set('x', Uint8Array.of(1)),
    (damaged) => damaged.set('h', Uint8Array.of(2, 0, 0, 0)),
    (damaged) => damaged.set('h', Uint8Array.of(1, 0, 0, 0, 0)),
    (damaged) => damaged.set(keys[0], Uint8Array.of(9, 0, 0, 0, 0, 0)),
    (damaged) => damaged.set(keys[0], Uint8Array.of(1, 2, 0, 0, 0, 0)),
    (damaged) => damaged.set(keys[0], Uint8Array.of(1, 0, 0, 0, 1, 5, 0, 0)), // An empty range.
    (damaged) => damaged.set(keys[0], Uint8Array.of(1, 0, 0x80, 0, 0, 0, 0)), // A number longer than needed.
    (damaged) => damaged.set(keys[0], Uint8Array.of(1, 0, 255, 255, 255, 255, 255, 255, 255, 127, 0, 0, 0)), // 2^53 and more.
    (damaged) => damaged.set(keys[0], Uint8Array.of(1, 0, 0, 0, 0, 1, 0, 6, 0)), // An unknown reason.
    (damaged) => damaged.set(keys[0], Uint8Array.of(1, 0, 0, 0, 0, 0, 0)), // More bytes than it says.
  ];
  for (const [index, change] of cases.entries()) assert.throws(restore(change), WireViolation, `case ${index}`);
});

/** A snapshot and deltas after it. */
function someRows(): { rows: ReadonlyMap<string, Uint8Array>; options: Partial<CursorOptions> } {
  const options = { keepsRejected: true, deltasMax: 3, chunkBytes: 20 };
  const table = new FakeTable();
  const cursor = createCursor(options);
  const consumers = new Consumers(cursor);
  cursor.append(20_000);
  for (let turn = 0; turn < 9; turn += 1) {
    consumers.takeMany(20);
    for (let offset = turn * 20 + 1; offset < turn * 20 + 15; offset += 3) cursor.settle(offset, ANY_TOKEN);
    cursor.settleRange(5000 + turn * 1500, 6000 + turn * 1500);
    cursor.release(turn * 20 + 2, ANY_TOKEN, 1000, { ...RELEASE_COUNTED, delayMs: turn * 10 });
    cursor.reject(turn * 20 + 3, ANY_TOKEN, 'rejected');
    cursor.drain(table);
  }
  return { rows: table.rows, options };
}
