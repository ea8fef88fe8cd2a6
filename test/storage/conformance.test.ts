import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openLmdbStore } from '../../src/storage/lmdb/lmdb-store.js';
import { MemoryDisk } from '../../src/storage/memory-disk.js';
import { openMemoryStore } from '../../src/storage/memory-store.js';
import { lifetimeConformance } from './conformance/lifetime.js';
import { segmentConformance } from './conformance/segments.js';
import type { StoreKind } from './conformance/under-test.js';

const KINDS: readonly StoreKind[] = [
  {
    name: 'memory',
    place: () => {
      const disk = new MemoryDisk();
      return { open: () => openMemoryStore(disk) };
    },
  },
  {
    name: 'lmdb',
    place: (context) => {
      const directory = mkdtempSync(join(tmpdir(), 'robustmq-store-'));
      context.after(() => rmSync(directory, { recursive: true, force: true }));
      return { open: () => openLmdbStore({ directory, flushDeadlineMs: 5000 }) };
    },
  },
];

for (const kind of KINDS) {
  segmentConformance(kind);
  lifetimeConformance(kind);
}
