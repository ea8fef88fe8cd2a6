import { statfsSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';
import type { AlarmSettings } from '../../settings/watch-schema.js';
import { residentBytes } from '../resident-memory.js';
import type { CertificateExpiry } from '../tls/tls-files.js';
import type { AlarmState, Alarms } from './alarms.js';

/** How often it looks. */
const LOOK_MS = 1000;
/** A share must fall so far below its threshold to be well again, in per cent of all. */
const SLACK_PERCENT = 5;
/** Free space must rise so far above its threshold. */
const SLACK_FACTOR = 1.1;
const BYTES_PER_MIB = 2 ** 20;

/** What the node knows of itself. */
export interface WatchedNode {
  readonly connections: number;
  readonly connectionsMax: number;
  readonly isShortOfDescriptors: boolean;
  /** By shard: whether it sheds work, and whether its journal takes records. */
  readonly shards: readonly { readonly isShedding: boolean; readonly isJournalFull: boolean }[];
  readonly certificates: readonly CertificateExpiry[];
  /** Sources of authentication, by their names in the settings. */
  readonly sources: readonly { readonly name: string; readonly isDown: boolean }[];
}

/** What the system says of the process. */
export interface ProcessFacts {
  /** Microseconds of processor time since it started. */
  cpuMicroseconds(): number;
  memoryBytes(): number;
  memoryBytesMax(): number;
  /** Of the data directory; null: not known. */
  freeBytes(): number | null;
  readonly cores: number;
}

/** Looks at the node each second and tells `Alarms` what it sees. On the main thread. */
export class AlarmWatch {
  readonly #alarms: Alarms;
  readonly #settings: AlarmSettings;
  readonly #facts: ProcessFacts;
  readonly #node: () => WatchedNode;
  #lookedMs = Number.NEGATIVE_INFINITY;
  #cpuMicroseconds = 0;

  constructor(alarms: Alarms, settings: AlarmSettings, facts: ProcessFacts, node: () => WatchedNode) {
    this.#alarms = alarms;
    this.#settings = settings;
    this.#facts = facts;
    this.#node = node;
  }

  /** @param nowMs since the epoch; @param monotonicMs of a clock that never goes back. */
  tick(nowMs: number, monotonicMs: number): void {
    if (!this.#settings.enabled || monotonicMs - this.#lookedMs < LOOK_MS) return;
    this.#lookAtProcess(nowMs, monotonicMs - this.#lookedMs);
    this.#lookedMs = monotonicMs;
    this.#lookAtNode(nowMs);
    this.#alarms.tick(nowMs);
  }

  #lookAtProcess(nowMs: number, elapsedMs: number): void {
    const alarms = this.#alarms;
    const { cpu_high, memory_high, disk_free_low } = this.#settings;
    const cpu = this.#facts.cpuMicroseconds();
    if (Number.isFinite(elapsedMs)) {
      const percent = (cpu - this.#cpuMicroseconds) / (elapsedMs * 10 * this.#facts.cores);
      alarms.look('high-cpu', '', shareState(percent, cpu_high), () => `${Math.round(percent)} % of ${this.#facts.cores} cores`, nowMs);
    }
    this.#cpuMicroseconds = cpu;
    const [used, all] = [this.#facts.memoryBytes(), this.#facts.memoryBytesMax()];
    const memory = (used * 100) / all;
    alarms.look('high-memory', '', shareState(memory, memory_high), () => `${mibText(used)} of ${mibText(all)}`, nowMs);
    const free = this.#facts.freeBytes();
    if (free === null) return;
    const state = free < disk_free_low ? 'bad' : free < disk_free_low * SLACK_FACTOR ? 'between' : 'good';
    alarms.look('disk-low', '', state, () => `${mibText(free)} are free`, nowMs);
  }

  #lookAtNode(nowMs: number): void {
    const alarms = this.#alarms;
    const { connections, connectionsMax, isShortOfDescriptors, shards, certificates, sources } = this.#node();
    const { connections_high, certificate_expires_within } = this.#settings;
    const share = (connections * 100) / connectionsMax;
    const isFull = shareState(share, connections_high);
    alarms.look('connections-high', '', isFull, () => `${connections} of ${connectionsMax}`, nowMs);
    alarms.look('descriptors-short', '', stateOf(isShortOfDescriptors), () => `with ${connections} connections`, nowMs);
    for (const [shard, { isShedding, isJournalFull }] of shards.entries()) {
      const subject = `shard ${shard}`;
      alarms.look('overload-shedding', subject, stateOf(isShedding), () => subject, nowMs);
      alarms.look('disk-full', subject, stateOf(isJournalFull), () => subject, nowMs);
    }
    for (const { listener, host, notAfterMs } of certificates) {
      const subject = host === '' ? listener : `${listener} ${host}`;
      const isNear = notAfterMs - nowMs < certificate_expires_within;
      alarms.look(
        'certificate-expiring',
        subject,
        stateOf(isNear),
        () => `${subject} ends at ${new Date(notAfterMs).toISOString()}`,
        nowMs,
      );
    }
    for (const { name, isDown } of sources) alarms.look('authentication-source-down', name, stateOf(isDown), () => name, nowMs);
  }
}

/** Of this process, on the disk of a directory. */
export function processFacts(dataPath: string): ProcessFacts {
  return {
    cores: availableParallelism(),
    cpuMicroseconds: () => {
      const { user, system } = process.cpuUsage();
      return user + system;
    },
    memoryBytes: residentBytes,
    memoryBytesMax: () => {
      const bound = process.constrainedMemory(); // Of a container; 0, or more than there is, without one.
      return bound > 0 && bound < totalmem() ? bound : totalmem();
    },
    freeBytes: () => {
      try {
        const { bavail, bsize } = statfsSync(dataPath);
        return bavail * bsize;
      } catch {
        return null; // It was taken away; whoever writes there says so.
      }
    },
  };
}

function shareState(percent: number, high: number): AlarmState {
  return percent > high ? 'bad' : percent > high - SLACK_PERCENT ? 'between' : 'good';
}

function stateOf(isBad: boolean): AlarmState {
  return isBad ? 'bad' : 'good';
}

function mibText(bytes: number): string {
  return `${Math.round(bytes / BYTES_PER_MIB)} MiB`;
}
