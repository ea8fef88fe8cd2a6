import type { ConnectFacts, Identity } from '../../auth/ports.js';
import { assert } from '../../base/assert.js';
import { sessionKey } from '../../base/tenant-names.js';
import { REFUSED } from '../../broker/ports.js';
import { authenticate, beginExchange, type Outcome, type Refusal } from './authenticate.js';
import { type AfterConnack, autoSubscribe } from './auto-subscribe.js';
import { closeConnection, refuseConnect } from './close.js';
import type { MqttConnection } from './connection.js';
import { REASON } from './constants.js';
import type { MqttContext } from './context.js';
import { topicToAsk } from './delayed/delayed-topic.js';
import { drainQueue } from './drain.js';
import { fetchFlights } from './durable/flights.js';
import { onOnline, openDurable } from './durable/life.js';
import { noteProgress, whenDurable } from './durable/turn.js';
import { type ConnackProperties, encodeConnack } from './encode.js';
import { enterByIdentity, enterByOrigin, mayOpenSession } from './metering/entry.js';
import { offerProperties, redirectionOf, willRefusal } from './offer.js';
import { OutboundAliases } from './outbound-aliases.js';
import { SHED } from './overload.js';
import type { ConnectPacket } from './packets.js';
import { resend } from './resend.js';
import { rewriteWill } from './rewrite/rewrite-names.js';
import { dropForbidden, takeIdentity } from './rights.js';
import { say } from './say.js';
import { EXPIRY_NEVER, MqttSession } from './session.js';
import { keepSession } from './session-end.js';
import { decodeSessionState, restoreSubscriptions } from './session-state.js';
import { onSharedOnline } from './shared/membership.js';
import { tellConnected } from './sys/client-events.js';
import { chooseTenant } from './tenant-choice.js';

/** Ticks of the transport in a second. */
const TICKS_PER_SECOND = 10;

/** Who was let in, and with what last word of an enhanced authentication. */
interface Entrant extends ConnectFacts {
  readonly identity: Identity;
  readonly data: Uint8Array | null;
}

/*
  CONNECT, MQTT 5.0 §3.1. The connection is `claiming` from here until no other connection has the session any more; what the client
  sent behind its CONNECT is cut only after `admit` (MQTT-3.1.4-6).
*/
export function onConnect(context: MqttContext, connection: MqttConnection, packet: ConnectPacket): void {
  assert(connection.phase === 'waiting', 'the session switch admits one CONNECT');
  connection.version = packet.version;
  connection.wantsProblemInformation = packet.requestProblemInformation;
  connection.packetBytesMax = packet.packetBytesMax;
  const redirection = redirectionOf(context.limits.offer, context.isDraining);
  if (redirection !== null) {
    refuseConnect(context, connection, redirection.reasonCode, redirection.sentence, redirection.serverReference);
    return;
  }
  const refusal = refusalOf(context, packet);
  if (refusal !== null) {
    refuseConnect(context, connection, refusal.reasonCode, refusal.sentence);
    return;
  }
  connection.receiveMaximum = packet.receiveMaximum;
  connection.will = packet.will;
  const aliases = Math.min(packet.topicAliasMaximum, context.limits.topicAliasMax);
  connection.outboundAliases = aliases > 0 ? new OutboundAliases(aliases) : null;
  const origin = context.originOf(connection.id);
  const choice = chooseTenant(context.spaces.tenants, packet, origin);
  if (choice === null) {
    refuseConnect(context, connection, REASON.notAuthorized, 'there is no such tenant');
    return;
  }
  const { tenant, userName } = choice;
  const clientId = choice.clientId === '' ? assignClientId(context) : choice.clientId;
  const facts: ConnectFacts = { ...origin, protocol: 'mqtt', tenant, clientId, userName, password: packet.password };
  connection.phase = 'authenticating';
  connection.space = context.spaceOf(tenant);
  const excess = enterByOrigin(context, connection, origin);
  if (excess !== null) {
    refuseConnect(context, connection, excess.reasonCode, excess.sentence);
    return;
  }
  if (isKeptOut(context, connection, facts, userName ?? '')) return;
  const { authenticationMethod: method, authenticationData: data } = packet;
  const onOutcome = (outcome: Outcome): void => {
    if (outcome.identity === null) refuseConnect(context, connection, outcome.refusal.reasonCode, outcome.refusal.sentence);
    else enter(context, connection, packet, { ...facts, identity: outcome.identity, data: outcome.data });
  };
  const { internal } = origin;
  if (internal !== undefined) onOutcome({ identity: { ...internal, clientId }, data: null });
  else if (method === null) authenticate(context, connection, facts, onOutcome);
  else beginExchange(context, connection, facts, method, data, onOutcome);
}

