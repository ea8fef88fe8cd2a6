import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { DIST, mutate } from './find-mutants.js';
import { MUTANTS } from './mutants.js';
import { runSeed } from './run.js';

const SEEDS = 30;
const SAFETY_MS = 3 * 60_000;

/** FUZZ_SEED plays one again, as does `node dist/test/simulation/run.js --seed S --minutes 3 --trace`. */
const FIRST_SEED = Number(process.env.FUZZ_SEED ?? Math.floor(Math.random() * 1_000_000));

test(`simulation: clusters keep their promises whatever befalls them, and live when it is over (seeds from ${FIRST_SEED})`, () => {
  const seeds = process.env.FUZZ_SEED === undefined ? SEEDS : 1;
  for (let seed = FIRST_SEED; seed < FIRST_SEED + seeds; seed += 1) {
    const { failure, options, operations } = runSeed(seed, SAFETY_MS);
    assert.equal(failure, null, `seed ${seed}: ${JSON.stringify(options)}`);
    assert.ok(operations > 0, `seed ${seed}: no client was answered`);
  }
});

test('simulation: a seed is the same run each time', () => {
  for (const seed of [1, 2, 3, 4]) {
    const first = runSeed(seed, 60_000);
    const again = runSeed(seed, 60_000);
    assert.deepEqual([again.hash, again.events, again.operations], [first.hash, first.events, first.operations], `seed ${seed}`);
  }
});

test('simulation: every seeded bug has its place in the program, once', () => {
  const names = new Set(MUTANTS.map(({ name }) => name));
  assert.equal(names.size, MUTANTS.length);
  const lost = MUTANTS.filter((mutant) => mutate(readFileSync(join(DIST, mutant.file), 'utf8'), mutant) === null);
  assert.deepEqual(
    lost.map(({ name, file }) => `${name}: ${file}`),
    [],
  );
});
