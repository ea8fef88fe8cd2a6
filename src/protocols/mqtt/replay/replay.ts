import type { ShardId } from '../../../broker/ports.js';
import type { ReplayMessage, ReplayPlaces } from '../../../broker/replay/ports.js';
import { DROP } from '../../../telemetry/metrics/drops.js';
import type { MqttContext } from '../context.js';
import { drainQueue } from '../drain.js';
import { enqueue } from '../enqueue.js';
import type { SubscriptionFields } from '../packets.js';
import { encodeSubscriptionIdentifiers } from '../properties.js';
import { fixedHeaderLength, frameLength } from '../publish-frame.js';
import { rightsOf } from '../rights.js';
import { storeRun } from '../run-view.js';
import type { MqttSession } from '../session.js';
import { parseReplay } from './replay-filter.js';

/*
  Subscriptions that begin in the past, and go on with what comes: they read the log, and nothing but the log. Each owner of logs is asked for a piece
  when little waits in the session's queue; at the end of its logs it answers when there is more.

    session ------- replay ------->  owner        piece by piece, from the places that the answer before ended with
            <------ replayed ------

  A replay ends with its connection.
*/

const QUEUE_LOW = 256;
/** Records that are asked for one by one. */
const CHOSEN_MAX = 256;

interface OwnerSide {
  readonly owner: ShardId;
  places: ReplayPlaces;
  /** Of the question under way; 0: none. */
  ticket: number;
  /** The last record of each topic is still to be found; where those are that are still to be read. */
  wantsLatest: boolean;
  chosen: ReplayPlaces;
}

export interface Replay {
  /** As it was subscribed to. */
  readonly text: string;
  readonly filter: string;
  readonly qos: 0 | 1 | 2;
  readonly identifiers: Uint8Array | null;
  readonly fromMs: number;
  readonly sinceMs: number;
  readonly owners: readonly OwnerSide[];
}

/** A replay that was granted: begins when SUBACK has been said. One of the same filter is replaced. */
export function startReplay(context: MqttContext, session: MqttSession, fields: SubscriptionFields, identifier: number): void {
  const parsed = parseReplay(fields.filter, context.nowMs);
  if (parsed === null) return;
  endReplay(context, session, fields.filter);
  session.replays ??= [];
  session.replays.push({
    text: fields.filter,
    filter: parsed.filter,
    qos: fields.qos,
    identifiers: identifier === 0 ? null : encodeSubscriptionIdentifiers([identifier]),
    fromMs: parsed.fromMs,
    sinceMs: context.nowMs,
    owners: context.shards.map((owner) => ({ owner, places: [], ticket: 0, wantsLatest: parsed.isLast, chosen: [] })),
  });
  goOnWithReplays(context, session);
}

/** @returns whether there was one. */
export function endReplay(context: MqttContext, session: MqttSession, text: string): boolean {
  const ended = session.replays?.find((replay) => replay.text === text);
  if (ended === undefined) return false;
  const left = (session.replays ?? []).filter((replay) => replay !== ended);
  session.replays = left.length === 0 ? null : left;
  for (const side of ended.owners) {
    if (side.ticket === 0) continue;
    context.replays.delete(side.ticket);
    context.broker.sendQueueMessage(side.owner, { kind: 'replay-end', ticket: side.ticket });
  }
  return true;
}

/** The connection is gone. */
export function endReplays(context: MqttContext, session: MqttSession): void {
  for (const { text } of session.replays ?? []) endReplay(context, session, text);
}

/** Asks for more where nothing is under way, if little waits for the session. */
export function goOnWithReplays(context: MqttContext, session: MqttSession): void {
  if (session.replays === null || session.slot < 0 || session.isCongested) return;
  if (session.queue !== null && session.queue.length >= QUEUE_LOW) return;
  for (const replay of session.replays) for (const side of replay.owners) if (side.ticket === 0) ask(context, session, replay, side);
}

function ask(context: MqttContext, session: MqttSession, replay: Replay, side: OwnerSide): void {
  side.ticket = context.takeTicket();
  context.replays.set(side.ticket, { session, replay });
  const { filter, fromMs, sinceMs } = replay;
  const { tenant } = session;
  const wants = side.wantsLatest ? 'latest' : side.chosen.length > 0 ? 'chosen' : 'all';
  const places = wants === 'chosen' ? side.chosen.slice(0, CHOSEN_MAX) : side.places;
  const question = { kind: 'replay', ticket: side.ticket, tenant, filter, fromMs, sinceMs, places, wants } as const;
  context.broker.sendQueueMessage(side.owner, question);
}

export function onReplayed(context: MqttContext, { ticket, places, frames, latest }: Extract<ReplayMessage, { kind: 'replayed' }>): void {
  const asked = context.replays.get(ticket);
  if (asked === undefined) return;
  context.replays.delete(ticket);
  const { session, replay } = asked;
  const side = replay.owners.find((it) => it.ticket === ticket);
  if (side === undefined || session.slot < 0) return;
  side.ticket = 0;
  if (side.wantsLatest) {
    side.wantsLatest = false;
    side.chosen = latest;
    side.places = places;
  } else if (side.chosen.length > 0) side.chosen = side.chosen.slice(CHOSEN_MAX);
  else side.places = places;
  for (let offset = 0; offset < frames.length; ) {
    const length = frameLength(frames, offset);
    take(context, session, replay, frames, offset, length);
    offset += length;
  }
  drainQueue(context, session);
}

function take(context: MqttContext, session: MqttSession, replay: Replay, frames: Uint8Array, offset: number, length: number): void {
  const body = offset + fixedHeaderLength(frames, offset);
  const topic = Buffer.from(frames.buffer, frames.byteOffset + body + 2, (frames[body] << 8) | frames[body + 1]).toString();
  const rights = rightsOf(context, session); // As they are now, topic by topic.
  if (!rights.isUnlimited && !rights.mayReceive(topic)) {
    context.counts[DROP.receiverDenied] += 1;
    return;
  }
  const run = storeRun(frames, offset, length, 1, 5, context.nowMs);
  const qos = Math.min(replay.qos, (frames[offset] >> 1) & 3) as 0 | 1 | 2;
  enqueue(context, session, { run, qos, retain: (frames[offset] & 1) as 0 | 1, identifiers: replay.identifiers, log: null });
}

/** Its successor is asked again. */
export function onReplayOwnerReplaced(context: MqttContext, owner: ShardId): void {
  for (const { session, replay } of new Set(context.replays.values()))
    for (const side of replay.owners) {
      if (side.owner !== owner || side.ticket === 0) continue;
      context.replays.delete(side.ticket);
      ask(context, session, replay, side);
    }
}
