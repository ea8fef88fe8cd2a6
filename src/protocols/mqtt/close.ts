import { COUNT } from '../../telemetry/metrics/slots.js';
import { abandonAuthentication } from './authenticate.js';
import type { MqttConnection } from './connection.js';
import type { MqttContext } from './context.js';
import { dropTransient, onOffline } from './durable/life.js';
import { encodeConnack, encodeDisconnect } from './encode.js';
import { type ProtocolViolation, reasonName } from './errors.js';
import { leaveQuotas } from './metering/entry.js';
import { endingOf, refusalOf } from './reason-counts.js';
import { endReplays } from './replay/replay.js';
import { say } from './say.js';
import { endSession, scheduleExpiry, scheduleWill } from './session-end.js';
import { onSharedOffline } from './shared/membership.js';
import { tellDisconnected } from './sys/client-events.js';
import { releaseWaiters } from './throttle.js';

/** How long the last words to a client may take to leave. */
const LINGER_MS = 2_000;

/** The peer broke the protocol: it hears why where its version allows, and goes. */
export function refuseViolation(context: MqttContext, connection: MqttConnection, violation: ProtocolViolation): void {
  context.counts[COUNT.violations] += 1;
  endConnection(context, connection, violation.reasonCode, violation.message);
}

/** Ends a connection for a reason: CONNACK or DISCONNECT with the code, then the close. What waits to be sent is sent first. */
export function endConnection(
  context: MqttContext,
  connection: MqttConnection,
  reasonCode: number,
  sentence: string,
  serverReference: string | null = null,
): void {
  if (connection.phase === 'closing') return;
  if (connection.phase === 'connected') {
    context.counts[endingOf(reasonCode)] += 1;
    sayDisconnect(context, connection, reasonCode, sentence, serverReference);
  }
  if (context.log.isEnabled('debug')) {
    context.log.debug('client.refused', `${sentence} (${reasonName(reasonCode)})`, {
      connection: connection.id,
      client: connection.session?.clientId,
    });
  }
  closeConnection(context, connection, true, sentence);
}

/** Refuses a CONNECT: CONNACK with the code where the version has one for it, then the close. */
export function refuseConnect(
  context: MqttContext,
  connection: MqttConnection,
  reasonCode: number,
  sentence: string,
  serverReference: string | null = null,
): void {
  if (connection.phase === 'closing') return;
  const reasonString = connection.version === 5 && connection.wantsProblemInformation ? { reasonString: sentence } : {};
  say(
    context,
    connection,
    encodeConnack({
      version: connection.version,
      sessionPresent: false,
      reasonCode,
      properties: serverReference === null ? reasonString : { ...reasonString, serverReference },
      maxBytes: connection.packetBytesMax,
    }),
  );
  context.counts[refusalOf(reasonCode)] += 1;
  context.log.debug('client.refused', `${sentence} (${reasonName(reasonCode)})`, { connection: connection.id });
  closeConnection(context, connection, true, sentence);
}

/**
 * @param willIsDue false where the client took its will back.
 * @param why in words.
 */
export function closeConnection(context: MqttContext, connection: MqttConnection, willIsDue: boolean, why: string): void {
  if (connection.phase === 'closing') return;
  stopEntering(context, connection);
  connection.phase = 'closing';
  detachSession(context, connection, willIsDue, why);
  context.silence.cancel(connection.id);
  context.commands.close(connection.id, LINGER_MS);
}

/** The `closed` row came: nothing of the connection is left, its number goes back. */
export function forgetConnection(context: MqttContext, connection: MqttConnection, cause: string): void {
  stopEntering(context, connection);
  const session = connection.session;
  if (context.log.isEnabled('debug'))
    context.log.debug('client.disconnected', cause, { connection: connection.id, client: session?.clientId });
  connection.phase = 'closing';
  detachSession(context, connection, true, cause);
  context.silence.cancel(connection.id);
  context.connections[connection.id] = null;
  context.connectionCount -= 1;
  context.counts[COUNT.connections + connection.listener] -= 1;
  context.commands.release(connection.id);
  context.onReleased(connection.id);
}

/** Nobody waits for what a connection asked for on its way in. */
function stopEntering(context: MqttContext, connection: MqttConnection): void {
  if (connection.phase === 'claiming') context.broker.directory.cancelClaim(connection.claimTicket);
  abandonAuthentication(context, connection);
  leaveQuotas(context, connection);
}

/** Parts session and connection: the will is scheduled, the session waits for its client or ends. */
function detachSession(context: MqttContext, connection: MqttConnection, willIsDue: boolean, why: string): void {
  const session = connection.session;
  if (session === null) return;
  if (session.slot >= 0) tellDisconnected(context, connection, session, why);
  connection.session = null;
  context.authenticator.letGo(connection.id);
  context.commands.listForget(connection.id);
  session.connection = null;
  endReplays(context, session);
  session.slot = -1;
  session.isCongested = false;
  session.updateReady();
  releaseWaiters(context, session);
  if (willIsDue && connection.will !== null) scheduleWill(context, session, connection.will);
  else dropTransient(context, session);
  connection.will = null;
  if (session.expirySeconds === 0) endSession(context, session);
  else {
    scheduleExpiry(context, session);
    onSharedOffline(context, session);
    onOffline(context, session);
  }
}

function sayDisconnect(
  context: MqttContext,
  connection: MqttConnection,
  reasonCode: number,
  sentence: string,
  serverReference: string | null,
): void {
  const reasonString = connection.wantsProblemInformation ? sentence : null;
  const { version, packetBytesMax } = connection;
  say(context, connection, encodeDisconnect({ version, reasonCode, reasonString, serverReference, maxBytes: packetBytesMax }));
}
