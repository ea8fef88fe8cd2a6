import assert from 'node:assert/strict';
import { test } from 'node:test';
import { IGNORED, type Judgement } from '../../../src/auth/sources/source.js';
import { ManualClock } from '../../../src/base/clock.js';
import { factsOf } from '../sources/real-server.js';
import { ALLOWED, DENIED, FAILS, GRANT, guard, HANGS, StubSource } from './stub-source.js';

const FACTS = factsOf('alice', 'pw');

test('guarded source: it is asked for its listeners and tenants alone', async () => {
  const stub = new StubSource(ALLOWED);
  const source = guard(stub, { listeners: ['mqtt.tls'], tenants: ['t1'] });
  const kinds: string[] = [];
  for (const [listener, tenant] of [
    ['mqtt.tcp', 't1'],
    ['mqtt.tls', 'default'],
    ['mqtt.tls', 't1'],
  ])
    kinds.push((await source.judge({ ...FACTS, listener, tenant })).kind);
  assert.deepEqual([kinds, stub.asked], [['ignored', 'ignored', 'allowed'], 1]);
});

test('guarded source: what it said is remembered for a while, good and bad, by what it depends on', async () => {
  const clock = new ManualClock();
  const stub = new StubSource(DENIED);
  stub.memoryKey = ({ userName }) => [userName ?? ''];
  const source = guard(stub, { cache_ttl: 1000 }, clock);
  const ask = async (user: string): Promise<number> => {
    assert.equal((await source.judge(factsOf(user, 'x'))).kind, 'denied');
    return stub.asked;
  };
  assert.deepEqual([await ask('a'), await ask('a'), await ask('b')], [1, 1, 2]);
  clock.advance(999);
  assert.equal(await ask('a'), 2);
  clock.advance(1);
  assert.equal(await ask('a'), 3);
  assert.equal(source.counters.fromMemory, 2);
});

test('guarded source: credentials are not remembered for longer than they last, and failures not at all', async () => {
  const clock = new ManualClock();
  const stub = new StubSource({ kind: 'allowed', grant: { ...GRANT, expiresAtMs: clock.nowMs() + 100 } });
  stub.memoryKey = () => ['k'];
  const source = guard(stub, { cache_ttl: 1000 }, clock);
  await source.judge(FACTS);
  clock.advance(100);
  stub.answer = FAILS;
  assert.equal((await source.judge(FACTS)).kind, 'failed');
  stub.answer = () => Promise.resolve(ALLOWED);
  assert.equal((await source.judge(FACTS)).kind, 'allowed');
  assert.equal(stub.asked, 3);
});

test('guarded source: who asks the same at the same time waits for the same answer', async () => {
  let answer: (judgement: Judgement) => void = () => {};
  const stub = new StubSource(
    () =>
      new Promise((resolve) => {
        answer = resolve;
      }),
  );
  stub.memoryKey = ({ userName }) => [userName ?? ''];
  const source = guard(stub, { timeout: 10_000 });
  const all = Array.from({ length: 50 }, () => source.judge(FACTS));
  await new Promise((resolve) => setImmediate(resolve));
  answer(ALLOWED);
  assert.ok((await Promise.all(all)).every(({ kind }) => kind === 'allowed'));
  assert.equal(stub.asked, 1);
});

test('guarded source: one that hangs holds no more than its connections, and those beyond what may wait hear that it is busy', async () => {
  const stub = new StubSource(HANGS);
  const source = guard(stub, { connections: 2, timeout: 30 });
  const kinds = (await Promise.all(Array.from({ length: 200 }, () => source.judge(FACTS)))).map(({ kind }) => kind);
  assert.equal(stub.asked, 2, 'and their places stay taken, for the source may still answer');
  const count = (kind: string): number => kinds.filter((one) => one === kind).length;
  assert.deepEqual([count('failed'), count('busy')], [2, 198]);
  assert.deepEqual([source.counters.timeouts, source.counters.busy], [2, 198]);
});

test('guarded source: after five failures it is spared, then tried by one, and is back with the first success', async () => {
  const clock = new ManualClock();
  const stub = new StubSource(FAILS);
  const source = guard(stub, {}, clock);
  for (let i = 0; i < 20; i += 1) assert.equal((await source.judge(FACTS)).kind, 'failed');
  assert.deepEqual([stub.asked, source.isDown], [5, true]);
  clock.advance(1000);
  await Promise.all([source.judge(FACTS), source.judge(FACTS)]);
  assert.equal(stub.asked, 6, 'one may try');
  clock.advance(1000);
  await source.judge(FACTS);
  assert.equal(stub.asked, 6, 'the pause doubles');
  clock.advance(1000);
  stub.answer = () => Promise.resolve(IGNORED);
  assert.equal((await source.judge(FACTS)).kind, 'ignored');
  assert.deepEqual([source.isDown, (await source.judge(FACTS)).kind], [false, 'ignored']);
});
