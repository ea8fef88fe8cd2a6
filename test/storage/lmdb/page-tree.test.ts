import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { SeededRandom } from '../../../src/base/random.js';
import { contentOf } from '../../../src/storage/lmdb/checked-value.js';
import { checkLmdbFile, LmdbFile } from '../../../src/storage/lmdb/file-check.js';
import { openLmdbStore } from '../../../src/storage/lmdb/lmdb-store.js';
import type { SegmentEntry, TableChange } from '../../../src/storage/ports.js';
import { crc32c } from '../../../src/wire/crc32c.js';
import { append, apply, bytesOf, seal, textOf } from '../conformance/under-test.js';

const SEED = Number(process.env.SEED ?? Math.trunc(Math.random() * 1e6));
const LENGTHS = [0, 7, 60, 400, 1900, 2100, 4072, 4073, 9000, 70_000];

function directoryOf(context: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'robustmq-tree-'));
  context.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

function randomBytes(random: SeededRandom, length: number): Uint8Array {
  return new Uint8Array(length).fill(random.below(256));
}

function lineOf(key: Uint8Array, value: Uint8Array): string {
  return `${textOf(key)} ${value.length} ${crc32c(value, 0, value.length)}`;
}

test(`page tree: finds nothing wrong with a table that changes at random, and reads what LMDB reads (seed ${SEED})`, async (context) => {
  const random = new SeededRandom(SEED);
  const directory = directoryOf(context);
  const path = join(directory, 'table.mdb');
  const store = openLmdbStore({ directory, flushDeadlineMs: 5000 });
  for (let round = 0; round < 80; round += 1) {
    const count = 1 + random.below(random.below(8) === 0 ? 400 : 12);
    const changes: TableChange[] = [];
    for (let i = 0; i < count; i += 1) {
      const key = bytesOf(`key ${random.below(600)}`.padEnd(random.below(60), 'k'));
      const value = random.below(3) === 0 ? null : randomBytes(random, LENGTHS[random.below(LENGTHS.length - (count > 20 ? 3 : 0))]);
      changes.push({ key, value });
    }
    await apply(store.table, changes);
    checkLmdbFile(path, 'table');
  }
  const expected: string[] = [];
  store.table.scan(new Uint8Array(0), (key, value) => expected.push(lineOf(key, value)) > 0);
  const found: string[] = [];
  const file = new LmdbFile(path, 'table');
  file.walk((node) => found.push(lineOf(node.key, contentOf(node.value()))) > 0);
  file.close();
  assert.ok(expected.length > 50);
  assert.deepEqual(found, expected);
  await store.close();
});

test(`page tree: finds nothing wrong with a segment at any time of its life (seed ${SEED})`, async (context) => {
  const random = new SeededRandom(SEED);
  const directory = directoryOf(context);
  const path = join(directory, 'segment-0000000001.mdb');
  const store = openLmdbStore({ directory, flushDeadlineMs: 5000 });
  const segment = store.create(1);
  const next = new Map<number, number>();
  for (let round = 0; round < 100; round += 1) {
    const entries: SegmentEntry[] = [];
    for (let group = 0; group < 12; group += 1) {
      if (random.below(3) === 0) continue;
      const index = (next.get(group) ?? 0) + 1;
      next.set(group, index);
      entries.push({ group, index, bytes: randomBytes(random, LENGTHS[random.below(LENGTHS.length)]) });
    }
    await append(segment, entries);
    checkLmdbFile(path, 'segment');
  }
  const footers = Array.from(
    { length: 500 },
    (_, i) => [bytesOf(`footer ${String(i).padStart(4, '0')}`), randomBytes(random, random.below(5000))] as const,
  );
  await seal(segment, footers);
  checkLmdbFile(path, 'segment');
  await store.close();
  checkLmdbFile(path, 'segment');
});
