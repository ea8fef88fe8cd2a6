import { matchesFilter } from '../../../base/filter-match.js';
import type { ShardId } from '../../../broker/ports.js';
import type { ReplayMessage } from '../../../broker/replay/ports.js';
import type { Offset, PartitionKey, PartitionLog, RecordBatch } from '../../../journal/ports.js';
import { StoreError } from '../../../storage/ports.js';
import type { MqttContext } from '../context.js';
import { FrameSink } from '../frame-sink.js';
import { messageOf, replayProperties } from '../record.js';

/*
  The owner's side of a replay: it reads its partitions from the places on, piece by piece, each in a turn of its own. It answers when it has found
  something; when it is at the end it waits for the next commit. What it keeps is the question.
*/

type Question = Extract<ReplayMessage, { kind: 'replay' }>;

/** Of one piece. */
const SCAN_BYTES = 256 * 1024;
const FRAMES_BYTES = 128 * 1024;
const FRAMES_MAX = 512;
/** Topics of which a search for the last records remembers where they are. */
const TOPICS_MAX = 50_000;

/** A question that is not answered yet. */
export interface OpenReplay {
  readonly from: ShardId;
  readonly question: Question;
  readonly places: Map<PartitionKey, Offset>;
  /** Of `latest`: by topic, that of the longest ago first. */
  readonly latest: Map<string, readonly [PartitionKey, Offset]>;
  /** It is at the end, and goes on after a commit. */
  isAtEnd: boolean;
}

const frames = new FrameSink();

export function onReplay(context: MqttContext, from: ShardId, question: Question): void {
  const open: OpenReplay = {
    from,
    question,
    places: new Map(question.wants === 'chosen' ? [] : question.places),
    latest: new Map(),
    isAtEnd: false,
  };
  context.openReplays.set(keyOf(from, question.ticket), open);
  context.later(() => serve(context, open));
}

export function onReplayEnd(context: MqttContext, from: ShardId, ticket: number): void {
  context.openReplays.delete(keyOf(from, ticket));
}

/** There may be more for those that wait at the end. */
export function wakeReplays(context: MqttContext): void {
  for (const open of context.openReplays.values()) {
    if (!open.isAtEnd) continue;
    open.isAtEnd = false;
    context.later(() => serve(context, open));
  }
}

/** Whoever asked from there is gone. */
export function forgetReplaysOf(context: MqttContext, peer: ShardId): void {
  for (const [key, { from }] of context.openReplays) if (from === peer) context.openReplays.delete(key);
}

function serve(context: MqttContext, open: OpenReplay): void {
  const { from, question } = open;
  const { ticket } = question;
  if (context.openReplays.get(keyOf(from, ticket)) !== open) return;
  const isAtEnd = question.wants === 'chosen' ? readChosen(context, question) : scan(context, open);
  const isAnswered = question.wants === 'all' ? frames.length > 0 : isAtEnd;
  if (isAnswered) {
    context.openReplays.delete(keyOf(from, ticket));
    const latest = [...open.latest.values()].sort(([a, at], [b, other]) => a - b || at - other);
    context.broker.sendQueueMessage(from, { kind: 'replayed', ticket, places: [...open.places], frames: frames.cut(), latest });
  } else if (isAtEnd) open.isAtEnd = true;
  else context.later(() => serve(context, open));
}

/** Reads on and collects in `frames`. @returns whether it came to the end of all logs. */
function scan(context: MqttContext, { question, places, latest }: OpenReplay): boolean {
  const piece = new Piece(context, question, question.wants === 'latest' ? latest : null);
  for (const log of context.replayLogs(question.tenant, question.filter)) {
    if (piece.isFull) return false;
    const start = Math.max(places.get(log.key) ?? log.offsetForTimestamp(question.fromMs)?.offset ?? log.highWatermark, log.logStart);
    try {
      places.set(log.key, piece.read(log, start));
    } catch (error) {
      if (!(error instanceof StoreError && error.fault === 'busy')) throw error; // No descriptor is left: read it later.
      return false;
    }
    if ((places.get(log.key) ?? 0) < log.highWatermark) return false;
  }
  return true;
}

/** The records at the places, as far as they are there. @returns false if the log cannot be read now. */
function readChosen(context: MqttContext, question: Question): boolean {
  const piece = new Piece(context, question, null);
  for (const [key, offset] of question.places) {
    const log = context.journal.find(key);
    if (log === undefined || offset < log.logStart) continue;
    try {
      piece.readOne(log, offset);
    } catch (error) {
      if (!(error instanceof StoreError && error.fault === 'busy')) throw error;
      return false;
    }
  }
  return true;
}

/** What one turn reads. */
class Piece {
  readonly #context: MqttContext;
  readonly #question: Question;
  #bytes = 0;
  #count = 0;

  readonly #latest: OpenReplay['latest'] | null;

  /** @param latest if given, nothing is collected but where the last record of each topic is. */
  constructor(context: MqttContext, question: Question, latest: OpenReplay['latest'] | null) {
    this.#context = context;
    this.#latest = latest;
    this.#question = question;
    frames.length = 0;
  }

  get isFull(): boolean {
    return this.#bytes >= SCAN_BYTES || this.#count >= FRAMES_MAX || frames.length >= FRAMES_BYTES;
  }

  /** @returns where it goes on. */
  read(log: PartitionLog, start: Offset): Offset {
    if (start >= log.highWatermark) return start;
    let next = start;
    const status = log.read(start, SCAN_BYTES - this.#bytes, (batch) => {
      this.#bytes += batch.byteLength;
      while (batch.next()) {
        if (batch.offset < next) continue;
        if (this.isFull && this.#count > 0) return false;
        next = batch.offset + 1;
        this.#take(log, batch);
      }
      next = Math.max(next, batch.lastOffset + 1);
      return !this.isFull;
    });
    if (status === 'ok') return next;
    this.#context.log.warn('replay.gap', 'records cannot be read and are left out of a replay', {
      partition: log.key,
      offset: next,
      status,
    });
    return log.highWatermark;
  }

  readOne(log: PartitionLog, offset: Offset): void {
    log.read(offset, 1, (batch) => {
      if (batch.seekOffset(offset)) this.#take(log, batch);
      return false;
    });
  }

  #take(log: PartitionLog, batch: RecordBatch): void {
    const { nowMs } = this.#context;
    const { filter, sinceMs, fromMs } = this.#question;
    if (batch.timestamp < fromMs) return;
    const message = messageOf(batch, nowMs, replayProperties(log.key, batch));
    if (message === null || (message.expiresAtMs > 0 && message.expiresAtMs <= nowMs)) return;
    const { topic, frame } = message;
    const name = Buffer.from(topic.buffer, topic.byteOffset, topic.length).toString();
    if (!matchesFilter(filter, name)) return;
    if (this.#latest !== null) {
      noteLatest(this.#latest, name, [log.key, batch.offset]);
      return;
    }
    frame[0] = batch.timestamp < sinceMs ? frame[0] | 1 : frame[0] & ~1;
    frames.add(frame);
    this.#count += 1;
  }
}

/** Of more topics than it may remember, those are left out that nothing was heard of longest. */
function noteLatest(latest: OpenReplay['latest'], topic: string, place: readonly [PartitionKey, Offset]): void {
  latest.delete(topic);
  latest.set(topic, place);
  if (latest.size <= TOPICS_MAX) return;
  for (const oldest of latest.keys()) {
    latest.delete(oldest);
    return;
  }
}

function keyOf(from: ShardId, ticket: number): string {
  return `${from}.${ticket}`;
}
