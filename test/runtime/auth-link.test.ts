import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import type { Admitted } from '../../src/auth/admission.js';
import type { Verdict } from '../../src/auth/ports.js';
import { UserBook } from '../../src/auth/user-book.js';
import { ManualClock } from '../../src/base/clock.js';
import { ResourceTables } from '../../src/metadata/catalogue/resource-tables.js';
import { AuthLink } from '../../src/runtime/auth-link.js';
import type { AuthAnswers, AuthTurn } from '../../src/runtime/auth-orders.js';
import { AUTH_SCHEMA } from '../../src/settings/auth-schema.js';
import { factsOf, identityOf } from '../auth/sources/real-server.js';

interface Scene {
  readonly link: AuthLink;
  readonly clock: ManualClock;
  /** The other end; a new one for each call. */
  connect(): MessagePort;
}

function scene(context: TestContext, requestsMax = 10): Scene {
  const clock = new ManualClock();
  const auth = AUTH_SCHEMA.parse({ anonymous: false, requests_max: requestsMax });
  const link = new AuthLink({ auth, profile: 'local', users: new UserBook(() => new ResourceTables()), clock });
  context.after(() => link.close());
  const connect = (): MessagePort => {
    const { port1, port2 } = new MessageChannel();
    context.after(() => port2.close());
    link.connect(port1);
    return port2;
  };
  return { link, clock, connect };
}

async function nextTurn(port: MessagePort): Promise<AuthTurn> {
  const [turn] = (await once(port, 'message')) as [AuthTurn];
  return turn;
}

function answersOf(parts: Partial<AuthAnswers>): AuthAnswers {
  return { verdicts: [], steps: [], changes: [], ...parts };
}

const admittedAs = (user: string): Admitted => ({ kind: 'admitted', identity: identityOf(user), stamp: '1' });

test('auth link: all that wants in within a turn goes in one message, and answers find their tickets', async (context) => {
  const { link, connect } = scene(context);
  const port = connect();
  await nextTurn(port); // What it kept: nothing.
  const verdicts = new Map<string, Verdict>();
  const arena = Buffer.from('xxsecretxx'); // The password is part of something large that is used again.
  const first = nextTurn(port);
  const tickets = ['a', 'b', 'c'].map((name) =>
    link.authenticate({ ...factsOf(name, null), password: arena.subarray(2, 8) }, (verdict) => verdicts.set(name, verdict)),
  );
  arena.fill(0);
  const { asks } = await first;
  assert.deepEqual(
    asks.map(({ ticket, facts }) => [
      ticket,
      facts.userName,
      Buffer.from(facts.password ?? []).toString(),
      facts.password?.buffer.byteLength,
    ]),
    tickets.map((ticket, at) => [ticket, 'abc'[at], 'secret', 6]),
  );
  link.abandon(tickets[1]);
  let turns = 0;
  link.inTurn = (run) => {
    turns += 1;
    run();
  };
  port.postMessage(answersOf({ verdicts: tickets.map((ticket) => ({ ticket, verdict: admittedAs('u') })) }));
  while (turns === 0) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual([[...verdicts.keys()], turns, link.waiting], [['a', 'c'], 1, 0]);
});

test('auth link: more than may wait hear that it is busy, within the call', (context) => {
  const { link } = scene(context, 3);
  const kinds: string[] = [];
  for (let i = 0; i < 5; i += 1)
    link.authenticate(factsOf('a', 'x'), (verdict) => kinds.push(verdict.kind === 'refused' ? verdict.why : verdict.kind));
  assert.deepEqual([kinds, link.waiting], [['busy', 'busy'], 3]);
});

test('auth link: without a thread clients wait for it, and not for ever', async (context) => {
  const { link, clock, connect } = scene(context);
  const kinds: string[] = [];
  const note = (verdict: Verdict): void => void kinds.push(verdict.kind === 'refused' ? verdict.why : verdict.kind);
  link.authenticate(factsOf('a', 'x'), note);
  clock.advance(14_000);
  link.authenticate(factsOf('b', 'x'), note);
  clock.advance(1000);
  link.onTick();
  assert.deepEqual(kinds, ['unavailable']);
  for (let i = 0; i < 100; i += 1) {
    link.abandon(link.authenticate(factsOf('gone', 'x'), note));
    if (i % 10 === 9) link.onTick();
  }
  const { asks } = await nextTurn(connect());
  assert.deepEqual(
    asks.map(({ facts }) => facts.userName),
    ['b'],
    'who went meanwhile is not asked about',
  );
});

test('auth link: when the thread dies those who wait are told, and a new one hears whom to watch', async (context) => {
  const { link, connect } = scene(context);
  const port = connect();
  await nextTurn(port);
  const identities: Verdict[] = [];
  const asked = nextTurn(port);
  const ticket = link.authenticate(factsOf('a', 'x'), (verdict) => identities.push(verdict));
  await asked;
  port.postMessage(answersOf({ verdicts: [{ ticket, verdict: admittedAs('a') }] }));
  while (identities.length === 0) await new Promise((resolve) => setImmediate(resolve));
  const [verdict] = identities;
  assert.ok(verdict.kind === 'admitted');
  link.keep(7, verdict.identity);
  link.keep(8, identityOf('nobody of a source'));
  const kinds: string[] = [];
  link.authenticate(factsOf('b', 'x'), (late) => kinds.push(late.kind === 'refused' ? late.why : late.kind));
  const exchange = link.beginExchange('SCRAM-SHA-256', factsOf(null, null));
  exchange.step(Buffer.from('n,,'), (step) => kinds.push(step.kind === 'refused' ? step.why : step.kind));
  link.disconnect();
  assert.deepEqual(kinds, ['bad-method', 'unavailable']);
  const again = connect();
  const { keeps, asks } = await nextTurn(again);
  assert.deepEqual([keeps.map(({ owner, stamp }) => [owner, stamp]), asks.length], [[[7, '1']], 0]);

  const changes: unknown[] = [];
  link.onIdentityChanged = (owner, now) => changes.push([owner, now]);
  again.postMessage(answersOf({ changes: [7, 8].map((owner) => ({ owner, now: null, stamp: '' })) }));
  while (changes.length === 0) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(changes, [[7, null]], 'nobody is told of a connection that is not kept');
});
