import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { SeededRandom } from '../../src/base/random.js';
import { eventually, pass } from '../resilience/deadline.js';
import { DurableBroker } from './durable-broker.js';
import { type Findings, Fleet, type FleetOptions, SHARDS } from './fleet.js';
import { seededRandom } from './run-options.js';

/*
  Fault 1: kill -9 at a random time, again and again, on the same data.

    node dist/test/durability/kill-loop.js --cycles 10000 [--set journal.x=y]...      DURABILITY_SEED=... plays a run again
*/

const KILL_MS_MAX = 2_000;
/** The sleeper is there in every n-th cycle. */
const SLEEP_CYCLES = 4;
export const RESTART_MS_MAX = 5_000;
/** Sessions must keep everything: what is dropped by a limit would look like a loss. */
export const ROOMY: readonly string[] = [
  `runtime.shards=${SHARDS}`,
  'mqtt.queue_messages_max=10000000',
  'mqtt.queue_bytes_max=64GiB',
  'mqtt.receive_max=1000',
];

export interface LoopOptions {
  readonly cycles: number;
  readonly random: SeededRandom;
  readonly fleet: FleetOptions;
  /** Kill in the very turn in which an acknowledgement arrives. Else half of the time. */
  readonly isKillAtAck: boolean;
  /** Longest life of a broker. */
  readonly lifeMsMax: number;
  /** Wait for everything and count every n-th cycle, beside the last. */
  readonly settleEvery: number;
  /** The run may end early. */
  readonly isEnough: (findings: Findings) => boolean;
  /** How it dies, and what happens to its data before it starts again. */
  readonly crash: (broker: DurableBroker) => Promise<void>;
  /** Starts it again on what is left. @returns milliseconds until it was ready. */
  readonly revive: (broker: DurableBroker) => Promise<number>;
  readonly say: (line: string) => void;
}

export interface LoopReport extends Findings {
  readonly cycles: number;
  readonly restartMsMax: number;
  readonly remarks: readonly string[];
}

export const LOOP_DEFAULTS: Omit<LoopOptions, 'cycles' | 'random'> = {
  fleet: { window: 64, fillerBytesMax: 1_500, perSecond: 500 },
  isKillAtAck: false,
  lifeMsMax: KILL_MS_MAX,
  settleEvery: 25,
  isEnough: () => false,
  crash: async (broker) => {
    await broker.kill();
  },
  revive: (broker) => broker.start(),
  say: () => {},
};

/** Runs clients against a broker that dies `cycles` times. It must not run yet. */
export async function runLoop(broker: DurableBroker, options: LoopOptions): Promise<LoopReport> {
  const { random, cycles, say } = options;
  say(`seed ${random.seed}, ${cycles} cycles`);
  const fleet = new Fleet(options.fleet, random);
  let restartMsMax = await broker.start();
  let cycle = 0;
  try {
    await fleet.open(broker.url);
    fleet.sleeper.drop();
    while (cycle < cycles) {
      await liveAndDie(broker, fleet, options, cycle);
      cycle += 1;
      restartMsMax = Math.max(restartMsMax, await options.revive(broker));
      await fleet.checkRetained(broker.url);
      if (cycle % options.settleEvery !== 0 && cycle !== cycles) continue;
      await fleet.settle(broker.url);
      const findings = fleet.findings();
      say(`cycle ${cycle}: ${JSON.stringify(findings)}`);
      if (options.isEnough(findings)) break;
      fleet.sleeper.drop();
    }
  } finally {
    fleet.drop();
  }
  return { ...fleet.findings(), cycles: cycle, restartMsMax, remarks: fleet.remarks() };
}

/** One life under load. */
async function liveAndDie(broker: DurableBroker, fleet: Fleet, options: LoopOptions, cycle: number): Promise<void> {
  const { random } = options;
  const { url } = broker;
  const lifeMs = random.below(options.lifeMsMax);
  const isAtAck = options.isKillAtAck || random.below(2) === 0;
  const reconnected = fleet.reconnect(url, cycle % SLEEP_CYCLES === SLEEP_CYCLES - 1);
  fleet.run(url);
  if (options.isKillAtAck) await reconnected; // A life that is too short for a client proves nothing here.
  await pass(lifeMs);
  const crashed = isAtAck ? atNextAck(fleet, () => options.crash(broker)) : options.crash(broker);
  await crashed;
  fleet.drop();
  await reconnected;
}

/** Crashes in the turn in which a publisher hears of an acknowledgement; without one, after a second. */
async function atNextAck(fleet: Fleet, crash: () => Promise<void>): Promise<void> {
  let crashed: Promise<void> | null = null;
  const begin = (): void => {
    crashed ??= crash();
  };
  for (const publisher of fleet.publishers) publisher.onAccepted = begin;
  try {
    await eventually('an acknowledgement', () => crashed !== null, 1_000);
  } catch {
    begin(); // Nobody is connected yet.
  }
  for (const publisher of fleet.publishers) publisher.onAccepted = () => {};
  await crashed;
}

/** What is wrong with a run; empty if nothing. */
export function faultsOf(report: LoopReport): string[] {
  const wrong: (keyof Findings)[] = ['lost', 'duplicatesQos2', 'disorder', 'corrupt', 'sessionsLost', 'staleRetained', 'early'];
  const faults = wrong.filter((what) => report[what] > 0).map((what) => `${what}: ${report[what]}`);
  if (report.restartMsMax > RESTART_MS_MAX) faults.push(`a restart took ${report.restartMsMax.toFixed(0)} ms`);
  return faults;
}

export function tableOf(report: LoopReport): string {
  const rows: [string, string | number][] = [
    ['cycles', report.cycles],
    ['messages acknowledged', report.accepted],
    ['messages delivered', report.delivered],
    ['lost', report.lost],
    ['duplicates, QoS 1 (allowed)', report.duplicatesQos1],
    ['duplicates, QoS 2', report.duplicatesQos2],
    ['out of order', report.disorder],
    ['corrupt', report.corrupt],
    ['sessions lost', report.sessionsLost],
    ['retained messages too old', report.staleRetained],
    ['delayed messages too early', report.early],
    ['longest restart, ms', report.restartMsMax.toFixed(0)],
  ];
  return [...rows.map(([name, value]) => `${name.padEnd(30)}${String(value).padStart(12)}`), ...report.remarks].join('\n');
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { cycles: { type: 'string', default: '1000' }, set: { type: 'string', multiple: true } } });
  const broker = new DurableBroker({ settings: [...ROOMY, ...(values.set ?? [])] });
  try {
    const report = await runLoop(broker, {
      ...LOOP_DEFAULTS,
      cycles: Number(values.cycles),
      random: seededRandom(),
      say: (line) => process.stdout.write(`${line}\n`),
      isEnough: ({ lost }) => lost > 0,
    });
    const faults = faultsOf(report);
    process.stdout.write(`${tableOf(report)}\n${faults.length === 0 ? 'all well' : `FAILED: ${faults.join(', ')}`}\n`);
    process.exitCode = faults.length === 0 ? 0 : 1;
  } finally {
    await broker.dispose();
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