function refusalOf(context: MqttContext, packet: ConnectPacket): Refusal | null {
  if (context.overload.level >= SHED.connections)
    return { reasonCode: REASON.serverBusy, sentence: 'the server has more to do than it can' };
  if (context.isDraining) return { reasonCode: REASON.serverShuttingDown, sentence: 'the server is shutting down' };
  if (packet.clientId === '' && packet.version !== 5 && !packet.cleanStart) {
    return { reasonCode: REASON.clientIdentifierNotValid, sentence: 'an empty client identifier needs a clean session' }; // MQTT-3.1.3-8 of 3.1.1
  }
  if (Buffer.byteLength(packet.clientId) > context.limits.clientIdBytesMax) {
    return { reasonCode: REASON.clientIdentifierNotValid, sentence: 'the client identifier is too long' };
  }
  const ofWill = packet.will === null ? 0 : willRefusal(context.limits.offer, packet.will);
  if (ofWill !== 0) return { reasonCode: ofWill, sentence: 'the will could not be published as it is' };
  return null;
}

/** Refuses who is banned. */
function isKeptOut(context: MqttContext, connection: MqttConnection, facts: ConnectFacts, user: string): boolean {
  const { tenant, clientId, address } = facts;
  const ban = context.bans.banOf(tenant, clientId, user, address, context.nowMs);
  if (ban === null) return false;
  context.door.refused({ what: 'ban', why: ban.reason, tenant, clientId, user, address });
  refuseConnect(context, connection, REASON.banned, ban.reason === '' ? 'banned' : `banned: ${ban.reason}`);
  return true;
}

/** Who it is is known: may it be here, and may it leave the will it brought? Then the session is claimed. */
function enter(context: MqttContext, connection: MqttConnection, packet: ConnectPacket, entrant: Entrant): void {
  const { identity } = entrant;
  if (identity.user !== (entrant.userName ?? '') && isKeptOut(context, connection, entrant, identity.user)) return;
  const space = context.spaceOf(identity.tenant);
  const excess = enterByIdentity(context, connection, space, identity);
  if (excess !== null) {
    refuseConnect(context, connection, excess.reasonCode, excess.sentence);
    return;
  }
  const { rewrites } = space;
  const will = packet.will === null || rewrites === null ? packet.will : rewriteWill(rewrites, packet.will, identity);
  if (will === null && packet.will !== null) {
    refuseConnect(context, connection, REASON.topicNameInvalid, 'a rule of topic rewrite refuses the topic of the will');
    return;
  }
  connection.will = will;
  if (will !== null && !context.rights.compile(identity).mayPublish(topicToAsk(will.topic), will.qos, will.retain)) {
    const { tenant, clientId, user, address } = identity;
    context.door.refused({ what: 'will', why: will.topic, tenant, clientId, user, address });
    refuseConnect(context, connection, REASON.notAuthorized, 'not authorized to publish the will');
    return;
  }
  connection.phase = 'claiming';
  context.silence.cancel(connection.id);
  connection.claimTicket = context.broker.directory.claim(
    sessionKey(entrant.tenant, entrant.clientId),
    identity.user,
    packet.cleanStart,
    (outcome) => {
      connection.claimTicket = -1;
      if (connection.phase !== 'claiming') return;
      if (outcome === REFUSED) {
        const { tenant, clientId, user, address } = identity;
        context.door.refused({ what: 'session', why: 'it is that of another user', tenant, clientId, user, address });
        refuseConnect(context, connection, REASON.notAuthorized, 'the session is that of another user');
      } else onClaimed(context, connection, packet, entrant, outcome);
    },
  );
}

