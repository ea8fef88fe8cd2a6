import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../../../src/base/clock.js';
import { StateTables } from '../../../src/journal/state/state-tables.js';
import { StoreError } from '../../../src/storage/ports.js';
import { WireViolation } from '../../../src/wire/violation.js';
import { FakeLane } from '../fake-lane.js';
import { FakeTableStore } from '../fake-table-store.js';

const GROUP = 7;
const TICK_MS = 100;

interface Rig {
  readonly lane: FakeLane;
  readonly store: FakeTableStore;
  tables: StateTables;
  readonly clock: ManualClock;
}

function newRig(): Rig {
  const rig = { lane: new FakeLane(GROUP), store: new FakeTableStore(), clock: new ManualClock() };
  return { ...rig, tables: startTables(rig.lane, rig.store, rig.clock) };
}

function startTables(lane: FakeLane, store: FakeTableStore, clock: ManualClock): StateTables {
  const tables = new StateTables(GROUP, store, clock);
  tables.loadCheckpoint();
  lane.start([tables]);
  return tables;
}

function restart(rig: Rig, keptCommits = 0, keptPortions = 0): void {
  rig.lane.crash(keptCommits);
  rig.store.crash(keptPortions);
  rig.tables = startTables(rig.lane, rig.store, rig.clock);
}

function tick(rig: Rig): void {
  rig.clock.advance(TICK_MS);
  rig.tables.onTick(rig.clock.nowMs());
}

/** Ticks until a checkpoint that was asked for is written. */
function checkpoint(rig: Rig): void {
  rig.tables.requestCheckpoint();
  for (let i = 0; i < 1000; i += 1) {
    tick(rig);
    rig.lane.settle();
    rig.store.complete();
    if (rig.tables.checkpointedIndex === Number.POSITIVE_INFINITY) return;
  }
  assert.fail('no checkpoint within 1,000 ticks');
}

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function contents(tables: StateTables, name: string): Record<string, string> {
  return Object.fromEntries([...tables.table(name).entries()].map(([key, value]) => [key, Buffer.from(value).toString()]));
}

test('tables: what was put is there at once, and after a crash if its commit was durable', () => {
  const rig = newRig();
  rig.tables.table('sessions').put('a', bytes('1'));
  rig.tables.table('cursors').put('ä€😀', bytes(''));
  assert.deepEqual(contents(rig.tables, 'sessions'), { a: '1' });
  rig.lane.settle();
  rig.tables.table('sessions').put('a', bytes('2'));
  rig.tables.table('sessions').put('b', bytes('3'));
  rig.lane.flush();
  restart(rig);
  assert.deepEqual(contents(rig.tables, 'sessions'), { a: '1' });
  assert.deepEqual(contents(rig.tables, 'cursors'), { 'ä€😀': '' });
  assert.equal(rig.tables.table('cursors').size, 1);
});

test('tables: a block has the last value of each row, once, in the drawn layout', () => {
  const rig = newRig();
  const table = rig.tables.table('t');
  table.put('a', bytes('first'));
  table.put('b', bytes('x'));
  table.put('a', bytes('last'));
  table.delete('b');
  rig.lane.settle();
  const [entry] = rig.lane.segments[0].entries;
  const [{ at, length }] = entry.blocks;
  const expected = ['00 01 74', '01 01 61 04 6c617374', '02 01 62'].join('').replaceAll(' ', '');
  assert.equal(Buffer.from(entry.bytes.subarray(at, at + length)).toString('hex'), expected);
  table.put('a', bytes('z'));
  rig.lane.settle();
  assert.equal(rig.lane.segments[0].entries[1].blocks[0].length, 5, 'the name of the table is not said again');
});

test('tables: changes of a lost commit go into the next one', () => {
  const rig = newRig();
  const table = rig.tables.table('t');
  table.put('a', bytes('1'));
  rig.lane.flush();
  table.put('b', bytes('1'));
  rig.lane.flush();
  rig.lane.loseAll();
  assert.equal(rig.tables.isDirty, true);
  table.put('a', bytes('2'));
  rig.lane.settle();
  restart(rig);
  assert.deepEqual(contents(rig.tables, 't'), { a: '2', b: '1' });
});

test('tables: a deletion whose commit was lost is told again', () => {
  const rig = newRig();
  rig.tables.table('t').put('a', bytes('1'));
  rig.lane.settle();
  rig.tables.table('t').delete('a');
  rig.lane.flush();
  rig.lane.loseAll();
  rig.lane.settle();
  restart(rig);
  assert.deepEqual(contents(rig.tables, 't'), {});
});

test('tables: a view that was given out does not change with the row', () => {
  const { tables } = newRig();
  const table = tables.table('t');
  const given = bytes('mine');
  table.put('a', given);
  const view = table.get('a');
  given.fill(0);
  for (let i = 0; i < 20_000; i += 1) table.put('a', bytes(`value ${i}`));
  assert.equal(Buffer.from(view as Uint8Array).toString(), 'mine');
  assert.equal(table.get('nobody'), undefined);
});

