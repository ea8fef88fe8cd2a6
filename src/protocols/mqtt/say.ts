import type { MqttConnection } from './connection.js';
import type { MqttContext } from './context.js';

/** Sends an encoded packet. The encoders answer with no bytes where the client's version or limits allow none. */
export function say(context: MqttContext, connection: MqttConnection, packet: Uint8Array): void {
  if (packet.length > 0) context.commands.sendCopy(connection.id, packet);
}
