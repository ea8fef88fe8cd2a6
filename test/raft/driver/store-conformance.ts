import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RaftStore, SnapshotMark } from '../../../src/raft/driver/ports.js';
import type { ConfigurationState, Entry, HardState, LogIndex, Term } from '../../../src/raft/messages.js';
import { crc32c } from '../../../src/wire/crc32c.js';

/*
  What every RaftStore does, whatever it stands on. The port says it in words (src/raft/driver/ports.ts).
*/

export interface StoreUnderTest {
  readonly store: RaftStore;
  /** All that was begun is done. */
  settle(): Promise<void>;
  /** The process ends, after all is done, and another one opens what is there. */
  reopen(): Promise<StoreUnderTest>;
  close(): Promise<void>;
}

/** A store that is new, of a cluster of these voters. */
export type FoundStore = (voters: readonly number[]) => Promise<StoreUnderTest>;

const VOTERS = [1, 2, 3];
const PLENTY = 1_000_000;
const CONFIGURATION: ConfigurationState = { voters: [1, 2], votersOutgoing: [], learners: [7], learnersNext: [], autoLeave: false };

export function testRaftStore(name: string, found: FoundStore): void {
  const check = (sentence: string, body: (under: StoreUnderTest) => Promise<StoreUnderTest>): void => {
    test(`raft store, ${name}: ${sentence}`, async () => {
      const under = await body(await found(VOTERS));
      await under.close();
    });
  };
  testLog(check);
  testSnapshots(check);
  testIncoming(check);
}

type Check = (sentence: string, body: (under: StoreUnderTest) => Promise<StoreUnderTest>) => void;

function testLog(check: Check): void {
  check('a new one begins with the state that all first voters share', async (under) => {
    const { store } = under;
    assert.deepEqual(store.configuration.voters, VOTERS);
    assert.deepEqual([store.firstIndex, store.lastIndex, store.snapshotIndex, store.damagedUpTo], [2, 1, 1, 0]);
    assert.deepEqual(store.hardState, { term: 1, vote: 0, commit: 1 });
    assert.equal(store.termAt(1), 1);
    assert.equal(store.termAt(2), null);
    return under;
  });

  check('entries and hard state appear when they are durable, not before, and are there after a restart', async (under) => {
    const hardState = { term: 3, vote: 2, commit: 2 };
    const entries = entriesOf(2, [2, 3, 3]);
    let isDone = false;
    under.store.append(hardState, entries, (error) => {
      assert.equal(error, null);
      isDone = true;
    });
    assert.deepEqual([isDone, under.store.lastIndex, under.store.hardState.term], [false, 1, 1]);
    await under.settle();
    assert.equal(isDone, true);
    const expect = ({ store }: StoreUnderTest): void => {
      assert.deepEqual(store.hardState, hardState);
      assert.deepEqual(plain(store.entries(2, 5, PLENTY)), plain(entries));
      assert.deepEqual([store.termAt(2), store.termAt(4), store.termAt(5)], [2, 3, null]);
    };
    expect(under);
    const again = await under.reopen();
    expect(again);
    return again;
  });

  check('writes are done in the order of the calls, also those that write nothing', async (under) => {
    const order: number[] = [];
    under.store.append(null, entriesOf(2, [1]), () => order.push(1));
    under.store.append(null, [], () => order.push(2));
    under.store.append({ term: 2, vote: 0, commit: 1 }, [], () => order.push(3));
    under.store.append(null, entriesOf(3, [2]), () => order.push(4));
    assert.deepEqual(order, []);
    await under.settle();
    assert.deepEqual(order, [1, 2, 3, 4]);
    return under;
  });

  check('entries replace all from the first of them on, also those that are being written', async (under) => {
    await append(under, null, entriesOf(2, [1, 1, 1]));
    under.store.append(null, entriesOf(5, [1, 1, 1]), () => {});
    under.store.append(null, entriesOf(4, [2]), () => {});
    await under.settle();
    const terms = ({ store }: StoreUnderTest): (Term | null)[] => [2, 3, 4, 5, 6, 7].map((index) => store.termAt(index));
    assert.deepEqual(terms(under), [1, 1, 2, null, null, null]);
    const again = await under.reopen();
    assert.deepEqual(terms(again), [1, 1, 2, null, null, null]);
    assert.equal(again.store.lastIndex, 4);
    return again;
  });

  check('entries come as they fit, and at least one', async (under) => {
    await append(under, null, entriesOf(2, [1, 1, 1]));
    assert.equal(under.store.entries(2, 5, 1)?.length, 1);
    assert.equal(under.store.entries(2, 4, PLENTY)?.length, 2);
    assert.equal(under.store.entries(1, 4, PLENTY), null);
    return under;
  });
}

