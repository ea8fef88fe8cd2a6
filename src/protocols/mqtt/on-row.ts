import { COUNT } from '../../telemetry/metrics/slots.js';
import { CLOSE } from '../../transport/ports.js';
import { endConnection, forgetConnection, refuseConnect, refuseViolation } from './close.js';
import type { MqttConnection } from './connection.js';
import { REASON } from './constants.js';
import type { MqttContext } from './context.js';
import { decodePacket } from './decode.js';
import { drainQueue } from './drain.js';
import { ProtocolViolation, reasonForFault } from './errors.js';
import { connackVersionOf } from './grammar.js';
import { onLongAck } from './on-ack.js';
import { onAuth } from './on-auth.js';
import { onConnect } from './on-connect.js';
import { onDisconnect } from './on-disconnect.js';
import { onSubscribe, onUnsubscribe } from './on-subscribe.js';
import type { ClientPacket } from './packets.js';

const PINGRESP: Uint8Array = Uint8Array.of(0xd0, 0);

export function onPing(context: MqttContext, connection: MqttConnection): void {
  if (connection.phase === 'connected') context.commands.sendCopy(connection.id, PINGRESP);
  else if (connection.phase === 'waiting') endConnection(context, connection, REASON.protocolError, 'the first packet is not CONNECT');
  else onEarly(context, connection);
}

/** Other than AUTH and DISCONNECT a client says nothing before it is let in (MQTT-3.1.2-30). */
export function onEarly(context: MqttContext, connection: MqttConnection): void {
  if (connection.phase === 'authenticating') endConnection(context, connection, REASON.protocolError, 'the client is not let in yet');
}

/** A frame without a kind of its own: decoded by the grammar, then the session switch. */
export function onFrame(context: MqttContext, connection: MqttConnection, offset: number, length: number): void {
  if (connection.phase === 'closing' || connection.phase === 'claiming') return;
  let packet: ClientPacket;
  try {
    packet = decodePacket(context.transport.arena, offset, length, connection.version);
  } catch (error) {
    if (!(error instanceof ProtocolViolation)) throw error;
    if (connection.phase === 'waiting') refuseFirst(context, connection, offset, length, error);
    else refuseViolation(context, connection, error);
    return;
  }
  if (connection.phase === 'waiting') {
    if (packet.type === 'connect') onConnect(context, connection, packet);
    else endConnection(context, connection, REASON.protocolError, 'the first packet is not CONNECT');
    return;
  }
  onPacket(context, connection, packet);
}

/** A first packet that is no proper CONNECT: answered in the form of its version, where it says one. */
function refuseFirst(context: MqttContext, connection: MqttConnection, offset: number, length: number, violation: ProtocolViolation): void {
  const version = connackVersionOf(context.transport.arena, offset, length);
  if (version === 0) {
    refuseViolation(context, connection, violation);
    return;
  }
  context.counts[COUNT.violations] += 1;
  connection.version = version;
  refuseConnect(context, connection, violation.reasonCode, violation.message);
}

function onPacket(context: MqttContext, connection: MqttConnection, packet: ClientPacket): void {
  if (connection.phase === 'authenticating' && packet.type !== 'auth' && packet.type !== 'disconnect') {
    onEarly(context, connection);
    return;
  }
  switch (packet.type) {
    case 'connect':
      endConnection(context, connection, REASON.protocolError, 'a second CONNECT');
      break;
    case 'subscribe':
      onSubscribe(context, connection, packet);
      break;
    case 'unsubscribe':
      onUnsubscribe(context, connection, packet);
      break;
    case 'disconnect':
      onDisconnect(context, connection, packet);
      break;
    case 'puback':
    case 'pubrec':
    case 'pubrel':
    case 'pubcomp':
      onLongAck(context, connection, packet);
      break;
    case 'pingreq':
      onPing(context, connection);
      break;
    case 'auth':
      onAuth(context, connection, packet);
      break;
  }
}

/** Bytes that can not be a frame. */
export function onFault(context: MqttContext, connection: MqttConnection, fault: number): void {
  if (connection.phase === 'closing') return;
  context.counts[COUNT.violations] += 1;
  endConnection(context, connection, reasonForFault(fault), 'the transport could not cut a packet');
}

export function onCongested(connection: MqttConnection): void {
  const session = connection.session;
  if (session === null) return;
  session.isCongested = true;
  session.updateReady();
}

export function onRelieved(context: MqttContext, connection: MqttConnection): void {
  const session = connection.session;
  if (session === null) return;
  session.isCongested = false;
  session.isStalled = false;
  drainQueue(context, session);
}

/** The connection is gone, whoever ended it. */
export function onClosed(context: MqttContext, connection: MqttConnection, cause: number): void {
  forgetConnection(
    context,
    connection,
    cause === CLOSE.budget ? 'output budget exceeded' : cause === CLOSE.byUs ? 'closed by us' : 'closed by peer',
  );
}
