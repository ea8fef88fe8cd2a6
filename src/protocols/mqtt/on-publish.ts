import { assert } from '../../base/assert.js';
import type { Route } from '../../broker/ports.js';
import { DROP } from '../../telemetry/metrics/drops.js';
import { COUNT } from '../../telemetry/metrics/slots.js';
import { SPACE_ARENA, type TopicId } from '../../transport/ports.js';
import { WireWriter } from '../../wire/writer.js';
import { endConnection, refuseViolation } from './close.js';
import type { MqttConnection } from './connection.js';
import { FIRST_BYTE, PACKET, REASON } from './constants.js';
import type { MqttContext } from './context.js';
import { decodePublishProperties, PublishView } from './decode-publish.js';
import { isDelayedTopic } from './delayed/delayed-topic.js';
import { onDelayedPublish } from './delayed/on-delayed-publish.js';
import { encodeAck } from './encode.js';
import { rewritePublish, rewrittenLength } from './encode-publish.js';
import { ProtocolViolation } from './errors.js';
import { logRun } from './log-publish.js';
import { mayFlow } from './metering/input.js';
import { isKept } from './metering/storage.js';
import { refusesFlags } from './offer.js';
import { isShed, SHED } from './overload.js';
import { planOf } from './plan.js';
import { reasonFor, retainLast, routeOf, spread, takeFrame } from './publish.js';
import { frameLength, packetIdOf } from './publish-frame.js';
import { breachReceiveMaximum } from './receive-maximum.js';
import { NO_TOPIC, rewriteRun } from './rewrite/rewrite-names.js';
import { mayPublish } from './rights.js';
import type { MqttSession } from './session.js';
import type { TenantSpace } from './tenant-space.js';

const view = new PublishView();

/*
  PUBLISH, MQTT 5.0 §3.3 and §4.3, where it is not the plain QoS 0 or 1 of the hot path. The run is in `context.run`. PUBACK and
  PUBREC say that we own the message, so they come last.
*/

/**
 * The run in `context.run`, of a client of this shard, to wherever its topic goes. Its bytes are in a space of the transport.
 * @param hasProperties it is one frame of MQTT 5 with properties.
 */
export function publishRun(context: MqttContext, connection: MqttConnection, topic: TopicId, hasProperties: boolean): void {
  const { rewrites } = spaceOf(connection);
  const named = rewrites === null ? topic : rewriteRun(context, connection, rewrites, topic);
  if (named !== NO_TOPIC) {
    publishNamed(context, connection, named, hasProperties);
    return;
  }
  context.counts[DROP.rewriteRefused] += context.run.count;
  onPublishRefused(context, connection, REASON.topicNameInvalid);
}

/** The same with the topic that it has inside. */
function publishNamed(context: MqttContext, connection: MqttConnection, topic: TopicId, hasProperties: boolean): void {
  const run = context.run;
  const route = routeOf(context, spaceOf(connection), topic);
  const target = route.log;
  const { meter } = connection;
  if (context.overload.level >= SHED.qos0 && isShed(context, connection, run)) return;
  if (meter !== null && run.count > 1 && context.quotas.onExcess === 'reject') {
    publishOneByOne(context, connection, topic, hasProperties);
    return;
  }
  if (meter !== null && !mayFlow(context, connection, meter, run)) {
    if (connection.phase === 'connected') onPublishRefused(context, connection, REASON.quotaExceeded);
    return;
  }
  if (planOf(context, route).isSetApart) onSetApart(context, connection, route);
  else if (!mayPublish(context, sessionOf(connection), topic, route, run)) {
    context.counts[DROP.publisherDenied] += run.count;
    onPublishRefused(context, connection, context.limits.offer.denialCode);
  } else if (spaceOf(connection).isStorageFull && isKept(run, target)) onStorageFull(context, connection);
  else if (target !== null && (run.qos > 0 || target.takesQos0)) logRun(context, connection, topic, route, target, hasProperties);
  else if (run.qos === 2) onPublishQos2(context, connection, topic, route);
  else if (run.retain === 1) onPublishRetained(context, connection, topic, route);
  else {
    spread(context, connection, topic, route);
    if (run.qos === 1) context.commands.ackRun(connection.id, FIRST_BYTE.puback, reasonFor(run, route), run.space, run.offset, run.count);
  }
}

