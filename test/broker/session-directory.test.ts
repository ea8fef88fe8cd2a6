import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SeededRandom } from '../../src/base/random.js';
import { ownerOf } from '../../src/broker/level-hash.js';
import { randomRuns } from './naive-matcher.js';
import { SimulatedNode } from './simulated-node.js';

/** An identifier whose registrar is that shard. */
function clientOf(registrar: number, shardCount: number): string {
  for (let index = 0; ; index += 1) if (ownerOf(`client-${index}`, shardCount) === registrar) return `client-${index}`;
}

function connect(node: SimulatedNode, shard: number, clientId: string, discard = false): { done: boolean; ticket: number } {
  const outcome = { done: false, ticket: 0 };
  outcome.ticket = node.sessions[shard].connect(clientId, discard, () => {
    assert.ok(!outcome.done, 'a claim is answered once');
    outcome.done = true;
  });
  return outcome;
}

/** The one session of an identifier at rest: who holds it and what it is. */
function sessionOf(node: SimulatedNode, clientId: string): { shard: number; token: string } {
  const holders = node.holdersOf(clientId);
  assert.equal(holders.length, 1, `one shard holds ${clientId}`);
  const owners = node.sessions
    .map((sessions, shard) => ({ shard, token: sessions.tokens.get(clientId) ?? '' }))
    .filter(({ token }) => token !== '');
  assert.deepEqual(
    owners.map((owner) => owner.shard),
    holders,
    'the session is where the directory says',
  );
  return owners[0];
}

for (const registrar of [0, 1, 2]) {
  test(`session directory: a session moves to the shard of the next claim (registrar ${registrar})`, () => {
    const node = new SimulatedNode(3, new SeededRandom(1));
    const clientId = clientOf(registrar, 3);
    connect(node, 0, clientId);
    node.settle();
    const first = sessionOf(node, clientId);
    connect(node, 1, clientId);
    node.settle();
    assert.deepEqual(sessionOf(node, clientId), { shard: 1, token: first.token });
    connect(node, 1, clientId);
    node.settle();
    assert.deepEqual(sessionOf(node, clientId), { shard: 1, token: first.token }, 'on its own shard it stays');
    connect(node, 0, clientId, true);
    node.settle();
    assert.notEqual(sessionOf(node, clientId).token, first.token, 'a claim with discard starts anew');
  });

  test(`session directory: a session that may not be claimed stays as it is, and is claimed by who may (registrar ${registrar})`, () => {
    const node = new SimulatedNode(3, new SeededRandom(1));
    const clientId = clientOf(registrar, 3);
    connect(node, 0, clientId);
    node.settle();
    const first = sessionOf(node, clientId);
    const asked: string[] = [];
    node.brokers[0].directory.judgeClaim = (_clientId, owner) => {
      asked.push(owner);
      return owner === 'alice' ? 'mine' : owner === 'bob' ? 'unowned' : 'taken';
    };
    const outcomes: unknown[] = [];
    for (const shard of [0, 1, 2])
      for (const discard of [false, true])
        node.brokers[shard].directory.claim(clientId, 'mallory', discard, (outcome) => outcomes.push(outcome));
    node.settle();
    assert.deepEqual(outcomes, new Array(6).fill('refused'));
    assert.deepEqual(asked, new Array(6).fill('mallory'));
    assert.deepEqual(sessionOf(node, clientId), first, 'nobody took it, and its client did not notice');
    const claimed: unknown[] = [];
    node.brokers[2].directory.claim(clientId, 'alice', false, (outcome) => claimed.push(outcome));
    node.settle();
    assert.deepEqual(claimed, [new TextEncoder().encode(first.token)]);
  });

  for (const claimant of [0, 2])
    test(`session directory: a session that nobody owns ends for a user of shard ${claimant}, who begins a new one (registrar ${registrar})`, () => {
      const node = new SimulatedNode(3, new SeededRandom(1));
      const clientId = clientOf(registrar, 3);
      connect(node, 0, clientId);
      node.settle();
      const ended: boolean[] = [];
      const { directory } = node.brokers[0];
      const surrender = directory.onSurrender;
      directory.judgeClaim = () => 'unowned';
      directory.onSurrender = (id, discard, to, answer) => {
        ended.push(discard);
        surrender(id, discard, to, answer);
      };
      const claimed: unknown[] = [];
      node.brokers[claimant].directory.claim(clientId, 'alice', false, (outcome) => claimed.push(outcome));
      node.settle();
      assert.deepEqual([ended, claimed], [[true], [null]]);
      assert.deepEqual(
        node.brokers.map(({ directory: { holds } }, shard) => holds.call(node.brokers[shard].directory, clientId)),
        [0, 1, 2].map((shard) => shard === claimant),
      );
    });

  test(`session directory: after a release nobody holds the identifier (registrar ${registrar})`, () => {
    const node = new SimulatedNode(3, new SeededRandom(1));
    const clientId = clientOf(registrar, 3);
    connect(node, 0, clientId);
    node.settle();
    node.sessions[1].end(clientId);
    node.brokers[1].directory.release(clientId);
    node.settle();
    assert.deepEqual(node.holdersOf(clientId), [0], 'a release by somebody else is ignored');
    node.sessions[0].end(clientId);
    node.settle();
    assert.deepEqual(node.holdersOf(clientId), []);
    const before = node.messageCount;
    const outcome = connect(node, 2, clientId);
    node.settle();
    assert.ok(outcome.done);
    assert.ok(node.messageCount - before <= 2, 'nobody was asked to surrender');
  });

  test(`session directory: the state that comes for a cancelled claim is kept as an orphan (registrar ${registrar})`, () => {
    const node = new SimulatedNode(3, new SeededRandom(1), true);
    const clientId = clientOf(registrar, 3);
    connect(node, 0, clientId);
    node.settle();
    const { token } = sessionOf(node, clientId);
    const outcome = connect(node, 1, clientId);
    node.brokers[1].directory.cancelClaim(outcome.ticket);
    node.settle();
    assert.ok(!outcome.done);
    assert.deepEqual(node.sessions[1].orphans, [clientId]);
    assert.deepEqual(sessionOf(node, clientId), { shard: 1, token });
    const again = connect(node, 1, clientId);
    node.brokers[1].directory.cancelClaim(again.ticket);
    node.settle();
    assert.deepEqual(sessionOf(node, clientId), { shard: 1, token }, 'what stays in place survives the cancel');
  });

  test(`session directory: a cancelled claim for nothing leaves nobody as holder (registrar ${registrar})`, () => {
    const node = new SimulatedNode(3, new SeededRandom(1), true);
    const clientId = clientOf(registrar, 3);
    const outcome = connect(node, 1, clientId);
    node.brokers[1].directory.cancelClaim(outcome.ticket);
    node.settle();
    connect(node, 0, clientId);
    node.settle();
    assert.equal(sessionOf(node, clientId).shard, 0);
  });

  for (const dead of [0, 1, 2]) {
    test(`session directory: wherever a take-over stands when a shard dies, the claim is answered (registrar ${registrar}, dead ${dead})`, () => {
      for (let steps = 0; steps < 8; steps += 1) {
        const node = new SimulatedNode(3, new SeededRandom(steps), true);
        const clientId = clientOf(registrar, 3);
        connect(node, 0, clientId);
        node.settle();
        const outcome = connect(node, 1, clientId);
        for (let step = 0; step < steps; step += 1) node.step();
        node.replace(dead);
        node.settle();
        if (dead !== 1) assert.ok(outcome.done, `answered after ${steps} steps`);
        assert.ok(node.holdersOf(clientId).length <= 1);
        const probe = connect(node, 2, clientId);
        node.settle();
        assert.ok(probe.done);
        assert.equal(sessionOf(node, clientId).shard, 2);
      }
    });
  }
}

