import { isRoutingName, routingFilter } from '../../base/tenant-names.js';
import type { SubscribeRequest, SubscribeResult } from '../../broker/ports.js';
import { COUNT } from '../../telemetry/metrics/slots.js';
import { endConnection } from './close.js';
import type { MqttConnection } from './connection.js';
import { REASON } from './constants.js';
import type { MqttContext } from './context.js';
import { addFilters, dropFilter } from './durable/life.js';
import { noteRecord, whenDurable } from './durable/turn.js';
import { encodeSuback, encodeUnsuback } from './encode.js';
import { claimExclusive, isExclusive, releaseExclusive, withoutExclusive } from './exclusive.js';
import { subscriptionsLeft } from './metering/entry.js';
import type { SubscribePacket, SubscriptionFields, UnsubscribePacket } from './packets.js';
import { endReplay, startReplay } from './replay/replay.js';
import { isReplay, parseReplay } from './replay/replay-filter.js';
import { dropRetainedReplay, replayRetained } from './retained-replay.js';
import { rewriteSubscriptions, rewriteUnsubscribed } from './rewrite/rewrite-names.js';
import { noteDenied, rightsOf } from './rights.js';
import { say } from './say.js';
import type { MqttSession } from './session.js';
import { leaveShared } from './shared/membership.js';
import { tellSubscribed, tellUnsubscribed } from './sys/client-events.js';
import { checkFilter, filterToMatch } from './topic-syntax.js';

/** SUBSCRIBE, MQTT 5.0 §3.8. SUBACK says that every shard routes by it; retained messages follow. */
export function onSubscribe(context: MqttContext, connection: MqttConnection, packet: SubscribePacket): void {
  const session = connection.session;
  if (session === null) return;
  const codes: number[] = new Array<number>(packet.subscriptions.length).fill(REASON.unspecifiedError);
  const accepted: number[] = [];
  const requests: SubscribeRequest[] = [];
  const replays: SubscriptionFields[] = [];
  let left = subscriptionsLeft(context, context.spaceOf(session.tenant));
  for (const [index, fields] of rewriteSubscriptions(context, session, packet.subscriptions).entries()) {
    const refusal = refusalOf(context, session, fields);
    if (refusal !== 0) {
      codes[index] = refusal;
      continue;
    }
    if (isReplay(fields.filter)) {
      codes[index] = Math.min(fields.qos, context.limits.offer.qosMax);
      replays.push(fields);
      continue;
    }
    const request = requestOf(context, session, fields, packet.identifier);
    if (left <= 0 && !context.broker.subscriptionsOf(session).some(({ filter }) => filter === request.filter)) {
      codes[index] = REASON.quotaExceeded;
      continue;
    }
    left -= 1;
    accepted.push(index);
    requests.push(request);
  }
  claimExclusive(context, session, requests, (isRefused) => {
    for (const [i, request] of requests.entries()) if (isRefused(request)) codes[accepted[i]] = REASON.quotaExceeded;
    subscribe(
      requests.filter((request) => !isRefused(request)),
      accepted.filter((_, i) => !isRefused(requests[i])),
    );
  });

  function subscribe(requests: readonly SubscribeRequest[], accepted: readonly number[]): void {
    if (session === null) return;
    context.broker.subscribe(session, requests, (results) => {
      for (const [i, { status }] of results.entries()) if (status !== 'granted') releaseExclusive(context, session, requests[i].filter);
      const granted = requests.filter((_, i) => results[i].status === 'granted');
      addFilters(context, session, granted, () => {
        if (session.durable === null) answer(requests, accepted, results);
        // What is promised here outlives this process: the rows first.
        else whenDurable(context, () => answer(requests, accepted, results));
      });
    });
  }

  function answer(requests: readonly SubscribeRequest[], accepted: readonly number[], results: readonly SubscribeResult[]): void {
    if (session === null || session.connection !== connection || connection.phase !== 'connected') return;
    for (const [i, result] of results.entries())
      codes[accepted[i]] = result.status === 'granted' ? requests[i].options.qos : REASON.quotaExceeded;
    const { version, packetBytesMax } = connection;
    say(context, connection, encodeSuback({ version, packetId: packet.packetId, codes, reasonString: null, maxBytes: packetBytesMax }));
    for (const [i, result] of results.entries()) {
      if (result.status === 'granted') tellSubscribed(context, session, requests[i], result.isNew);
      replayRetained(context, session, requests[i], result);
    }
    for (const fields of replays) startReplay(context, session, fields, packet.identifier);
  }
}

