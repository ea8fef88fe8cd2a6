import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MetadataStore } from '../../../src/metadata/store/metadata-store.js';
import { ROW, rowKey } from '../../../src/metadata/store/rows.js';
import type { TableRaftStore } from '../../../src/metadata/store/table-raft-store.js';
import type { Entry, LogIndex } from '../../../src/raft/messages.js';
import { openMemoryStore } from '../../../src/storage/memory-store.js';
import type { SegmentStore } from '../../../src/storage/ports.js';

const IDENTITY = { clusterId: 'c', nodeId: 1, uuid: 'u' };
const LAST = 10;

/** Entries 2 to LAST, of which a snapshot has those up to `snapshotIndex`; the row of one is not what was written. */
async function damagedAt(index: LogIndex, snapshotIndex: LogIndex): Promise<TableRaftStore> {
  const disk = openMemoryStore();
  const store = new MetadataStore(disk);
  await store.found({ kind: 'first-voters', identity: IDENTITY, voters: [1, 2, 3] });
  const log = store.openLog();
  const entries = Array.from({ length: LAST - 1 }, (_, at): Entry => ({ index: at + 2, term: 1, type: 'normal', data: Buffer.from('x') }));
  log.append({ term: 1, vote: 0, commit: LAST }, entries, () => {});
  const writer = log.beginSnapshot();
  writer.write(Buffer.from('state'), () => {});
  await new Promise<void>((resolve) => {
    writer.commit(snapshotIndex, 1, log.configuration, () => resolve());
  });
  await damage(disk, index);
  return new MetadataStore(disk).openLog();
}

function damage(disk: SegmentStore, index: LogIndex): Promise<void> {
  return new Promise((resolve) => {
    disk.table.apply([{ key: rowKey(ROW.entry, 0, index), value: Buffer.from('?') }], () => resolve());
  });
}

test('metadata store: of a damaged log what is before the damage stays, and it is known up to where there was more', async () => {
  const log = await damagedAt(7, 4);
  assert.deepEqual([log.snapshotIndex, log.lastIndex, log.damagedUpTo], [4, 6, LAST]);
});

test('metadata store: a log that is damaged before its snapshot begins anew after it', async () => {
  const log = await damagedAt(5, 8);
  assert.deepEqual([log.snapshotIndex, log.firstIndex, log.lastIndex, log.damagedUpTo], [8, 9, 8, LAST]);
  assert.deepEqual([log.hardState.commit, log.termAt(8)], [8, 1]);
});
