import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SeededRandom } from '../../src/base/random.js';
import { NEVER, type Operation, type WriteOutcome } from './history.js';
import { judge } from './linearizable.js';

const FUZZ_SEED = Number(process.env.FUZZ_SEED ?? Math.floor(Math.random() * 1_000_000));

function put(writer: number, from: number, to: number, expected: number | null, outcome: WriteOutcome | null): Operation {
  return { kind: 'put', client: 1, key: 0, writer, expected, invokedMs: from, returnedMs: to, outcome };
}

function read(revision: number, writer: number, from: number, to: number): Operation {
  return { kind: 'read', client: 2, key: 0, revision, writer, invokedMs: from, returnedMs: to };
}

const done = (revision: number): WriteOutcome => ({ isOk: true, revision });
const found = (revision: number): WriteOutcome => ({ isOk: false, found: revision });

test('linearizable: a read during a write may see it or not, and after it must', () => {
  assert.equal(judge([put(1, 0, 10, null, done(5)), read(0, 0, 5, 6), read(5, 1, 7, 8)]), 'linearizable');
  assert.equal(judge([put(1, 0, 10, null, done(5)), read(5, 1, 5, 6), read(0, 0, 7, 8)]), 'not linearizable');
  assert.equal(judge([put(1, 0, 10, null, done(5)), read(0, 0, 11, 12)]), 'not linearizable');
});

test('linearizable: of two compare-and-sets of the same revision one succeeds', () => {
  const first = put(1, 0, 1, 0, done(5));
  assert.equal(judge([first, put(2, 2, 9, 5, done(6)), put(3, 2, 9, 5, found(6))]), 'linearizable');
  assert.equal(judge([first, put(2, 2, 9, 5, done(6)), put(3, 2, 9, 5, done(7))]), 'not linearizable');
});

test('linearizable: what was never answered may have happened, at any time since, or never; but not twice', () => {
  const lost = put(2, 2, NEVER, null, null);
  const next = put(3, 5, 6, null, done(7));
  assert.equal(judge([put(1, 0, 1, null, done(5)), lost, read(5, 1, 8, 9)]), 'linearizable');
  assert.equal(judge([put(1, 0, 1, null, done(5)), lost, read(6, 2, 8, 9)]), 'linearizable');
  assert.equal(judge([put(1, 0, 1, null, done(5)), lost, next, put(4, 8, 9, 6, found(7)), read(7, 3, 10, 11)]), 'linearizable');
  assert.equal(judge([put(1, 0, 1, null, done(5)), lost, read(6, 2, 3, 4), next, read(6, 2, 8, 9)]), 'not linearizable');
});

test('linearizable: a conflict with a revision that nobody knows is with a write that was never answered', () => {
  assert.equal(judge([put(1, 0, 1, null, done(5)), put(2, 2, NEVER, null, null), put(3, 4, 5, 5, found(6))]), 'linearizable');
  assert.equal(judge([put(1, 0, 1, null, done(5)), put(3, 4, 5, 5, found(6))]), 'not linearizable');
});

test(`linearizable: histories that were made in some order are, and with one stale read they are not (seed ${FUZZ_SEED})`, () => {
  const random = new SeededRandom(FUZZ_SEED);
  for (let round = 0; round < 200; round += 1) {
    const operations: Operation[] = [];
    let state = { revision: 0, writer: 0 };
    for (let at = 1; at <= 60; at += 1) {
      const from = at * 10 - random.below(30);
      const to = at * 10 + 1 + random.below(30);
      if (random.below(2) === 0) operations.push(read(state.revision, state.writer, from, to));
      else {
        const expected = random.below(2) === 0 ? null : random.below(2) === 0 ? state.revision : 1_000 + at;
        const isOk = expected === null || expected === state.revision;
        operations.push(put(at, from, to, expected, isOk ? done(at) : found(state.revision)));
        if (isOk) state = { revision: at, writer: at };
      }
    }
    assert.equal(judge(operations), 'linearizable', `round ${round}`);
    const writes = operations.filter((operation) => operation.kind === 'put' && operation.outcome?.isOk === true);
    if (writes.length < 3) continue;
    assert.equal(
      judge([...operations, put(99, 700, 701, null, done(99)), read(state.revision, state.writer, 710, 711)]),
      'not linearizable',
    );
  }
});
