import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { NodeId } from '../../src/raft/messages.js';
import { committedIndex, EVERYTHING, jointCommittedIndex, jointVoteResult, voteResult } from '../../src/raft/quorum.js';

const SEED = Number(process.env.FUZZ_SEED ?? Date.now() % 1_000_000);
const RUNS = { seed: SEED, numRuns: 1000 };

const votersArbitrary = fc.uniqueArray(fc.integer({ min: 1, max: 9 }), { maxLength: 9 });
const indexesArbitrary = fc.uniqueArray(fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 20 })), {
  selector: ([node]) => node,
});
const votesArbitrary = fc.uniqueArray(fc.tuple(fc.integer({ min: 1, max: 9 }), fc.boolean()), { selector: ([node]) => node });

function acknowledgedBy(indexes: Iterable<readonly [NodeId, number]>): { acknowledgedBy(node: NodeId): number | undefined } {
  const map = new Map(indexes);
  return { acknowledgedBy: (node) => map.get(node) };
}

test('quorum: an index is committed when a majority has it, by sorting as by counting', () => {
  fc.assert(
    fc.property(votersArbitrary, indexesArbitrary, (voters, indexes) => {
      fc.pre(voters.length > 0);
      const map = new Map(indexes);
      const sorted = voters.map((node) => map.get(node) ?? 0).sort((a, b) => b - a);
      assert.equal(committedIndex(voters, acknowledgedBy(indexes)), sorted[Math.floor(voters.length / 2)]);
    }),
    RUNS,
  );
});

test('quorum: halves of a joint configuration may be swapped, and one with itself or with nobody is that one', () => {
  fc.assert(
    fc.property(votersArbitrary, votersArbitrary, indexesArbitrary, votesArbitrary, (voters, votersOutgoing, indexes, votes) => {
      const acknowledged = acknowledgedBy(indexes);
      const swapped = { voters: votersOutgoing, votersOutgoing: voters };
      assert.equal(jointCommittedIndex({ voters, votersOutgoing }, acknowledged), jointCommittedIndex(swapped, acknowledged));
      assert.equal(jointVoteResult({ voters, votersOutgoing }, new Map(votes)), jointVoteResult(swapped, new Map(votes)));
      for (const other of [voters, []]) {
        assert.equal(jointCommittedIndex({ voters, votersOutgoing: other }, acknowledged), committedIndex(voters, acknowledged));
        assert.equal(jointVoteResult({ voters, votersOutgoing: other }, new Map(votes)), voteResult(voters, new Map(votes)));
      }
    }),
    RUNS,
  );
});

test('quorum: an index below the result may sink further without changing it', () => {
  fc.assert(
    fc.property(votersArbitrary, votersArbitrary, indexesArbitrary, fc.nat(), (voters, votersOutgoing, indexes, lower) => {
      const joint = { voters, votersOutgoing };
      const result = jointCommittedIndex(joint, acknowledgedBy(indexes));
      const sunk = indexes.map(([node, index]) => [node, index < result ? lower % index : index] as const);
      assert.equal(jointCommittedIndex(joint, acknowledgedBy(sunk)), result);
    }),
    RUNS,
  );
});

test('quorum: a vote is won as soon as a majority granted it, and lost as soon as none can', () => {
  const votes = (...granted: readonly boolean[]): Map<NodeId, boolean> => new Map(granted.map((vote, at) => [at + 1, vote]));
  assert.equal(voteResult([1, 2, 3], votes(true)), 'pending');
  assert.equal(voteResult([1, 2, 3], votes(true, true)), 'won');
  assert.equal(voteResult([1, 2, 3], votes(false, true, false)), 'lost');
  assert.equal(voteResult([1, 2, 3, 4], votes(true, true)), 'pending');
  assert.equal(voteResult([1, 2, 3, 4], votes(false, false)), 'lost');
  assert.equal(jointVoteResult({ voters: [1], votersOutgoing: [2, 3, 4] }, votes(true, true)), 'pending');
  assert.equal(jointVoteResult({ voters: [1], votersOutgoing: [2, 3, 4] }, votes(false, true, true)), 'lost');
});

test('quorum: nobody agrees with everything', () => {
  assert.equal(committedIndex([], acknowledgedBy([])), EVERYTHING);
  assert.equal(voteResult([], new Map()), 'won');
});
