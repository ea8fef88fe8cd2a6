import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readIdentity } from '../../../src/metadata/store/identity.js';
import { MetadataStore } from '../../../src/metadata/store/metadata-store.js';
import { decodeState, encodeState, ROW, rowKey } from '../../../src/metadata/store/rows.js';
import { TableRaftStore } from '../../../src/metadata/store/table-raft-store.js';
import { WriteQueue } from '../../../src/metadata/store/write-queue.js';
import type { SnapshotMark } from '../../../src/raft/driver/ports.js';
import { decodeMark } from '../../../src/raft/driver/snapshot-mark.js';
import type { Entry, HardState } from '../../../src/raft/messages.js';
import { openMemoryStore } from '../../../src/storage/memory-store.js';
import { type StateTableStore, type StoreDone, StoreError, type TableChange } from '../../../src/storage/ports.js';
import { crc32c } from '../../../src/wire/crc32c.js';

const IDENTITY = { clusterId: 'c', nodeId: 1, uuid: 'u' };

/** A table of which rows can be damaged, and whose disk can be full. */
class FragileTable implements StateTableStore {
  readonly #table: StateTableStore;
  readonly #damaged = new Set<string>();
  fullWrites = 0;
  applied = 0;

  constructor(table: StateTableStore) {
    this.#table = table;
  }

  damage(key: Uint8Array): void {
    this.#damaged.add(Buffer.from(key).toString('hex'));
  }

