import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { pass } from '../resilience/deadline.js';
import { DurableBroker } from './durable-broker.js';
import { Fleet } from './fleet.js';
import { faultsOf, LOOP_DEFAULTS, ROOMY, runLoop, tableOf } from './kill-loop.js';
import { Disk, powerGate } from './mounts.js';
import { countOf, seededRandom } from './run-options.js';

const CUTS = countOf('POWER_CUTS', 2);
const UNSAFE_CUTS_MAX = 8;
const EXIT_MS_MAX = 2_000;
const LOAD_MS = 400;
const skip: string | false = await powerGate();

/** @param crash is given what cuts the power at once. */
async function cutLoop(
  context: TestContext,
  cycles: number,
  crash: (broker: DurableBroker, cut: () => Promise<void>) => Promise<void>,
): Promise<void> {
  const disk = Disk.create();
  const broker = new DurableBroker({ dataPath: disk.dataPath, settings: ROOMY });
  context.after(async () => {
    await broker.dispose();
    disk.dispose();
  });
  disk.mount();
  let cut = await disk.armCut();
  const report = await runLoop(broker, {
    ...LOOP_DEFAULTS,
    cycles,
    random: seededRandom(),
    settleEvery: 5,
    say: (line) => context.diagnostic(line),
    crash: (victim) => crash(victim, cut),
    revive: async () => {
      await disk.remount();
      cut = await disk.armCut();
      return await broker.start();
    },
  });
  for (const line of tableOf(report).split('\n')) context.diagnostic(line);
  assert.deepEqual(faultsOf(report), []);
}

test(`fault 3: after each of ${CUTS} power cuts nothing acknowledged is lost`, {
  skip,
  timeout: 30_000 + CUTS * 15_000,
}, async (context) => {
  await cutLoop(context, CUTS, async (broker, cut) => {
    await cut();
    await broker.kill();
  });
});

test('fault 9: when the file system goes away the broker ends by itself, and nothing acknowledged is lost', { skip }, async (context) => {
  await cutLoop(context, 1, async (broker, cut) => {
    await cut();
    const beganMs = performance.now();
    const { code, signal } = await broker.ended(EXIT_MS_MAX);
    context.diagnostic(`ended with ${code ?? signal} after ${(performance.now() - beganMs).toFixed(0)} ms`);
    if (code === null) context.diagnostic(broker.complaints.join('\n'));
    assert.notEqual(code, 0, 'it says so by its exit code');
    // A write fails first, or a page of a mapped file. LMDB says so too, and may not live to hear what we say: its own undoing of a transaction
    // whose write failed can abort the process.
    const isTold = (line: string): boolean => line.startsWith('RMQ-1020') || line.includes('Write error: Input/output error');
    assert.ok(broker.alarms().length > 0 || broker.complaints.some(isTold), 'and in words');
  });
});

/** One cut under a broker that acknowledges before the flush. @returns how much that was acknowledged is lost. */
async function lossOf(context: TestContext): Promise<number> {
  const disk = Disk.create();
  const broker = new DurableBroker({ dataPath: disk.dataPath, settings: [...ROOMY, 'journal.unsafe_ack_before_flush=true'] });
  context.after(async () => {
    await broker.dispose();
    disk.dispose();
  });
  disk.mount();
  await broker.start();
  const fleet = new Fleet({ window: 512, fillerBytesMax: 4_000, perSecond: 10_000 }, seededRandom());
  await fleet.open(broker.url);
  fleet.sleeper.drop();
  const cut = await disk.armCut();
  fleet.run(broker.url);
  await pass(LOAD_MS);
  await cut();
  await broker.kill();
  fleet.drop();
  await disk.remount();
  await broker.start();
  await fleet.settle(broker.url);
  fleet.drop();
  return fleet.findings().lost;
}

test('fault 3: the power cut takes away what was not flushed', { skip }, async (context) => {
  // Now and then a cut falls between two flushes, when nothing is under way.
  let lost = 0;
  for (let cuts = 0; lost === 0 && cuts < UNSAFE_CUTS_MAX; cuts += 1) lost = await lossOf(context);
  assert.ok(lost > 0, 'else these tests could not see a loss');
});
