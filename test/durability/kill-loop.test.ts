import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { DurableBroker } from './durable-broker.js';
import { faultsOf, LOOP_DEFAULTS, type LoopFindings, type LoopOptions, type LoopReport, ROOMY, runLoop, tableOf } from './kill-loop.js';
import { countOf, seededRandom } from './run-options.js';

const CYCLES = countOf('KILL_CYCLES', 5);
const UNSAFE_CYCLES_MAX = 40;
const LOOP_MS_MAX = 30_000 + CYCLES * 10_000;

async function run(context: TestContext, settings: readonly string[], options: Partial<LoopOptions>): Promise<LoopReport> {
  const broker = new DurableBroker({ settings: [...ROOMY, ...settings] });
  context.after(() => broker.dispose());
  const say = (line: string): void => context.diagnostic(line);
  const report = await runLoop(broker, { ...LOOP_DEFAULTS, cycles: CYCLES, random: seededRandom(), say, ...options });
  for (const line of tableOf(report).split('\n')) say(line);
  return report;
}

test(`fault 1: after each of ${CYCLES} kill -9 at random times nothing acknowledged is lost, and nothing comes twice with QoS 2`, {
  timeout: LOOP_MS_MAX,
}, async (context) => {
  const report = await run(context, [], {});
  assert.deepEqual(faultsOf(report), []);
  assert.ok(report.accepted > CYCLES * 10, 'the load was worth it');
  assert.equal(report.bridged.length, 4, 'two ways, two QoS');
  for (const { way, qos, accepted } of report.bridged)
    assert.ok(accepted > CYCLES * 10, `bridges had something to carry: ${way} QoS ${qos}`);
});

for (const shards of [1, 2]) {
  test(`fault 1: kill loop is green when only the connections die (shards: ${shards})`, async (context) => {
    const report = await run(context, [`runtime.shards=${shards}`], { cycles: 3, crash: async () => {}, revive: async () => 0 });
    assert.deepEqual(faultsOf(report), [], 'clients and broker keep their sides of the sessions');
  });
}

test('fault 1: kill loop turns red when the broker acknowledges before the flush', async (context) => {
  const report = await run(context, ['journal.unsafe_ack_before_flush=true'], {
    cycles: UNSAFE_CYCLES_MAX,
    fleet: { window: 512, fillerBytesMax: 8_000, perSecond: 0 },
    isKillAtAck: true,
    lifeMsMax: 300,
    bridgeQos: null,
    settleEvery: 1,
    isEnough: ({ lost }) => lost > 0,
  });
  assert.ok(report.lost > 0, `no loss found in ${report.cycles} cycles: this loop could not see one`);
});

test('fault 1: kill loop turns red when bridges carry with QoS 0', async (context) => {
  const lostOf = ({ bridged }: LoopFindings): number => bridged.reduce((sum, { lost }) => sum + lost, 0);
  const report = await run(context, [], {
    cycles: UNSAFE_CYCLES_MAX,
    bridgeQos: 0,
    settleEvery: 1,
    isEnough: (findings) => lostOf(findings) > 0,
  });
  assert.equal(report.lost, 0, 'nobody else loses anything');
  assert.ok(lostOf(report) > 0, `no loss found in ${report.cycles} cycles: this loop could not see one`);
  assert.ok(faultsOf(report).some((fault) => fault.startsWith('lost, bridged')));
});
