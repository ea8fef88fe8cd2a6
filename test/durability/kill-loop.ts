import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { SeededRandom } from '../../src/base/random.js';
import { eventually, pass } from '../resilience/deadline.js';
import { type BridgedFindings, BridgedFleet } from './bridged-fleet.js';
import { DurableBroker } from './durable-broker.js';
import { type Findings, Fleet, type FleetOptions } from './fleet.js';
import { seededRandom } from './run-options.js';
import { SHARDS } from './topic-names.js';

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
  /** QoS of the bridges to a second broker, which promise nothing at 0; null for no bridges. */
  readonly bridgeQos: 0 | 1 | null;
  /** Kill in the very turn in which an acknowledgement arrives. Else half of the time. */
  readonly isKillAtAck: boolean;
  /** Longest life of a broker. */
  readonly lifeMsMax: number;
  /** Wait for everything and count every n-th cycle, beside the last. */
  readonly settleEvery: number;
  /** The run may end early. */
  readonly isEnough: (findings: LoopFindings) => boolean;
  /** How it dies, and what happens to its data before it starts again. */
  readonly crash: (broker: DurableBroker) => Promise<void>;
  /** Starts it again on what is left. @returns milliseconds until it was ready. */
  readonly revive: (broker: DurableBroker) => Promise<number>;
  readonly say: (line: string) => void;
}

export interface LoopFindings extends Findings {
  /** By kind. */
  readonly bridged: readonly BridgedFindings[];
}

export interface LoopReport extends LoopFindings {
  readonly cycles: number;
  readonly restartMsMax: number;
  readonly remarks: readonly string[];
}

export const LOOP_DEFAULTS: Omit<LoopOptions, 'cycles' | 'random'> = {
  fleet: { window: 64, fillerBytesMax: 1_500, perSecond: 500 },
  bridgeQos: 1,
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

/** Who is there in a run. */
interface Cast {
  readonly broker: DurableBroker;
  readonly fleet: Fleet;
  /** null: no bridges. */
  readonly bridged: BridgedFleet | null;
}

/** Runs clients against a broker that dies `cycles` times. It must not run yet. */
export async function runLoop(broker: DurableBroker, options: LoopOptions): Promise<LoopReport> {
  const { random, cycles, say, bridgeQos } = options;
  say(`seed ${random.seed}, ${cycles} cycles`);
  const fleet = new Fleet(options.fleet, random);
  const bridged = bridgeQos === null ? null : new BridgedFleet(ROOMY, options.fleet.fillerBytesMax, random);
  const cast = { broker, fleet, bridged };
  let restartMsMax = 0;
  let cycle = 0;
  try {
    if (bridged !== null && bridgeQos !== null) broker.set(await bridged.start(bridgeQos));
    restartMsMax = await broker.start();
    await fleet.open(broker.url);
    await bridged?.open(broker);
    fleet.sleeper.drop();
    while (cycle < cycles) {
      await liveAndDie(cast, options, cycle);
      cycle += 1;
      restartMsMax = Math.max(restartMsMax, await options.revive(broker));
      await fleet.checkRetained(broker.url);
      if (cycle % options.settleEvery !== 0 && cycle !== cycles) continue;
      await fleet.settle(broker.url);
      await bridged?.settle(broker.url);
      const findings = findingsOf(cast);
      say(`cycle ${cycle}: ${JSON.stringify(findings)}`);
      if (options.isEnough(findings)) break;
      fleet.sleeper.drop();
    }
    return { ...findingsOf(cast), cycles: cycle, restartMsMax, remarks: [...fleet.remarks(), ...(bridged?.remarks() ?? [])] };
  } finally {
    fleet.drop();
    await bridged?.dispose();
  }
}

function findingsOf({ fleet, bridged }: Cast): LoopFindings {
  return { ...fleet.findings(), bridged: bridged?.findings() ?? [] };
}

/** One life under load. */
async function liveAndDie(cast: Cast, options: LoopOptions, cycle: number): Promise<void> {
  const { broker, fleet, bridged } = cast;
  const { random } = options;
  const { url } = broker;
  const lifeMs = random.below(options.lifeMsMax);
  const isAtAck = options.isKillAtAck || random.below(2) === 0;
  const withSleeper = cycle % SLEEP_CYCLES === SLEEP_CYCLES - 1;
  const reconnected = Promise.all([fleet.reconnect(url, withSleeper), bridged?.reconnect(url)]);
  fleet.run(url);
  bridged?.run();
  if (options.isKillAtAck) await reconnected; // A life that is too short for a client proves nothing here.
  await pass(lifeMs);
  const crashed = isAtAck ? atNextAck(cast, () => options.crash(broker)) : options.crash(broker);
  await crashed;
  fleet.drop();
  bridged?.drop();
  await reconnected;
}

/** Crashes in the turn in which a publisher hears of an acknowledgement; without one, after a second. */
async function atNextAck({ fleet, bridged }: Cast, crash: () => Promise<void>): Promise<void> {
  let crashed: Promise<void> | null = null;
  const begin = (): void => {
    crashed ??= crash();
  };
  const publishers = [...fleet.publishers, ...(bridged?.publishers ?? [])];
  for (const publisher of publishers) publisher.onAccepted = begin;
  try {
    await eventually('an acknowledgement', () => crashed !== null, 1_000);
  } catch {
    begin(); // Nobody is connected yet.
  }
  for (const publisher of publishers) publisher.onAccepted = () => {};
  await crashed;
}

/** What is wrong with a run; empty if nothing. */
export function faultsOf(report: LoopReport): string[] {
  const wrong = ['lost', 'duplicatesQos2', 'disorder', 'corrupt', 'sessionsLost', 'staleRetained', 'early'] as const;
  const wrongBridged = ['lost', 'disorder', 'corrupt', 'sessionsLost'] as const;
  const faults = wrong.filter((what) => report[what] > 0).map((what) => `${what}: ${report[what]}`);
  for (const findings of report.bridged)
    for (const what of wrongBridged) if (findings[what] > 0) faults.push(`${what}, bridged ${kindOf(findings)}: ${findings[what]}`);
  if (report.restartMsMax > RESTART_MS_MAX) faults.push(`a restart took ${report.restartMsMax.toFixed(0)} ms`);
  return faults;
}

function kindOf({ way, qos }: BridgedFindings): string {
  return `${way} QoS ${qos}`;
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
    ...report.bridged.flatMap((findings): [string, string | number][] => [
      [`bridged ${kindOf(findings)}, acknowledged`, findings.accepted],
      [`bridged ${kindOf(findings)}, delivered`, findings.delivered],
      [`bridged ${kindOf(findings)}, lost`, findings.lost],
      [`bridged ${kindOf(findings)}, again (allowed)`, findings.duplicates],
      [`bridged ${kindOf(findings)}, out of order`, findings.disorder],
    ]),
    ['longest restart, ms', report.restartMsMax.toFixed(0)],
  ];
  return [...rows.map(([name, value]) => `${name.padEnd(36)}${String(value).padStart(12)}`), ...report.remarks].join('\n');
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
      isEnough: ({ lost, bridged }) => lost + bridged.reduce((sum, kind) => sum + kind.lost, 0) > 0,
    });
    const faults = faultsOf(report);
    process.stdout.write(`${tableOf(report)}\n${faults.length === 0 ? 'all well' : `FAILED: ${faults.join(', ')}`}\n`);
    process.exitCode = faults.length === 0 ? 0 : 1;
  } finally {
    await broker.dispose();
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
