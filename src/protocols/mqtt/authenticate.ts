import type { AuthExchange, ConnectFacts, ExchangeStep, Identity, RefusalKind, Verdict } from '../../auth/ports.js';
import { assert } from '../../base/assert.js';
import { HISTOGRAM } from '../../telemetry/metrics/histogram.js';
import { AUTHENTICATION } from '../../telemetry/metrics/refusals.js';
import type { MqttConnection } from './connection.js';
import { REASON } from './constants.js';
import type { MqttContext } from './context.js';
import { encodeAuth } from './encode.js';
import { CONNECT_BYTES_MAX } from './limits.js';
import { say } from './say.js';

/*
  Who a connection is. By what CONNECT shows:

    CONNECT --> authenticate --> admitted | refused

  or, where CONNECT names a method (MQTT 5.0 §4.12), by as many steps as the method needs:

    CONNECT(method, data) --> step --> AUTH 0x18 --> AUTH(data) --> step --> ... --> admitted | refused

  The connection is `authenticating` meanwhile, within the time that it has for its CONNECT, and may say AUTH and DISCONNECT, nothing else.
*/

export interface Refusal {
  readonly reasonCode: number;
  readonly sentence: string;
}

/** Whom the source let in, and the last word of the method to the client; or why not. */
export type Outcome =
  | { readonly identity: Identity; readonly data: Uint8Array | null }
  | { readonly identity: null; readonly refusal: Refusal };

const REASON_BY_REFUSAL = {
  'bad-credentials': REASON.badUserNameOrPassword,
  'not-authorized': REASON.notAuthorized,
  banned: REASON.banned,
  busy: REASON.serverBusy,
  unavailable: REASON.serverUnavailable,
  'bad-method': REASON.badAuthenticationMethod,
} as const satisfies Record<RefusalKind, number>;

/** What a client hears that has to do with its account: which of the two was wrong is nobody's business. */
const SENTENCE_FOR_CLIENT: Partial<Record<RefusalKind, string>> = {
  'bad-credentials': 'bad user name or password',
  'not-authorized': 'not authorized',
};

/** What is known of a connection, without name and password. */
export function factsOf(context: MqttContext, connection: MqttConnection, tenant: string, clientId: string): ConnectFacts {
  return { ...context.originOf(connection.id), protocol: 'mqtt', tenant, clientId, userName: null, password: null };
}

/** Asks the sources. `done` is not called if the connection is gone by then. */
export function authenticate(
  context: MqttContext,
  connection: MqttConnection,
  facts: ConnectFacts,
  done: (outcome: Outcome) => void,
): void {
  assert(connection.phase === 'authenticating', 'a connection is authenticated once');
  let isAnswered = false;
  const startedMs = context.clock.monotonicMs();
  const ticket = context.authenticator.authenticate(facts, (verdict: Verdict) => {
    isAnswered = true;
    connection.authenticationTicket = -1;
    context.metrics.observe(HISTOGRAM.authentication, context.clock.monotonicMs() - startedMs);
    context.counts[AUTHENTICATION[verdict.kind === 'admitted' ? 'admitted' : verdict.why]] += 1;
    if (connection.phase !== 'authenticating') return;
    if (verdict.kind === 'admitted') done({ identity: verdict.identity, data: null });
    else done(refusedBy(context, connection, facts, verdict));
  });
  if (!isAnswered) connection.authenticationTicket = ticket;
}

/** Begins an exchange with what CONNECT, or an AUTH that authenticates anew, brought along. */
export function beginExchange(
  context: MqttContext,
  connection: MqttConnection,
  facts: ConnectFacts,
  method: string,
  data: Uint8Array | null,
  done: (outcome: Outcome) => void,
): void {
  connection.authenticationMethod = method;
  if (!context.authenticator.methodsOf(facts.listener).includes(method)) {
    done({
      identity: null,
      refusal: { reasonCode: REASON.badAuthenticationMethod, sentence: 'this method of authentication is not offered' },
    });
    return;
  }
  connection.exchange = context.authenticator.beginExchange(method, facts);
  connection.onExchanged = (step) => {
    if (step.kind === 'continue') {
      sayAuth(context, connection, REASON.continueAuthentication, step.data);
      return;
    }
    connection.exchange = null;
    context.counts[AUTHENTICATION[step.kind === 'admitted' ? 'admitted' : step.why]] += 1;
    if (step.kind === 'admitted') done({ identity: step.identity, data: step.data });
    else done(refusedBy(context, connection, facts, step));
  };
  takeStep(connection, connection.exchange, data ?? NO_DATA);
}

/** The client's next word to the method. @returns false if it was not its turn. */
export function continueExchange(connection: MqttConnection, data: Uint8Array | null): boolean {
  const { exchange } = connection;
  if (exchange === null || connection.isExchangeBusy) return false;
  takeStep(connection, exchange, data ?? NO_DATA);
  return true;
}

export function abandonAuthentication(context: MqttContext, connection: MqttConnection): void {
  if (connection.authenticationTicket >= 0) context.authenticator.abandon(connection.authenticationTicket);
  connection.authenticationTicket = -1;
  connection.exchange?.abandon();
  connection.exchange = null;
}

export function sayAuth(context: MqttContext, connection: MqttConnection, reasonCode: number, data: Uint8Array | null): void {
  const { authenticationMethod, packetBytesMax: maxBytes } = connection;
  assert(authenticationMethod !== null, 'AUTH follows a CONNECT with a method');
  say(context, connection, encodeAuth({ reasonCode, authenticationMethod, authenticationData: data, maxBytes }));
  // The gate opens for the answer; what is not AUTH is refused while the client is not let in.
  if (connection.phase === 'authenticating') context.commands.admit(connection.id, 5, CONNECT_BYTES_MAX);
}

function takeStep(connection: MqttConnection, exchange: AuthExchange, data: Uint8Array): void {
  connection.isExchangeBusy = true;
  exchange.step(data, (step: ExchangeStep) => {
    if (connection.exchange !== exchange) return; // It was abandoned.
    connection.isExchangeBusy = false;
    connection.onExchanged(step);
  });
}

function refusedBy(
  context: MqttContext,
  connection: MqttConnection,
  facts: ConnectFacts,
  { why, sentence }: { readonly why: RefusalKind; readonly sentence: string },
): Outcome {
  const { tenant, clientId: client, userName: user, address, listener } = facts;
  context.door.refused({ what: 'authentication', why, tenant, clientId: client, user: user ?? '', address });
  context.log.debug('client.not-admitted', sentence, { connection: connection.id, why, tenant, client, user, address, listener });
  return { identity: null, refusal: { reasonCode: REASON_BY_REFUSAL[why], sentence: SENTENCE_FOR_CLIENT[why] ?? sentence } };
}

const NO_DATA: Uint8Array = new Uint8Array(0);