test('session directory: a holder that never answers is passed over after ten seconds, and its late answer harms nobody', () => {
  const node = new SimulatedNode(3, new SeededRandom(1), true);
  const clientId = clientOf(2, 3);
  connect(node, 0, clientId);
  node.settle();
  const held = node.sessions[0].delayed;
  assert.ok(held !== null);
  const answers: (() => void)[] = [];
  const keep = held.push.bind(held);
  held.push = (...late) => answers.push(...late);
  const outcome = connect(node, 1, clientId);
  node.settle();
  assert.ok(!outcome.done);
  for (const broker of node.brokers) broker.onTick(node.nowMs + 9_999);
  node.settle();
  assert.ok(!outcome.done);
  for (const broker of node.brokers) broker.onTick(node.nowMs + 10_000);
  node.settle();
  assert.ok(outcome.done);
  held.push = keep;
  for (const answer of answers) answer();
  node.settle();
  assert.equal(sessionOf(node, clientId).shard, 1);
});

test('session directory: a new registrar that is not told what its peers hold serves after ten seconds all the same', () => {
  const node = new SimulatedNode(2, new SeededRandom(1));
  const clientId = clientOf(1, 2);
  node.replace(1);
  // The peer has not heard of the new shard, so it says nothing.
  const outcome = connect(node, 1, clientId);
  assert.ok(!outcome.done);
  node.brokers[1].onTick(node.nowMs + 10_000);
  assert.ok(outcome.done);
  node.settle();
  assert.equal(sessionOf(node, clientId).shard, 1);
});

for (const registrar of [0, 1]) {
  test(`session directory: a session whose new shard dies before it is durable there is back where it was (registrar ${registrar})`, () => {
    const node = new SimulatedNode(2, new SeededRandom(1), false, undefined, true);
    node.settle();
    const clientId = clientOf(registrar, 2);
    node.sessions[0].keepsGiven = true;
    connect(node, 0, clientId);
    node.settle();
    const first = sessionOf(node, clientId);
    connect(node, 1, clientId);
    node.settle();
    assert.deepEqual(sessionOf(node, clientId), { shard: 1, token: first.token });
    node.replace(1);
    const again = connect(node, 1, clientId);
    node.settle();
    assert.ok(again.done);
    assert.deepEqual(sessionOf(node, clientId), { shard: 1, token: first.token }, 'whoever claims next has it, as it was');
  });
}