test('tables: values that are overwritten again and again do not pile up in memory', () => {
  const rig = newRig();
  const table = rig.tables.table('t');
  const value = new Uint8Array(100);
  for (let i = 0; i < 1000; i += 1) table.put(`still ${i}`, value);
  for (let i = 0; i < 100_000; i += 1) table.put(`busy ${i % 10}`, value);
  table.put('large', new Uint8Array(300_000).fill(1));
  assert.ok(rig.tables.valueBytes < 300_008 + 400_000, `${rig.tables.valueBytes} bytes`);
  table.delete('large');
  assert.ok(rig.tables.valueBytes < 400_000, `${rig.tables.valueBytes} bytes`);
  assert.equal(table.size, 1010);
});

test('tables: a checkpoint makes replay unnecessary, and only its last portion moves the position', () => {
  const rig = newRig();
  const table = rig.tables.table('t');
  for (let i = 0; i < 10_000; i += 1) table.put(`key ${i}`, bytes(`value ${i}`));
  rig.lane.settle();
  assert.equal(rig.tables.checkpointedIndex, 0);
  rig.tables.requestCheckpoint();
  let portions = 0;
  while (rig.tables.checkpointedIndex === 0) {
    assert.equal(rig.tables.position, 0);
    tick(rig);
    assert.equal(rig.store.complete(), true);
    portions += 1;
  }
  assert.ok(portions >= 3, `${portions} portions`);
  assert.equal(rig.tables.position, 1);
  assert.equal(rig.tables.checkpointedIndex, Number.POSITIVE_INFINITY);
  rig.lane.seal();
  rig.lane.remove(1);
  restart(rig);
  assert.equal(rig.tables.table('t').size, 10_000);
  assert.equal(Buffer.from(rig.tables.table('t').get('key 9999') as Uint8Array).toString(), 'value 9999');
});

test('tables: a portion waits for the commit that has what it contains', () => {
  const rig = newRig();
  const table = rig.tables.table('t');
  table.put('a', bytes('1'));
  rig.lane.settle();
  rig.tables.requestCheckpoint();
  table.put('a', bytes('2'));
  tick(rig);
  assert.equal(rig.store.pendingCount, 0, 'a change that no commit has is not written');
  rig.lane.flush();
  assert.equal(rig.store.pendingCount, 0, 'nor one whose commit is under way');
  rig.lane.loseAll();
  assert.equal(rig.store.pendingCount, 0);
  tick(rig);
  rig.lane.flush();
  rig.lane.land();
  assert.equal(rig.store.pendingCount, 1);
  restart(rig, 0, 1);
  assert.deepEqual(contents(rig.tables, 't'), { a: '2' });
});

test('tables: a row that changes all the time reaches the checkpoint nevertheless', () => {
  const rig = newRig();
  const table = rig.tables.table('t');
  table.put('a', bytes('0'));
  rig.lane.settle();
  rig.tables.requestCheckpoint();
  for (let i = 1; i < 5; i += 1) {
    table.put('a', bytes(`${i}`));
    tick(rig);
    rig.lane.settle();
    rig.store.complete();
  }
  assert.equal(rig.tables.position, 1);
  assert.equal(rig.tables.checkpointedIndex, 1, 'the changes since are in later entries');
});

test('tables: a checkpoint that the store refuses is tried again later', () => {
  const rig = newRig();
  rig.tables.table('t').put('a', bytes('1'));
  rig.lane.settle();
  rig.tables.requestCheckpoint();
  tick(rig);
  rig.store.fail();
  tick(rig);
  assert.equal(rig.store.pendingCount, 0, 'not at once');
  for (let i = 0; i < 60; i += 1) tick(rig);
  assert.equal(rig.store.complete(), true);
  assert.equal(rig.tables.checkpointedIndex, Number.POSITIVE_INFINITY);
});

test('tables: rows that come and go between checkpoints leave nothing behind', () => {
  const rig = newRig();
  const table = rig.tables.table('t');
  for (let i = 0; i < 1000; i += 1) {
    table.put(`once ${i}`, bytes('x'));
    if (i > 0) table.delete(`once ${i - 1}`);
    rig.lane.settle();
  }
  checkpoint(rig);
  assert.ok(rig.store.rows.size <= 4, `${rig.store.rows.size} rows for one row, one name and one position`);
  table.delete('once 999');
  rig.lane.settle();
  checkpoint(rig);
  assert.equal(rig.store.rows.size, 2);
});

test('tables: a block that is cut off or of a table without a name is refused', () => {
  const { tables } = newRig();
  const place = { segment: 1, group: GROUP, index: 1 };
  for (const hex of ['010161', '0101610178', '03', '000174000175', '000174080175']) {
    const block = Buffer.from(hex, 'hex');
    assert.throws(() => tables.replay(place, block, 0, block.length), WireViolation, hex);
  }
});

test('tables: a checkpoint that cannot be read is corrupt', () => {
  const rig = newRig();
  rig.tables.table('t').put('a', bytes('1'));
  rig.lane.settle();
  checkpoint(rig);
  const name = [...rig.store.rows.keys()].find((key) => key.slice(6, 8) === '01') as string;
  rig.store.rows.delete(name);
  const again = new StateTables(GROUP, rig.store, rig.clock);
  assert.throws(
    () => again.loadCheckpoint(),
    (error) => error instanceof StoreError && error.fault === 'corrupt',
  );
});
