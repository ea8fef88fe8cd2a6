import { type Random, SeededRandom } from '../../src/base/random.js';
import type { DriverLimits } from '../../src/raft/driver/limits.js';
import type { MachineOptions } from './checked-machine.js';
import type { DiskOptions } from './simulated-disk.js';
import type { NetworkOptions } from './simulated-network.js';

export const FAULTS = [
  'crash',
  'power-cut',
  'pause',
  'partition',
  'clog',
  'slow-disk',
  'full-disk',
  'disk-error',
  'rot',
  'wipe',
  'skew',
  'wall-jump',
  'transfer',
  'membership',
] as const;
export type Fault = (typeof FAULTS)[number];

export interface ClientOptions {
  readonly count: number;
  /** Between two operations of a client, on average. */
  readonly thinkMs: number;
  /** Few of them, so that clients meet. */
  readonly keys: number;
  readonly valueBytes: number;
  readonly readChance: number;
  /** Reads that go to a node of the client's choice, which may long have ceased to lead. */
  readonly stubbornChance: number;
  /** Commands that nobody may send twice. */
  readonly withoutIdChance: number;
  /** Answers that do not come back. */
  readonly lostAnswerChance: number;
  readonly attemptMs: number;
}

/** Everything that a seed decides about a world. With it, a run is the same again. */
export interface WorldOptions {
  readonly seed: number;
  readonly safetyMs: number;
  readonly voters: number;
  readonly limits: DriverLimits;
  readonly machine: MachineOptions;
  readonly network: NetworkOptions;
  readonly disk: DiskOptions;
  readonly segmentBytes: number;
  /** Messages go through their codec. */
  readonly encodesMessages: boolean;
  /** Inputs wait up to so long for their turn; 0: each has one of its own. */
  readonly turnMsMax: number;
  /** Clocks run faster or slower by up to this part. */
  readonly skewMax: number;
  readonly clients: ClientOptions;
  /** Whoever has just been elected is cut off, or ends: what it began is half done. */
  readonly newLeaderTrouble: number;
  /** How often each happens in a minute; 0: never in this world. */
  readonly faultsPerMinute: Readonly<Record<Fault, number>>;
}

/** Each world has other faults, limits and loads ("swarm testing": Groce and others, 2012): what all worlds have hides what few would find. */
export function drawOptions(seed: number, safetyMs: number): WorldOptions {
  const random = new SeededRandom(seed);
  const isOften = (chance: number): boolean => random.nextFraction() < chance;
  const entryBytes = pick(random, [64, 64, 300]);
  return {
    seed,
    safetyMs,
    voters: pick(random, [3, 3, 3, 5]),
    limits: drawLimits(random, entryBytes),
    machine: { chunkBytes: pick(random, [200, 1000, 8000]), requestsRemembered: 500 },
    network: {
      delayMsMin: 0.2,
      delayMsMax: pick(random, [1, 5, 40]),
      tailChance: pick(random, [0, 0.01, 0.1]),
      tailMs: pick(random, [50, 500, 5000]),
      lossChance: pick(random, [0, 0, 0.01, 0.1]),
      duplicateChance: pick(random, [0, 0, 0.02, 0.2]),
      isOrdered: isOften(0.6),
      queueMax: pick(random, [16, 256]),
    },
    disk: { sectorBytes: pick(random, [512, 4096]), flushMs: pick(random, [0.5, 3, 15, 60]) },
    segmentBytes: pick(random, [2000, 16_000]),
    encodesMessages: isOften(0.1),
    turnMsMax: pick(random, [0, 0, 0, 2, 20]),
    skewMax: pick(random, [0, 0.02, 0.3]),
    clients: {
      count: pick(random, [2, 4, 8]),
      thinkMs: pick(random, [300, 1000, 3000]),
      keys: pick(random, [2, 5, 10]),
      valueBytes: entryBytes,
      readChance: pick(random, [0.2, 0.5]),
      stubbornChance: pick(random, [0, 0.5, 0.9]),
      withoutIdChance: pick(random, [0, 0.2]),
      lostAnswerChance: pick(random, [0, 0.05, 0.3]),
      attemptMs: pick(random, [500, 2000]),
    },
    newLeaderTrouble: pick(random, [0, 0, 0.3, 0.9]),
    faultsPerMinute: drawFaults(random),
  };
}

function drawLimits(random: Random, entryBytes: number): DriverLimits {
  return {
    messageBytesMax: pick(random, [2 * entryBytes, 4096]),
    committedBytesMax: pick(random, [2 * entryBytes, 65_536]),
    uncommittedBytesMax: pick(random, [4 * entryBytes, 65_536]),
    inFlightMessagesMax: pick(random, [1, 4, 64]),
    inFlightBytesMax: pick(random, [2 * entryBytes, 65_536]),
    readsMax: pick(random, [4, 1000]),
    snapshotBytes: pick(random, [4000, 100_000]),
    snapshotEntries: pick(random, [10, 50, 200]),
    trailingEntries: pick(random, [0, 5, 50]),
    chunksInFlight: pick(random, [1, 4]),
  };
}

function drawFaults(random: Random): Record<Fault, number> {
  const rates: Record<Fault, readonly number[]> = {
    crash: [1, 4, 12],
    'power-cut': [0.5, 2, 6],
    pause: [1, 4],
    partition: [1, 4, 10],
    clog: [1, 3],
    'slow-disk': [1, 3],
    'full-disk': [0.5],
    'disk-error': [0.5, 2],
    rot: [0.5, 2],
    wipe: [0.3],
    skew: [1],
    'wall-jump': [1],
    transfer: [1, 6],
    membership: [2, 8, 20],
  };
  const drawn: Partial<Record<Fault, number>> = {};
  for (const fault of FAULTS) drawn[fault] = random.below(2) === 0 ? 0 : pick(random, rates[fault]);
  return { ...NO_FAULTS, ...drawn };
}

export const NO_FAULTS: Readonly<Record<Fault, number>> = {
  crash: 0,
  'power-cut': 0,
  pause: 0,
  partition: 0,
  clog: 0,
  'slow-disk': 0,
  'full-disk': 0,
  'disk-error': 0,
  rot: 0,
  wipe: 0,
  skew: 0,
  'wall-jump': 0,
  transfer: 0,
  membership: 0,
};

export function pick<T>(random: Random, choices: readonly T[]): T {
  return choices[random.below(choices.length)];
}
