import { DROP, DROP_REASONS, type DropName } from '../../../telemetry/metrics/drops.js';
import { DROPS_MAX, keysOf } from '../../../telemetry/metrics/slots.js';
import type { MqttContext } from '../context.js';
import type { MqttSession } from '../session.js';

const FIRST_SLOT = Math.min(...Object.values(DROP));

/** What one session did not get, by reason: made when the first message of it is dropped, gone with the session object. */
export class SessionDrops {
  /** By slot of DROP, from the first one. */
  readonly counts: Float64Array = new Float64Array(DROPS_MAX);
  readonly lastAtMs: Float64Array = new Float64Array(DROPS_MAX);
}

/** Messages of a session are dropped: counted for the shard, and for the session. Allocates once for a session. */
export function dropFor(context: MqttContext, session: MqttSession, slot: number, count: number): void {
  if (count === 0) return;
  context.counts[slot] += count;
  session.drops ??= new SessionDrops();
  session.drops.counts[slot - FIRST_SLOT] += count;
  session.drops.lastAtMs[slot - FIRST_SLOT] = context.nowMs;
}

export interface DropFacts {
  readonly name: DropName;
  readonly reason: string;
  readonly sentence: string;
  readonly settings: readonly string[];
  readonly count: number;
  readonly lastAtMs: number;
}

/** The most recent first. */
export function dropsOf({ drops }: MqttSession): DropFacts[] {
  if (drops === null) return [];
  const facts = keysOf(DROP).map((name): DropFacts => {
    const { reason, sentence, settings } = DROP_REASONS[name];
    const at = DROP[name] - FIRST_SLOT;
    return { name, reason, sentence, settings, count: drops.counts[at], lastAtMs: drops.lastAtMs[at] };
  });
  return facts.filter(({ count }) => count > 0).sort((left, right) => right.lastAtMs - left.lastAtMs);
}
