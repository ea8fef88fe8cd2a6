import { APPENDED, type ShardId } from '../../../broker/ports.js';
import { DROP } from '../../../telemetry/metrics/drops.js';
import { WireWriter } from '../../../wire/writer.js';
import type { MqttConnection } from '../connection.js';
import { FIRST_BYTE, REASON } from '../constants.js';
import type { MqttContext } from '../context.js';
import { decodePublishProperties, PublishView } from '../decode-publish.js';
import { buildPublish, rewritePublish, rewrittenLength } from '../encode-publish.js';
import { acknowledgeRepeated, stage } from '../log-publish.js';
import { finish } from '../log-settle.js';
import type { PendingRun } from '../pending-runs.js';
import { routeOf } from '../publish.js';
import { frameLength, packetIdOf } from '../publish-frame.js';
import { rightsOf } from '../rights.js';
import type { MqttSession } from '../session.js';
import { throttleByJournal } from '../throttle.js';
import { type DelayedTopic, dueMsOf, parseDelayed } from './delayed-topic.js';

const view = new PublishView();
const NOTHING = new Uint8Array(0);

/** A message on its way to the shard where it will wait. */
export interface SentDelay {
  readonly owner: ShardId;
  readonly question: Delay;
  readonly pending: PendingRun | null;
}

type Delay = Extract<Parameters<MqttContext['broker']['sendQueueMessage']>[1], { kind: 'delay' }>;

/** The run in `context.run`, of a client of this shard, to a topic with DELAYED_PREFIX: acknowledged when the shard of the inner topic's log has it. */
export function onDelayedPublish(context: MqttContext, connection: MqttConnection, session: MqttSession, name: string): void {
  const { run } = context;
  const delayed = parseDelayed(name);
  const refusal = refusalOf(context, session, delayed);
  if (delayed === null || refusal > 0) {
    refuse(context, connection, refusal);
    return;
  }
  const dueMs = dueMsOf(delayed.when, context.nowMs);
  const { bytes, offset, count } = run;
  let position = offset;
  for (let i = 0; i < count; i += 1) {
    const length = frameLength(bytes, position);
    takeFrame(context, connection, session, delayed.topic, dueMs, position, length);
    position += length;
  }
  if (context.journal.pendingBytes > context.limits.journalPendingBytesMax) throttleByJournal(context, connection);
}

/** @returns a reason code; 0: welcome. */
function refusalOf(context: MqttContext, session: MqttSession, delayed: DelayedTopic | null): number {
  const { run } = context;
  if (delayed === null) return REASON.topicNameInvalid;
  const rights = rightsOf(context, session);
  if (!rights.isUnlimited && !rights.mayPublish(delayed.topic, run.qos, run.retain === 1)) return REASON.notAuthorized;
  const delayMs = dueMsOf(delayed.when, context.nowMs) - context.nowMs;
  return delayMs > context.limits.delayedMaxMs ? REASON.topicNameInvalid : 0;
}

/** MQTT 3 has no word for it: who may not hears nothing (MQTT-3.3.5-2 of 3.1.1), else its connection ends rather than that a message is lost in silence. */
function refuse(context: MqttContext, connection: MqttConnection, refusal: number): void {
  const { space, offset, count, qos, version } = context.run;
  if (refusal === REASON.notAuthorized) context.counts[DROP.publisherDenied] += count;
  else context.counts[DROP.notStored] += count;
  if (version !== 5 && refusal !== REASON.notAuthorized) {
    context.endConnection(connection, refusal, 'the message cannot be delayed like that');
    return;
  }
  if (qos === 0) return;
  const firstByte = qos === 1 ? FIRST_BYTE.puback : FIRST_BYTE.pubrec;
  const said = refusal === REASON.notAuthorized ? context.limits.offer.denialCode : refusal;
  context.commands.ackRun(connection.id, firstByte, version === 5 ? said : 0, space, offset, count);
}

