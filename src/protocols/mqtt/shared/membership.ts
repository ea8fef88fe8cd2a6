import { assert } from '../../../base/assert.js';
import type { QueueMessage, ShardId, SubscribeRequest } from '../../../broker/ports.js';
import type { MqttContext } from '../context.js';
import { whenDurable } from '../durable/turn.js';
import { AWAITS_PUBACK } from '../outbound.js';
import type { MqttSession } from '../session.js';
import type { LogPlaces } from '../stored-run.js';
import { claimShared, outliveSession } from './claims.js';
import { publisherHashOf } from './member-choice.js';
import { groupOfPlace, isHandedOver, isShared, shareOf } from './places.js';
import type { Share, Shares } from './shares.js';

/*
  The life of a member of a shared subscription, as the owners of queues hear of it (broker/shared/ports.ts):

    SUBSCRIBE      join            the client is back    window
    UNSUBSCRIBE    leave           it is away            what it has in hand goes back; window 0
    session ends   leave           the session moves     leave here, join there

  A message of QoS 2 whose packet id is durable is the session's for good (MQTT-4.8.2-4): its queue is told so, and nobody else gets it, even if the
  session ends (MQTT-4.8.2-5). A message of QoS 1 goes back when the connection is lost: another member may have it.
*/

/** Messages that an owner of queues gives a member before it hears of the first. */
const WINDOW_MAX = 256;

/** Of joins that wait for an answer. */
export interface PendingJoin {
  readonly owner: ShardId;
  readonly question: Extract<QueueMessage, { kind: 'shared-join' }>;
  readonly done: () => void;
}

/** `done` when every owner keeps what is published from now on, or knows that nothing is to be kept. */
export function joinShared(context: MqttContext, session: MqttSession, requests: readonly SubscribeRequest[], done: () => void): void {
  let open = 1;
  const settle = (): void => {
    open -= 1;
    if (open === 0) done();
  };
  for (const { filter: key, options } of requests) {
    if (!key.startsWith('$share/')) continue;
    const shares = session.openShares(context.doneLines);
    const known = shares.find(key);
    const isDurable = session.durable !== null;
    if (known !== undefined && known.options.qos === options.qos && known.isDurable === isDurable) {
      known.options = options;
      continue;
    }
    if (known !== undefined) leave(context, session, known);
    context.memberLast += 1;
    const share = shares.add(context.memberLast, key, isDurable, options, (index) => isIndexUsed(session, index));
    if (share === null) continue;
    context.members.set(share.member, { session, share });
    for (const owner of context.shards) {
      open += 1;
      ask(context, session, share, owner, settle);
    }
  }
  settle();
}

function ask(context: MqttContext, session: MqttSession, share: Share, owner: ShardId, done: () => void): void {
  const ticket = context.takeTicket();
  const question = joinOf(context, session, share, ticket);
  context.joins.set(ticket, { owner, question, done });
  context.broker.sendQueueMessage(owner, question);
}

function joinOf(context: MqttContext, session: MqttSession, share: Share, ticket: number): PendingJoin['question'] {
  const { member, key, isDurable, options } = share;
  const window = windowOf(context, session, share);
  return { kind: 'shared-join', ticket, member, key, isDurable, qos: options.qos, window, hash: publisherHashOf(session) };
}

/** An owner of queues says that what this shard told it is durable. */
export function onKept(context: MqttContext, ticket: number): void {
  const kept = context.keptTickets.get(ticket);
  context.keptTickets.delete(ticket);
  kept?.();
}

export function onJoined(context: MqttContext, ticket: number): void {
  const join = context.joins.get(ticket);
  context.joins.delete(ticket);
  join?.done();
}

/** What one owner may give at a time: its part of the client's window. */
function windowOf(context: MqttContext, session: MqttSession, { options }: Share): number {
  const { connection } = session;
  if (connection === null || session.slot < 0) return 0;
  if (options.qos === 0) return WINDOW_MAX;
  const window = Math.min(context.limits.inflightMax, connection.receiveMaximum);
  return Math.min(WINDOW_MAX, Math.ceil(window / context.shards.length));
}

/** UNSUBSCRIBE. What the client has in hand it may finish; what waits for it goes back. */
export function leaveShared(context: MqttContext, session: MqttSession, key: string): void {
  const share = session.shares?.find(key);
  if (share !== undefined) leave(context, session, share);
}

function leave(context: MqttContext, session: MqttSession, share: Share): void {
  const { shares } = session;
  assert(shares !== null, 'who leaves was there');
  releaseQueued(session, (place) => shareOf(place) === share.index);
  shares.leave(share);
  context.members.delete(share.member);
  tellOwners(context, { kind: 'shared-leave', member: share.member });
}

