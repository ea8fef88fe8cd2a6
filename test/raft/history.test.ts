import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SeededRandom } from '../../src/base/random.js';
import { History } from './history.js';

const SECONDS = Number(process.env.FUZZ_SECONDS ?? 2);
const SEED = Number(process.env.FUZZ_SEED ?? Date.now() % 1_000_000);
const STEPS = 8000;

test(`raft: in a random history a term has one leader, all apply the same, and all is applied in the end (FUZZ_SEED=${SEED})`, (context) => {
  const end = Date.now() + SECONDS * 1000;
  const sums = { histories: 0, entries: 0, elections: 0, changes: 0, snapshots: 0 };
  for (let seed = SEED; seed === SEED || Date.now() < end; seed += 1) {
    const history = new History(new SeededRandom(seed));
    let step = 0;
    try {
      for (; step < STEPS; step += 1) history.step();
      assert.ok(history.settle(2000), 'in the end all is applied');
    } catch (error) {
      throw new Error(`FUZZ_SEED=${seed}, step ${step}`, { cause: error });
    }
    sums.histories += 1;
    sums.entries += history.applied.length;
    sums.elections += history.elections;
    sums.changes += history.changes;
    sums.snapshots += history.snapshots;
  }
  context.diagnostic(JSON.stringify(sums));
  assert.ok(sums.entries > 0 && sums.elections > 0);
});