/** A client identifier that nobody else has: 96 random bits. */
function assignClientId(context: MqttContext): string {
  const word = (): string => context.random.nextU32().toString(16).padStart(8, '0');
  return `auto-${word()}${word()}${word()}`;
}

/** The session is ours alone: resume it or make a new one, and say so. */
function onClaimed(
  context: MqttContext,
  connection: MqttConnection,
  packet: ConnectPacket,
  entrant: Entrant,
  state: Uint8Array | null,
): void {
  const key = sessionKey(entrant.tenant, entrant.clientId);
  const existing = context.sessions.get(key) ?? null;
  assert(existing === null || !packet.cleanStart, 'a clean start ended the earlier session');
  if (existing === null && state !== null) {
    // Subscriptions are known on every shard before the client hears from us.
    const moved = decodeSessionState(context, key, state);
    attach(context, connection, moved.session, packet, entrant.identity);
    restoreSubscriptions(context, moved, () => {
      welcome(context, connection, moved.session, packet, true, entrant);
    });
    return;
  }
  if (existing === null && !mayOpenSession(context, context.spaceOf(entrant.tenant))) {
    context.broker.directory.release(key);
    refuseConnect(context, connection, REASON.quotaExceeded, 'the tenant has as many sessions as it may');
    return;
  }
  const session = existing ?? new MqttSession(key);
  attach(context, connection, session, packet, entrant.identity);
  welcome(context, connection, session, packet, existing !== null, entrant);
}

/**
 * Before CONNACK: what an earlier process had in flight is here again, and the rows of the session are durable: its will outlives this
 * process, and the packet ids that go out once more are those that it has in the journal.
 */
function welcome(
  context: MqttContext,
  connection: MqttConnection,
  session: MqttSession,
  packet: ConnectPacket,
  isPresent: boolean,
  entrant: Entrant,
): void {
  openDurable(context, session);
  noteProgress(context, session);
  const enter = (then: AfterConnack): void => {
    if (connection.phase !== 'claiming' || connection.session !== session) return;
    if (isPresent || then !== null) context.sessionEpoch += 1; // Routes that name this session were planned for its absence or its earlier connection.
    admit(context, connection, session, packet, isPresent, entrant);
    if (connection.session === session) then?.();
  };
  fetchFlights(context, session, () =>
    autoSubscribe(context, session, (then) => {
      noteProgress(context, session); // All this may have taken turns: there must be a commit to wait for.
      // A full disk keeps nobody out who comes to read.
      if ((session.durable === null && connection.will === null) || context.journal.state === 'full') enter(then);
      else whenDurable(context, () => enter(then));
    }),
  );
}

function attach(context: MqttContext, connection: MqttConnection, session: MqttSession, packet: ConnectPacket, identity: Identity): void {
  assert(session.connection === null, 'the earlier connection of the session was closed');
  keepSession(context, session);
  session.claimedAtMs = Math.max(context.nowMs, session.claimedAtMs + 1);
  session.expirySeconds = grantedExpiry(context, packet);
  session.endsAtMs = 0;
  session.pendingWill = null; // The client came back in time (MQTT-3.1.3-9).
  session.version = packet.version === 5 ? 5 : 4;
  // What is limited on its way out is counted one by one.
  session.isSpecial = connection.packetBytesMax > 0 || connection.outboundAliases !== null || connection.meter?.limitsOutput === true;
  session.outbound?.resize(Math.min(context.limits.inflightMax, connection.receiveMaximum));
  session.connection = connection;
  connection.session = session;
  takeIdentity(context, connection, session, identity);
}

