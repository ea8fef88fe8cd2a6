import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PartitionSettings } from '../../../src/journal/ports.js';
import { MemoryDisk } from '../../../src/storage/memory-disk.js';
import { openMemoryStore } from '../../../src/storage/memory-store.js';
import { eventually } from '../../resilience/deadline.js';
import { JournalRig, SETTINGS } from './rig.js';

const values = (from: number, to: number): string[] => Array.from({ length: to - from }, (_, i) => `value ${from + i}`);

test('what is committed can be read, and what is not cannot', async () => {
  const rig = new JournalRig({ store: openMemoryStore() });
  assert.equal(rig.append(1, 0, values(0, 3)), 0);
  assert.deepEqual(rig.read(1, 0), []);
  await rig.settle();
  assert.deepEqual(rig.committed, [1]);
  assert.deepEqual(rig.read(1, 0), values(0, 3));
  assert.equal(rig.append(1, 0, values(3, 5)), 3);
  await rig.settle();
  assert.deepEqual(rig.read(1, 0, 2), values(2, 5));
  assert.equal(rig.journal.pendingBytes, 0);
});

test('many partitions in many segments are there again after a start', async () => {
  const disk = new MemoryDisk();
  const store = openMemoryStore(disk);
  const rig = new JournalRig({ store, segmentBytes: 1 << 14 });
  const expected = new Map<number, string[]>();
  for (let round = 0; round < 200; round += 1) {
    for (let partition = 0; partition < 7; partition += 1) {
      const some = values(round * 10, round * 10 + ((round + partition) % 4));
      if (some.length > 0) rig.append(1, partition, some);
      expected.set(partition, [...(expected.get(partition) ?? []), ...some]);
    }
    await rig.settle();
  }
  assert.ok(store.list().length > 5, `${store.list().length} segments`);
  for (const [partition, all] of expected) assert.deepEqual(rig.read(1, partition), all);
  await rig.journal.close();
  const again = new JournalRig({ store: openMemoryStore(disk), segmentBytes: 1 << 14 });
  for (const [partition, all] of expected) {
    assert.deepEqual(again.read(1, partition), all);
    assert.deepEqual(again.read(1, partition, 40), all.slice(40));
    assert.equal(again.append(1, partition, ['more']), all.length);
  }
});

test('journal: what is of streams with an interval only waits for more of it; with anything else it goes at once', async () => {
  const rig = new JournalRig({ store: openMemoryStore() });
  const interval: PartitionSettings = { ...SETTINGS, flush: 'interval' };
  rig.append(1, 0, ['a'], 'k', interval);
  rig.journal.flush();
  assert.equal(rig.journal.openCommit, 1, 'nobody waits for it');
  await eventually('the interval passes', () => rig.committed.length === 1);
  rig.append(1, 0, ['b'], 'k', interval);
  rig.append(2, 0, ['c']);
  rig.journal.flush();
  assert.equal(rig.journal.openCommit, 3);
  await rig.settle();
  assert.deepEqual(rig.read(1, 0), ['a', 'b']);
  await rig.journal.close();
});
