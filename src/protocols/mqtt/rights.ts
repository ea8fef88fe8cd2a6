import { ANONYMOUS, type Identity } from '../../auth/ports.js';
import { plainFilter } from '../../base/tenant-names.js';
import type { Route } from '../../broker/ports.js';
import { DROP } from '../../telemetry/metrics/drops.js';
import type { TopicId } from '../../transport/ports.js';
import type { MqttConnection } from './connection.js';
import type { MqttContext } from './context.js';
import { topicToAsk } from './delayed/delayed-topic.js';
import { dropFor } from './explain/session-drops.js';
import { AWAITS_PUBCOMP } from './outbound.js';
import { fixedHeaderLength } from './publish-frame.js';
import type { RunView } from './run-view.js';
import type { MqttSession } from './session.js';
import { isShared } from './shared/places.js';
import type { Delivery } from './stored-run.js';
import { filterToMatch } from './topic-syntax.js';
import type { Will } from './will.js';

/*
  What a client may do is decided by compiled rules (auth/ports.ts) and remembered where it is asked often:

    publish     by topic number, for each of the six ways (QoS 0 to 2, with RETAIN or without)
    receive     when the plan of a route is made: who may not receive the topic is not in it
    subscribe   once, at SUBSCRIBE; what is only partly allowed is granted and makes the session guarded

  Rules that change make all of it stale at once: the version of the book is compared wherever something remembered is used.
*/

/** Topics that a client's rights are remembered for. */
const TOPICS_MAX = 1024;
const WAYS = 6;
/** No version of the book. */
const RIGHTS_STALE = 0;

/** Whether a client may publish to a topic: asked once for each topic and way. */
export class PublishMemory {
  /** By topic number: generation * 4096 + which ways are known * 64 + which of them are allowed. */
  readonly #known: Map<TopicId, number> = new Map();

  /** 1 allowed, 0 not, -1 not known yet. */
  recall(topic: TopicId, generation: number, way: number): -1 | 0 | 1 {
    const entry = this.#known.get(topic);
    if (entry === undefined || Math.floor(entry / 4096) !== generation) return -1;
    const bits = entry % 4096;
    if (((bits >> (WAYS + way)) & 1) === 0) return -1;
    return ((bits >> way) & 1) as 0 | 1;
  }

