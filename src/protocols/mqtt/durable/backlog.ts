import type { QueueMessage, ShardId } from '../../../broker/ports.js';
import type { GroupLog, RecordBatch } from '../../../journal/ports.js';
import { DROP } from '../../../telemetry/metrics/drops.js';
import type { MqttContext } from '../context.js';
import { dropFor } from '../explain/session-drops.js';
import type { MqttSession } from '../session.js';
import type { DurableSession } from './durable-session.js';
import type { GroupCursor } from './group-cursor.js';
import { pull } from './pull.js';
import { wantedOf } from './serve-pull.js';
import { noteProgress } from './turn.js';

/*
  The limits of a session's queue, where the queue is the log: when the client is back, the owners of logs are asked how much they have for it,
  and what is too much is passed over. Nothing of it was read.

    count-waiting -> waiting        by group: messages, their bytes, and the sequence that the next record gets

  Messages are counted by filter and group: one that several filters of a session match counts for each. Bytes are estimated from the first
  messages.
*/

type CountWaiting = Extract<QueueMessage, { kind: 'count-waiting' }>;
type Waiting = Extract<QueueMessage, { kind: 'waiting' }>;

/** Records that are looked at to know how long the others are. */
const SAMPLE_RECORDS = 32;
const SAMPLE_BYTES_MAX = 256 * 1024;

/** Asks; `pull` follows the last answer. */
export function countBacklog(context: MqttContext, session: MqttSession): void {
  const { durable } = session;
  if (durable === null) return;
  const owners = new Set([...durable.cursors.values()].map(({ owner }) => owner));
  if (owners.size === 0) return;
  durable.backlog = { awaited: owners, groups: [] };
  for (const owner of [...owners]) {
    const ticket = context.takeTicket();
    durable.pulls.set(owner, ticket);
    context.pulls.set(ticket, session);
    const from: [number, number][] = [];
    for (const cursor of durable.cursors.values()) if (cursor.owner === owner) from.push([cursor.group, cursor.next]);
    const filters = [...durable.filters].map(([filter, since]) => [filter, [...since]] as const);
    context.broker.sendQueueMessage(owner, { kind: 'count-waiting', ticket, filters, from });
  }
}

export function onCountWaiting(context: MqttContext, from: ShardId, { ticket, filters, from: positions }: CountWaiting): void {
  const groups: [number, number, number, number][] = [];
  for (const [id, start] of positions) {
    const log = context.journal.group(id);
    if (log === undefined) continue;
    let count = 0;
    for (const [filter, since] of filters) {
      const index = log.index(filter);
      if (index === undefined) continue;
      let first = start;
      for (const [group, later] of since) if (group === id) first = Math.max(first, later);
      if (index.last >= first) count += index.countFrom(first);
    }
    if (count > 0) groups.push([id, count, count * meanBytes(log, filters, start), log.nextSequence]);
  }
  context.broker.sendQueueMessage(from, { kind: 'waiting', ticket, groups });
}

/** Of a record that the filters have. */
function meanBytes(log: GroupLog, filters: CountWaiting['filters'], start: number): number {
  const wanted = wantedOf(log, filters, start, SAMPLE_RECORDS);
  let bytes = 0;
  let count = 0;
  log.readRecords(wanted.sequences, 0, wanted.count, SAMPLE_BYTES_MAX, (_sequence, _partition, batch: RecordBatch) => {
    bytes += Math.max(0, batch.keyLength) + Math.max(0, batch.valueLength);
    count += 1;
    return true;
  });
  return count === 0 ? 0 : bytes / count;
}

export function onWaiting(context: MqttContext, from: ShardId, { ticket, groups }: Waiting): void {
  const session = context.pulls.get(ticket);
  context.pulls.delete(ticket);
  const durable = session?.durable ?? null;
  if (session === undefined || durable === null) return;
  durable.pulls.delete(from);
  const { backlog } = durable;
  if (backlog === null) return;
  backlog.groups.push(...groups);
  ownerAnswered(context, session, durable, from);
}

/** An owner has told what it has, or is gone: then its messages are not counted. */
export function ownerAnswered(context: MqttContext, session: MqttSession, durable: DurableSession, owner: ShardId): void {
  const { backlog } = durable;
  if (backlog === null || !backlog.awaited.delete(owner) || backlog.awaited.size > 0) return;
  durable.backlog = null;
  const dropped = passOver(context, durable, backlog.groups);
  if (dropped > 0) {
    durable.gap += dropped;
    dropFor(context, session, DROP.queueFull, dropped);
    noteProgress(context, session);
  }
  pull(context, session);
}

/** @returns how many messages the session will not get. */
function passOver({ limits }: MqttContext, durable: DurableSession, groups: Waiting['groups']): number {
  let count = 0;
  let bytes = 0;
  for (const [, groupCount, groupBytes] of groups) {
    count += groupCount;
    bytes += groupBytes;
  }
  const byBytes = bytes > limits.queueBytesMax ? Math.floor((count * limits.queueBytesMax) / bytes) : count;
  const excess = count - Math.min(count, byBytes, limits.queueMessagesMax);
  if (excess === 0) return 0;
  // Each group gives its share; nobody knows the order among them.
  let rest = excess;
  let counted = 0;
  for (const [id, groupCount, , end] of groups) {
    counted += groupCount;
    const share = Math.min(groupCount, rest, Math.round((excess * counted) / count) - (excess - rest));
    rest -= share;
    const cursor = durable.cursors.get(id);
    if (cursor !== undefined) drop(cursor, share, groupCount, end, limits.queueDropsOldest);
  }
  return excess - rest;
}

function drop(cursor: GroupCursor, share: number, count: number, end: number, isOldest: boolean): void {
  if (share === 0) return;
  if (isOldest) cursor.skip = share;
  else {
    cursor.keep = count - share;
    cursor.keepBelow = end;
  }
}
