import assert from 'node:assert/strict';
import { rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { openLmdbStore } from '../../../src/storage/lmdb/lmdb-store.js';
import { MemoryDisk } from '../../../src/storage/memory-disk.js';
import { openMemoryStore } from '../../../src/storage/memory-store.js';
import { mountSmall } from '../../durability/mounts.js';
import { FaultyStore } from '../../storage/faulty-store.js';
import { LedgerRig, until } from './ledger-rig.js';

/*
  Row 7 of the fault catalogue: a full disk.
*/

const needsRoot: string | false = process.getuid?.() === 0 ? false : 'needs root: it mounts a file system';
const MIB = 2 ** 20;

test('fault 7: with a full disk the journal is full, reads go on, and it writes again when there is room, without a start', async () => {
  const disk = new MemoryDisk();
  const store = new FaultyStore(openMemoryStore(disk));
  const rig = new LedgerRig({ store, segmentBytes: 1 << 13 });
  const tick = (): void => {
    rig.clock.advance(1000);
    rig.journal.onTick(rig.clock.nowMs());
  };
  for (let round = 0; round < 20; round += 1) {
    rig.put(round % 3, 2, 300);
    await rig.settle();
  }
  const before = rig.ledger.committedCount;
  store.fillDisk();
  rig.put(0);
  rig.put(1);
  rig.journal.flush();
  await until('the journal is full', () => rig.journal.state === 'full');
  assert.deepEqual(
    rig.failed.map(([, why]) => why),
    ['full'],
  );
  assert.equal(rig.ledger.committedCount, before);
  assert.equal(rig.expectNothingWrong(), 0);
  const { writes } = store;
  for (let second = 0; second < 5; second += 1) {
    rig.journal.flush();
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.equal(store.writes, writes, 'it does not write while it is full');
  store.freeDisk();
  tick();
  assert.equal(rig.journal.state, 'writable');
  assert.deepEqual(rig.states, ['full', 'writable']);
  for (let round = 0; round < 20; round += 1) {
    rig.put(round % 3, 2, 300);
    await rig.settle();
    tick();
  }
  rig.expectEverything();
  await rig.journal.close();
  const again = new LedgerRig({ store: openMemoryStore(disk), ledger: rig.ledger });
  again.expectEverything();
});

test('fault 7: a segment that could not be sealed because the disk was full is sealed when there is room', async () => {
  const disk = new MemoryDisk();
  const store = new FaultyStore(openMemoryStore(disk));
  const rig = new LedgerRig({ store, segmentBytes: 1 << 13 });
  for (let full = 0; full < 6; full += 1) {
    for (let round = 0; round < 2; round += 1) {
      rig.put(round % 3, 2, 3000);
      rig.journal.flush();
      await until('the commit is over', () => rig.journal.closedCommit === rig.journal.openCommit - 1);
      if (round === 0) store.fillDisk();
    }
    store.freeDisk();
    rig.clock.advance(1000);
    rig.journal.onTick(rig.clock.nowMs());
    await until('it is writable', () => rig.journal.state === 'writable');
  }
  rig.put(0);
  await rig.settle();
  rig.journal.onTick(rig.clock.nowMs());
  await until('all but the last are sealed', () => store.list().filter(({ isSealed }) => !isSealed).length <= 1);
  rig.expectEverything();
  await rig.journal.close();
});

test('fault 7: a real full disk under LMDB refuses, serves what it has, and goes on when there is room', {
  skip: needsRoot,
}, async (context) => {
  const mount = mountSmall(context, 24);
  const directory = join(mount, 'lane');
  const rig = new LedgerRig({ store: openLmdbStore({ directory, flushDeadlineMs: 5000 }), segmentBytes: 2 * MIB, tailBytes: 1 << 16 });
  for (let round = 0; rig.journal.state === 'writable' && round < 2000; round += 1) {
    rig.put(round % 4, 3, 9000);
    rig.journal.flush();
    await until('the commit is over', () => rig.journal.closedCommit === rig.journal.openCommit - 1);
  }
  assert.equal(rig.journal.state, 'full');
  assert.ok(rig.failed.length >= 1);
  assert.ok(rig.ledger.committedCount > 500);
  assert.equal(rig.expectNothingWrong(), 0, 'reads go on');
  await rig.journal.close();
  const restarted = new LedgerRig({
    store: openLmdbStore({ directory, flushDeadlineMs: 5000 }),
    segmentBytes: 2 * MIB,
    tailBytes: 1 << 16,
    ledger: rig.ledger,
  });
  assert.equal(restarted.expectNothingWrong(), 0, 'a start on a full disk serves what there is');
  await restarted.journal.close();
});

test('fault 7: LMDB writes again after a full disk, in the same process and the same file', { skip: needsRoot }, async (context) => {
  const mount = mountSmall(context, 24);
  const ballast = join(mount, 'ballast');
  const rig = new LedgerRig({
    store: openLmdbStore({ directory: join(mount, 'lane'), flushDeadlineMs: 5000 }),
    segmentBytes: 8 * MIB,
    tailBytes: 1 << 16,
    freeSpaceMin: 64 * 1024,
  });
  rig.put(0, 3, 9000);
  await rig.settle();
  for (let time = 0; time < 3; time += 1) {
    const { bavail, bsize } = statfsSync(mount);
    writeFileSync(ballast, Buffer.alloc(bavail * bsize - 40_000));
    rig.put(1, 30, 9000);
    rig.journal.flush();
    await until('the journal is full', () => rig.journal.state === 'full');
    assert.equal(rig.expectNothingWrong(), 0);
    rmSync(ballast);
    rig.clock.advance(1100);
    rig.journal.onTick(rig.clock.nowMs());
    assert.equal(rig.journal.state, 'writable');
    for (let round = 0; round < 10; round += 1) {
      rig.put(round % 3, 2, 9000);
      await rig.settle();
    }
    assert.equal(rig.expectNothingWrong(), 0);
  }
  assert.equal(rig.failed.length, 3);
  await rig.journal.close();
});
