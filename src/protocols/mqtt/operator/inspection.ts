import { matchesGlob } from '../../../base/glob.js';
import { plainFilter } from '../../../base/tenant-names.js';
import type { ShardId, SubscribeRequest } from '../../../broker/ports.js';
import type { GroupId, Sequence } from '../../../journal/ports.js';
import { endConnection } from '../close.js';
import { REASON } from '../constants.js';
import type { MqttContext } from '../context.js';
import type { DurableSession } from '../durable/durable-session.js';
import { wantedOf } from '../durable/serve-pull.js';
import { whenDurable } from '../durable/turn.js';
import { EXPIRY_NEVER, type MqttSession } from '../session.js';
import { endSession } from '../session-end.js';
import { FirstKeys } from './first-keys.js';

/* What an operator sees of the sessions of this shard, and the end of one by his hand. */

/** Where a session is in the logs of all shards, as far as it is behind. */
export interface SessionPosition {
  readonly filters: readonly (readonly [filter: string, since: readonly (readonly [GroupId, Sequence])[]])[];
  /** `taken`: of those from `next` on the session has so many already. */
  readonly groups: readonly (readonly [group: GroupId, owner: ShardId, next: Sequence, taken: number])[];
}

/** `isMore`: counting ended there. */
export interface Backlog {
  readonly count: number;
  readonly isMore: boolean;
}

export interface SessionSummary {
  /** By which the tables know it: base/tenant-names.ts. */
  readonly key: string;
  readonly clientId: string;
  readonly tenant: string;
  readonly state: 'connected' | 'connecting' | 'away';
  /** Milliseconds since the epoch; null: not known, for the session never expires. */
  readonly sinceMs: number | null;
  /** Seconds that it outlives its connection; null: for ever. */
  readonly expirySeconds: number | null;
  /** Milliseconds since the epoch, where the client is away; null: not yet, or never. */
  readonly endsAtMs: number | null;
  readonly version: 4 | 5;
  readonly isDurable: boolean;
  readonly subscriptions: number;
  /** Messages in the memory of the shard that wait for the client. */
  readonly queued: number;
  readonly inFlight: number;
  readonly position: SessionPosition | null;
}

export interface SessionDetails extends SessionSummary {
  readonly queuedBytes: number;
  readonly filters: readonly SubscribeRequest[];
  readonly cursors: readonly {
    readonly group: GroupId;
    readonly owner: ShardId;
    readonly floor: Sequence;
    readonly next: Sequence;
    readonly taken: number;
    readonly isLive: boolean;
  }[];
  readonly will: {
    readonly topic: string;
    readonly qos: number;
    readonly retain: boolean;
    readonly delaySeconds: number;
    readonly bytes: number;
  } | null;
  /** `received`: QoS 2 publishes of the client before their PUBREL. `gap`: messages that went by while nobody could keep them. */
  readonly counters: { readonly acknowledged: number; readonly received: number; readonly gap: number };
}

/** The first sessions whose keys are behind `after` and whose client identifiers match, and how many match in all. */
export function listSessions(
  context: MqttContext,
  after: string,
  limit: number,
  match: string,
): { readonly sessions: readonly SessionSummary[]; readonly total: number } {
  const first = new FirstKeys(after, limit);
  let total = 0;
  for (const [key, { clientId }] of context.sessions) {
    if (match !== '' && !matchesGlob(match, clientId)) continue;
    total += 1;
    first.offer(key);
  }
  const sessions = first.keys.flatMap((key) => {
    const session = context.sessions.get(key);
    return session === undefined ? [] : [summaryOf(context, session)];
  });
  return { sessions, total };
}

export function showSession(context: MqttContext, key: string): SessionDetails | null {
  const session = context.sessions.get(key);
  if (session === undefined) return null;
  const { durable } = session;
  const will = session.connection?.will ?? session.pendingWill;
  return {
    ...summaryOf(context, session),
    queuedBytes: session.queue?.bytes ?? 0,
    filters: context.broker.subscriptionsOf(session).map(({ filter, options }) => ({ filter: plainFilter(filter), options })),
    cursors: [...(durable?.cursors.values() ?? [])].map(({ group, owner, floor, next, length, isLive }) => {
      return { group, owner, floor, next, taken: length, isLive };
    }),
    will:
      will === null
        ? null
        : { topic: will.topic, qos: will.qos, retain: will.retain, delaySeconds: will.delaySeconds, bytes: will.payload.length },
    counters: { acknowledged: session.acknowledged, received: session.received?.toArray().length ?? 0, gap: durable?.gap ?? 0 },
  };
}

/** How much the indexes of this shard's logs have for each of the sessions. */
export function countBacklogs(context: MqttContext, positions: readonly SessionPosition[], countMax: number): readonly Backlog[] {
  return positions.map(({ filters, groups }) => {
    let count = 0;
    let isMore = false;
    for (const [group, owner, next, taken] of groups) {
      const log = owner === context.broker.shard ? context.journal.group(group) : undefined;
      if (log === undefined) continue;
      const wanted = wantedOf(log, filters, next, countMax + taken);
      count += Math.max(0, wanted.count - taken);
      isMore ||= wanted.isCut;
    }
    return { count, isMore };
  });
}

/** As if it had expired now; a client that is there hears why. `done` when it is gone for good. False: there is none of this name. */
export function endSessionByOperator(context: MqttContext, key: string, done: () => void): boolean {
  const session = context.sessions.get(key);
  if (session === undefined) return false;
  const isKept = session.durable !== null;
  if (session.connection !== null) endConnection(context, session.connection, REASON.administrativeAction, 'an operator ended the session');
  endSession(context, session);
  // In this turn, whose commit has what was deleted.
  if (isKept) whenDurable(context, done);
  else done();
  return true;
}

function summaryOf(context: MqttContext, session: MqttSession): SessionSummary {
  const { durable, endsAtMs, expirySeconds } = session;
  const isAway = session.connection === null;
  const isForEver = expirySeconds === EXPIRY_NEVER;
  return {
    key: session.key,
    clientId: session.clientId,
    tenant: session.tenant,
    state: session.slot >= 0 ? 'connected' : isAway ? 'away' : 'connecting',
    sinceMs: !isAway ? session.claimedAtMs : isForEver ? null : endsAtMs - expirySeconds * 1000,
    expirySeconds: isForEver ? null : expirySeconds,
    endsAtMs: isAway && Number.isFinite(endsAtMs) ? endsAtMs : null,
    version: session.version,
    isDurable: durable !== null,
    subscriptions: context.broker.subscriptionsOf(session).length,
    queued: session.queue?.length ?? 0,
    inFlight: (session.outbound?.inFlight ?? 0) + (durable?.restored?.flights.length ?? 0),
    position: durable === null ? null : positionOf(durable),
  };
}

function positionOf(durable: DurableSession): SessionPosition | null {
  const groups = [...durable.cursors.values()].flatMap((cursor) => {
    if (cursor.isLive) return []; // What is committed is pushed to it.
    let taken = 0;
    cursor.forEach((sequence) => {
      if (sequence >= cursor.next) taken += 1;
    });
    return [[cursor.group, cursor.owner, cursor.next, taken] as const];
  });
  if (groups.length === 0 || durable.filters.size === 0) return null;
  return { filters: [...durable.filters].map(([filter, since]) => [filter, [...since]] as const), groups };
}