/** The client is back. */
export function onSharedOnline(context: MqttContext, session: MqttSession): void {
  if (session.shares === null) return;
  for (const share of session.shares.current)
    tellOwners(context, { kind: 'shared-window', member: share.member, window: windowOf(context, session, share) });
}

/** The client is away: what it has of QoS 1, and what it was not sent, goes back to the queues. */
export function onSharedOffline(context: MqttContext, session: MqttSession): void {
  const { shares } = session;
  if (shares === null) return;
  giveBack(session, shares);
  keepQos2(context, session, shares);
  for (const { member } of shares.current) tellOwners(context, { kind: 'shared-window', member, window: 0 });
}

/** The session has ended here: it is over, or on its way to another shard. */
export function endShared(context: MqttContext, session: MqttSession): void {
  const { shares } = session;
  if (shares === null) return;
  giveBack(session, shares);
  session.outbound?.forEachPlace((_id, _state, place, sequence) => {
    if (!isShared(place)) return;
    // Where a session moves to it claims what it has, when it has rows there.
    if (session.isMoving) shares.finish(place);
    else shares.settle(place, sequence);
  });
  if (!session.isMoving && session.durable !== null) outliveSession(context, session.durable, shares);
  for (const share of [...shares.current]) leave(context, session, share);
}

function giveBack(session: MqttSession, shares: Shares): void {
  releaseQueued(session, () => true);
  session.outbound?.takeBack(
    (place) => isShared(place),
    (place, sequence) => shares.release(place, sequence),
  );
}

function releaseQueued(session: MqttSession, isMeant: (place: number) => boolean): void {
  const { shares } = session;
  session.queue?.dropLogged(
    ({ group }) => isShared(group) && isMeant(group),
    ({ group, sequences }: LogPlaces, from: number) => {
      for (let i = sequences.length - 1; i >= from; i -= 1) shares?.release(group, sequences[i]);
    },
  );
  session.updateReady();
}

/** Deliveries of QoS 2 that are under way are the session's as soon as its rows are durable, which are written in this turn. */
function keepQos2(context: MqttContext, session: MqttSession, shares: Shares): void {
  const { outbound } = session;
  const kept: { readonly packetId: number; readonly place: number; readonly sequence: number }[] = [];
  outbound?.forEachPlace((packetId, state, place, sequence) => {
    if (state !== AWAITS_PUBACK && isShared(place) && !isHandedOver(place)) kept.push({ packetId, place, sequence });
  });
  if (outbound === null || kept.length === 0) return;
  whenDurable(context, () => {
    for (const { packetId, place, sequence } of kept) {
      if (!session.hasEnded && outbound.handOver(packetId) !== null) shares.keep(place, sequence);
    }
  });
}

/** An owner was replaced by one that knows of no members. What it had given and nobody has sent it gives again. */
export function onQueueOwnerReplaced(context: MqttContext, owner: ShardId): void {
  for (const { session, share } of context.members.values()) {
    releaseOwned(context, session, owner);
    const join = joinOf(context, session, share, 0);
    let isAsked = false;
    for (const pending of context.joins.values())
      if (pending.owner === owner && pending.question.member === share.member) {
        context.broker.sendQueueMessage(owner, pending.question);
        isAsked = true;
      }
    if (!isAsked) context.broker.sendQueueMessage(owner, join);
  }
}

/** What sessions have of the queues of an owner that was replaced, also those that came back from the dead shard. Then it may begin to give. */
export function claimFromSuccessor(context: MqttContext, owner: ShardId): void {
  for (const session of context.sessions.values()) claimShared(context, session, [owner], true);
  context.doneLines.flush();
  context.broker.sendQueueMessage(owner, { kind: 'shared-ready' });
}

function releaseOwned(context: MqttContext, session: MqttSession, owner: ShardId): void {
  session.queue?.dropLogged(
    ({ group }) => isShared(group) && context.ownerOfGroup(groupOfPlace(group)) === owner,
    () => {},
  );
  session.updateReady();
}

function isIndexUsed(session: MqttSession, index: number): boolean {
  let isUsed = false;
  session.outbound?.forEachPlace((_id, _state, place) => {
    if (isShared(place) && shareOf(place) === index) isUsed = true;
  });
  return isUsed;
}

function tellOwners(context: MqttContext, message: QueueMessage): void {
  context.doneLines.flush(); // What comes behind it is not overtaken.
  for (const owner of context.shards) context.broker.sendQueueMessage(owner, message);
}
