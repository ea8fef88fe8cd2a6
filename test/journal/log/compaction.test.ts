import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SeededRandom } from '../../../src/base/random.js';
import type { PartitionSettings } from '../../../src/journal/ports.js';
import { MemoryDisk } from '../../../src/storage/memory-disk.js';
import { openMemoryStore } from '../../../src/storage/memory-store.js';
import { FaultyStore } from '../../storage/faulty-store.js';
import { JournalRig, SETTINGS } from './rig.js';

const COMPACTED: PartitionSettings = { ...SETTINGS, isCompacted: true, tombstoneMs: 60_000 };
const STREAM = 1;
const SEED = Number(process.env.TEST_SEED ?? Date.now() % 1_000_000);
const SEGMENT_BYTES = 16 * 1024;

interface Found {
  readonly offset: number;
  readonly key: string;
  /** Null: there is none. */
  readonly value: string | null;
}

function rigOn(disk: MemoryDisk, store = openMemoryStore(disk)): JournalRig {
  return new JournalRig({ store, groupCount: 2, segmentBytes: SEGMENT_BYTES, tailBytes: 4096, cacheBytes: 4096 });
}

function readAll(rig: JournalRig, partition: number, settings: PartitionSettings = COMPACTED): Found[] {
  const found: Found[] = [];
  const log = rig.journal.partition(STREAM, partition, settings);
  const status = log.read(log.logStart, Number.POSITIVE_INFINITY, (batch) => {
    while (batch.next()) {
      const text = (at: number, length: number): string => Buffer.from(batch.recordsBytes.subarray(at, at + length)).toString();
      const value = batch.valueLength < 0 ? null : text(batch.valueOffset, batch.valueLength);
      found.push({ offset: batch.offset, key: text(batch.keyOffset, batch.keyLength), value });
    }
    return true;
  });
  assert.equal(status, 'ok');
  return found;
}

function put(rig: JournalRig, partition: number, key: string, value: string | null, settings = COMPACTED): number {
  const batch = rig.journal.partition(STREAM, partition, settings).open(rig.clock.nowMs());
  const keyBytes = Buffer.from(key);
  const bytes = value === null ? null : Buffer.from(value);
  batch.writer.append(rig.clock.nowMs(), keyBytes, 0, keyBytes.length, bytes, 0, bytes?.length ?? 0, null, 0, 0);
  batch.added(1);
  return batch.baseOffset + batch.count - 1;
}