/** @returns the reason code of a filter we do not take; 0 if we do. */
export function refusalOf(context: MqttContext, session: MqttSession, { filter: given, qos }: SubscriptionFields): number {
  const replay = isReplay(given) ? parseReplay(given, context.nowMs) : null;
  if (isReplay(given) && (replay === null || context.limits.replaysMax === 0)) return REASON.topicFilterInvalid;
  if (replay !== null && (session.replays?.length ?? 0) >= context.limits.replaysMax) return REASON.quotaExceeded;
  const filter = replay === null ? withoutExclusive(given) : replay.filter;
  if (isExclusive(given) && (!context.limits.allowsExclusive || isExclusive(filter))) return REASON.topicFilterInvalid;
  const check = checkFilter(filter, context.limits.topicLevelsMax);
  if (check === 'malformed' || (check === 'shared' && filter !== given)) return REASON.topicFilterInvalid;
  if (check === 'deep') return REASON.quotaExceeded;
  if (isRoutingName(filterToMatch(filter))) return context.limits.offer.denialCode;
  const answer = rightsOf(context, session).maySubscribe(filterToMatch(filter), qos);
  if (answer === 'guarded') session.isGuarded = true;
  if (answer !== 'no') return 0;
  context.counts[COUNT.deniedSubscriptions] += 1;
  noteDenied(context, session, 'subscribe', filter);
  return context.limits.offer.denialCode;
}

export function requestOf(context: MqttContext, session: MqttSession, fields: SubscriptionFields, identifier: number): SubscribeRequest {
  const { noLocal, retainAsPublished, retainHandling } = fields;
  const qos = Math.min(fields.qos, context.limits.offer.qosMax) as 0 | 1 | 2; // MQTT-3.2.2-10
  const filter = routingFilter(session.tenant, withoutExclusive(fields.filter));
  const options = { qos, noLocal, retainAsPublished, retainHandling, identifier };
  return { filter, options: isExclusive(fields.filter) ? { ...options, isExclusive: true } : options };
}

/** UNSUBSCRIBE, MQTT 5.0 §3.10. What was queued before is still delivered (§3.10.4). */
export function onUnsubscribe(context: MqttContext, connection: MqttConnection, packet: UnsubscribePacket): void {
  const session = connection.session;
  if (session === null) return;
  if (packet.filters.length === 0) {
    endConnection(context, connection, REASON.protocolError, 'an UNSUBSCRIBE without filters');
    return;
  }
  const isSubscribed = (filter: string): boolean => {
    const routing = routingFilter(session.tenant, withoutExclusive(filter));
    return context.broker.subscriptionsOf(session).some((known) => known.filter === routing);
  };
  const named = rewriteUnsubscribed(context, session, packet.filters, isSubscribed);
  const filters = named.map((filter) => routingFilter(session.tenant, withoutExclusive(filter)));
  const existed = context.broker.unsubscribe(session, filters);
  for (const filter of filters) {
    dropRetainedReplay(session, filter);
    releaseExclusive(context, session, filter);
  }
  const { durable } = session;
  for (const filter of filters) leaveShared(context, session, filter);
  if (durable !== null) for (const filter of filters) dropFilter(context, durable, filter);
  noteRecord(context, session);
  for (const [i, did] of existed.entries()) if (did) tellUnsubscribed(context, session, named[i]);
  const isKnown = existed.map((did, i) => did || endReplay(context, session, named[i]));
  const codes = isKnown.map((did) => (did ? REASON.success : REASON.noSubscriptionExisted));
  const { version, packetBytesMax } = connection;
  say(context, connection, encodeUnsuback({ version, packetId: packet.packetId, codes, reasonString: null, maxBytes: packetBytesMax }));
}
