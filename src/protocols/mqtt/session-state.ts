import { pack, unpack } from 'msgpackr';
import type { ShardId, SubscribeRequest } from '../../broker/ports.js';
import type { GroupId, Sequence } from '../../journal/ports.js';
import type { MqttContext } from './context.js';
import { DurableSession } from './durable/durable-session.js';
import { resumeFilters } from './durable/life.js';
import { whenDurable } from './durable/turn.js';
import { restoreExclusive } from './exclusive.js';
import { keptBytesMaxOf } from './limits.js';
import { MessageQueue, type QueueEntry } from './message-queue.js';
import { type InFlight, Outbound } from './outbound.js';
import { frameLength } from './publish-frame.js';
import { MqttSession } from './session.js';
import { claimShared } from './shared/claims.js';
import { joinShared } from './shared/membership.js';
import { handedOver, isShared } from './shared/places.js';
import type { Claim } from './shared/shares.js';
import type { Delivery } from './stored-run.js';

/*
  A session on its way to another shard of this node. Written and read by the same program, never stored; frames stay binary.
*/
interface SessionState {
  readonly owner: string | null;
  readonly isSuperuser: boolean;
  readonly claimedAtMs: number;
  readonly expirySeconds: number;
  readonly subscriptions: readonly SubscribeRequest[];
  readonly nextPacketId: number;
  readonly inFlight: readonly InFlight[];
  readonly queue: readonly QueueEntry[];
  readonly received: readonly number[];
  readonly durable: DurableState | null;
  /** Shared subscriptions that messages in flight are of, by number. */
  readonly shares: readonly (string | null)[];
  readonly claims: readonly Claim[];
}

interface DurableState {
  readonly uid: number;
  /** Group, next, and what is taken, settled or not. */
  readonly cursors: readonly (readonly [GroupId, Sequence, readonly (readonly [Sequence, boolean])[]])[];
  readonly since: readonly (readonly [string, readonly (readonly [GroupId, Sequence])[]])[];
  readonly restored: DurableSession['restored'];
  readonly receivedGroups: readonly (readonly [number, ShardId])[];
}

export function encodeSessionState(context: MqttContext, session: MqttSession): Uint8Array {
  const places = new Map<number, readonly [GroupId, Sequence]>();
  session.outbound?.forEachPlace((packetId, _state, group, sequence) => places.set(packetId, [group, sequence]));
  const inFlight: InFlight[] = [];
  session.outbound?.forEach((packetId, state, delivery, offset) => {
    const [group, sequence] = places.get(packetId) ?? [-1, 0];
    inFlight.push({ packetId, state, delivery: delivery === null ? null : alone(delivery, offset), offset: 0, group, sequence });
  });
  const state: SessionState = {
    owner: session.owner,
    isSuperuser: session.isSuperuser,
    claimedAtMs: session.claimedAtMs,
    expirySeconds: session.expirySeconds,
    subscriptions: context.broker.subscriptionsOf(session),
    nextPacketId: session.outbound?.nextPacketId ?? 1,
    inFlight,
    queue: session.queue?.entries() ?? [],
    received: session.received?.toArray() ?? [],
    durable: session.durable === null ? null : encodeDurable(session.durable),
    shares: session.shares?.keys ?? [],
    claims: [...(session.shares?.claims.values() ?? [])],
  };
  return pack(state);
}

/** One message of a run, which may be long, and whose other messages may be on their way too. The log's place of it goes along by itself. */
function alone(delivery: Delivery, offset: number): Delivery {
  const { version, receivedAtMs, expiresAtMs, expiryOffset, ...run } = delivery.run;
  const bytes = run.bytes.subarray(offset, offset + frameLength(run.bytes, offset));
  return { ...delivery, run: { bytes, count: 1, version, receivedAtMs, expiresAtMs, expiryOffset }, log: null };
}

function encodeDurable(durable: DurableSession): DurableState {
  return {
    uid: durable.uid,
    cursors: [...durable.cursors.values()].map((cursor) => {
      const taken: [Sequence, boolean][] = [];
      cursor.forEach((sequence, isSettled) => {
        taken.push([sequence, isSettled]);
      });
      return [cursor.group, cursor.next, taken] as const;
    }),
    since: [...durable.filters].map(([filter, since]): DurableState['since'][number] => [filter, [...since]]).concat(durable.coming),
    restored: durable.restored,
    receivedGroups: [...durable.receivedGroups],
  };
}

