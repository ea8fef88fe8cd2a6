import { routingFilter } from '../../base/tenant-names.js';
import type { SubscribeRequest, SubscriptionOptions } from '../../broker/ports.js';
import { REASON } from './constants.js';
import type { MqttContext } from './context.js';
import { addFilters } from './durable/life.js';
import { isExclusive } from './exclusive.js';
import { subscriptionsLeft } from './metering/entry.js';
import { refusalOf, requestOf } from './on-subscribe.js';
import type { SubscriptionFields } from './packets.js';
import { fillPlaceholders } from './placeholders.js';
import { isReplay } from './replay/replay-filter.js';
import { replayRetained } from './retained-replay.js';
import { namesOf } from './rewrite/rewrite-names.js';
import type { MqttSession } from './session.js';
import { joinShared } from './shared/membership.js';
import { tellSubscribed } from './sys/client-events.js';
import { fullFilter } from './topic-syntax.js';

/** As in the catalogue: AutoSubscriptionValue of metadata/catalogue/resources.ts. */
export interface AutoSubscription {
  readonly tenant: string;
  readonly name: string;
  readonly filter: string;
  readonly qos: number;
  readonly noLocal: boolean;
  readonly retainAsPublished: boolean;
  readonly retainHandling: number;
}

/** What is left to do when the client has its CONNACK; null: nothing was subscribed. */
export type AfterConnack = (() => void) | null;

/*
  Subscriptions that clients get without asking, before their CONNACK: what is published after it reaches them. A session that is resumed gets those that
  it has not, or has otherwise: rules may have changed. A client may UNSUBSCRIBE from them, and has them again with its next connection. They are
  subject to its rights and limits like its own; what is refused is left out, and keeps nobody from connecting. Filters are the real names: no rule of
  topic rewrite is applied to them.
*/
export function autoSubscribe(context: MqttContext, session: MqttSession, done: (then: AfterConnack) => void): void {
  const rules = context.autoSubscriptions.get(session.tenant);
  const requests = rules === undefined ? [] : requestsFor(context, session, rules);
  if (requests.length === 0) {
    done(null);
    return;
  }
  context.broker.subscribe(session, requests, (results) => {
    if (session.hasEnded) return;
    const granted = requests.filter((_, i) => results[i].status === 'granted');
    const then = (): void => {
      for (const [i, request] of requests.entries()) {
        if (results[i].status === 'granted') tellSubscribed(context, session, request, results[i].isNew);
        replayRetained(context, session, request, results[i]);
      }
    };
    joinShared(context, session, granted, () => addFilters(context, session, granted, () => done(then)));
  });
}

/** By tenant, in the order of their names. */
export function groupAutoSubscriptions(rules: readonly AutoSubscription[]): ReadonlyMap<string, readonly AutoSubscription[]> {
  const byTenant = new Map<string, AutoSubscription[]>();
  for (const rule of rules) {
    const its = byTenant.get(rule.tenant);
    if (its === undefined) byTenant.set(rule.tenant, [rule]);
    else its.push(rule);
  }
  return byTenant;
}

function requestsFor(context: MqttContext, session: MqttSession, rules: readonly AutoSubscription[]): SubscribeRequest[] {
  const names = namesOf(session);
  const known = new Map(context.broker.subscriptionsOf(session).map(({ filter, options }) => [filter, options]));
  const requests: SubscribeRequest[] = [];
  let left = subscriptionsLeft(context, context.spaceOf(session.tenant));
  for (const rule of rules) {
    const filter = fillPlaceholders(rule.filter, names);
    if (filter === null) continue; // It is about clients that have such a name.
    const fields = fieldsOf(rule, fullFilter(filter));
    const had = known.get(routingFilter(session.tenant, fields.filter));
    if (had !== undefined && isAlike(had, fields)) continue;
    // What one session has alone, and what begins in the past, is asked for by clients.
    const isAsked = isExclusive(filter) || isReplay(filter);
    const refusal =
      left <= 0 && had === undefined ? REASON.quotaExceeded : isAsked ? REASON.topicFilterInvalid : refusalOf(context, session, fields);
    left -= 1;
    if (refusal === 0) requests.push(requestOf(context, session, fields, 0));
    else if (context.log.isEnabled('debug'))
      context.log.debug('mqtt.auto-subscription-refused', 'a client may not have one of the auto-subscriptions', {
        ...{ client: session.clientId, tenant: session.tenant, name: rule.name, filter, refusal },
      });
  }
  return requests;
}

function fieldsOf({ qos, noLocal, retainAsPublished, retainHandling }: AutoSubscription, filter: string): SubscriptionFields {
  const isShared = filter.startsWith('$share/');
  return {
    filter,
    qos: qos as 0 | 1 | 2, // The catalogue checked both ranges.
    noLocal: noLocal && !isShared, // MQTT-3.8.3-4.
    retainAsPublished,
    retainHandling: retainHandling as 0 | 1 | 2,
  };
}

function isAlike(had: SubscriptionOptions, { qos, noLocal, retainAsPublished }: SubscriptionFields): boolean {
  return had.qos === qos && had.noLocal === noLocal && had.retainAsPublished === retainAsPublished;
}
