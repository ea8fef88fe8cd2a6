import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openLmdbStore } from '../../../src/storage/lmdb/lmdb-store.js';
import { JournalRig } from './rig.js';

test('lmdb: what was committed is there again after a start, sealed or not', async (context) => {
  const directory = mkdtempSync(join(tmpdir(), 'robustmq-journal-'));
  context.after(() => rmSync(directory, { recursive: true, force: true }));
  const rig = new JournalRig({ store: openLmdbStore({ directory, flushDeadlineMs: 5000 }), segmentBytes: 1 << 18, tailBytes: 1000 });
  const expected = new Map<number, string[]>();
  for (let round = 0; round < 300; round += 1) {
    for (let partition = 0; partition < 5; partition += 1) {
      const value = `round ${round} ${'x'.repeat(round % 300)}`;
      rig.append(1, partition, [value]);
      expected.set(partition, [...(expected.get(partition) ?? []), value]);
    }
    await rig.settle();
  }
  for (const [partition, all] of expected) assert.deepEqual(rig.read(1, partition), all);
  await rig.journal.close();
  const store = openLmdbStore({ directory, flushDeadlineMs: 5000 });
  assert.ok(store.list().length >= 2, JSON.stringify(store.list()));
  const again = new JournalRig({ store, segmentBytes: 1 << 18 });
  for (const [partition, all] of expected) assert.deepEqual(again.read(1, partition), all);
  await again.journal.close();
});
