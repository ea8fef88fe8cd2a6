import { beginExchange, continueExchange, factsOf, sayAuth } from './authenticate.js';
import { endConnection } from './close.js';
import type { MqttConnection } from './connection.js';
import { REASON } from './constants.js';
import type { MqttContext } from './context.js';
import type { AuthPacket } from './packets.js';
import { takeIdentity } from './rights.js';

/*
  AUTH, MQTT 5.0 §3.15: the next step of an exchange, or the first of one that authenticates anew (§4.12.1). The method is that of CONNECT
  for as long as the connection lasts (MQTT-4.12.0-5), and so is the user: a session is one principal's.
*/
export function onAuth(context: MqttContext, connection: MqttConnection, packet: AuthPacket): void {
  if (connection.authenticationMethod === null) {
    endConnection(context, connection, REASON.protocolError, 'AUTH without an authentication method in CONNECT'); // MQTT-4.12.0-6
    return;
  }
  if (packet.authenticationMethod !== connection.authenticationMethod) {
    endConnection(context, connection, REASON.protocolError, 'AUTH with another method than CONNECT'); // MQTT-4.12.0-5
    return;
  }
  if (packet.reasonCode === REASON.continueAuthentication) {
    if (!continueExchange(connection, packet.authenticationData))
      endConnection(context, connection, REASON.protocolError, 'AUTH that nobody asked for');
    return;
  }
  if (connection.phase !== 'connected' || connection.exchange !== null) {
    endConnection(context, connection, REASON.protocolError, 'a second authentication while one is under way');
    return;
  }
  authenticateAnew(context, connection, packet);
}

/** What flows meanwhile flows by what the client was before (§4.12.1). */
function authenticateAnew(context: MqttContext, connection: MqttConnection, packet: AuthPacket): void {
  const { session } = connection;
  const identity = session?.identity ?? null;
  if (session === null || identity === null) return;
  const facts = factsOf(context, connection, identity.tenant, session.clientId);
  beginExchange(context, connection, facts, packet.authenticationMethod, packet.authenticationData, (outcome) => {
    if (connection.phase !== 'connected' || connection.session !== session) return;
    if (outcome.identity === null) {
      endConnection(context, connection, REASON.notAuthorized, outcome.refusal.sentence); // MQTT-4.12.1-2
      return;
    }
    if (outcome.identity.user !== identity.user) {
      endConnection(context, connection, REASON.notAuthorized, 'authenticated anew as another user');
      return;
    }
    takeIdentity(context, connection, session, outcome.identity);
    sayAuth(context, connection, REASON.success, outcome.data);
  });
}
