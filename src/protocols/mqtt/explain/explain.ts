import { matchesFilter } from '../../../base/filter-match.js';
import { plainFilter, routingName, sessionKey } from '../../../base/tenant-names.js';
import type { SubscriptionOptions } from '../../../broker/ports.js';
import type { MqttContext } from '../context.js';
import { namesOf } from '../rewrite/rewrite-names.js';
import { targetFor } from '../rewrite/rewrite-rule.js';
import { rightsOf } from '../rights.js';
import { EXPIRY_NEVER, type MqttSession } from '../session.js';
import { parseShared } from '../topic-syntax.js';
import type { RecentEvent } from './recent-events.js';
import { type DropFacts, dropsOf } from './session-drops.js';

/* Why a client does or does not get messages of a topic: what this shard knows of it. findings.ts makes sentences of it. */

export interface ExplainAsk {
  readonly tenant: string;
  readonly clientId: string;
  readonly topic: string;
}

export interface MatchingSubscription extends SubscriptionOptions {
  readonly filter: string;
  /** The group; empty: it is not shared. */
  readonly group: string;
}

export interface ExplainedSession {
  readonly state: 'connected' | 'connecting' | 'away';
  readonly isDurable: boolean;
  /** Seconds that it outlives its connection; null: for ever. */
  readonly expirySeconds: number | null;
  /** Milliseconds since the epoch; null: it is connected, or never ends. */
  readonly endsAtMs: number | null;
  readonly subscriptions: number;
  readonly matching: readonly MatchingSubscription[];
  /** Whether the rules let it have messages of the topic, and which one decides, in words. */
  readonly mayReceive: boolean;
  readonly rule: string;
  readonly isCongested: boolean;
  /** Bytes on the way to its socket. */
  readonly outputBytes: number;
  readonly queued: number;
  readonly inFlight: number;
  /** More may be in flight now. */
  readonly room: number;
  readonly acknowledged: number;
  /** Messages of the log that went by while nobody could keep them. */
  readonly gap: number;
  readonly drops: readonly DropFacts[];
  /** Where it is in the log of the topic; null: it has no place there. */
  readonly place: { readonly next: number; readonly taken: number; readonly isLive: boolean } | null;
}

export interface Explanation {
  /** Null: it is not here. */
  readonly session: ExplainedSession | null;
  /** The newest last. */
  readonly events: readonly RecentEvent[];
  /** This shard has the retained message of the topic. */
  readonly isRetained: boolean;
  /** Where messages of the topic of QoS 1 and 2 go; null: into no log. */
  readonly log: { readonly stream: number; readonly partition: number; readonly group: number; readonly takesQos0: boolean } | null;
  /** What the topic becomes when it is published: by a client of any name, as far as that does not matter. Null: it stays as it is. */
  readonly rewritten: string | null;
  readonly now: number;
}

export function explain(context: MqttContext, { tenant, clientId, topic }: ExplainAsk): Explanation {
  const key = sessionKey(tenant, clientId);
  const session = context.sessions.get(key) ?? null;
  const routing = routingName(tenant, topic);
  const { log } = context.broker.compileRoute(routing);
  return {
    session: session === null ? null : explained(context, session, topic, log?.group ?? null),
    events: context.recentEvents.of(key),
    isRetained: context.broker.firstRetained(routing).messages.length > 0,
    log: log === null ? null : { stream: log.stream, partition: log.partition, group: log.group, takesQos0: log.takesQos0 },
    rewritten: rewrittenOf(context, tenant, session, topic),
    now: context.nowMs,
  };
}

function explained(context: MqttContext, session: MqttSession, topic: string, group: number | null): ExplainedSession {
  const subscriptions = context.broker.subscriptionsOf(session);
  const matching = subscriptions.flatMap(({ filter, options }): MatchingSubscription[] => {
    const plain = plainFilter(filter);
    const shared = parseShared(plain);
    return matchesFilter(shared?.filter ?? plain, topic) ? [{ ...options, filter: plain, group: shared?.group ?? '' }] : [];
  });
  const rights = rightsOf(context, session);
  const { durable, outbound, expirySeconds, endsAtMs } = session;
  const cursor = group === null ? undefined : durable?.cursors.get(group);
  return {
    state: session.slot >= 0 ? 'connected' : session.connection === null ? 'away' : 'connecting',
    isDurable: durable !== null,
    expirySeconds: expirySeconds === EXPIRY_NEVER ? null : expirySeconds,
    endsAtMs: session.connection === null && Number.isFinite(endsAtMs) ? endsAtMs : null,
    subscriptions: subscriptions.length,
    matching,
    mayReceive: rights.mayReceive(topic),
    rule: rights.explain('receive', topic, 0, false),
    isCongested: session.isCongested,
    outputBytes: session.slot < 0 ? 0 : context.transport.outputBytesOf(session.slot),
    queued: session.queue?.length ?? 0,
    inFlight: outbound?.inFlight ?? 0,
    room: outbound?.room() ?? context.limits.inflightMax,
    acknowledged: session.acknowledged,
    gap: durable?.gap ?? 0,
    drops: dropsOf(session),
    place: cursor === undefined ? null : { next: cursor.next, taken: cursor.length, isLive: cursor.isLive },
  };
}

function rewrittenOf(context: MqttContext, tenant: string, session: MqttSession | null, topic: string): string | null {
  const rewritten = context.spaces.rewritesOf(tenant)?.ofPublish(topic);
  if (rewritten === undefined || rewritten.kind === 'unchanged') return null;
  if (rewritten.kind === 'refused') return '';
  const whole = rewritten.parts.map((part) => (typeof part === 'string' ? part : `\${${part.of}}`)).join('');
  return session === null ? whole : (targetFor(rewritten.parts, namesOf(session)) ?? whole);
}
