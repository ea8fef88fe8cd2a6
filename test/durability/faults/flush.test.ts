import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { SeededRandom } from '../../../src/base/random.js';
import { openLmdbStore } from '../../../src/storage/lmdb/lmdb-store.js';
import { MemoryDisk } from '../../../src/storage/memory-disk.js';
import { openMemoryStore } from '../../../src/storage/memory-store.js';
import type { SegmentStore } from '../../../src/storage/ports.js';
import { FaultyStore } from '../../storage/faulty-store.js';
import { newDirectory } from '../../storage/lmdb/lane-directory.js';
import { Ledger, LedgerRig, until } from './ledger-rig.js';

/*
  Rows of the fault catalogue (reliability, section 6.1) about flushes of one node, against a real journal.
*/

const SEED = Number(process.env.SEED ?? Math.trunc(Math.random() * 1e6));
const KINDS = ['memory', 'lmdb'] as const;

/** Opens the same place again and again. */
function placeOf(kind: (typeof KINDS)[number], context: TestContext): () => SegmentStore {
  if (kind === 'memory') {
    const disk = new MemoryDisk();
    return () => openMemoryStore(disk);
  }
  const directory = newDirectory(context);
  return () => openLmdbStore({ directory, flushDeadlineMs: 5000 });
}

async function failsAt(open: () => SegmentStore, number: number, plan: (store: FaultyStore) => void): Promise<void> {
  const ledger = new Ledger();
  const store = new FaultyStore(open());
  plan(store);
  const rig = new LedgerRig({ store, segmentBytes: 1 << 13, ledger });
  for (let round = 0; round < number + 3 && rig.journal.state === 'writable'; round += 1) {
    for (let partition = 0; partition < 5; partition += 1) rig.put(partition, 1 + (round % 3), 200);
    rig.journal.flush();
    await until('the commit is over', () => rig.journal.closedCommit === rig.journal.openCommit - 1);
  }
  await until('the journal failed', () => rig.journal.state === 'failed');
  const { writes } = store;
  const committed = ledger.committedCount;
  for (let partition = 0; partition < 5; partition += 1) rig.put(partition);
  for (let turn = 0; turn < 20; turn += 1) {
    rig.journal.flush();
    rig.journal.onTick(rig.clock.nowMs());
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.equal(store.writes, writes, 'nothing is tried again');
  assert.equal(ledger.committedCount, committed, 'nothing is acknowledged after it');
  assert.deepEqual(rig.late, []);
  assert.equal(rig.states.at(-1), 'failed');
  for (const [, why] of rig.failed) assert.equal(why, 'failed');
  rig.expectNothingWrong();
  await store.crash();
  const again = new LedgerRig({ store: open(), segmentBytes: 1 << 13, ledger });
  again.expectEverything();
  again.put(0);
  await again.settle();
  again.expectEverything();
  await again.journal.close();
}

for (const kind of KINDS) {
  test(`fault 6, ${kind}: EIO at the n-th write fails the journal for good, and everything acknowledged is there after a start`, async (context) => {
    for (let number = 1; number <= 12; number += 1) await failsAt(placeOf(kind, context), number, (store) => store.failWrite(number));
  });

  test(`fault 4, ${kind}: a torn write of which some entries reached the disk damages nothing`, async (context) => {
    for (const [number, parts] of [
      [1, 1],
      [2, 3],
      [5, 2],
    ])
      await failsAt(placeOf(kind, context), number, (store) => store.tearWrite(number, parts));
  });

  test(`fault 8, ${kind}: a flush that is slower than its deadline fails the journal, and is not acknowledged later`, async (context) => {
    const open = placeOf(kind, context);
    const store = new FaultyStore(open());
    const rig = new LedgerRig({ store });
    rig.put(1, 3);
    await rig.settle();
    store.hold();
    rig.put(1, 3);
    rig.journal.flush();
    assert.equal(rig.journal.closedCommit, 1);
    store.expire();
    await until('the journal failed', () => rig.journal.state === 'failed');
    assert.deepEqual(rig.failed, [[2, 'failed']]);
    assert.equal(rig.ledger.committedCount, 3);
    assert.equal(rig.expectNothingWrong(), 0);
    await store.crash();
  });

  test(`fault 8, ${kind}: a slow flush holds up acknowledgements, not readers, and later commits wait their turn`, async (context) => {
    const store = new FaultyStore(placeOf(kind, context)());
    const rig = new LedgerRig({ store });
    rig.put(1, 2);
    await rig.settle();
    store.hold();
    for (let commit = 0; commit < 4; commit += 1) {
      rig.put(1, 1, 200_000); // So much waits that the next commit does not wait for it.
      rig.journal.flush();
    }
    assert.equal(store.held, 4);
    assert.equal(rig.records(1).records.size, 2);
    for (let commit = 2; commit <= 5; commit += 1) {
      store.release(1);
      await until(`commit ${commit}`, () => rig.journal.closedCommit === commit);
    }
    store.release();
    rig.expectEverything();
    await rig.journal.close();
  });

  test(`faults 1 and 4, ${kind}: after a crash every committed record is there, and what was not flushed damages nothing (seed ${SEED})`, async (context) => {
    const random = new SeededRandom(SEED);
    const open = placeOf(kind, context);
    const ledger = new Ledger();
    for (let life = 0; life < 8; life += 1) {
      const store = new FaultyStore(open());
      const rig = new LedgerRig({ store, segmentBytes: 1 << 14, ledger });
      rig.expectEverything();
      for (let round = random.below(20); round > 0; round -= 1) {
        for (let partition = 0; partition < 6; partition += 1)
          if (random.below(2) === 0) rig.put(partition, 1 + random.below(4), 20 + random.below(3000));
        await rig.settle();
      }
      store.hold();
      for (let flights = random.below(5); flights > 0; flights -= 1) {
        rig.put(random.below(6), 40, 4000);
        rig.journal.flush();
      }
      const kept = random.below(3);
      // What is on its way becomes durable in order: the first of them may have.
      await store.crash((waiting) => waiting < kept);
    }
    const last = new LedgerRig({ store: open(), ledger });
    last.expectEverything();
    await last.journal.close();
  });
}
