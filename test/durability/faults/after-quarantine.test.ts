import assert from 'node:assert/strict';
import { truncateSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { openLmdbStore } from '../../../src/storage/lmdb/lmdb-store.js';
import { newDirectory, segmentPath } from '../../storage/lmdb/lane-directory.js';
import { LedgerRig, until } from './ledger-rig.js';

/*
  Row 5 of the fault catalogue, the day after: a segment was set aside, and the journal goes on.
*/

function rigOn(directory: string): LedgerRig {
  return new LedgerRig({ store: openLmdbStore({ directory, flushDeadlineMs: 5000 }), segmentBytes: 1 << 20 });
}

/** A lane whose active segment is damaged, though a checkpoint of its tables was taken from it. */
async function damagedLane(context: TestContext): Promise<string> {
  const directory = newDirectory(context);
  const rig = rigOn(directory);
  const [group] = rig.journal.groups;
  const table = group.table('state');
  for (let round = 0; round < 30; round += 1) {
    table.put('key', Buffer.from(`old ${round}`));
    rig.put(0);
    rig.put(1);
    rig.put(2);
    rig.put(3);
    await rig.settle();
  }
  group.tables.requestCheckpoint();
  await until('the checkpoint is taken', () => {
    rig.clock.advance(100);
    rig.journal.onTick(rig.clock.nowMs());
    rig.journal.flush();
    return group.tables.checkpointedIndex >= 30;
  });
  await rig.journal.close();
  truncateSync(segmentPath(directory, 1), 9000);
  return directory;
}

test('fault 5: what is written to tables after a segment was set aside is there after the next start', async (context) => {
  const directory = await damagedLane(context);
  const rig = rigOn(directory);
  assert.equal(rig.journal.corruptEntries, 1);
  rig.journal.groups[0].table('state').put('key', Buffer.from('new'));
  await rig.settle();
  await rig.journal.close();
  const again = rigOn(directory);
  assert.equal(Buffer.from(again.journal.groups[0].table('state').get('key') ?? []).toString(), 'new');
  await again.journal.close();
});

test('fault 5: sequences of records that were in a segment that was set aside are not given again', async (context) => {
  const directory = await damagedLane(context);
  const rig = rigOn(directory);
  for (const { nextSequence, id } of rig.journal.groups) assert.ok(nextSequence >= 30, `group ${id} begins again at ${nextSequence}`);
  await rig.journal.close();
});