function testSnapshots(check: Check): void {
  check('a snapshot is the newest once it is committed, and the one before it can still be read', async (under) => {
    await append(under, { term: 1, vote: 0, commit: 9 }, entriesOf(2, [1, 1, 1, 1, 1, 1, 1, 1]));
    await takeSnapshot(under, 4, ['a', 'b']);
    await takeSnapshot(under, 8, ['c', 'd', 'e']);
    const expect = ({ store }: StoreUnderTest): void => {
      assert.equal(store.snapshotIndex, 8);
      assert.deepEqual(store.configuration, CONFIGURATION);
      assert.deepEqual([store.snapshot()?.index, store.snapshot()?.term], [8, 1]);
      assert.deepEqual(chunksOf(store, 8), ['c', 'd', 'e']);
      assert.deepEqual(chunksOf(store, 4), ['a', 'b']);
    };
    expect(under);
    const again = await under.reopen();
    expect(again);
    await takeSnapshot(again, 9, ['f']);
    assert.deepEqual([chunksOf(again.store, 9), chunksOf(again.store, 4)], [['f'], []]);
    return again;
  });

  check('a snapshot that is abandoned, or not finished before a restart, was never there', async (under) => {
    await append(under, { term: 1, vote: 0, commit: 3 }, entriesOf(2, [1, 1]));
    const abandoned = under.store.beginSnapshot();
    abandoned.write(Buffer.from('x'), () => {});
    await under.settle();
    abandoned.abandon();
    under.store.beginSnapshot().write(Buffer.from('y'), () => {});
    await under.settle();
    assert.equal(under.store.snapshotIndex, 1);
    const again = await under.reopen();
    assert.equal(again.store.snapshotIndex, 1);
    await takeSnapshot(again, 3, ['z']);
    assert.deepEqual(chunksOf(again.store, 3), ['z']);
    return again;
  });

  check('the log is cut before a snapshot, and the term of the entry before its first one stays known', async (under) => {
    await append(under, { term: 2, vote: 0, commit: 5 }, entriesOf(2, [1, 1, 2, 2, 2]));
    await takeSnapshot(under, 5, ['s']);
    under.store.compact(3);
    under.store.compact(4);
    await under.settle();
    const expect = ({ store }: StoreUnderTest): void => {
      assert.deepEqual([store.firstIndex, store.lastIndex], [5, 6]);
      assert.deepEqual([store.termAt(3), store.termAt(4), store.termAt(5)], [null, 2, 2]);
      assert.equal(store.entries(4, 6, PLENTY), null);
    };
    expect(under);
    const again = await under.reopen();
    expect(again);
    return again;
  });
}

