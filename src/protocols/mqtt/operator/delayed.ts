import { matchesFilter } from '../../../base/filter-match.js';
import type { RecordBatch } from '../../../journal/ports.js';
import type { MqttContext } from '../context.js';
import { whenDurable } from '../durable/turn.js';
import { messageOf } from '../record.js';
import type { DelayedFacts } from './ports.js';

/* Messages that wait on this shard to be published, as operators see and cancel them. They are looked through piece by piece, each in a turn of its own. */

/** Records that one turn reads. */
const PIECE_RECORDS = 200;

export interface DelayedMatch {
  readonly tenant: string;
  /** As clients of the tenant know it. */
  readonly filter: string;
}

export interface DelayedAsk extends DelayedMatch {
  /** The id that was seen last. */
  readonly after: string;
  readonly limit: number;
}

export async function listDelayed(
  context: MqttContext,
  { after, limit, ...match }: DelayedAsk,
): Promise<{ readonly delayed: readonly DelayedFacts[]; readonly isCut: boolean }> {
  const delayed: DelayedFacts[] = [];
  await forEachPiece(context, match, after, (found) => {
    delayed.push(...found);
    return delayed.length <= limit;
  });
  return { delayed: delayed.slice(0, limit), isCut: delayed.length > limit };
}

/** @returns whether it was waiting here; it is gone for good. */
export async function cancelDelayed(context: MqttContext, { id }: { readonly id: string }): Promise<boolean> {
  if (!context.delayed.cancel(id)) return false;
  await new Promise<void>((resolve) => whenDurable(context, resolve)); // In the turn of the change: its commit.
  return true;
}

/** @returns how many were cancelled; they are gone for good. */
export async function clearDelayed(context: MqttContext, match: DelayedMatch): Promise<number> {
  let cancelled = 0;
  const durable: Promise<void>[] = [];
  await forEachPiece(context, match, '', (found) => {
    const here = found.filter(({ id }) => context.delayed.cancel(id)).length;
    if (here > 0) durable.push(new Promise((resolve) => whenDurable(context, resolve)));
    cancelled += here;
    return true;
  });
  await Promise.all(durable);
  return cancelled;
}

/** @param visit gets what a piece has; returns false when it has enough. */
function forEachPiece(
  context: MqttContext,
  match: DelayedMatch,
  after: string,
  visit: (found: readonly DelayedFacts[]) => boolean,
): Promise<void> {
  return new Promise((resolve) => {
    const step = (from: string): void => {
      const found: DelayedFacts[] = [];
      let last = from;
      let left = PIECE_RECORDS;
      context.delayed.list(from, ({ id, dueMs, batch }) => {
        last = id;
        left -= 1;
        const facts = batch === null ? null : factsOf(context, match, id, dueMs, batch);
        if (facts !== null) found.push(facts);
        return left > 0;
      });
      if (visit(found) && left === 0) context.later(() => step(last));
      else resolve();
    };
    step(after);
  });
}

/** Null: it is another tenant's, or does not match. */
function factsOf(context: MqttContext, match: DelayedMatch, id: string, dueAtMs: number, batch: RecordBatch): DelayedFacts | null {
  const message = messageOf(batch, context.nowMs);
  if (message === null || message.tenant !== match.tenant) return null;
  const topic = Buffer.from(message.topic.buffer, message.topic.byteOffset, message.topic.length).toString();
  if (!matchesFilter(match.filter, topic)) return null;
  const { tenant, publisher, qos, retain, receivedAtMs } = message;
  const bytes = Math.max(0, batch.valueLength);
  return { id, tenant, topic, publisher, qos, isRetained: retain === 1, bytes, receivedAtMs, dueAtMs };
}