/** Some of the run may be within its rate and the rest beyond. */
function publishOneByOne(context: MqttContext, connection: MqttConnection, topic: TopicId, hasProperties: boolean): void {
  const { run } = context;
  const { space, bytes, offset, count, version } = run;
  let position = offset;
  for (let i = 0; i < count && connection.phase === 'connected'; i += 1) {
    const length = frameLength(bytes, position);
    run.set(space, bytes, position, length, 1, version);
    run.connection = connection.id;
    run.session = connection.session;
    publishNamed(context, connection, topic, hasProperties);
    position += length;
  }
}

/** QoS 2 without a log, delivered once, however often they are sent before PUBREL (§4.3.3). */
function onPublishQos2(context: MqttContext, connection: MqttConnection, topic: TopicId, route: Route<MqttSession>): void {
  const session = sessionOf(connection);
  const { space, bytes, offset, count } = context.run;
  const received = session.openReceived();
  let position = offset;
  // Frames that are new are passed on in stretches as long as possible.
  let stretch = offset;
  let stretchCount = 0;
  for (let i = 0; i < count; i += 1) {
    const length = frameLength(bytes, position);
    if (received.add(packetIdOf(bytes, position))) {
      stretchCount += 1;
    } else {
      publishStretch(context, connection, topic, route, stretch, position - stretch, stretchCount);
      stretch = position + length;
      stretchCount = 0;
    }
    position += length;
  }
  publishStretch(context, connection, topic, route, stretch, position - stretch, stretchCount);
  context.commands.ackRun(connection.id, FIRST_BYTE.pubrec, reasonFor(context.run, route), space, offset, count);
}

function publishStretch(
  context: MqttContext,
  connection: MqttConnection,
  topic: TopicId,
  route: Route<MqttSession>,
  offset: number,
  length: number,
  count: number,
): void {
  if (count === 0) return;
  const run = context.run;
  run.set(run.space, run.bytes, offset, length, count, run.version);
  run.connection = connection.id;
  run.session = connection.session;
  spread(context, connection, topic, route);
  if (run.retain === 1) retainLast(context, route.routing, offset, length, count, () => {});
}

/** QoS 0 or 1 with RETAIN, without a log: acknowledged when the owner of the topic has the last one. */
function onPublishRetained(context: MqttContext, connection: MqttConnection, topic: TopicId, route: Route<MqttSession>): void {
  const run = context.run;
  const { bytes, offset, count, qos } = run;
  const packetIds: number[] = [];
  let position = offset;
  for (let i = 0; i < count; i += 1) {
    if (qos > 0) packetIds.push(packetIdOf(bytes, position));
    position += frameLength(bytes, position);
  }
  const reason = reasonFor(run, route);
  const { length } = run;
  spread(context, connection, topic, route);
  retainLast(context, route.routing, offset, length, count, () => {
    if (connection.phase !== 'connected') return;
    for (const packetId of packetIds) acknowledge(context, connection, FIRST_BYTE.puback, packetId, reason);
  });
}

/** MQTT 5 hears why and may try again; MQTT 3 has no word for it but the end of the connection. */
function onStorageFull(context: MqttContext, connection: MqttConnection): void {
  const { run } = context;
  context.counts[DROP.storageFull] += run.count;
  if (run.qos === 0 || connection.version === 5) onPublishRefused(context, connection, REASON.quotaExceeded);
  else endConnection(context, connection, REASON.quotaExceeded, 'the tenant stores as much as it may');
}

/** Topics that begin with $ and mean something of their own. */
function onSetApart(context: MqttContext, connection: MqttConnection, route: Route<MqttSession>): void {
  if (isDelayedTopic(route.topic) && spaceOf(connection).isStorageFull) onStorageFull(context, connection);
  else if (isDelayedTopic(route.topic)) onDelayedPublish(context, connection, sessionOf(connection), route.topic);
  else {
    context.counts[DROP.reservedTopic] += context.run.count;
    onPublishRefused(context, connection, context.limits.offer.denialCode);
  }
}