function testIncoming(check: Check): void {
  check('chunks of a leader go on after a restart where they ended', async (under) => {
    const mark = markOf(20, ['k', 'l', 'm']);
    assert.equal(under.store.incoming.begin(mark), 0);
    await writeChunks(under, ['k', 'l']);
    assert.equal(under.store.incoming.isWhole(mark), false);
    const again = await under.reopen();
    assert.equal(again.store.incoming.begin(mark), 2);
    await writeChunks(again, ['m']);
    assert.equal(again.store.incoming.isWhole(mark), true);
    assert.equal(again.store.incoming.begin(mark), 3);
    return again;
  });

  check('chunks of another snapshot, or such that are not what the mark says, are dropped', async (under) => {
    const mark = markOf(20, ['k', 'l']);
    under.store.incoming.begin(mark);
    await writeChunks(under, ['k', 'wrong']);
    assert.equal(under.store.incoming.isWhole(mark), false);
    assert.equal(under.store.incoming.begin(mark), 0);
    await writeChunks(under, ['k']);
    assert.equal(under.store.incoming.begin(markOf(21, ['k', 'l'])), 0);
    return under;
  });

  check('a snapshot that is adopted is the newest, and the log begins after it', async (under) => {
    await append(under, { term: 1, vote: 0, commit: 3 }, entriesOf(2, [1, 1, 1, 1]));
    const mark = markOf(20, ['k', 'l']);
    under.store.incoming.begin(mark);
    await writeChunks(under, ['k', 'l']);
    let isDone = false;
    under.store.adoptIncoming({ term: 6, vote: 1, commit: 20 }, mark, (error) => {
      assert.equal(error, null);
      isDone = true;
    });
    assert.deepEqual([isDone, under.store.snapshotIndex], [false, 1]);
    await under.settle();
    assert.equal(isDone, true);
    const expect = ({ store }: StoreUnderTest): void => {
      assert.deepEqual([store.snapshotIndex, store.firstIndex, store.lastIndex], [20, 21, 20]);
      assert.deepEqual([store.termAt(20), store.termAt(5)], [6, null]);
      assert.deepEqual(store.hardState, { term: 6, vote: 1, commit: 20 });
      assert.deepEqual(store.configuration, CONFIGURATION);
      assert.deepEqual(chunksOf(store, 20), ['k', 'l']);
    };
    expect(under);
    const again = await under.reopen();
    expect(again);
    await append(again, null, entriesOf(21, [6]));
    assert.equal(again.store.lastIndex, 21);
    return again;
  });
}

function entriesOf(first: LogIndex, terms: readonly Term[]): Entry[] {
  return terms.map((term, at) => ({ index: first + at, term, type: 'normal', data: Buffer.from(`entry ${first + at} of ${term}`) }));
}

function plain(entries: readonly Entry[] | null): unknown {
  return entries?.map(({ data, ...rest }) => ({ ...rest, data: Buffer.from(data).toString() }));
}

async function append(under: StoreUnderTest, hardState: HardState | null, entries: readonly Entry[]): Promise<void> {
  under.store.append(hardState, entries, (error) => assert.equal(error, null));
  await under.settle();
}

async function takeSnapshot(under: StoreUnderTest, index: LogIndex, chunks: readonly string[]): Promise<void> {
  const writer = under.store.beginSnapshot();
  for (const chunk of chunks) writer.write(Buffer.from(chunk), (error) => assert.equal(error, null));
  await under.settle();
  writer.commit(index, 1, CONFIGURATION, (error) => assert.equal(error, null));
  await under.settle();
}

async function writeChunks(under: StoreUnderTest, chunks: readonly string[]): Promise<void> {
  for (const chunk of chunks) under.store.incoming.write(Buffer.from(chunk), (error) => assert.equal(error, null));
  await under.settle();
}

function markOf(index: LogIndex, chunks: readonly string[]): SnapshotMark {
  const all = Buffer.from(chunks.join(''));
  const checksum = crc32c(all, 0, all.length);
  return { index, term: 6, configuration: CONFIGURATION, chunkCount: chunks.length, bytes: all.length, checksum };
}

function chunksOf(store: RaftStore, index: LogIndex): string[] {
  const chunks: string[] = [];
  for (let chunk = store.readChunk(index, 0); chunk !== null; chunk = store.readChunk(index, chunks.length)) {
    chunks.push(Buffer.from(chunk).toString());
  }
  return chunks;
}