/** Seconds the session outlives its connection. MQTT 3 sessions that are not clean have no expiry of their own: they get the server's. */
function grantedExpiry(context: MqttContext, packet: ConnectPacket): number {
  const maximum = context.limits.sessionExpiryMaxSeconds;
  if (packet.version !== 5) return packet.cleanStart ? 0 : maximum;
  return packet.sessionExpirySeconds === EXPIRY_NEVER ? maximum : Math.min(packet.sessionExpirySeconds, maximum);
}

function admit(
  context: MqttContext,
  connection: MqttConnection,
  session: MqttSession,
  packet: ConnectPacket,
  isPresent: boolean,
  entrant: Entrant,
): void {
  const keepAliveSeconds = grantedKeepAlive(context, packet);
  connection.silenceTicksMax = Math.ceil(keepAliveSeconds * 1.5 * TICKS_PER_SECOND);
  if (connection.silenceTicksMax > 0) context.silence.schedule(connection.id, context.transport.now() + connection.silenceTicksMax);
  connection.phase = 'connected';
  session.slot = connection.id;
  const properties = connackProperties(context, session, packet, keepAliveSeconds, entrant);
  const maxBytes = connection.packetBytesMax;
  const connack = encodeConnack({
    version: connection.version,
    sessionPresent: isPresent,
    reasonCode: REASON.success,
    properties,
    maxBytes,
  });
  if (connack.length === 0) {
    closeConnection(context, connection, false, 'it takes no packet as long as a CONNACK'); // The client takes no packet as long as a CONNACK.
    return;
  }
  say(context, connection, connack);
  context.commands.admit(connection.id, session.version, context.limits.packetBytesMax);
  if (context.log.isEnabled('debug')) {
    const { version } = connection;
    context.log.debug('client.connected', 'client connected', {
      client: session.clientId,
      connection: connection.id,
      version,
      keepAliveSeconds,
      clean: packet.cleanStart,
    });
  }
  context.door.entered(session.tenant, session.clientId);
  tellConnected(context, connection, session, packet.cleanStart, keepAliveSeconds);
  session.updateReady();
  if (isPresent || session.queue !== null) dropForbidden(context, session);
  if (isPresent) resend(context, session);
  onSharedOnline(context, session);
  onOnline(context, session); // Before anything is pulled: the limits of its queue are looked at.
  drainQueue(context, session);
}

function grantedKeepAlive(context: MqttContext, packet: ConnectPacket): number {
  const maximum = context.limits.keepAliveMaxSeconds;
  // Only MQTT 5 clients can be told another keep-alive than theirs (§3.2.2.3.14).
  if (maximum === 0 || packet.version !== 5) return packet.keepAliveSeconds;
  return packet.keepAliveSeconds === 0 ? maximum : Math.min(packet.keepAliveSeconds, maximum);
}

/** What we grant, where it differs from what the client asked for or from what silence would mean (§3.2.2.3). */
function connackProperties(
  context: MqttContext,
  session: MqttSession,
  packet: ConnectPacket,
  keepAliveSeconds: number,
  entrant: Entrant,
): ConnackProperties {
  if (packet.version !== 5) return {};
  const { limits } = context;
  const asked = packet.sessionExpirySeconds;
  return {
    ...(limits.receiveMax < 65535 ? { receiveMaximum: limits.receiveMax } : {}),
    maximumPacketSize: limits.packetBytesMax,
    ...offerProperties(limits.offer, packet, entrant.clientId, entrant.identity.user),
    ...(limits.topicAliasMax > 0 ? { topicAliasMaximum: limits.topicAliasMax } : {}),
    ...(session.expirySeconds !== asked ? { sessionExpiryInterval: session.expirySeconds } : {}),
    ...(keepAliveSeconds !== packet.keepAliveSeconds ? { serverKeepAlive: keepAliveSeconds } : {}),
    ...(packet.clientId === '' ? { assignedClientIdentifier: session.clientId } : {}),
    ...(packet.authenticationMethod === null ? {} : { authenticationMethod: packet.authenticationMethod }),
    ...(entrant.data === null ? {} : { authenticationData: Buffer.from(entrant.data) }),
  };
}