function decodeDurable(context: MqttContext, state: DurableState): DurableSession {
  const durable = new DurableSession(state.uid, context.journal.sessionGroups[0]);
  for (const [group, next, taken] of state.cursors) {
    const cursor = durable.cursorAt(group, context.ownerOfGroup(group), next);
    for (const [sequence, isSettled] of taken) cursor.takeAhead(sequence, isSettled);
  }
  durable.coming = state.since;
  durable.restored = state.restored;
  for (const [packetId, owner] of state.receivedGroups) durable.receivedGroups.set(packetId, owner);
  return durable;
}

/** What came from a shared queue is the session's: the shard it was on tells the queue. */
function asOwn(entry: InFlight): InFlight {
  return isShared(entry.group) ? { ...entry, group: handedOver(entry.group) } : entry;
}

/** A session that came here, and the subscriptions it had: `restoreSubscriptions` gives them back. */
export interface MovedSession {
  readonly session: MqttSession;
  readonly subscriptions: readonly SubscribeRequest[];
}

export function decodeSessionState(context: MqttContext, clientId: string, bytes: Uint8Array): MovedSession {
  const state = unpack(bytes) as SessionState; // Our own words: `encodeSessionState` of another thread wrote them.
  const session = new MqttSession(clientId);
  session.owner = state.owner;
  session.isSuperuser = state.isSuperuser;
  session.claimedAtMs = state.claimedAtMs;
  session.expirySeconds = state.expirySeconds;
  if (state.durable !== null) session.durable = decodeDurable(context, state.durable);
  if (state.shares.length > 0) session.openShares(context.doneLines).restore(state.shares);
  for (const claim of state.claims) session.openShares(context.doneLines).claim(claim);
  if (state.inFlight.length > 0 || state.nextPacketId !== 1) {
    const outbound = new Outbound(context.limits.inflightMax, true, keptBytesMaxOf(context.limits));
    session.useOutbound(outbound);
    outbound.restore(state.nextPacketId, state.inFlight.map(asOwn));
  }
  if (state.queue.length > 0) {
    session.queue = new MessageQueue(context.limits.queueMessagesMax, context.limits.queueBytesMax);
    for (const { delivery, frame, offset, remaining } of state.queue) session.queue.append(delivery, offset, remaining, frame);
  }
  if (state.received.length > 0) {
    const received = session.openReceived();
    for (const packetId of state.received) received.add(packetId);
  }
  return { session, subscriptions: state.subscriptions };
}

/**
 * Subscribes for a session that moved here; its retained messages were sent long ago. `done` when every shard routes to it. Not called if it
 * was taken further meanwhile, or has ended.
 */
export function restoreSubscriptions(context: MqttContext, { session, subscriptions }: MovedSession, done: () => void): void {
  const requests = subscriptions.map(({ filter, options }) => ({ filter, options: { ...options, retainHandling: 2 as const } }));
  restoreExclusive(context, session, requests);
  const { durable } = session;
  const told = (): void => {
    if (!session.hasEnded) done();
    // Its rows are here from now on, or nowhere.
    if (durable !== null) whenDurable(context, () => tellMoved(context, session, durable));
  };
  context.broker.subscribe(session, requests, () => {
    if (session.hasEnded) {
      told();
      return;
    }
    joinShared(context, session, requests, () => {
      if (durable === null || session.hasEnded) {
        told();
        return;
      }
      const { coming } = durable;
      durable.coming = [];
      resumeFilters(context, durable, coming, told);
    });
  });
}

/** Shards that had the session give up what they kept of it. If it was taken further meanwhile, whoever has it then says so. */
function tellMoved(context: MqttContext, session: MqttSession, durable: DurableSession): void {
  if (session.hasEnded && session.isMoving) return;
  if (!session.hasEnded) claimShared(context, session, context.shards, false);
  for (const shard of context.shards)
    if (shard !== context.broker.shard)
      context.broker.sendQueueMessage(shard, { kind: 'session-moved', clientId: session.key, session: durable.uid });
}
