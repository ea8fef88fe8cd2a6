import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { BrokerUnderTest } from '../../bench/macro/broker-under-test.js';
import { compareCarriers, runOn } from '../../bench/macro/carriers.js';
import { CARRIER_SCENARIOS, MACRO_SCENARIOS, smallOf } from '../../bench/macro/scenarios.js';
import { faultsOf } from '../../bench/robust-bench/load-outcome.js';
import { planOfScenario } from '../../bench/robust-bench/load-plan.js';
import { LoadFailure, runLoad } from '../../bench/robust-bench/run-load.js';

/* The loads of the results page against our broker in a process of its own, in small: they have to work, not to be fast. */

const unwatched = (): void => undefined;
const { signal } = new AbortController();
let broker: BrokerUnderTest;

before(async () => {
  broker = await BrokerUnderTest.start();
});

after(async () => {
  assert.equal(await broker.stop(), 0, 'the broker ends with 0 when it is asked to');
});

for (const { name, plan } of MACRO_SCENARIOS.map(smallOf)) {
  test(`macro bench: ${name} in small: everything arrives once and in order`, async () => {
    const outcome = await runLoad(plan, broker.target, unwatched, signal);
    assert.deepEqual(faultsOf(outcome, plan), []);
    assert.equal(outcome.connected, plan.publishers + plan.subscribers + plan.idle);
    assert.ok(outcome.broker !== null && outcome.broker.residentMib > 0);
    if (plan.publishers === 0) return;
    assert.ok(outcome.receivedPerSecond > 0 && outcome.deliver.count > 0);
    assert.ok(plan.qos === 0 || outcome.acknowledge.count > 0);
  });
}

for (const scenario of CARRIER_SCENARIOS.filter(({ scheme }) => scheme !== undefined).map(smallOf)) {
  test(`macro bench: ${scenario.name} in small: everything arrives once and in order`, async () => {
    const outcome = await runOn(broker, scenario);
    assert.deepEqual(faultsOf(outcome, scenario.plan), []);
    assert.equal(outcome.connected, scenario.plan.publishers + scenario.plan.subscribers);
    assert.ok(outcome.received > 0 && outcome.receivedPerSecond > 0);
  });
}

for (const scheme of ['mqtts', 'ws', 'wss'] as const) {
  for (const transport of ['native', 'node'] as const) {
    test(`macro bench: both ends over ${scheme}, version 5, QoS 2, payloads of 20 KB, on the ${transport} transport: everything arrives once and in order`, async () => {
      const small = { publishers: 4, subscribers: 4, topics: 2, warmupMs: 20, durationMs: 100 };
      const plan = planOfScenario('p2p', { ...small, version: 5, qos: 2, size: 20_000, transport });
      const outcome = await runLoad(plan, { ...(await broker.targetOver(scheme)), subscribersTo: null }, unwatched, signal);
      assert.deepEqual(faultsOf(outcome, plan), []);
      assert.ok(outcome.received > 0 && outcome.received === outcome.expected);
    });
  }
}

test('macro bench: a certificate that nobody vouches for is refused by the generator, and said so', async () => {
  const plan = planOfScenario('fanin', { publishers: 2 });
  const target = await broker.targetOver('mqtts');
  const { carrier } = target;
  assert.ok(carrier);
  await assert.rejects(runLoad(plan, { ...target, carrier: { ...carrier, ca: null } }, unwatched, signal), (error) => {
    assert.ok(error instanceof LoadFailure);
    assert.equal(error.kind, 'unreachable');
    assert.match(error.message, /CERT|SIGNATURE|ISSUER/);
    return true;
  });
});

test('macro bench: where no WebSocket is served the load fails at once and says so', async () => {
  const plan = planOfScenario('fanin', { publishers: 2 });
  const target = await broker.targetOver('ws');
  const { carrier } = target;
  assert.ok(carrier);
  await assert.rejects(runLoad(plan, { ...target, carrier: { ...carrier, path: '/elsewhere' } }, unwatched, signal), /no WebSocket: HTTP/);
});

test('macro bench: the comparison of carriers prints each of them with its ratio to plain TCP', async () => {
  let text = '';
  const isSound = await compareCarriers(CARRIER_SCENARIOS.slice(0, 3).map(smallOf), 1, (part) => {
    text += part;
  });
  assert.ok(isSound, text);
  assert.match(text, /\| fanin-q0 \| [\d,]+ \| 1\.00 \|/);
  assert.match(text, /\| fanin-q0-tls \| [\d,]+ \| \d+\.\d\d \|/);
  assert.match(text, /\| fanin-q0-ws \| [\d,]+ \| \d+\.\d\d \|/);
});

for (const transport of ['native', 'node'] as const) {
  test(`macro bench: version 5, QoS 2, two threads, generator on the ${transport} transport: everything arrives once and in order`, async (t) => {
    const small = { publishers: 6, subscribers: 6, topics: 3, warmupMs: 20, durationMs: 100 };
    const plan = planOfScenario('p2p', { ...small, version: 5, qos: 2, threads: 2, transport });
    try {
      const outcome = await runLoad(plan, broker.target, unwatched, signal);
      assert.deepEqual(faultsOf(outcome, plan), []);
      assert.ok(outcome.received > 0 && outcome.received === outcome.expected);
    } catch (error) {
      if (!(error instanceof Error) || !error.message.startsWith('RMQ-1008')) throw error;
      t.skip(error.message); // No native transport on this machine.
    }
  });
}

test('macro bench: where nobody listens the load fails at once and says so', async () => {
  const plan = planOfScenario('fanout', { subscribers: 5 });
  await assert.rejects(runLoad(plan, { host: '127.0.0.1', port: 1, pid: 0 }, unwatched, signal), (error) => {
    assert.ok(error instanceof LoadFailure);
    assert.equal(error.kind, 'unreachable');
    assert.match(error.message, /127\.0\.0\.1:1: ECONNREFUSED/);
    return true;
  });
});
