import type { ShardId, SubscribeRequest } from '../../../broker/ports.js';
import type { GroupId, GroupLog, Sequence } from '../../../journal/ports.js';
import type { MqttContext } from '../context.js';
import type { MqttSession } from '../session.js';
import { joinShared } from '../shared/membership.js';
import { isShared } from '../shared/places.js';
import { countBacklog } from './backlog.js';
import { DurableSession } from './durable-session.js';
import { forgetPulls } from './pull.js';
import { deleteRows, readSession, writeTransient } from './rows.js';
import { noteProgress, noteRecord } from './turn.js';

const TWO_TO_21 = 2 ** 21;

/** The session outlives its connection from now on, if it does: it has rows in the journal. */
export function openDurable(context: MqttContext, session: MqttSession): void {
  if (session.durable === null && session.expirySeconds > 0) {
    const uid = context.random.nextU32() * TWO_TO_21 + (context.random.nextU32() % TWO_TO_21) + 1;
    session.durable = new DurableSession(uid, context.journal.sessionGroups[0]);
  }
  const will = session.connection?.will ?? null;
  if (session.durable !== null) noteRecord(context, session);
  else if (will !== null) {
    writeTransient(context.journal.sessionGroups[0], session, will);
    session.hasTransientRow = true;
  }
}

/** Filters whose messages are kept while the client is away. */
export function isKept({ filter, options }: SubscribeRequest): boolean {
  return options.qos > 0 && !filter.startsWith('$share/');
}

/** After the broker has granted them: `done` when every log has an index for the filters, from now on, and shared subscriptions have their queues. */
export function addFilters(context: MqttContext, session: MqttSession, requests: readonly SubscribeRequest[], done: () => void): void {
  const { durable } = session;
  let open = 1;
  const settle = (): void => {
    open -= 1;
    if (open === 0) done();
  };
  open += 1;
  joinShared(context, session, requests, () => {
    noteRecord(context, session); // Whoever waits for rows after this has a commit to wait for.
    settle();
  });
  if (durable === null) {
    settle();
    return;
  }
  for (const request of requests) {
    const { filter } = request;
    if (!isKept(request)) {
      dropFilter(context, durable, filter);
      continue;
    }
    if (durable.filters.has(filter)) continue;
    const since = new Map<number, number>();
    durable.filters.set(filter, since);
    open += 1;
    context.broker.durable.add(filter, (positions) => {
      for (const [group, next] of positions) {
        const cursor = durable.cursors.get(group);
        // A session that is live in a group has everything up to now; one that is new there begins now.
        if (cursor === undefined) durable.cursorAt(group, context.ownerOfGroup(group), next).isLive = session.slot >= 0;
        else if (!cursor.isLive && cursor.next < next) since.set(group, next);
      }
      durable.isProgressDirty = true;
      context.dirtySessions.add(session);
      settle();
    });
  }
  noteRecord(context, session);
  settle();
}

/**
 * Filters that the session has had before, on another shard or in another process: `done` when every log has an index for them. Where the
 * session has no position in a group yet, it begins now: nothing was promised of it before.
 */
export function resumeFilters(
  context: MqttContext,
  durable: DurableSession,
  filters: Iterable<readonly [string, Iterable<readonly [GroupId, Sequence]>]>,
  done: () => void,
): void {
  let open = 1;
  const settle = (): void => {
    open -= 1;
    if (open === 0) done();
  };
  for (const [filter, since] of filters) {
    durable.filters.set(filter, new Map(since));
    open += 1;
    context.broker.durable.add(filter, (positions) => {
      for (const [group, next] of positions) durable.cursorAt(group, context.ownerOfGroup(group), next);
      settle();
    });
  }
  settle();
}

/** Messages of a filter may be in other groups too from now on. */
export function relocateFilters(context: MqttContext): void {
  for (const session of context.sessions.values()) {
    const { durable } = session;
    if (durable === null) continue;
    for (const filter of durable.filters.keys()) {
      context.broker.durable.locate(filter, (positions) => {
        for (const [group, next] of positions)
          if (!durable.cursors.has(group)) durable.cursorAt(group, context.ownerOfGroup(group), next).isLive = session.slot >= 0;
        noteProgress(context, session);
      });
    }
  }
}

export function dropFilter(context: MqttContext, durable: DurableSession, filter: string): void {
  if (durable.filters.delete(filter)) context.broker.durable.remove(filter);
}

/** The client went away: what waits for it is in the log, so it need not be in memory. */
export function onOffline(context: MqttContext, session: MqttSession): void {
  const { durable } = session;
  if (durable === null) return;
  forgetPulls(context, durable);
  for (const cursor of durable.cursors.values()) cursor.isLive = false;
  session.queue?.dropLogged(
    ({ group }) => !isShared(group),
    (places, from) => durable.giveBack(places, from),
  );
  durable.heldPublishes = [];
  durable.heldReleases = [];
  noteRecord(context, session);
  durable.isProgressDirty = true;
}

/** The client is back: what was in flight has gone out again, and the rest follows. */
export function onOnline(context: MqttContext, session: MqttSession): void {
  if (session.durable !== null) countBacklog(context, session);
}

/** The session has ended: its rows and indexes go. */
export function endDurable(context: MqttContext, session: MqttSession): void {
  const { durable } = session;
  if (durable === null) {
    dropTransient(context, session);
    return;
  }
  forgetPulls(context, durable);
  for (const filter of durable.filters.keys()) context.broker.durable.remove(filter);
  durable.filters.clear();
  deleteRows(durable.home, session.key);
  for (const shard of context.shards) context.broker.sendQueueMessage(shard, { kind: 'forget-session', session: durable.uid });
}

/** The will of a session that ends with its connection was published, or is not due any more. */
export function dropTransient(context: MqttContext, session: MqttSession): void {
  if (!session.hasTransientRow) return;
  session.hasTransientRow = false;
  deleteRows(context.journal.sessionGroups[0], session.key);
}

/** A session that went to another shard, whose rows are still here too. */
export interface MovingSession {
  readonly clientId: string;
  readonly claimant: ShardId;
  readonly home: GroupLog;
  readonly filters: readonly string[];
}

/** The session moves to another shard; until that one has its rows, ours stay, and so do the indexes. */
export function leaveDurable(context: MqttContext, session: MqttSession, claimant: ShardId): void {
  const { durable } = session;
  if (durable === null) return;
  forgetPulls(context, durable);
  context.moving.set(durable.uid, { clientId: session.key, claimant, home: durable.home, filters: [...durable.filters.keys()] });
}

export function onSessionMoved(context: MqttContext, uid: number): void {
  const moving = context.moving.get(uid);
  if (moving === undefined) return;
  context.moving.delete(uid);
  for (const filter of moving.filters) context.broker.durable.remove(filter);
  const row = readSession(moving.home, moving.clientId);
  if (row?.uid === uid && context.sessions.get(moving.clientId)?.durable?.uid !== uid) deleteRows(moving.home, moving.clientId);
}
