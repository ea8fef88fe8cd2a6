import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemoryDisk } from '../../src/storage/memory-disk.js';
import { openMemoryStore } from '../../src/storage/memory-store.js';
import { answerOf, append, bytesOf, entriesOf, entryOf, seal } from './conformance/under-test.js';
import { FaultyStore } from './faulty-store.js';

function faulty(): { disk: MemoryDisk; store: FaultyStore } {
  const disk = new MemoryDisk();
  return { disk, store: new FaultyStore(openMemoryStore(disk)) };
}

test('faulty store: without a fault it does what the store behind does', async () => {
  const { store } = faulty();
  const segment = store.create(1);
  await append(segment, [entryOf(1, 1), entryOf(2, 1)]);
  await append(segment, [entryOf(1, 2)]);
  await seal(segment, [[bytesOf('f'), bytesOf('v')]]);
  assert.deepEqual(entriesOf(store.open(1)), ['1.1', '1.2', '2.1']);
  assert.equal(store.writes, 3);
  await store.close();
});

test('faulty store: from the n-th write on everything fails with the same error, and nothing is written', async () => {
  const { store } = faulty();
  const segment = store.create(1);
  store.failWrite(2);
  await append(segment, [entryOf(1, 1)]);
  for (const index of [2, 3]) assert.equal((await answerOf((done) => segment.append([entryOf(1, index)], done)))?.fault, 'io-error');
  assert.equal((await answerOf((done) => store.table.apply([], done)))?.fault, 'io-error');
  assert.deepEqual(entriesOf(segment), ['1.1']);
});

test('faulty store: of a torn write the first entries are there', async () => {
  const { store } = faulty();
  const segment = store.create(1);
  store.tearWrite(1, 2);
  const answer = await answerOf((done) => segment.append([entryOf(1, 1), entryOf(2, 1), entryOf(3, 1)], done));
  assert.equal(answer?.fault, 'io-error');
  assert.deepEqual(entriesOf(segment), ['1.1', '2.1']);
});

test('faulty store: a full disk refuses writes until there is room', async () => {
  const { store } = faulty();
  const segment = store.create(1);
  store.fillDisk();
  assert.equal(store.freeBytes(), 0);
  assert.equal((await answerOf((done) => segment.append([entryOf(1, 1)], done)))?.fault, 'disk-full');
  assert.throws(() => store.create(2), { fault: 'disk-full' });
  store.freeDisk();
  await append(segment, [entryOf(1, 1)]);
});

test('faulty store: held writes are answered in order, as many as are released', async () => {
  const { store } = faulty();
  const segment = store.create(1);
  store.hold();
  const answered: number[] = [];
  const answers = [1, 2, 3].map((index) => answerOf((done) => segment.append([entryOf(1, index)], done)).then(() => answered.push(index)));
  assert.equal(store.held, 3);
  store.release(2);
  await Promise.all(answers.slice(0, 2));
  assert.deepEqual(answered, [1, 2]);
  assert.deepEqual(entriesOf(segment), ['1.1', '1.2']);
  store.release();
  await answers[2];
  await append(segment, [entryOf(1, 4)]);
});

test('faulty store: what waits too long fails, and what follows too', async () => {
  const { store } = faulty();
  const segment = store.create(1);
  store.hold();
  const answer = answerOf((done) => segment.append([entryOf(1, 1)], done));
  store.expire();
  assert.equal((await answer)?.fault, 'too-slow');
  assert.equal((await answerOf((done) => segment.append([entryOf(1, 2)], done)))?.fault, 'too-slow');
});

test('faulty store: a crash loses what waits, but for what happened to reach the disk, and answers nobody', async () => {
  const { disk, store } = faulty();
  const segment = store.create(1);
  await append(segment, [entryOf(1, 1)]);
  store.hold();
  let answers = 0;
  for (const index of [2, 3, 4]) segment.append([entryOf(1, index)], () => (answers += 1));
  await store.crash((waiting) => waiting === 1);
  assert.equal(answers, 0);
  assert.deepEqual(entriesOf(openMemoryStore(disk).reopen(1)), ['1.1', '1.3']);
});