  note(topic: TopicId, generation: number, way: number, isAllowed: boolean): void {
    const entry = this.#known.get(topic);
    const isCurrent = entry !== undefined && Math.floor(entry / 4096) === generation;
    const others = isCurrent ? (entry % 4096) & ~(1 << way) : 0;
    const bits = others | (1 << (WAYS + way)) | (isAllowed ? 1 << way : 0);
    if (entry === undefined && this.#known.size >= TOPICS_MAX) this.#known.clear();
    this.#known.set(topic, generation * 4096 + bits);
  }

  clear(): void {
    this.#known.clear();
  }
}

/** The connection of the session is this principal's from now on. */
export function takeIdentity(context: MqttContext, connection: MqttConnection, session: MqttSession, identity: Identity): void {
  session.identity = identity;
  session.owner = identity.user;
  session.isSuperuser = identity.isSuperuser;
  session.rightsVersion = RIGHTS_STALE;
  connection.expiresAtMs = identity.expiresAtMs;
  context.authenticator.keep(connection.id, identity);
  context.sessionEpoch += 1;
}

/** Makes the rights of a session those of the rules as they are now. */
function refresh(context: MqttContext, session: MqttSession): void {
  const { identity } = session;
  session.rightsVersion = context.rights.version;
  session.publishMemory?.clear();
  if (identity === null) return;
  const rights = context.rights.compile(identity);
  session.rights = rights;
  session.isGuarded = !rights.isUnlimited && (isPartlyForbidden(context, session) || isReplayPartlyForbidden(session));
  if (session.isGuarded) dropForbiddenFromQueue(context, session);
}

function isPartlyForbidden(context: MqttContext, session: MqttSession): boolean {
  return context.broker
    .subscriptionsOf(session)
    .some(({ filter, options }) => session.rights.maySubscribe(filterToMatch(plainFilter(filter)), options.qos) !== 'yes');
}

/** Replays are no subscriptions of the broker: only the session knows of them. */
function isReplayPartlyForbidden({ replays, rights }: MqttSession): boolean {
  return replays?.some(({ filter, qos }) => rights.maySubscribe(filter, qos) !== 'yes') ?? false;
}

/**
 * What waits for a client goes to it as far as it may have it now. A record of the log is settled by that. What a shared subscription gave the
 * session stays: it is in hand, and no more of it than the member's window.
 */
function dropForbiddenFromQueue(context: MqttContext, session: MqttSession): void {
  session.queue?.drop(({ run, log }, offset, frame) => {
    if (log !== null && isShared(log.group)) return false;
    if (mayReceive(context, session, topicAt(run.bytes, offset))) return false;
    if (log !== null) session.settle(log.group, log.sequences[frame]);
    return true;
  });
}

export function rightsOf(context: MqttContext, session: MqttSession): MqttSession['rights'] {
  if (session.rightsVersion !== context.rights.version) refresh(context, session);
  return session.rights;
}

/** Whether the client may publish the run to its topic. */
export function mayPublish(context: MqttContext, session: MqttSession, topic: TopicId, route: Route<MqttSession>, run: RunView): boolean {
  const rights = rightsOf(context, session);
  if (rights.isUnlimited) return true;
  const generation = context.transport.topicGenerations[topic];
  const way = run.qos * 2 + run.retain;
  session.publishMemory ??= new PublishMemory();
  const known = session.publishMemory.recall(topic, generation, way);
  if (known >= 0) return known === 1;
  const isAllowed = rights.mayPublish(route.topic, run.qos, run.retain === 1);
  session.publishMemory.note(topic, generation, way, isAllowed);
  if (!isAllowed) noteDenied(context, session, 'publish', route.topic); // Once for each topic that is remembered.
  return isAllowed;
}

/** Tells who watches the door what a client may not do. */
export function noteDenied(context: MqttContext, { identity }: MqttSession, what: 'publish' | 'subscribe', topic: string): void {
  if (identity === null) return;
  const { tenant, clientId, user, address } = identity;
  context.door.refused({ what, why: topic, tenant, clientId, user, address });
}

/** Whether the will of a client that is gone may be published: by the rules as they are now. */
export function mayLeave(context: MqttContext, session: MqttSession, { topic, qos, retain }: Will): boolean {
  session.identity ??= identityOf(session); // An earlier process let it in.
  return rightsOf(context, session).mayPublish(topicToAsk(topic), qos, retain);
}

/** Of a session that was restored: what its row knows of the principal. */
function identityOf({ tenant, owner, clientId, isSuperuser }: MqttSession): Identity {
  return { tenant, user: owner ?? ANONYMOUS, clientId, address: '', isSuperuser, source: '', expiresAtMs: 0, rules: null };
}

/** Whether the rules keep messages of this topic from a client that is there: then a shared subscription has another member. */
export function isKeptFrom(context: MqttContext, session: MqttSession, message: { readonly topic: string }): boolean {
  const rights = rightsOf(context, session);
  return session.isGuarded && !rights.mayReceive(message.topic);
}

/** Whether a message of this topic may go to the client. One that is away is asked when it is back. */
export function mayReceive(context: MqttContext, session: MqttSession, topic: string): boolean {
  if (session.slot < 0) return true;
  const rights = rightsOf(context, session);
  if (!session.isGuarded || rights.mayReceive(topic)) return true;
  dropFor(context, session, DROP.receiverDenied, 1);
  return false;
}

/** The client is back: what waited for it, and was in flight, goes to it as far as it may have it now. */
export function dropForbidden(context: MqttContext, session: MqttSession): void {
  rightsOf(context, session);
  if (!session.isGuarded) return;
  const isForbidden = ({ run }: Delivery, offset: number): boolean => !mayReceive(context, session, topicAt(run.bytes, offset));
  session.queue?.drop(isForbidden);
  const forbidden: number[] = [];
  session.outbound?.forEach((packetId, state, delivery, offset) => {
    if (delivery !== null && state !== AWAITS_PUBCOMP && isForbidden(delivery, offset)) forbidden.push(packetId, state);
  });
  for (let i = 0; i < forbidden.length; i += 2) session.outbound?.finish(forbidden[i], 1, forbidden[i + 1]);
}

function topicAt(bytes: Uint8Array, offset: number): string {
  const body = offset + fixedHeaderLength(bytes, offset);
  return Buffer.from(bytes.buffer, bytes.byteOffset + body + 2, (bytes[body] << 8) | bytes[body + 1]).toString();
}

/** Rules changed: what was compiled with the old ones is made anew when it is needed next. */
export function onRightsChanged(context: MqttContext): void {
  context.sessionEpoch += 1;
}
