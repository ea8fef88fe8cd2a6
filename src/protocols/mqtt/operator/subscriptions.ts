import { matchesFilter } from '../../../base/filter-match.js';
import { matchesGlob } from '../../../base/glob.js';
import { isRoutingName, plainFilter, routingFilter, sessionKey } from '../../../base/tenant-names.js';
import type { SubscribeRequest, SubscriptionOptions } from '../../../broker/ports.js';
import type { MqttContext } from '../context.js';
import { addFilters, dropFilter } from '../durable/life.js';
import { noteRecord, whenDurable } from '../durable/turn.js';
import type { MqttSession } from '../session.js';
import { leaveShared } from '../shared/membership.js';
import { checkFilter, parseShared } from '../topic-syntax.js';
import { FirstKeys } from './first-keys.js';

/* Subscriptions of the sessions of this shard, as operators see and change them. */

/** Of one page are looked at. */
const SESSIONS_MAX = 10_000;

export interface SubscriptionsAsk {
  /** Key of the last session that was seen, and its filter: only what is behind it. */
  readonly afterKey: string;
  readonly afterFilter: string;
  readonly limit: number;
  readonly match: string;
  readonly filter: string;
  readonly topic: string;
  readonly tenant: string;
}

export interface SubscriptionFacts extends SubscriptionOptions {
  readonly key: string;
  readonly clientId: string;
  readonly tenant: string;
  readonly filter: string;
}

export interface SubscriptionPage {
  readonly subscriptions: readonly SubscriptionFacts[];
  /** All up to this session were looked at; null: all there are. */
  readonly seenKey: string | null;
}

/** By session and filter. A page may have fewer than the limit and not be the last: only so many sessions are looked at. */
export function listSubscriptions(context: MqttContext, ask: SubscriptionsAsk): SubscriptionPage {
  const first = new FirstKeys(ask.afterFilter === '' ? ask.afterKey : '', SESSIONS_MAX);
  for (const [key, session] of context.sessions) {
    if (ask.afterFilter !== '' && key < ask.afterKey) continue;
    if (ask.match !== '' && !matchesGlob(ask.match, session.clientId)) continue;
    if (ask.tenant !== '' && !matchesGlob(ask.tenant, session.tenant)) continue;
    first.offer(key);
  }
  const subscriptions: SubscriptionFacts[] = [];
  for (const key of first.keys) {
    const session = context.sessions.get(key);
    if (session === undefined) continue;
    const behind = key === ask.afterKey ? ask.afterFilter : '';
    const found = context.broker
      .subscriptionsOf(session)
      .map(({ filter, options }) => ({ filter: plainFilter(filter), options }))
      .filter(({ filter }) => filter > behind && isWanted(filter, ask))
      .sort((left, right) => (left.filter < right.filter ? -1 : 1));
    for (const { filter, options } of found) {
      subscriptions.push({ key, clientId: session.clientId, tenant: session.tenant, filter, ...options });
    }
    if (subscriptions.length > ask.limit) return { subscriptions: subscriptions.slice(0, ask.limit), seenKey: key };
  }
  return { subscriptions, seenKey: first.isCut ? (first.keys.at(-1) ?? null) : null };
}

function isWanted(filter: string, ask: SubscriptionsAsk): boolean {
  if (ask.filter !== '' && !matchesGlob(ask.filter, filter)) return false;
  return ask.topic === '' || matchesFilter(parseShared(filter)?.filter ?? filter, ask.topic);
}

export type Subscribed = 'done' | 'no-session' | 'bad-filter' | 'too-many';

/** Subscribes a session of this shard, also while its client is away. What is retained is not sent: nobody asked for it. */
export function addSubscription(
  context: MqttContext,
  ask: SubscriptionOptions & { readonly tenant: string; readonly clientId: string; readonly filter: string },
): Subscribed | Promise<Subscribed> {
  const session = context.sessions.get(sessionKey(ask.tenant, ask.clientId));
  if (session === undefined) return 'no-session';
  const check = checkFilter(ask.filter, context.limits.topicLevelsMax);
  if ((check !== 'ok' && check !== 'shared') || isRoutingName(parseShared(ask.filter)?.filter ?? ask.filter)) return 'bad-filter';
  const { qos, noLocal, retainAsPublished, retainHandling, identifier } = ask;
  const request = {
    filter: routingFilter(ask.tenant, ask.filter),
    options: { qos, noLocal, retainAsPublished, retainHandling, identifier },
  };
  return new Promise((resolve) => subscribe(context, session, request, resolve));
}

function subscribe(context: MqttContext, session: MqttSession, request: SubscribeRequest, done: (outcome: Subscribed) => void): void {
  context.broker.subscribe(session, [request], ([result]) => {
    if (result.status !== 'granted') done('too-many');
    else
      addFilters(context, session, [request], () => {
        if (session.durable === null) done('done');
        else whenDurable(context, () => done('done'));
      });
  });
}

/** Null: there is no such session here. Else whether it had the filter. */
export function removeSubscription(
  context: MqttContext,
  ask: { readonly tenant: string; readonly clientId: string; readonly filter: string },
): boolean | null {
  const session = context.sessions.get(sessionKey(ask.tenant, ask.clientId));
  if (session === undefined) return null;
  const filter = routingFilter(ask.tenant, ask.filter);
  const [existed] = context.broker.unsubscribe(session, [filter]);
  leaveShared(context, session, filter);
  if (session.durable !== null) dropFilter(context, session.durable, filter);
  noteRecord(context, session);
  return existed;
}
