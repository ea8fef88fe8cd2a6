import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { checksum } from '../../../src/journal/batch/checksum.js';
import { decodeSums, differenceOf, encodeSums, SUM_PIECE_BYTES, sumFile } from '../../../src/storage/lmdb/file-sums.js';
import { sumsKey } from '../../../src/storage/lmdb/keys.js';
import { openLmdbStore } from '../../../src/storage/lmdb/lmdb-store.js';
import { LmdbTable } from '../../../src/storage/lmdb/lmdb-table.js';
import type { SegmentStore } from '../../../src/storage/ports.js';
import { answerOf, append, bytesOf, entriesOf, entryOf, seal } from '../conformance/under-test.js';
import { flipBit, newDirectory, segmentPath, storedSums, summed } from './lane-directory.js';

const DEADLINE = { flushDeadlineMs: 5000 };

async function fillSegment(store: SegmentStore, id: number, entries: number): Promise<void> {
  const segment = store.create(id);
  for (let index = 1; index <= entries; index += 1) await append(segment, [entryOf(1, index, 100), entryOf(2, index, 5000)]);
  await seal(segment, [[bytesOf('footer'), bytesOf('value')]]);
}

async function sealedDirectory(context: TestContext, entries: number): Promise<string> {
  const directory = newDirectory(context);
  const store = openLmdbStore({ directory, ...DEADLINE });
  await fillSegment(store, 1, entries);
  await summed(directory, [1]);
  await store.close();
  return directory;
}

test('file sums: a sealed segment is summed, and its file never changes again', async (context) => {
  const directory = newDirectory(context);
  const store = openLmdbStore({ directory, ...DEADLINE });
  await fillSegment(store, 1, 50);
  await summed(directory, [1]);
  const sealed = readFileSync(segmentPath(directory, 1));
  await fillSegment(store, 2, 10);
  assert.equal(entriesOf(store.open(1)).length, 100);
  await summed(directory, [1, 2]);
  await store.close();
  for (let round = 0; round < 3; round += 1) {
    const again = openLmdbStore({ directory, ...DEADLINE });
    again.list();
    assert.equal(entriesOf(again.open(1)).length, 100);
    await again.close();
  }
  assert.ok(readFileSync(segmentPath(directory, 1)).equals(sealed));
  const found = await sumFile(segmentPath(directory, 1));
  assert.deepEqual(found, storedSums(directory).get(1));
});

test('file sums: a segment whose sums were lost with the process is summed at the next start', async (context) => {
  const directory = await sealedDirectory(context, 20);
  const sums = storedSums(directory).get(1);
  const lost = openLmdbStore({ directory, ...DEADLINE });
  const { table } = lost;
  assert.ok(table instanceof LmdbTable);
  assert.equal(await answerOf((done) => table.applyOwn(sumsKey(1), null, done)), null);
  await lost.close();
  assert.equal(storedSums(directory).size, 0);
  const store = openLmdbStore({ directory, ...DEADLINE });
  store.list();
  await summed(directory, [1]);
  assert.deepEqual(storedSums(directory).get(1), sums);
  await store.close();
});

test('file sums: those of a removed segment go with it, and nobody else sees them', async (context) => {
  const directory = await sealedDirectory(context, 5);
  const store = openLmdbStore({ directory, ...DEADLINE });
  store.table.scan(new Uint8Array(0), () => assert.fail('a row of the store was shown'));
  store.remove(1);
  await store.close();
  assert.equal(storedSums(directory).size, 0);
});

test('file sums: every single bit of a small sealed file that is flipped is found', async (context) => {
  const directory = await sealedDirectory(context, 1);
  const stored = storedSums(directory).get(1);
  assert.ok(stored !== undefined && stored.pieces.length === 1);
  const bytes = readFileSync(segmentPath(directory, 1));
  let found = 0;
  for (let bit = 0; bit < bytes.length * 8; bit += 1) {
    bytes[bit >>> 3] ^= 1 << (bit & 7);
    if (checksum(bytes, 0, bytes.length) !== stored.pieces[0]) found += 1;
    bytes[bit >>> 3] ^= 1 << (bit & 7);
  }
  context.diagnostic(`${found} of ${bytes.length * 8} bits`);
  assert.equal(found, bytes.length * 8);
});

test('file sums: say in which MiB a file is wrong, or that its length is', async (context) => {
  const path = join(newDirectory(context), 'file');
  writeFileSync(path, Buffer.alloc(3 * SUM_PIECE_BYTES + 77, 'abc'));
  const sums = await sumFile(path);
  assert.ok(sums !== null);
  assert.equal(sums.pieces.length, 4);
  for (const [bit, piece] of [
    [5, 0],
    [8 * SUM_PIECE_BYTES, 1],
    [8 * (3 * SUM_PIECE_BYTES + 76) + 7, 3],
  ]) {
    flipBit(path, bit);
    const found = await sumFile(path);
    assert.match(differenceOf(sums, found ?? sums) ?? '', new RegExp(`^1 of 4 MiB .*number ${piece}$`));
    flipBit(path, bit);
  }
  const back = await sumFile(path);
  assert.equal(differenceOf(sums, back ?? { bytes: 0, pieces: new Uint32Array(0) }), null);
  writeFileSync(path, Buffer.alloc(3 * SUM_PIECE_BYTES + 76, 'abc'));
  assert.match(differenceOf(sums, (await sumFile(path)) ?? sums) ?? '', /bytes/);
  assert.equal(await sumFile(path, () => false), null);
});

test('file sums: their stored form has a checksum of its own', () => {
  const sums = { bytes: 2 * SUM_PIECE_BYTES + 1, pieces: Uint32Array.of(1, 0xffff_ffff, 3) };
  const value = encodeSums(sums);
  assert.deepEqual(decodeSums(value), sums);
  for (let bit = 0; bit < value.length * 8; bit += 1) {
    const wrong = Buffer.from(value);
    wrong[bit >>> 3] ^= 1 << (bit & 7);
    assert.equal(decodeSums(wrong), null);
  }
  for (let length = 0; length < value.length; length += 1) assert.equal(decodeSums(value.subarray(0, length)), null);
});
