import { ENDING, REFUSAL } from '../../telemetry/metrics/refusals.js';
import { REASON } from './constants.js';

/* Which counter a reason code of MQTT 5 belongs to. */

const REFUSALS: ReadonlyMap<number, number> = new Map([
  [REASON.badUserNameOrPassword, REFUSAL.badCredentials],
  [REASON.notAuthorized, REFUSAL.notAuthorized],
  [REASON.banned, REFUSAL.banned],
  [REASON.serverBusy, REFUSAL.busy],
  [REASON.serverUnavailable, REFUSAL.unavailable],
  [REASON.badAuthenticationMethod, REFUSAL.badMethod],
  [REASON.quotaExceeded, REFUSAL.quota],
  [REASON.connectionRateExceeded, REFUSAL.quota],
  [REASON.clientIdentifierNotValid, REFUSAL.clientId],
  [REASON.malformedPacket, REFUSAL.malformed],
  [REASON.protocolError, REFUSAL.malformed],
  [REASON.unsupportedProtocolVersion, REFUSAL.malformed],
  [REASON.serverShuttingDown, REFUSAL.shuttingDown],
]);

const ENDINGS: ReadonlyMap<number, number> = new Map([
  [REASON.keepAliveTimeout, ENDING.keepAlive],
  [REASON.sessionTakenOver, ENDING.takenOver],
  [REASON.malformedPacket, ENDING.violation],
  [REASON.protocolError, ENDING.violation],
  [REASON.topicAliasInvalid, ENDING.violation],
  [REASON.topicNameInvalid, ENDING.violation],
  [REASON.packetTooLarge, ENDING.violation],
  [REASON.receiveMaximumExceeded, ENDING.violation],
  [REASON.administrativeAction, ENDING.byOperator],
  [REASON.maximumConnectTime, ENDING.expired],
  [REASON.notAuthorized, ENDING.notAuthorized],
  [REASON.quotaExceeded, ENDING.quota],
  [REASON.messageRateTooHigh, ENDING.quota],
  [REASON.serverShuttingDown, ENDING.shuttingDown],
]);

/** Of a CONNECT that is refused. */
export function refusalOf(reasonCode: number): number {
  return REFUSALS.get(reasonCode) ?? REFUSAL.other;
}

/** Of a connection that we end. */
export function endingOf(reasonCode: number): number {
  return ENDINGS.get(reasonCode) ?? ENDING.other;
}