/** A topic that only the server writes, or that the client may not write, or not so fast: refused by its acknowledgement where MQTT 5 can, else taken and forgotten. */
function onPublishRefused(context: MqttContext, connection: MqttConnection, reasonCode: number): void {
  const { space, offset, count, qos, version } = context.run;
  if (qos === 0) return;
  const firstByte = qos === 1 ? FIRST_BYTE.puback : FIRST_BYTE.pubrec;
  context.commands.ackRun(connection.id, firstByte, version === 5 ? reasonCode : 0, space, offset, count);
}

/** One MQTT 5 PUBLISH with properties, or with an alias in place of its topic. */
export function onPublishWithProperties(
  context: MqttContext,
  connection: MqttConnection,
  offset: number,
  length: number,
  topic: TopicId,
): void {
  const bytes = context.transport.arena;
  try {
    decodePublishProperties(bytes, offset, length, 5, view);
  } catch (error) {
    if (!(error instanceof ProtocolViolation)) throw error;
    refuseViolation(context, connection, error);
    return;
  }
  const qos = (bytes[offset] >> 1) & 3;
  context.counts[COUNT.messagesReceived + qos] += 1;
  context.counts[COUNT.packetsReceived + PACKET.publish] += 1;
  if (refusesFlags(context, connection, bytes[offset] & 0x0f)) return;
  if (qos > 0 && breachReceiveMaximum(context, connection, 1)) return;
  const alias = view.topicAlias;
  if (alias > context.limits.topicAliasMax) {
    endConnection(context, connection, REASON.topicAliasInvalid, 'the topic alias is above the maximum');
    return;
  }
  if (topic >= 0) {
    if (alias > 0) learnAlias(context, connection, alias, bytes.slice(view.topicOffset, view.topicOffset + view.topicLength));
    publishDecoded(context, connection, topic, offset, length);
    return;
  }
  const name = connection.inboundAliases?.[alias] ?? null;
  if (alias === 0 || name === null) {
    endConnection(
      context,
      connection,
      REASON.protocolError,
      alias === 0 ? 'a PUBLISH without topic and alias' : 'the topic alias was not set',
    );
    return;
  }
  publishAliased(context, connection, name);
}

function learnAlias(context: MqttContext, connection: MqttConnection, alias: number, topic: Uint8Array): void {
  connection.inboundAliases ??= new Array<Uint8Array | null>(context.limits.topicAliasMax + 1).fill(null);
  connection.inboundAliases[alias] = topic;
}

/** The frame as it came; `view` is its decoding. */
function publishDecoded(context: MqttContext, connection: MqttConnection, topic: TopicId, offset: number, length: number): void {
  const run = context.run;
  run.set(SPACE_ARENA, context.transport.arena, offset, length, 1, 5);
  run.connection = connection.id;
  run.session = connection.session;
  publishRun(context, connection, topic, true);
}

/** The same frame with its topic written out and the alias gone: from here on nobody sees the difference. */
function publishAliased(context: MqttContext, connection: MqttConnection, topicBytes: Uint8Array): void {
  const writer = new WireWriter(new Uint8Array(rewrittenLength(view, topicBytes.length)));
  rewritePublish(writer, context.transport.arena, view, topicBytes);
  const topic = takeFrame(context, connection, topicBytes, writer.bytes, 5);
  publishRun(context, connection, topic, true);
}

function acknowledge(context: MqttContext, connection: MqttConnection, firstByte: number, packetId: number, reasonCode: number): void {
  if (reasonCode === 0) context.commands.ack(connection.id, firstByte, packetId);
  else context.commands.sendCopy(connection.id, encodeAck(5, firstByte, packetId, reasonCode, null));
}

function spaceOf({ space }: MqttConnection): TenantSpace {
  assert(space !== null, 'who is connected has a tenant');
  return space;
}

function sessionOf(connection: MqttConnection): MqttSession {
  assert(connection.session !== null, 'the hot path admits PUBLISH only when connected');
  return connection.session;
}
