import { endConnection } from './close.js';
import type { MqttConnection } from './connection.js';
import { FIRST_BYTE, REASON } from './constants.js';
import type { MqttContext } from './context.js';
import { drainQueue } from './drain.js';
import { onDurablePubrel } from './durable/received-ids.js';
import { holdRelease } from './durable/turn.js';
import { encodeAck } from './encode.js';
import { AWAITS_PUBACK, AWAITS_PUBCOMP, AWAITS_PUBREC, FREE, nextPacketIdAfter } from './outbound.js';
import type { AckPacket } from './packets.js';
import type { MqttSession } from './session.js';

/** MQTT 5 §2.2.1. */
const PACKET_IDS = 65_535;

/** A run of plain acknowledgements of one type, with packet ids that follow one another (MQTT 5 §4.3, §4.4). */
export function onAcks(context: MqttContext, connection: MqttConnection, firstByte: number, firstPacketId: number, count: number): void {
  const session = connection.session;
  if (session === null) return;
  switch (firstByte) {
    case FIRST_BYTE.puback:
      onFinished(context, session, firstPacketId, count, AWAITS_PUBACK);
      break;
    case FIRST_BYTE.pubcomp:
      onFinished(context, session, firstPacketId, count, AWAITS_PUBCOMP);
      break;
    case FIRST_BYTE.pubrec:
      forEachId(firstPacketId, count, (packetId) => onPubrec(context, connection, session, packetId));
      break;
    case FIRST_BYTE.pubrel:
      onPubrels(context, connection, session, firstPacketId, count);
      break;
    default:
      endConnection(context, connection, REASON.protocolError, 'an acknowledgement of no known type');
  }
}

/** One acknowledgement with a reason code or properties. */
export function onLongAck(context: MqttContext, connection: MqttConnection, packet: AckPacket): void {
  const session = connection.session;
  if (session === null) return;
  switch (packet.type) {
    case 'puback':
      // A refusal too means that the client has had it: it is never sent again (MQTT-4.4.0-2).
      onFinished(context, session, packet.packetId, 1, AWAITS_PUBACK);
      break;
    case 'pubrec':
      if (packet.reasonCode >= REASON.unspecifiedError) onFinished(context, session, packet.packetId, 1, AWAITS_PUBREC);
      else onPubrec(context, connection, session, packet.packetId);
      break;
    case 'pubrel':
      onPubrels(context, connection, session, packet.packetId, 1);
      break;
    case 'pubcomp':
      onFinished(context, session, packet.packetId, 1, AWAITS_PUBCOMP);
      break;
  }
}

function onFinished(context: MqttContext, session: MqttSession, firstPacketId: number, count: number, from: number): void {
  const outbound = session.outbound;
  if (outbound === null) return;
  session.acknowledged += outbound.finish(firstPacketId, count, from);
  context.slow?.onAcknowledged(session, ((firstPacketId + count - 2) % PACKET_IDS) + 1, context.nowMs);
  session.isStalled = false;
  if (session.durable?.isProgressDirty) context.lateProgress.add(session);
  if (session.queue !== null && !session.queue.isEmpty) drainQueue(context, session);
}

function onPubrec(context: MqttContext, connection: MqttConnection, session: MqttSession, packetId: number): void {
  const outbound = session.outbound;
  if (outbound?.receive(packetId)) {
    session.acknowledged += 1;
    if (session.durable === null) context.commands.ack(connection.id, FIRST_BYTE.pubrel, packetId);
    else holdRelease(context, session, packetId);
    return;
  }
  // An id we do not know: the client may only be behind. MQTT 5 lets us say so (§3.6.2.1).
  if (connection.version !== 5 || (outbound !== null && outbound.stateOf(packetId) !== FREE))
    context.commands.ack(connection.id, FIRST_BYTE.pubrel, packetId);
  else sayUnknown(context, connection, FIRST_BYTE.pubrel, packetId);
}

/** PUBREL: the client knows that we have the message; its packet id is free again (MQTT-4.3.3-11). */
function onPubrels(context: MqttContext, connection: MqttConnection, session: MqttSession, firstPacketId: number, count: number): void {
  const { received, durable } = session;
  if (durable !== null) {
    forEachId(firstPacketId, count, (packetId) => onDurablePubrel(context, session, durable, packetId));
    return;
  }
  if (connection.version !== 5) {
    if (received !== null) forEachId(firstPacketId, count, (packetId) => received.remove(packetId));
    context.commands.ackRange(connection.id, FIRST_BYTE.pubcomp, firstPacketId, count);
    return;
  }
  forEachId(firstPacketId, count, (packetId) => {
    if (received?.remove(packetId)) context.commands.ack(connection.id, FIRST_BYTE.pubcomp, packetId);
    else sayUnknown(context, connection, FIRST_BYTE.pubcomp, packetId);
  });
}

function sayUnknown(context: MqttContext, connection: MqttConnection, firstByte: number, packetId: number): void {
  context.commands.sendCopy(connection.id, encodeAck(5, firstByte, packetId, REASON.packetIdentifierNotFound, null));
}

function forEachId(firstPacketId: number, count: number, visit: (packetId: number) => void): void {
  let packetId = firstPacketId;
  for (let i = 0; i < count; i += 1) {
    visit(packetId);
    packetId = nextPacketIdAfter(packetId);
  }
}