function takeFrame(
  context: MqttContext,
  connection: MqttConnection,
  session: MqttSession,
  topic: string,
  dueMs: number,
  offset: number,
  length: number,
): void {
  const { bytes, qos, version } = context.run;
  const { durable } = session;
  const packetId = qos === 2 ? packetIdOf(bytes, offset) : 0;
  // The owner of the log knows what it has of a session that outlives its connection; of others we know it ourselves (§4.3.3).
  if (qos === 2 && !session.openReceived().add(packetId) && durable === null) {
    acknowledgeRepeated(context, connection, session, offset, length);
    return;
  }
  const frame = withTopic(bytes, offset, length, version, topic);
  const owner = ownerOf(context, session.tenant, topic);
  const pending = qos === 0 ? null : line(context, connection, session, offset, length);
  if (qos === 2) durable?.receivedGroups.set(packetId, owner);
  const uid = qos === 2 ? (durable?.uid ?? 0) : 0;
  send(context, owner, pending, {
    kind: 'delay',
    ticket: context.takeTicket(),
    frame,
    version,
    dueMs,
    tenant: session.tenant,
    publisher: session.clientId,
    session: uid,
  });
}

/** A will to a topic with DELAYED_PREFIX. Nobody hears what becomes of it. */
export function delayWill(context: MqttContext, session: MqttSession, name: string, frame: Uint8Array): void {
  const delayed = parseDelayed(name);
  if (delayed === null) {
    context.counts[DROP.notStored] += 1;
    return;
  }
  const dueMs = Math.min(dueMsOf(delayed.when, context.nowMs), context.nowMs + context.limits.delayedMaxMs);
  const inner = withTopic(frame, 0, frame.length, 5, delayed.topic);
  const { tenant, clientId: publisher } = session;
  const question: Delay = { kind: 'delay', ticket: context.takeTicket(), frame: inner, version: 5, dueMs, tenant, publisher, session: 0 };
  send(context, ownerOf(context, session.tenant, delayed.topic), null, question);
}

function ownerOf(context: MqttContext, tenant: string, topic: string): ShardId {
  const number = context.transport.internTopic(new TextEncoder().encode(topic));
  return routeOf(context, context.spaceOf(tenant), number).log?.owner ?? context.broker.shard;
}

function withTopic(bytes: Uint8Array, offset: number, length: number, version: 4 | 5, topic: string): Uint8Array {
  decodePublishProperties(bytes, offset, length, version, view);
  const topicBytes = new TextEncoder().encode(topic);
  if (version === 4) {
    const { qos, isRetained, isDuplicate, packetId, payloadOffset, payloadLength } = view;
    const payload = bytes.subarray(payloadOffset, payloadOffset + payloadLength);
    return buildPublish({ version, topic: topicBytes, qos, isRetained, isDuplicate, packetId, properties: NOTHING, payload });
  }
  const writer = new WireWriter(new Uint8Array(rewrittenLength(view, topicBytes.length)));
  rewritePublish(writer, bytes, view, topicBytes);
  return writer.bytes;
}

/** The acknowledgement takes its place in the line of the connection. */
function line(context: MqttContext, connection: MqttConnection, session: MqttSession, offset: number, length: number): PendingRun {
  const { qos } = context.run;
  const pending = context.pending.take();
  stage(context, pending, offset, length, 1);
  pending.connection = connection;
  pending.session = session;
  pending.ackFirstByte = qos === 1 ? FIRST_BYTE.puback : FIRST_BYTE.pubrec;
  pending.waits = 1;
  pending.users = 2; // The line, and the question.
  connection.unacknowledged.push(pending);
  if (qos === 2) session.pendingQos2 += 1;
  return pending;
}

function send(context: MqttContext, owner: ShardId, pending: PendingRun | null, question: Delay): void {
  context.delays.set(question.ticket, { owner, question, pending });
  context.broker.sendQueueMessage(owner, question);
}

/** The shard where it waits has it, or has refused it. */
export function onDelayed(context: MqttContext, ticket: number, refusal: number): void {
  const sent = context.delays.get(ticket);
  if (sent === undefined) return;
  context.delays.delete(ticket);
  const { pending } = sent;
  if (pending === null) {
    if (refusal > 0) context.counts[DROP.notStored] += 1;
    return;
  }
  pending.refusal = refusal;
  finish(context, pending, refusal === 0 ? APPENDED.durable : APPENDED.failed);
}

/** As of other publishes: its successor is asked again, but for those that are promised once and that it would not know again. */
export function onDelayOwnerReplaced(context: MqttContext, owner: ShardId): void {
  for (const [ticket, { owner: asked, question, pending }] of [...context.delays]) {
    if (asked !== owner) continue;
    if (pending?.ackFirstByte === FIRST_BYTE.pubrec && question.session === 0)
      onDelayed(context, ticket, REASON.implementationSpecificError);
    else context.broker.sendQueueMessage(owner, question);
  }
}
