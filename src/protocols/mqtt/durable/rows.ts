import { pack, unpack } from 'msgpackr';
import type { SubscribeRequest } from '../../../broker/ports.js';
import type { GroupId, GroupLog, Sequence } from '../../../journal/ports.js';
import type { MqttContext } from '../context.js';
import { AWAITS_PUBCOMP, AWAITS_PUBREC } from '../outbound.js';
import type { MqttSession } from '../session.js';
import { groupOfPlace, isShared, shareOf } from '../shared/places.js';
import type { Claim } from '../shared/shares.js';
import type { Will } from '../will.js';
import type { DurableSession, RestoredFlight } from './durable-session.js';

/*
  What is kept of a session, in two tables of the group of its shard. Keys are those of sessions (base/tenant-names.ts), values are of msgpack:

    session    what changes with its connections and subscriptions: SessionRow
    progress   what changes with its messages: ProgressRow
*/
const SESSION_TABLE = 'session';
const PROGRESS_TABLE = 'progress';

/** Only a will is kept: the session ends with its connection. */
export const TRANSIENT = 0;

export interface SessionRow {
  readonly uid: number;
  /** The user that opened it; not there in rows of earlier versions. */
  readonly owner?: string | null;
  readonly isSuperuser?: boolean;
  readonly claimedAtMs: number;
  readonly version: 4 | 5;
  readonly expirySeconds: number;
  /** Milliseconds since the epoch; 0: it was on line. Infinity: never. */
  readonly endsAtMs: number;
  readonly subscriptions: readonly SubscribeRequest[];
  /** Of the connection, or one that waits for its delay. */
  readonly will: Will | null;
  /** When the will is due, if it waits. */
  readonly willAtMs: number;
}

export interface ProgressRow {
  /** Group, floor, and sequences beyond it that are settled. */
  readonly cursors: readonly (readonly [GroupId, Sequence, readonly Sequence[]])[];
  readonly since: readonly (readonly [filter: string, readonly (readonly [GroupId, Sequence])[]])[];
  readonly flights: readonly RestoredFlight[];
  readonly nextPacketId: number;
  /** Messages of shared subscriptions that are the session's: their queues may not know it. Not there in rows of earlier versions. */
  readonly claims?: readonly Claim[];
}

export function writeSession(context: MqttContext, session: MqttSession, durable: DurableSession): void {
  const row: SessionRow = {
    uid: durable.uid,
    owner: session.owner,
    isSuperuser: session.isSuperuser,
    claimedAtMs: session.claimedAtMs,
    version: session.version,
    expirySeconds: session.expirySeconds,
    endsAtMs: session.endsAtMs,
    subscriptions: context.broker.subscriptionsOf(session),
    will: session.connection?.will ?? session.pendingWill,
    willAtMs: session.pendingWill === null ? 0 : session.pendingWillAtMs,
  };
  durable.home.table(SESSION_TABLE).put(session.key, pack(row));
}

/** A session that ends with its connection is kept as long as its will is. */
export function writeTransient(home: GroupLog, { key, version, owner, isSuperuser }: MqttSession, will: Will): void {
  const nothing = { claimedAtMs: 0, expirySeconds: 0, endsAtMs: 0, subscriptions: [], willAtMs: 0 };
  const row: SessionRow = { uid: TRANSIENT, owner, isSuperuser, version, will, ...nothing };
  home.table(SESSION_TABLE).put(key, pack(row));
}

export function writeProgress(session: MqttSession, durable: DurableSession): void {
  const flights: RestoredFlight[] = [];
  session.outbound?.forEachPlace((packetId, state, group, sequence) => {
    if (state !== AWAITS_PUBREC && state !== AWAITS_PUBCOMP) return;
    const shared = isShared(group) ? session.shares?.at(shareOf(group))?.key : undefined;
    flights.push({ packetId, state, group: groupOfPlace(group), sequence, ...(shared === undefined ? {} : { shared }) });
  });
  for (const flight of durable.restored?.flights ?? []) flights.push(flight);
  const row: ProgressRow = {
    cursors: [...durable.cursors.values()].map((cursor): [GroupId, Sequence, Sequence[]] => {
      const settled: Sequence[] = [];
      cursor.forEach((sequence, isSettled) => {
        if (isSettled) settled.push(sequence);
      });
      return [cursor.group, cursor.floor, settled];
    }),
    since: [...durable.filters].filter(([, since]) => since.size > 0).map(([filter, since]) => [filter, [...since]] as const),
    flights,
    nextPacketId: durable.restored?.nextPacketId ?? session.outbound?.nextPacketId ?? 1,
    ...(session.shares === null || session.shares.claims.size === 0 ? {} : { claims: [...session.shares.claims.values()] }),
  };
  durable.home.table(PROGRESS_TABLE).put(session.key, pack(row));
}

export function deleteRows(home: GroupLog, clientId: string): void {
  home.table(SESSION_TABLE).delete(clientId);
  home.table(PROGRESS_TABLE).delete(clientId);
}

export function* readSessions(home: GroupLog): Generator<readonly [clientId: string, row: SessionRow]> {
  for (const [clientId, value] of [...home.table(SESSION_TABLE).entries()]) yield [clientId, unpack(value) as SessionRow];
}

export function readSession(home: GroupLog, clientId: string): SessionRow | null {
  const value = home.table(SESSION_TABLE).get(clientId);
  return value === undefined ? null : (unpack(value) as SessionRow);
}

export function readProgress(home: GroupLog, clientId: string): ProgressRow | null {
  const value = home.table(PROGRESS_TABLE).get(clientId);
  return value === undefined ? null : (unpack(value) as ProgressRow);
}