/** Ticks until a round has had its time and nothing happens any more. */
async function compact(rig: JournalRig): Promise<void> {
  for (let round = 0; round < 8; round += 1) {
    rig.clock.advance(6_000);
    rig.journal.onTick(rig.clock.nowMs());
    for (let turn = 0; turn < 60; turn += 1) {
      rig.journal.flush();
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

async function fill(
  rig: JournalRig,
  count: number,
  keys: number,
  textOf: (i: number) => string,
  partition = 0,
): Promise<Map<string, Found>> {
  const last = new Map<string, Found>();
  for (let i = 0; i < count; i += 1) {
    const key = `key-${i % keys}`;
    const value = textOf(i);
    last.set(key, { offset: put(rig, partition, key, value), key, value });
    if (i % 5 === 4) await rig.settle();
  }
  await rig.settle();
  return last;
}

test('compaction: of each key the last record stays, with its offset, also after a start; the disk gets its room back', async () => {
  const disk = new MemoryDisk();
  const rig = rigOn(disk);
  const last = await fill(rig, 2_000, 10, (i) => `value ${i} ${'x'.repeat(100)}`);
  const before = rig.journal.lanes[0].store.list().reduce((sum, { bytes }) => sum + bytes, 0);
  await compact(rig);
  assert.ok(rig.journal.lanes[0].segmentsRewritten > 5);
  const found = readAll(rig, 0);
  for (const wanted of last.values())
    assert.deepEqual(
      found.find(({ offset }) => offset === wanted.offset),
      wanted,
    );
  assert.ok(found.length < 400, `${found.length} of 2,000 are left: those of the segments that are not sealed, and the last ones`);
  const after = rig.journal.lanes[0].store.list().reduce((sum, { bytes }) => sum + bytes, 0);
  assert.ok(after < before / 3, `${before} bytes became ${after}`);
  await rig.journal.close();
  const again = rigOn(disk);
  assert.deepEqual(readAll(again, 0), found);
  assert.equal(again.journal.partition(STREAM, 0, COMPACTED).nextOffset, 2_000);
  assert.equal(put(again, 0, 'key-1', 'later'), 2_000);
  await again.settle();
  await again.journal.close();
});

test('compaction: a key that was deleted does not come back, and after its time nothing of it is left', async () => {
  const disk = new MemoryDisk();
  const rig = rigOn(disk);
  await fill(rig, 600, 6, (i) => `value ${i} ${'x'.repeat(100)}`);
  put(rig, 0, 'key-3', null);
  await fill(rig, 600, 3, (i) => `other ${i} ${'x'.repeat(100)}`);
  await compact(rig);
  const ofKey = (): (string | null)[] =>
    readAll(rig, 0)
      .filter(({ key }) => key === 'key-3')
      .map(({ value }) => value);
  assert.deepEqual(ofKey(), [null], 'who reads from the start hears that it was deleted');
  rig.clock.advance(COMPACTED.tombstoneMs);
  await fill(rig, 1_200, 3, (i) => `more ${i} ${'x'.repeat(100)}`);
  await compact(rig);
  assert.deepEqual(ofKey(), []);
  await rig.journal.close();
});

test('compaction: what is left of a mostly deleted segment moves, and keeps offsets, sequences and indexes', async () => {
  const disk = new MemoryDisk();
  const rig = rigOn(disk);
  const small = 2;
  const groupOfSmall = rig.journal.groupOf(STREAM, small);
  const group = rig.journal.groups.find(({ id }) => id === groupOfSmall);
  assert.ok(group !== undefined);
  for (let i = 0; i < 600; i += 1) {
    put(rig, 0, `k${i}`, `bulk ${i} ${'x'.repeat(200)}`, SETTINGS);
    if (i % 20 === 0) {
      const batch = rig.journal.partition(STREAM, small, SETTINGS).open(rig.clock.nowMs());
      const bytes = Buffer.from(`small ${i}`);
      batch.writer.append(rig.clock.nowMs(), bytes, 0, bytes.length, bytes, 0, bytes.length, null, 0, 0);
      batch.added(1);
      group.openIndex('filter').add(batch, batch.count - 1, 1);
    }
    if (i % 5 === 4) await rig.settle();
  }
  await rig.settle();
  const before = readAll(rig, small, SETTINGS);
  const sequences = new Float64Array(64);
  const wanted = group.index('filter')?.read(1, sequences) ?? 0;
  assert.equal(wanted, 30);
  const valuesOf = (of: typeof group): string[] => {
    const values: string[] = [];
    of.readRecords(sequences, 0, wanted, Number.POSITIVE_INFINITY, (_sequence, _partition, batch) => {
      values.push(Buffer.from(batch.recordsBytes.subarray(batch.valueOffset, batch.valueOffset + batch.valueLength)).toString());
      return true;
    });
    return values;
  };
  const texts = valuesOf(group);
  assert.equal(texts.length, 30);
  rig.journal.deletePartition(rig.journal.partition(STREAM, 0, SETTINGS).key);
  await compact(rig);
  assert.ok(rig.journal.lanes[0].segmentsRewritten > 3);
  assert.deepEqual(readAll(rig, small, SETTINGS), before);
  assert.deepEqual(valuesOf(group), texts);
  await rig.journal.close();
  const again = rigOn(disk);
  assert.deepEqual(readAll(again, small, SETTINGS), before);
  const reopened = again.journal.group(groupOfSmall);
  assert.ok(reopened !== undefined);
  assert.equal(reopened.index('filter')?.read(1, new Float64Array(64)), 30);
  assert.deepEqual(valuesOf(reopened as typeof group), texts);
  await again.journal.close();
});

test(`compaction: a process that ends at any write of it leaves all that is wanted (TEST_SEED=${SEED})`, async () => {
  const random = new SeededRandom(SEED);
  let rewrites = 0;
  for (let round = 0; round < 40; round += 1) {
    const disk = new MemoryDisk();
    const first = rigOn(disk);
    const last = await fill(first, 400, 7, (i) => `value ${i} ${'x'.repeat(random.below(150))}`);
    await first.journal.close();
    const store = new FaultyStore(openMemoryStore(disk));
    const rig = rigOn(disk, store);
    rig.journal.partition(STREAM, 0, COMPACTED);
    store.failWrite(1 + random.below(40));
    await compact(rig);
    rewrites += rig.journal.lanes[0].segmentsRewritten;
    // No orderly end: the next start finds what is there.
    const again = rigOn(disk);
    const found = readAll(again, 0);
    for (const wanted of last.values())
      assert.deepEqual(
        found.find(({ offset }) => offset === wanted.offset),
        wanted,
        `round ${round}`,
      );
    const offsets = found.map(({ offset }) => offset);
    assert.deepEqual(
      offsets,
      [...new Set(offsets)].sort((a, b) => a - b),
      'each once, in order',
    );
    assert.equal(again.journal.partition(STREAM, 0, COMPACTED).nextOffset, 400);
    await again.journal.close();
  }
  assert.ok(rewrites > 40, `${rewrites} rewrites`);
});