test('session directory: a session that ends in place while its own shard’s claim is being granted is still registered afterwards', () => {
  const node = new SimulatedNode(2, new SeededRandom(1));
  const clientId = clientOf(1, 2);
  connect(node, 0, clientId);
  node.settle();
  const outcome = connect(node, 0, clientId);
  node.deliver(0, 1);
  node.deliver(1, 0);
  node.sessions[0].end(clientId);
  node.settle();
  assert.ok(outcome.done);
  assert.equal(sessionOf(node, clientId).shard, 0);
  connect(node, 1, clientId);
  node.settle();
  assert.equal(sessionOf(node, clientId).shard, 1);
});

test('session directory: a storm of claims on one identifier leaves one holder with the first session’s state', () => {
  for (let seed = 0; seed < 20; seed += 1) {
    const random = new SeededRandom(seed);
    const node = new SimulatedNode(4, random, seed % 2 === 0);
    connect(node, 3, 'storm');
    node.settle();
    const { token } = sessionOf(node, 'storm');
    const outcomes = Array.from({ length: 200 }, () => {
      for (let step = random.below(4); step > 0; step -= 1) node.step();
      return connect(node, random.below(4), 'storm');
    });
    node.settle();
    assert.ok(outcomes.every((outcome) => outcome.done));
    assert.equal(sessionOf(node, 'storm').token, token);
  }
});

interface Event {
  readonly what: 'connect' | 'discard' | 'cancel' | 'end' | 'replace' | 'deliver';
  readonly client: number;
  readonly shard: number;
  readonly steps: number;
}

const events: fc.Arbitrary<readonly Event[]> = fc.array(
  fc.record({
    what: fc.constantFrom<Event['what']>('connect', 'connect', 'connect', 'discard', 'cancel', 'end', 'replace', 'deliver'),
    client: fc.nat(2),
    shard: fc.nat(3),
    steps: fc.nat(5),
  }),
  { maxLength: 60 },
);

test('session directory: after any claims, cancels, ends, deaths and interleavings one shard at most holds each identifier', () => {
  fc.assert(fc.property(fc.integer({ min: 1, max: 4 }), fc.integer(), fc.boolean(), events, checkDirectory), randomRuns(1500));
});

interface OpenClaim {
  readonly shard: number;
  readonly generation: number;
  readonly outcome: { done: boolean; ticket: number };
  isCancelled: boolean;
}

function checkDirectory(shardCount: number, seed: number, isSlow: boolean, all: readonly Event[]): void {
  const node = new SimulatedNode(shardCount, new SeededRandom(seed), isSlow);
  const claims: OpenClaim[] = [];
  const generations = new Array<number>(shardCount).fill(0);
  for (const event of all) {
    const shard = event.shard % shardCount;
    const clientId = `client-${event.client}`;
    if (event.what === 'connect' || event.what === 'discard') {
      const outcome = connect(node, shard, clientId, event.what === 'discard');
      claims.push({ shard, generation: generations[shard], outcome, isCancelled: false });
    } else if (event.what === 'cancel') {
      const open = claims.find((claim) => !claim.outcome.done && !claim.isCancelled && claim.generation === generations[claim.shard]);
      if (open !== undefined) {
        open.isCancelled = true;
        node.brokers[open.shard].directory.cancelClaim(open.outcome.ticket);
      }
    } else if (event.what === 'end') {
      node.sessions[shard].end(clientId);
    } else if (event.what === 'replace' && shardCount > 1) {
      generations[shard] += 1;
      node.replace(shard);
    }
    for (let step = 0; step < event.steps; step += 1) node.step();
  }
  node.settle();
  for (const claim of claims) {
    const isAlive = claim.generation === generations[claim.shard];
    if (isAlive) assert.equal(claim.outcome.done, !claim.isCancelled, 'a claim is answered unless it was cancelled');
  }
  for (const broker of node.brokers) assert.equal(broker.waitingCount, 0);
  for (let client = 0; client < 3; client += 1) checkOneHolder(node, `client-${client}`);
}

function checkOneHolder(node: SimulatedNode, clientId: string): void {
  const holders = node.holdersOf(clientId);
  assert.ok(holders.length <= 1, `${clientId} is held by ${holders.join(' and ')}`);
  node.sessions.forEach((sessions, shard) => {
    if (sessions.tokens.has(clientId)) assert.deepEqual(holders, [shard], 'a session is held');
  });
  // The registrar knows it too: whoever claims now gets it, and nobody else keeps it.
  for (let shard = 0; shard < node.shardCount; shard += 1) {
    const probe = connect(node, shard, clientId);
    node.settle();
    assert.ok(probe.done);
    assert.equal(sessionOf(node, clientId).shard, shard);
  }
}
