import { closeConnection, endConnection } from './close.js';
import type { MqttConnection } from './connection.js';
import { REASON } from './constants.js';
import type { MqttContext } from './context.js';
import type { DisconnectPacket } from './packets.js';
import { EXPIRY_NEVER } from './session.js';

/** DISCONNECT, MQTT 5.0 §3.14: the client leaves in order. Only reason 0x00 takes its will back. */
export function onDisconnect(context: MqttContext, connection: MqttConnection, packet: DisconnectPacket): void {
  const session = connection.session;
  if (session !== null && packet.sessionExpirySeconds >= 0) {
    if (session.expirySeconds === 0 && packet.sessionExpirySeconds > 0) {
      endConnection(context, connection, REASON.protocolError, 'DISCONNECT may not give a session an expiry that had none'); // §3.14.2.2.2
      return;
    }
    const maximum = context.limits.sessionExpiryMaxSeconds;
    session.expirySeconds = packet.sessionExpirySeconds === EXPIRY_NEVER ? maximum : Math.min(packet.sessionExpirySeconds, maximum);
  }
  closeConnection(context, connection, packet.reasonCode !== REASON.success, 'the client disconnected');
}
