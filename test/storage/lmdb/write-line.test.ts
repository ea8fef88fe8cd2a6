import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WriteLine } from '../../../src/storage/lmdb/write-line.js';
import { answerOf } from '../conformance/under-test.js';

const FOREVER_MS = 1e9;
const ROOM = 1000;

function newLine(deadlineMs = FOREVER_MS, hasRoom: (bytes: number) => boolean = () => true): WriteLine {
  return new WriteLine({ deadlineMs, hasRoom });
}

test('write line: answers come in order, whichever write is over first', async () => {
  const line = newLine();
  const order: number[] = [];
  const ends: (() => void)[] = [];
  const answers = [0, 1, 2].map((i) =>
    answerOf((done) =>
      line.push(
        ROOM,
        () => new Promise<void>((resolve) => ends.push(resolve)),
        (error) => {
          order.push(i);
          done(error);
        },
      ),
    ),
  );
  for (const i of [2, 1, 0]) ends[i]();
  assert.deepEqual(await Promise.all(answers), [null, null, null]);
  assert.deepEqual(order, [0, 1, 2]);
  line.close();
});

test('write line: after an error everything fails with it, and no write is begun any more', async () => {
  const line = newLine();
  let begun = 0;
  const write = (error: Error | null) => (): Promise<void> => {
    begun += 1;
    return error === null ? Promise.resolve() : Promise.reject(error);
  };
  const eio = Object.assign(new Error('i/o error'), { code: 'EIO' });
  const answers = [eio, null].map((error) => answerOf((done) => line.push(ROOM, write(error), done)));
  const [first, second] = await Promise.all(answers);
  assert.equal(first?.fault, 'io-error');
  assert.match(first?.message ?? '', /EIO/);
  assert.equal(second, first);
  assert.equal(await answerOf((done) => line.push(ROOM, write(null), done)), first);
  assert.equal(begun, 2);
  line.close();
});

test('write line: a full disk fails the write alone', async () => {
  const line = newLine();
  const full = new Error('Commit failed (see commitError for details)');
  Object.assign(full, { commitError: Promise.reject(new Error('No space left on device')) });
  assert.equal((await answerOf((done) => line.push(ROOM, () => Promise.reject(full), done)))?.fault, 'disk-full');
  assert.equal(await answerOf((done) => line.push(ROOM, () => Promise.resolve(), done)), null);
  line.close();
});

test('write line: a write that is not over within its deadline fails, and its late success changes nothing', async () => {
  const line = newLine(1);
  let end = (): void => {};
  let calls = 0;
  const answer = await answerOf((done) =>
    line.push(
      ROOM,
      () =>
        new Promise<void>((resolve) => {
          end = resolve;
        }),
      (error) => {
        calls += 1;
        done(error);
      },
    ),
  );
  assert.equal(answer?.fault, 'too-slow');
  end();
  assert.equal((await answerOf((done) => line.push(ROOM, () => Promise.resolve(), done)))?.fault, 'too-slow');
  assert.equal(calls, 1);
  await line.idle();
  line.close();
});

test('write line: what throws at once is an error like any other', async () => {
  const line = newLine();
  const answer = await answerOf((done) =>
    line.push(
      ROOM,
      () => {
        throw new TypeError('odd');
      },
      done,
    ),
  );
  assert.equal(answer?.fault, 'io-error');
  line.close();
});

test('write line: a write without room is not begun, and the next one with room is', async () => {
  const line = newLine(FOREVER_MS, (bytes) => bytes < 10);
  const answer = await answerOf((done) => line.push(10, () => assert.fail('it was begun'), done));
  assert.equal(answer?.fault, 'disk-full');
  assert.equal(await answerOf((done) => line.push(9, () => Promise.resolve(), done)), null);
  line.close();
});

test('write line: EIO is a full disk if there is no room any more, and else the end', async () => {
  let free = 100;
  const line = newLine(FOREVER_MS, (bytes) => bytes <= free);
  const write = (freeAfter: number) => (): Promise<void> => {
    free = freeAfter;
    return Promise.reject(Object.assign(new Error('Input/output error'), { code: 5 }));
  };
  assert.equal((await answerOf((done) => line.push(50, write(20), done)))?.fault, 'disk-full');
  free = 100;
  assert.equal((await answerOf((done) => line.push(50, write(60), done)))?.fault, 'io-error');
  line.close();
});
