import type { ShardId } from '../../../broker/ports.js';
import type { MqttContext } from '../context.js';
import type { MqttSession } from '../session.js';
import type { DurableSession } from './durable-session.js';

/** More is pulled when fewer messages than this, and less than one pull brings, wait in the session's own queue. */
const QUEUE_LOW = 512;
const PULL_MESSAGES = 1024;
const PULL_BYTES = 256 * 1024;
/** While so many messages wait for a session, what is pushed to it is left to the log. */
const LIVE_QUEUE_MAX = 1024;

/** Asks the owners of logs for what the session has not got, where it is behind. Costs little where it is not. */
export function pull(context: MqttContext, session: MqttSession): void {
  const { durable } = session;
  if (durable === null || session.slot < 0 || session.isCongested || durable.backlog !== null) return;
  const { queue } = session;
  if (queue !== null && (queue.length >= QUEUE_LOW || queue.bytes >= PULL_BYTES)) return;
  let owners: Set<ShardId> | null = null;
  for (const { isLive, owner } of durable.cursors.values()) {
    if (isLive || durable.pulls.has(owner)) continue;
    if (owners === null) owners = new Set();
    owners.add(owner);
  }
  if (owners !== null) for (const owner of owners) pullFrom(context, session, durable, owner);
}

function pullFrom(context: MqttContext, session: MqttSession, durable: DurableSession, owner: ShardId): void {
  const from: [number, number, number][] = [];
  for (const cursor of durable.cursors.values()) {
    if (cursor.owner !== owner || cursor.isLive) continue;
    from.push([cursor.group, cursor.next, cursor.skip]);
    cursor.skip = 0;
  }
  const ticket = context.takeTicket();
  durable.pulls.set(owner, ticket);
  context.pulls.set(ticket, session);
  context.broker.sendQueueMessage(owner, {
    kind: 'pull',
    ticket,
    session: durable.uid,
    filters: [...durable.filters].map(([filter, since]): readonly [string, (readonly [number, number])[]] => [filter, [...since]]),
    from,
    messagesMax: PULL_MESSAGES,
    bytesMax: PULL_BYTES,
  });
}

/** The client went away, or the owner did: answers that are under way are not waited for. */
export function forgetPulls(context: MqttContext, durable: DurableSession): void {
  for (const ticket of durable.pulls.values()) context.pulls.delete(ticket);
  durable.pulls.clear();
  durable.backlog = null;
}

/** The logged run in `context.run` is not for this session, which published it itself: it is not pulled after a reconnect either. */
export function passesOver(context: MqttContext, session: MqttSession, durable: DurableSession): void {
  const { logGroup, sequence, count } = context.run;
  const cursor = durable.cursors.get(logGroup);
  if (!cursor?.isLive) return;
  cursor.passTo(sequence + count);
  durable.isProgressDirty = true;
  context.lateProgress.add(session);
}

/**
 * Whether the logged run in `context.run` is the session's now. If not, the session has it already, or pulls it later.
 */
export function takesPush(context: MqttContext, session: MqttSession, durable: DurableSession): boolean {
  const { logGroup, sequence, count } = context.run;
  const cursor = durable.cursors.get(logGroup);
  if (cursor === undefined) return session.slot >= 0; // Its subscription is under way.
  if (!cursor.isLive) return false;
  if (session.slot < 0 || (session.queue !== null && session.queue.length >= LIVE_QUEUE_MAX)) {
    cursor.isLive = false;
    return false;
  }
  if (sequence < cursor.next) return false;
  for (let i = 0; i < count; i += 1) cursor.take(sequence + i);
  return true;
}
