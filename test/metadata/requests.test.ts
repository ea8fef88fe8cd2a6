import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { ManualClock } from '../../src/base/clock.js';
import { SeededRandom } from '../../src/base/random.js';
import type { CommandEnvelope, CommandOutcome } from '../../src/metadata/catalogue/commands.js';
import { encodeAnswer } from '../../src/metadata/forwarded.js';
import type { ForwardOutcome } from '../../src/metadata/peers/forwards.js';
import { type Forwarder, type ProposeAnswer, type ReadAnswer, Requests } from '../../src/metadata/requests.js';
import { MetadataStore } from '../../src/metadata/store/metadata-store.js';
import { RaftDriver } from '../../src/raft/driver/driver.js';
import { DRIVER_LIMITS } from '../../src/raft/driver/limits.js';
import { makeMessage } from '../../src/raft/make-message.js';
import { openMemoryStore } from '../../src/storage/memory-store.js';

const DEADLINE_MS = 1000;
const LEADER = 2;
const COMMAND: CommandEnvelope = { command: { kind: 'delete-tenant', key: { name: 'a' }, expected: null }, requestId: null };

/** The way to the leader, by hand. */
class HandForwarder implements Forwarder {
  isOpen = true;
  readonly underWay: ((outcome: ForwardOutcome) => void)[] = [];

  mayForward(to: number): boolean {
    assert.equal(to, LEADER);
    return this.isOpen;
  }

  forward(to: number, _request: Uint8Array, deadlineMs: number, done: (outcome: ForwardOutcome) => void): void {
    assert.ok(to === LEADER && this.isOpen && deadlineMs > 0);
    this.underWay.push(done);
  }
}

interface Follower {
  readonly clock: ManualClock;
  readonly forwarder: HandForwarder;
  readonly requests: Requests;
}

/** Node 1 of two, that follows node 2. */
async function startFollower(context: TestContext): Promise<Follower> {
  const store = new MetadataStore(openMemoryStore());
  await store.found({ kind: 'first-voters', identity: { clusterId: 'c', nodeId: 1, uuid: 'u' }, voters: [1, LEADER] });
  const random = new SeededRandom(1);
  const driver = new RaftDriver<readonly CommandOutcome[]>({
    id: 1,
    store: store.openLog(),
    transport: { send: () => {}, sendChunk: () => {}, sendChunkAnswer: () => {} },
    machine: { apply: () => [], onConfiguration: () => [], capture: () => [][Symbol.iterator](), restore: () => {} },
    limits: DRIVER_LIMITS,
    drawBelow: (limit) => random.below(limit),
    report: { info: () => {}, warn: () => {} },
  });
  driver.start();
  context.after(() => driver.stop());
  driver.receive([makeMessage({ type: 'heartbeat', from: LEADER, to: 1, term: 5 })]);
  driver.turn();
  assert.equal(driver.leader, LEADER);
  const [clock, forwarder] = [new ManualClock(), new HandForwarder()];
  return { clock, forwarder, requests: new Requests(clock, driver, forwarder) };
}

function read({ requests }: Follower): { answer: ReadAnswer | null } {
  const asked: { answer: ReadAnswer | null } = { answer: null };
  requests.read(DEADLINE_MS, (answer) => {
    assert.equal(asked.answer, null, 'it is answered once');
    asked.answer = answer;
  });
  return asked;
}

function propose({ requests }: Follower, requestId: CommandEnvelope['requestId']): { answer: ProposeAnswer | null } {
  const asked: { answer: ProposeAnswer | null } = { answer: null };
  requests.propose([{ ...COMMAND, requestId }], DEADLINE_MS, (answer) => {
    assert.equal(asked.answer, null, 'it is answered once');
    asked.answer = answer;
  });
  return asked;
}

test('requests: what was not sent waits and goes again, be it repeatable or not', async (context) => {
  const follower = await startFollower(context);
  const { forwarder, requests } = follower;
  const asked = propose(follower, null);
  forwarder.underWay.splice(0)[0]('not-sent');
  assert.equal(asked.answer, null);
  requests.onTick();
  forwarder.underWay.splice(0)[0](encodeAnswer({ kind: 'applied', index: 0, result: [] }));
  assert.deepEqual(asked.answer, { kind: 'applied', index: 0, result: [] });
});

test('requests: while the leader cannot be reached they wait, and when their time is over there is no leader', async (context) => {
  const follower = await startFollower(context);
  const { clock, forwarder, requests } = follower;
  forwarder.isOpen = false;
  const [late, early] = [read(follower), read(follower)];
  requests.onTick();
  assert.equal(late.answer, null);
  clock.advance(DEADLINE_MS);
  requests.onTick();
  assert.deepEqual([late.answer, early.answer], [{ kind: 'no-leader' }, { kind: 'no-leader' }]);
  const next = read(follower);
  forwarder.isOpen = true;
  requests.onTick();
  forwarder.underWay[0](encodeAnswer({ kind: 'fresh', index: 0 }));
  assert.deepEqual(next.answer, { kind: 'fresh' });
});

test('requests: when the connection breaks what may be done twice goes again, and of the rest nothing is known', async (context) => {
  const follower = await startFollower(context);
  const { forwarder, requests } = follower;
  const asked = [read(follower), propose(follower, Buffer.alloc(16, 1)), propose(follower, null)];
  for (const done of forwarder.underWay.splice(0)) done(null);
  assert.deepEqual(
    asked.map(({ answer }) => answer),
    [null, null, { kind: 'unknown' }],
  );
  requests.onTick();
  assert.equal(forwarder.underWay.length, 2);
});

test('requests: when the node ends nobody is left without an answer', async (context) => {
  const follower = await startFollower(context);
  const { forwarder, requests } = follower;
  const [broken, unsent] = [read(follower), read(follower)];
  forwarder.isOpen = false;
  const waiting = read(follower);
  requests.close();
  assert.deepEqual(waiting.answer, { kind: 'no-leader' });
  forwarder.underWay[0](null);
  forwarder.underWay[1]('not-sent');
  assert.deepEqual([broken.answer, unsent.answer], [{ kind: 'unknown' }, { kind: 'no-leader' }]);
  assert.deepEqual(read(follower).answer, { kind: 'no-leader' });
});
