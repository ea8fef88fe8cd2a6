import { DROP } from '../../telemetry/metrics/drops.js';
import type { MqttConnection } from './connection.js';
import type { MqttContext } from './context.js';
import type { RunView } from './run-view.js';
import { pauseByMeter } from './throttle.js';

/*
  More to do than can be done. A shard is late when its ticks are, and short of memory when the process is. What is left undone then, in this order:

    1   new connections are refused (0x89), those that are there are served as ever       from the limit on
    2   QoS 0 of publishers is dropped and counted too                                   from 1.5 times the lag, or 105 % of the memory
    3   publishers are read once a tick at most: TCP slows them down, nothing is lost       from twice the lag, or 110 % of the memory

  It ends step by step, each after five seconds in which it was not needed.
*/
export const SHED = { nothing: 0, connections: 1, qos0: 2, publishers: 3 } as const;
export type ShedLevel = (typeof SHED)[keyof typeof SHED];

export interface OverloadLimits {
  /** Milliseconds that a tick may be late; Infinity: shedding is off. */
  readonly lagMaxMs: number;
  /** Of the process. */
  readonly memoryMaxBytes: number;
  readonly memoryBytes: () => number;
}

const MS_PER_TICK = 100;
/** Memory is looked at each so many ticks. */
const MEMORY_TICKS = 10;
/** A step back needs so many ticks without need. */
const CALM_TICKS = 50;
const LAG_STEPS: readonly number[] = [1, 1.5, 2];
const MEMORY_STEPS: readonly number[] = [1, 1.05, 1.1];

/** How much of the work of a shard is left undone. */
export class Overload {
  level: ShedLevel = SHED.nothing;
  readonly #limits: OverloadLimits;
  #tickedMs: number;
  #ticks = 0;
  #memoryLevel: ShedLevel = SHED.nothing;
  #calmTicks = 0;
  #lagBeforeMs = 0;

  constructor(limits: OverloadLimits, nowMs: number) {
    this.#limits = limits;
    this.#tickedMs = nowMs;
  }

  /** @param nowMs by a clock that only goes on. @returns true if the level changed. */
  onTick(nowMs: number): boolean {
    const { lagMaxMs, memoryMaxBytes, memoryBytes } = this.#limits;
    const lagMs = nowMs - this.#tickedMs - MS_PER_TICK;
    this.#tickedMs = nowMs;
    if (lagMaxMs === Number.POSITIVE_INFINITY) return false;
    if (this.#ticks % MEMORY_TICKS === 0) this.#memoryLevel = levelOf(memoryBytes() / memoryMaxBytes, MEMORY_STEPS);
    this.#ticks += 1;
    // One late tick may be a process that was stopped, or a machine that slept: two in a row are work.
    const workMs = Math.min(lagMs, this.#lagBeforeMs);
    this.#lagBeforeMs = lagMs;
    const needed = Math.max(levelOf(workMs / lagMaxMs, LAG_STEPS), this.#memoryLevel) as ShedLevel;
    const before = this.level;
    if (needed >= this.level) {
      this.#calmTicks = 0;
      this.level = needed;
    } else {
      this.#calmTicks += 1;
      if (this.#calmTicks >= CALM_TICKS) {
        this.#calmTicks = 0;
        this.level = (this.level - 1) as ShedLevel;
      }
    }
    return this.level !== before;
  }
}

/** Each tick. */
export function watchOverload(context: MqttContext): void {
  const { overload, log } = context;
  const before = overload.level;
  if (!overload.onTick(context.clock.monotonicMs())) return;
  const { level } = overload;
  if (level > before) log.warn('overload.shedding', `more to do than can be done: ${SENTENCES[level]}`, { level });
  else log.info('overload.easing', level === SHED.nothing ? 'everything is served again' : `still: ${SENTENCES[level]}`, { level });
}

/** From level 2 on. @returns true if the run goes no further. */
export function isShed(context: MqttContext, connection: MqttConnection, run: RunView): boolean {
  if (run.qos === 0) {
    context.counts[DROP.overloaded] += run.count;
    return true;
  }
  if (context.overload.level === SHED.publishers) pauseByMeter(context, connection, MS_PER_TICK);
  return false;
}

function levelOf(share: number, steps: readonly number[]): ShedLevel {
  let level = 0;
  for (const step of steps) if (share >= step) level += 1;
  return level as ShedLevel;
}

const SENTENCES: readonly string[] = [
  '',
  'new connections are refused',
  'new connections are refused and QoS 0 is dropped',
  'new connections are refused, QoS 0 is dropped and publishers are slowed down',
];
