import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { changeConfiguration, changeSimply, enterJoint, leaveJoint } from '../../src/raft/configuration-change.js';
import { type ConfigurationState, EMPTY_CONFIGURATION, type SingleChange } from '../../src/raft/messages.js';
import { votersAre } from './network.js';

const SEED = Number(process.env.FUZZ_SEED ?? Date.now() % 1_000_000);
const NONE = new Uint8Array(0);

const changeArbitrary: fc.Arbitrary<SingleChange> = fc.record({
  type: fc.constantFrom('add-voter', 'add-learner', 'remove', 'update'),
  node: fc.integer({ min: 1, max: 9 }),
});
const changesArbitrary = fc.array(changeArbitrary, { minLength: 1, maxLength: 6 });

function changed(result: ReturnType<typeof changeSimply>): ConfigurationState {
  assert.equal(result.kind, 'changed');
  return result.kind === 'changed' ? result.configuration : EMPTY_CONFIGURATION;
}

test(`configuration: changes one by one lead to the same as all at once through a joint configuration (FUZZ_SEED=${SEED})`, () => {
  fc.assert(
    fc.property(changesArbitrary, changesArbitrary, fc.boolean(), (setup, changes, autoLeave) => {
      // 1 always stays, so that no step is without a voter.
      const others = (list: readonly SingleChange[]): SingleChange[] => list.filter(({ node }) => node !== 1);
      let start = votersAre(1);
      for (const change of others(setup)) start = changed(changeSimply(start, [change]));
      let simple = start;
      for (const change of others(changes)) simple = changed(changeSimply(simple, [change]));
      const joint = changed(enterJoint(start, others(changes), autoLeave));
      assert.deepEqual(joint.votersOutgoing, start.voters);
      assert.equal(joint.autoLeave, autoLeave);
      assert.deepEqual(changed(leaveJoint(joint)), simple);
    }),
    { seed: SEED, numRuns: 1000 },
  );
});

test('configuration: one change is simple, several are joint, and a transition that is asked for is joint in any case', () => {
  const start = votersAre(1, 2, 3);
  const one: SingleChange[] = [{ type: 'add-voter', node: 4 }];
  const two: SingleChange[] = [...one, { type: 'remove', node: 1 }];
  const after = (transition: 'auto' | 'implicit' | 'explicit', changes: SingleChange[]): ConfigurationState =>
    changed(changeConfiguration(start, { transition, changes, context: NONE }));
  assert.deepEqual(after('auto', one), votersAre(1, 2, 3, 4));
  assert.deepEqual(after('auto', two), { ...votersAre(2, 3, 4), votersOutgoing: [1, 2, 3], autoLeave: true });
  assert.deepEqual(after('implicit', one), { ...votersAre(1, 2, 3, 4), votersOutgoing: [1, 2, 3], autoLeave: true });
  assert.deepEqual(after('explicit', one), { ...votersAre(1, 2, 3, 4), votersOutgoing: [1, 2, 3], autoLeave: false });
  const left = changed(changeConfiguration(after('explicit', two), { transition: 'auto', changes: [], context: NONE }));
  assert.deepEqual(left, votersAre(2, 3, 4));
});

test('configuration: what cannot be made is refused with the reason', () => {
  const start = votersAre(1, 2, 3);
  const joint = changed(enterJoint(start, [{ type: 'remove', node: 3 }], false));
  const remove = (node: number): SingleChange => ({ type: 'remove', node });
  assert.deepEqual(changeSimply(start, [remove(1), remove(2)]), { kind: 'refused', why: 'more-than-one-voter' });
  assert.deepEqual(changeSimply(votersAre(1), [remove(1)]), { kind: 'refused', why: 'no-voter-left' });
  assert.deepEqual(enterJoint(start, [remove(1), remove(2), remove(3)], true), { kind: 'refused', why: 'no-voter-left' });
  assert.deepEqual(changeSimply(joint, [remove(1)]), { kind: 'refused', why: 'simple-while-joint' });
  assert.deepEqual(enterJoint(joint, [remove(1)], true), { kind: 'refused', why: 'already-joint' });
  assert.deepEqual(enterJoint(EMPTY_CONFIGURATION, [{ type: 'add-voter', node: 1 }], true), { kind: 'refused', why: 'joint-needs-voters' });
  assert.deepEqual(leaveJoint(start), { kind: 'refused', why: 'not-joint' });
});

test('configuration: a voter becomes a learner only when it is no voter in either half', () => {
  const joint = changed(enterJoint(votersAre(1, 2), [{ type: 'add-learner', node: 2 }], false));
  assert.deepEqual([joint.learners, joint.learnersNext], [[], [2]]);
  assert.deepEqual(changed(leaveJoint(joint)).learners, [2]);
});

test('configuration: who leaves and comes back within a change begins anew', () => {
  const result = changeSimply(votersAre(1, 2), [
    { type: 'remove', node: 2 },
    { type: 'add-voter', node: 2 },
  ]);
  assert.deepEqual(result, { kind: 'changed', configuration: votersAre(1, 2), added: [2] });
});
