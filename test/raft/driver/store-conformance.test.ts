import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SeededRandom } from '../../../src/base/random.js';
import { MetadataStore } from '../../../src/metadata/store/metadata-store.js';
import { openMemoryStore } from '../../../src/storage/memory-store.js';
import { EventQueue } from '../../simulation/event-queue.js';
import { SimulatedDisk } from '../../simulation/simulated-disk.js';
import { SimulatedStore } from '../../simulation/simulated-store.js';
import { foundStore } from '../../simulation/store-opening.js';
import { type StoreUnderTest, testRaftStore } from './store-conformance.js';

const FLUSH_DEADLINE_MS = 30_000;
const IDENTITY = { clusterId: 'c', nodeId: 1, uuid: 'u' };

testRaftStore('table in memory', async (voters) => {
  const disk = openMemoryStore();
  const store = new MetadataStore(disk);
  await store.found({ kind: 'first-voters', identity: IDENTITY, voters });
  const open = (opened: MetadataStore): StoreUnderTest => ({
    ...underTest(opened),
    reopen: async () => open(new MetadataStore(disk)),
    close: async () => {},
  });
  return open(store);
});

testRaftStore('table in LMDB', async (voters) => {
  const directory = mkdtempSync(join(tmpdir(), 'raft-store-'));
  const store = MetadataStore.open(directory, FLUSH_DEADLINE_MS);
  await store.found({ kind: 'first-voters', identity: IDENTITY, voters });
  const open = (opened: MetadataStore): StoreUnderTest => ({
    ...underTest(opened),
    reopen: async () => {
      await opened.close();
      return open(MetadataStore.open(directory, FLUSH_DEADLINE_MS));
    },
    close: async () => {
      await opened.close();
      rmSync(directory, { recursive: true });
    },
  });
  return open(store);
});

testRaftStore('simulated', async (voters) => {
  const events = new EventQueue();
  const disk = new SimulatedDisk(events, new SeededRandom(1), { sectorBytes: 512, flushMs: 1 });
  foundStore(disk, voters);
  const open = (): StoreUnderTest => {
    const store = new SimulatedStore({ disk, events, segmentBytes: 200, onEntry: () => {} });
    const settle = async (): Promise<void> => events.runUntil(events.nowMs + 1000, () => false);
    const reopen = async (): Promise<StoreUnderTest> => {
      disk.crash();
      return open();
    };
    return { store, settle, reopen, close: async () => {} };
  };
  return open();
});

function underTest(opened: MetadataStore): Pick<StoreUnderTest, 'store' | 'settle'> {
  const store = opened.openLog();
  const allBefore = (): Promise<void> =>
    new Promise((resolve, reject) => {
      store.append(null, [], (error) => (error === null ? resolve() : reject(error)));
    });
  // Compaction goes on by itself when the first write of it is done.
  const settle = async (): Promise<void> => {
    for (let round = 0; round < 3; round += 1) await allBefore();
  };
  return { store, settle };
}
