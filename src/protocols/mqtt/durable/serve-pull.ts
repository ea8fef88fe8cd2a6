import type { QueueMessage, ShardId } from '../../../broker/ports.js';
import type { GroupLog, RecordBatch, Sequence } from '../../../journal/ports.js';
import { DROP } from '../../../telemetry/metrics/drops.js';
import type { MqttContext } from '../context.js';
import { FrameSink } from '../frame-sink.js';
import { addPlainRecord, isPlainRecord, messageOf } from '../record.js';

type Pull = Extract<QueueMessage, { kind: 'pull' }>;
type Fetch = Extract<QueueMessage, { kind: 'fetch' }>;
type PulledGroup = Extract<QueueMessage, { kind: 'pulled' }>['groups'][number];

const SEQUENCES_FIRST = 1024;
const SKIP_STEP = 16_384;
/** No session has this number. */
const NOBODY = 0;

/** Frames and their sequences on the way to a session. One serves all questions of a shard: it is empty between them. */
export class PullAnswer {
  groups: PulledGroup[] = [];
  #sequences: Float64Array = new Float64Array(SEQUENCES_FIRST);
  #count = 0;
  readonly frames: FrameSink = new FrameSink();

  get count(): number {
    return this.#count;
  }

  /** The frame of this record has been added to `frames`. */
  added(sequence: Sequence): void {
    if (this.#count === this.#sequences.length) {
      const grown = new Float64Array(this.#count * 2);
      grown.set(this.#sequences);
      this.#sequences = grown;
    }
    this.#sequences[this.#count] = sequence;
    this.#count += 1;
  }

  /** What was collected is not sent: the log could not be read to the end. */
  clear(): void {
    this.groups = [];
    this.#count = 0;
    this.frames.length = 0;
  }

  send(context: MqttContext, to: ShardId, ticket: number): void {
    const { groups } = this;
    const sequences = new Uint8Array(this.#sequences.buffer.slice(0, this.#count * 8));
    const frames = this.frames.cut();
    this.groups = [];
    this.#count = 0;
    context.broker.sendQueueMessage(to, { kind: 'pulled', ticket, groups, sequences, frames });
  }
}

/** A session of this or another shard asks for what the indexes of its filters have. */
export function onPull(context: MqttContext, from: ShardId, message: Pull): void {
  const answer = context.pullAnswer;
  for (const [id, position, skip] of message.from) {
    const log = context.journal.group(id);
    const messagesRoom = message.messagesMax - answer.count;
    const bytesRoom = message.bytesMax - answer.frames.length;
    if (log === undefined || messagesRoom <= 0 || bytesRoom <= 0) continue;
    const before = answer.count;
    const start = skip === 0 ? position : positionBehind(log, message.filters, position, skip);
    const wanted = wantedOf(log, message.filters, start, messagesRoom);
    const taken = log.readRecords(wanted.sequences, 0, wanted.count, bytesRoom, collect(context, answer, message.session));
    const isCaughtUp = taken === wanted.count && !wanted.isCut;
    const next = isCaughtUp ? Math.max(start, log.nextSequence) : taken === 0 ? start : wanted.sequences[taken - 1] + 1;
    answer.groups.push([id, answer.count - before, next, isCaughtUp]);
  }
  answer.send(context, from, message.ticket);
}

/** Where the next message is, when `skip` of those from `start` on were passed over. */
function positionBehind(log: GroupLog, filters: Pull['filters'], start: Sequence, skip: number): Sequence {
  let position = start;
  for (let rest = skip; rest > 0; ) {
    const { sequences, count } = wantedOf(log, filters, position, Math.min(rest, SKIP_STEP));
    if (count === 0) break;
    position = sequences[count - 1] + 1;
    rest -= count;
  }
  return position;
}

/** Exactly these records, as far as they are there. */
export function onFetch(context: MqttContext, from: ShardId, { ticket, group, sequences }: Fetch): void {
  const answer = context.pullAnswer;
  const log = context.journal.group(group);
  log?.readRecords(Float64Array.from(sequences), 0, sequences.length, Number.POSITIVE_INFINITY, collect(context, answer, NOBODY));
  answer.groups.push([group, answer.count, 0, false]);
  answer.send(context, from, ticket);
}

/** @param session for which they are. */
function collect(
  context: MqttContext,
  answer: PullAnswer,
  session: number,
): (sequence: Sequence, partition: number, batch: RecordBatch) => boolean {
  return (sequence, _partition, batch) => {
    if (isPlainRecord(batch)) {
      if (addPlainRecord(answer.frames, batch)) answer.added(sequence);
      return true;
    }
    const message = messageOf(batch, context.nowMs);
    if (message === null || (message.notFor > 0 && message.notFor === session)) return true;
    if (message.expiresAtMs > 0 && message.expiresAtMs <= context.nowMs) {
      context.counts[DROP.expired] += 1;
      return true;
    }
    answer.frames.add(message.frame);
    answer.added(sequence);
    return true;
  };
}

export interface Wanted {
  readonly sequences: Float64Array;
  readonly count: number;
  /** An index has more than was read. */
  readonly isCut: boolean;
}

/** What the indexes of the filters have from `start` on, each record once, at most `limit`. */
export function wantedOf(log: GroupLog, filters: Pull['filters'], start: Sequence, limit: number): Wanted {
  const lists: Float64Array[] = [];
  let end = Number.POSITIVE_INFINITY;
  for (const [filter, since] of filters) {
    const index = log.index(filter);
    if (index === undefined) continue;
    let first = start;
    for (const [group, from] of since) if (group === log.id) first = Math.max(first, from);
    if (index.last < first) continue;
    const list = new Float64Array(limit);
    const count = index.read(first, list);
    if (count === 0) continue;
    // Beyond what was read of one, nothing of the others may be taken either.
    if (count === limit) end = Math.min(end, list[count - 1]);
    lists.push(list.subarray(0, count));
  }
  if (lists.length === 0) return { sequences: NOTHING, count: 0, isCut: false };
  if (lists.length === 1) return { sequences: lists[0], count: lists[0].length, isCut: lists[0].length === limit };
  const all = new Float64Array(lists.reduce((sum, list) => sum + list.length, 0));
  let filled = 0;
  for (const list of lists) {
    all.set(list, filled);
    filled += list.length;
  }
  all.sort();
  let count = 0;
  for (let i = 0; i < filled && all[i] <= end; i += 1) {
    if (count > 0 && all[count - 1] === all[i]) continue;
    if (count === limit) return { sequences: all, count, isCut: true };
    all[count] = all[i];
    count += 1;
  }
  return { sequences: all, count, isCut: end !== Number.POSITIVE_INFINITY };
}

const NOTHING = new Float64Array(0);
