import { splitSessionKey } from '../../../base/tenant-names.js';
import type { RestoredSession, ShardId } from '../../../broker/ports.js';
import type { GroupLog } from '../../../journal/ports.js';
import type { MqttContext } from '../context.js';
import { restoreExclusive } from '../exclusive.js';
import { MqttSession } from '../session.js';
import { keepSession, scheduleExpiry, scheduleWill } from '../session-end.js';
import { claimShared } from '../shared/claims.js';
import { joinShared } from '../shared/membership.js';
import { DurableSession } from './durable-session.js';
import { isKept, resumeFilters } from './life.js';
import { deleteRows, readProgress, readSession, readSessions, type SessionRow, TRANSIENT } from './rows.js';
import { noteRecord } from './turn.js';

/** The start: sessions that the journal has are here again, off line. @returns what the session directory needs to know. `done` when their filters are known everywhere. */
export function restoreSessions(context: MqttContext, done: () => void): RestoredSession[] {
  const restored: RestoredSession[] = [];
  let open = 1;
  const settle = (): void => {
    open -= 1;
    if (open === 0) done();
  };
  for (const home of context.journal.sessionGroups)
    for (const [clientId, row] of readSessions(home)) {
      if (row.uid === TRANSIENT) {
        publishTransient(context, home, clientId, row);
        continue;
      }
      if (!context.spaces.tenants.has(splitSessionKey(clientId).tenant)) {
        deleteRows(home, clientId); // Its tenant was deleted while the node was down.
        continue;
      }
      open += 1;
      restoreSession(context, home, clientId, row, settle);
      restored.push({ clientId, claimedAtMs: row.claimedAtMs });
    }
  settle();
  return restored;
}

/**
 * Sessions that went to a shard that died are here again as far as they are meant, as our rows have them: no client had heard of the other shard
 * before its rows were durable. If they were, its successor has a later state, and ours is dropped as outdated.
 */
export function takeBackSessions(context: MqttContext, isMeant: (clientId: string, claimant: ShardId) => boolean): RestoredSession[] {
  const restored: RestoredSession[] = [];
  for (const [uid, { clientId, claimant, home, filters }] of [...context.moving]) {
    if (!isMeant(clientId, claimant) || context.sessions.has(clientId)) continue;
    const row = readSession(home, clientId);
    if (row?.uid !== uid) continue;
    context.moving.delete(uid);
    // Its will was that of a connection whose client came back.
    restoreSession(context, home, clientId, { ...row, will: null }, () => {
      for (const filter of filters) context.broker.durable.remove(filter); // As of before the move: there is one more by now.
      const session = context.sessions.get(clientId);
      if (session?.durable?.uid === uid) claimShared(context, session, context.shards, false);
    });
    restored.push({ clientId, claimedAtMs: row.claimedAtMs });
  }
  return restored;
}

function publishTransient(context: MqttContext, home: GroupLog, clientId: string, row: SessionRow): void {
  const { will, version } = row;
  context.startupWills.push(() => {
    const session = new MqttSession(clientId);
    session.version = version;
    takeOwner(session, row);
    if (will !== null) scheduleWill(context, session, will);
    session.hasEnded = true;
    if (context.sessions.get(clientId)?.hasTransientRow !== true) deleteRows(home, clientId); // Else it is the row of who came back.
  });
}

function restoreSession(context: MqttContext, home: GroupLog, clientId: string, row: SessionRow, done: () => void): void {
  const session = new MqttSession(clientId);
  const durable = new DurableSession(row.uid, home);
  session.durable = durable;
  session.claimedAtMs = row.claimedAtMs;
  session.version = row.version;
  takeOwner(session, row);
  session.expirySeconds = row.expirySeconds;
  keepSession(context, session);
  const progress = readProgress(home, clientId);
  const since = new Map(progress?.since ?? []);
  for (const [group, floor, settled] of progress?.cursors ?? []) {
    if (context.journal.isVolatile(group)) continue; // Its sequences began anew with this process.
    const cursor = durable.cursorAt(group, context.ownerOfGroup(group), floor);
    for (const sequence of settled) cursor.takeAhead(sequence, true);
  }
  const flights = progress?.flights ?? [];
  for (const { group, sequence, shared } of flights) {
    if (shared !== undefined) continue;
    const cursor = durable.cursors.get(group);
    if (cursor?.has(sequence) === false) cursor.takeAhead(sequence, false);
  }
  durable.restored = flights.length === 0 ? null : { flights, nextPacketId: progress?.nextPacketId ?? 1 };
  const requests = row.subscriptions.map(({ filter, options }) => ({ filter, options: { ...options, retainHandling: 2 as const } }));
  let open = 1;
  const settle = (): void => {
    open -= 1;
    if (open === 0) done();
  };
  open += 1;
  restoreExclusive(context, session, requests);
  context.broker.subscribe(session, requests, settle);
  const kept = requests.filter(isKept).map(({ filter }) => [filter, since.get(filter) ?? []] as const);
  open += 1;
  resumeFilters(context, durable, kept, settle);
  for (const claim of progress?.claims ?? []) session.openShares(context.doneLines).claim(claim);
  open += 1;
  joinShared(context, session, requests, settle);
  restoreDeadlines(context, session, row);
  settle();
}

function takeOwner(session: MqttSession, { owner = null, isSuperuser = false }: SessionRow): void {
  session.owner = owner;
  session.isSuperuser = isSuperuser;
}

/** It was on line when the process ended: then its connection ended now. */
function restoreDeadlines(context: MqttContext, session: MqttSession, row: SessionRow): void {
  if (row.endsAtMs === 0) {
    const { will } = row;
    if (will !== null && will.delaySeconds > 0) scheduleWill(context, session, will);
    else if (will !== null) context.startupWills.push(() => scheduleWill(context, session, will));
    scheduleExpiry(context, session);
  } else {
    session.endsAtMs = row.endsAtMs;
    if (Number.isFinite(row.endsAtMs)) context.deadlines.push(row.endsAtMs, session);
    if (row.will !== null && row.willAtMs > 0) {
      session.pendingWill = row.will;
      session.pendingWillAtMs = row.willAtMs;
      context.deadlines.push(row.willAtMs, session);
    }
  }
  noteRecord(context, session);
}
