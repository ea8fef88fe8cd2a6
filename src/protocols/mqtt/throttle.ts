import type { ShardId } from '../../broker/ports.js';
import { COUNT } from '../../telemetry/metrics/slots.js';
import type { ConnectionId } from '../../transport/ports.js';
import type { MqttConnection } from './connection.js';
import type { MqttContext } from './context.js';
import type { MqttSession } from './session.js';

/*
  Holding publishers back. A publisher's bytes stay in the kernel while most receivers of its topic lag, or while the ring to
  another shard is congested: TCP slows it down, nothing is lost. A receiver that stands still holds nobody for longer than
  two ticks: its messages wait in its queue, up to the queue's limits.
*/

/** Stops reading a publisher until `session` has caught up, stalls or goes. */
export function throttle(context: MqttContext, publisher: ConnectionId, session: MqttSession): void {
  if (publisher < 0) return;
  const connection = context.connections[publisher];
  if (connection === null || connection === undefined || connection.heldBy !== null) return;
  connection.heldBy = session;
  session.waiters ??= [];
  session.waiters.push(publisher);
  session.progress = progressOf(context, session);
  context.throttling.add(session);
  context.counts[COUNT.publishersPaused] += 1;
  pause(context, connection);
}

/** Reads the publishers again that waited for this session. */
export function releaseWaiters(context: MqttContext, session: MqttSession): void {
  const waiters = session.waiters;
  if (waiters === null) return;
  session.waiters = null;
  context.throttling.delete(session);
  for (const publisher of waiters) {
    const connection = context.connections[publisher];
    if (connection === null || connection === undefined || connection.heldBy !== session) continue;
    connection.heldBy = null;
    resume(context, connection);
  }
}

/** Each tick: sessions that did not move since the last one count as stalled and hold nobody. */
export function releaseStalled(context: MqttContext): void {
  for (const session of context.throttling) {
    const progress = progressOf(context, session);
    if (progress !== session.progress) {
      session.progress = progress;
      continue;
    }
    session.isStalled = true;
    releaseWaiters(context, session);
  }
}

/** Stops reading a publisher until the link to a shard is relieved. */
export function throttleByLink(context: MqttContext, connection: MqttConnection, shard: ShardId): void {
  if (connection.isHeldByLink) return;
  connection.isHeldByLink = true;
  const waiters = context.linkWaiters.get(shard) ?? [];
  waiters.push(connection.id);
  context.linkWaiters.set(shard, waiters);
  context.counts[COUNT.publishersPaused] += 1;
  pause(context, connection);
}

/** The link moves again. */
export function releaseLink(context: MqttContext, shard: ShardId): void {
  const waiters = context.linkWaiters.get(shard);
  if (waiters === undefined) return;
  context.linkWaiters.delete(shard);
  for (const id of waiters) {
    const connection = context.connections[id];
    if (connection === null || connection === undefined || !connection.isHeldByLink) continue;
    connection.isHeldByLink = false;
    resume(context, connection);
  }
}

/** Stops reading a publisher until the journal has caught up. */
export function throttleByJournal(context: MqttContext, connection: MqttConnection): void {
  if (connection.isHeldByJournal) return;
  connection.isHeldByJournal = true;
  context.journalWaiters.push(connection.id);
  context.counts[COUNT.publishersPaused] += 1;
  pause(context, connection);
}

/** After a commit: half of what is allowed is left. */
export function releaseJournal(context: MqttContext): void {
  if (context.journalWaiters.length === 0 || context.journal.pendingBytes * 2 > context.limits.journalPendingBytesMax) return;
  for (const id of context.journalWaiters.splice(0)) {
    const connection = context.connections[id];
    if (connection === null || connection === undefined || !connection.isHeldByJournal) continue;
    connection.isHeldByJournal = false;
    resume(context, connection);
  }
}

/** Stops reading a publisher for so long. */
export function pauseByMeter(context: MqttContext, connection: MqttConnection, waitMs: number): void {
  if (connection.isHeldByMeter) return;
  connection.isHeldByMeter = true;
  context.meterWaiters.push(context.nowMs + waitMs, connection);
  context.counts[COUNT.publishersPaused] += 1;
  pause(context, connection);
}

export function resumeByMeter(context: MqttContext): void {
  context.meterWaiters.advance(context.nowMs, (connection) => {
    if (!connection.isHeldByMeter) return;
    connection.isHeldByMeter = false;
    resume(context, connection);
  });
}

function pause(context: MqttContext, connection: MqttConnection): void {
  connection.pauses += 1;
  if (connection.pauses === 1) context.commands.pauseReading(connection.id);
}

function resume(context: MqttContext, connection: MqttConnection): void {
  connection.pauses -= 1;
  if (connection.pauses === 0 && connection.phase === 'connected') context.commands.resumeReading(connection.id);
}

/** A number that changes whenever the session's client took or acknowledged something. */
function progressOf(context: MqttContext, session: MqttSession): number {
  if (session.slot < 0) return -1;
  return session.acknowledged * 2 ** 24 - context.transport.outputBytesOf(session.slot);
}