  get(key: Uint8Array): Uint8Array | null {
    const value = this.#table.get(key);
    if (value !== null && this.#damaged.has(Buffer.from(key).toString('hex'))) throw new StoreError('corrupt', 'as the test wants it');
    return value;
  }

  scan(prefix: Uint8Array, visit: (key: Uint8Array, value: Uint8Array) => boolean): void {
    this.#table.scan(prefix, visit);
  }

  apply(changes: readonly TableChange[], done: StoreDone): void {
    this.applied += 1;
    if (this.fullWrites > 0) {
      this.fullWrites -= 1;
      setImmediate(() => done(new StoreError('disk-full', 'as the test wants it')));
      return;
    }
    for (const { key, value } of changes) if (value !== null) this.#damaged.delete(Buffer.from(key).toString('hex'));
    this.#table.apply(changes, done);
  }
}

async function founded(voters: readonly number[] = [1, 2, 3]): Promise<FragileTable> {
  const disk = openMemoryStore();
  await new MetadataStore(disk).found({ kind: 'first-voters', identity: IDENTITY, voters });
  return new FragileTable(disk.table);
}

function open(table: StateTableStore): TableRaftStore {
  return new TableRaftStore(table, new WriteQueue(table));
}

function entry(index: number, term = 1): Entry {
  return { index, term, type: 'normal', data: Buffer.from(`${index}/${term}`) };
}

function append(store: TableRaftStore, hardState: HardState | null, entries: readonly Entry[]): Promise<void> {
  return new Promise((resolve, reject) => store.append(hardState, entries, (error) => (error === null ? resolve() : reject(error))));
}

async function snapshotAt(store: TableRaftStore, index: number, texts: readonly string[]): Promise<void> {
  const writer = store.beginSnapshot();
  for (const text of texts) await new Promise((resolve) => writer.write(Buffer.from(text), resolve));
  const { configuration } = store;
  await new Promise((resolve) => writer.commit(index, 1, configuration, resolve));
}

function contentOf(store: TableRaftStore): string {
  const snapshot = store.snapshot();
  if (snapshot === null) return 'none';
  const { index, chunkCount } = decodeMark(snapshot.data);
  return Array.from({ length: chunkCount }, (_, chunk) => Buffer.from(store.readChunk(index, chunk) ?? 'missing').toString()).join('');
}

test('raft store: what was appended is there after a start, and a later entry of the same index takes the place of it and of all behind it', async () => {
  const table = await founded();
  const store = open(table);
  assert.deepEqual([store.firstIndex, store.lastIndex, store.configuration.voters], [2, 1, [1, 2, 3]]);
  await append(store, { term: 1, vote: 2, commit: 1 }, [entry(2), entry(3), entry(4)]);
  await append(store, { term: 2, vote: 0, commit: 3 }, [entry(3, 2)]);
  for (const it of [store, open(table)]) {
    assert.deepEqual([it.hardState, it.lastIndex, it.termAt(3), it.termAt(4)], [{ term: 2, vote: 0, commit: 3 }, 3, 2, null]);
    assert.deepEqual(
      it.entries(2, 9, 1000)?.map(({ data }) => Buffer.from(data).toString()),
      ['2/1', '3/2'],
    );
    assert.equal(it.entries(2, 9, 1)?.length, 1, 'one at least');
  }
  assert.deepEqual(readIdentity(table), IDENTITY);
});

test('raft store: appends that come while one is flushed share the next flush, and end in order', async () => {
  const table = await founded();
  const store = open(table);
  const before = table.applied;
  const ended: number[] = [];
  const all = [2, 3, 4, 5, 6].map((index) => append(store, null, [entry(index)]).then(() => ended.push(index)));
  await all[0];
  const more = [7, 8, 9].map((index) => append(store, null, [entry(index)]).then(() => ended.push(index)));
  await Promise.all([...all, ...more]);
  assert.deepEqual(ended, [2, 3, 4, 5, 6, 7, 8, 9]);
  assert.ok(table.applied - before <= 3, `${table.applied - before} flushes`);
});

test('raft store: a full disk is tried again, in order, and nothing is told meanwhile', async () => {
  const table = await founded();
  const queue = new WriteQueue(table);
  const store = new TableRaftStore(table, queue);
  const told: boolean[] = [];
  queue.onFull = (isFull) => told.push(isFull);
  table.fullWrites = 1;
  await append(store, null, [entry(2)]);
  assert.deepEqual([told, store.lastIndex], [[true, false], 2]);
});

test('raft store: a damaged entry keeps what is before it, and says how far the log had been until a leader has brought it back', async () => {
  const table = await founded();
  await append(
    open(table),
    { term: 1, vote: 1, commit: 6 },
    [2, 3, 4, 5, 6].map((index) => entry(index)),
  );
  table.damage(rowKey(ROW.entry, 0, 4));
  const store = open(table);
  assert.deepEqual([store.lastIndex, store.damagedUpTo, store.hardState.commit], [3, 6, 3]);
  assert.equal(store.hardState.vote, 1, 'promises are kept');
  await append(store, null, [entry(4)]);
  assert.equal(open(table).damagedUpTo, 6, 'it is remembered over a start');
  store.clearDamage();
  await append(store, null, [entry(5)]);
  assert.deepEqual([open(table).damagedUpTo, open(table).lastIndex], [0, 5]);
});

test('raft store: a hard state that cannot be read is the end, for nobody knows what was promised', async () => {
  const table = await founded();
  await append(open(table), { term: 3, vote: 2, commit: 1 }, []);
  table.damage(rowKey(ROW.state, 0, 0));
  assert.throws(() => open(table), /as the test wants it/);
  assert.deepEqual(decodeState(encodeState({ term: 3, vote: 2, commit: 1 })), { term: 3, vote: 2, commit: 1 });
  assert.equal(decodeState(Buffer.alloc(5)), null);
});

test('raft store: snapshots are taken in turns, the log is cut, and a damaged newest one gives way to the one before', async () => {
  const table = await founded();
  const store = open(table);
  await append(
    store,
    { term: 1, vote: 1, commit: 8 },
    [2, 3, 4, 5, 6, 7, 8].map((index) => entry(index)),
  );
  await snapshotAt(store, 4, ['one', 'two']);
  await snapshotAt(store, 6, ['one', 'two', 'three']);
  await snapshotAt(store, 8, ['all']);
  store.compact(4);
  await append(store, null, []);
  const again = open(table);
  assert.deepEqual([contentOf(again), again.snapshotIndex, again.firstIndex, again.termAt(4), again.termAt(3)], ['all', 8, 5, 1, null]);
  for (let slot = 0; slot < 4; slot += 1)
    if (Buffer.from(table.get(rowKey(ROW.chunk, slot, 0)) ?? '').toString() === 'all') table.damage(rowKey(ROW.chunk, slot, 0));
  const older = open(table);
  assert.deepEqual(
    [contentOf(older), older.snapshotIndex, older.damagedUpTo, older.lastIndex],
    ['onetwothree', 6, 0, 8],
    'the log reaches back to it',
  );
});

test('raft store: chunks of a leader stay over a start, and become the newest snapshot with an empty log', async () => {
  const table = await founded();
  const store = open(table);
  await append(store, { term: 1, vote: 1, commit: 2 }, [entry(2), entry(3)]);
  const chunks = ['snap', 'shot'].map((text) => Buffer.from(text));
  const whole = Buffer.concat(chunks);
  const configuration = { voters: [1, 2], votersOutgoing: [], learners: [3], learnersNext: [], autoLeave: false };
  const mark: SnapshotMark = { index: 90, term: 4, configuration, chunkCount: 2, bytes: 8, checksum: crc32c(whole, 0, whole.length) };
  assert.equal(store.incoming.begin(mark), 0);
  await new Promise((resolve) => store.incoming.write(chunks[0], resolve));
  const again = open(table);
  assert.equal(again.incoming.begin(mark), 1, 'it goes on where it was');
  assert.equal(again.incoming.isWhole(mark), false);
  await new Promise((resolve) => again.incoming.write(chunks[1], resolve));
  assert.equal(again.incoming.isWhole(mark), true);
  await new Promise((resolve) => again.adoptIncoming({ term: 4, vote: 0, commit: 90 }, mark, resolve));
  for (const it of [again, open(table)])
    assert.deepEqual([contentOf(it), it.firstIndex, it.lastIndex, it.termAt(90), it.configuration.learners], ['snapshot', 91, 90, 4, [3]]);
});

test("raft store: a leader's snapshot comes while the log is being cut: nothing of the old log is cut off behind it", async () => {
  const table = await founded();
  const store = open(table);
  const entries = Array.from({ length: 5000 }, (_, at) => entry(at + 2));
  await append(store, { term: 1, vote: 1, commit: 5001 }, entries);
  await snapshotAt(store, 5000, ['own']);
  const chunk = Buffer.from('theirs');
  const checksum = crc32c(chunk, 0, chunk.length);
  const mark: SnapshotMark = { index: 9000, term: 4, configuration: store.configuration, chunkCount: 1, bytes: chunk.length, checksum };
  store.incoming.begin(mark);
  await new Promise((resolve) => store.incoming.write(chunk, resolve));
  store.compact(5000); // More than one transaction cuts off.
  const adopted = new Promise((resolve) => store.adoptIncoming({ term: 4, vote: 0, commit: 9000 }, mark, resolve));
  store.compact(4000);
  await adopted;
  await append(store, null, [entry(9001, 4)]);
  for (const it of [store, open(table)]) {
    assert.deepEqual([contentOf(it), it.firstIndex, it.lastIndex, it.termAt(9000)], ['theirs', 9001, 9001, 4]);
  }
});

test('metadata store: a directory becomes another node in one step', async () => {
  const disk = openMemoryStore();
  const store = new MetadataStore(disk);
  assert.equal(store.identity, null);
  await store.found({ kind: 'first-voters', identity: IDENTITY, voters: [1] });
  await append(store.openLog(), { term: 5, vote: 1, commit: 1 }, [entry(2, 5)]);
  await store.foundAnew({ kind: 'joins', identity: { clusterId: 'other', nodeId: 7, uuid: 'v' } });
  const log = new MetadataStore(disk).openLog();
  assert.deepEqual([log.lastIndex, log.hardState.term, log.configuration.voters], [0, 0, []]);
  assert.deepEqual(readIdentity(disk.table), { clusterId: 'other', nodeId: 7, uuid: 'v' });
});
