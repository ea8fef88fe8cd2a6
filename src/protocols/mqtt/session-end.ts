import { DROP } from '../../telemetry/metrics/drops.js';
import { COUNT } from '../../telemetry/metrics/slots.js';
import type { MqttContext } from './context.js';
import { isDelayedTopic } from './delayed/delayed-topic.js';
import { delayWill } from './delayed/on-delayed-publish.js';
import { dropTransient, endDurable } from './durable/life.js';
import { noteRecord } from './durable/turn.js';
import { buildPublish } from './encode-publish.js';
import { leaveExclusive } from './exclusive.js';
import { logRun } from './log-publish.js';
import { countInTenant } from './metering/entry.js';
import { retainLast, routeOf, spread, takeFrame } from './publish.js';
import { mayLeave } from './rights.js';
import { EXPIRY_NEVER, type MqttSession } from './session.js';
import { endShared } from './shared/membership.js';
import { releaseWaiters } from './throttle.js';
import type { Will } from './will.js';

/** The connection ended without DISCONNECT 0x00: the will goes out now, or after its delay if the session lives that long (§3.1.3.2.2). */
export function scheduleWill(context: MqttContext, session: MqttSession, will: Will): void {
  const delaySeconds = Math.min(will.delaySeconds, session.expirySeconds);
  if (delaySeconds === 0) {
    publishWill(context, session, will);
    dropTransient(context, session);
    return;
  }
  session.pendingWill = will;
  session.pendingWillAtMs = context.nowMs + delaySeconds * 1000;
  context.deadlines.push(session.pendingWillAtMs, session);
}

/** The session is off line: it ends when its expiry has passed (§3.1.2.11.2). */
export function scheduleExpiry(context: MqttContext, session: MqttSession): void {
  if (session.expirySeconds === EXPIRY_NEVER) {
    session.endsAtMs = Number.POSITIVE_INFINITY;
    return;
  }
  session.endsAtMs = context.nowMs + session.expirySeconds * 1000;
  context.deadlines.push(session.endsAtMs, session);
}

/** A deadline of a session came up. What it was for may have gone: the client came back, the session ended or moved. */
export function onDeadline(context: MqttContext, session: MqttSession): void {
  if (session.hasEnded) return;
  if (session.pendingWill !== null && session.pendingWillAtMs <= context.nowMs) {
    const will = session.pendingWill;
    session.pendingWill = null;
    publishWill(context, session, will);
    noteRecord(context, session);
  }
  if (session.slot < 0 && session.endsAtMs > 0 && session.endsAtMs <= context.nowMs) endSession(context, session);
}

/** The session is this shard's from now on. */
export function keepSession(context: MqttContext, session: MqttSession): void {
  if (context.sessions.get(session.key) === undefined) countInTenant(context, session.tenant, 'sessions', 1);
  context.sessions.set(session.key, session);
}

/** The session and all it holds are gone. A will that still waited is due now. */
export function endSession(context: MqttContext, session: MqttSession): void {
  if (session.hasEnded) return;
  session.hasEnded = true;
  releaseWaiters(context, session);
  // What moves to another shard is not lost, and what is durable was counted when it was passed over.
  if (!session.isMoving) context.counts[DROP.sessionEnded] += session.queue?.length ?? 0;
  endShared(context, session);
  leaveExclusive(context, session);
  context.broker.forget(session);
  if (!session.isMoving) endDurable(context, session);
  if (context.sessions.get(session.key) === session) {
    context.sessions.delete(session.key);
    countInTenant(context, session.tenant, 'sessions', -1);
  }
  // While the session is being surrendered the directory knows already.
  if (!session.isLeaving) context.broker.directory.release(session.key);
  const will = session.pendingWill;
  session.pendingWill = null;
  if (will !== null) publishWill(context, session, will);
}

function publishWill(context: MqttContext, session: MqttSession, will: Will): void {
  if (!mayLeave(context, session, will)) {
    context.counts[DROP.publisherDenied] += 1;
    return;
  }
  const topicBytes = new TextEncoder().encode(will.topic);
  const frame = buildPublish({
    version: 5,
    topic: topicBytes,
    qos: will.qos,
    isRetained: will.retain,
    isDuplicate: false,
    packetId: will.qos > 0 ? 1 : 0,
    properties: will.properties,
    payload: will.payload,
  });
  context.counts[COUNT.willsPublished] += 1;
  if (isDelayedTopic(will.topic)) {
    delayWill(context, session, will.topic, frame);
    return;
  }
  const topic = takeFrame(context, null, topicBytes, frame, 5);
  const route = routeOf(context, context.spaceOf(session.tenant), topic);
  const target = route.log;
  if (target !== null && (will.qos > 0 || target.takesQos0)) {
    logRun(context, null, topic, route, target, true);
    return;
  }
  const { offset, length } = context.run;
  spread(context, null, topic, route);
  if (will.retain) retainLast(context, route.routing, offset, length, 1, () => {});
}
