import type { QueueMessage, ShardId } from '../../../broker/ports.js';
import type { MqttContext } from '../context.js';
import { drainQueue } from '../drain.js';
import { type Group, groupOfOne } from '../plan.js';
import { routeOf } from '../publish.js';
import { fixedHeaderLength, frameLength } from '../publish-frame.js';
import { storeRun } from '../run-view.js';
import type { MqttSession } from '../session.js';
import type { GroupCursor } from './group-cursor.js';
import { pull } from './pull.js';

type Pulled = Extract<QueueMessage, { kind: 'pulled' }>;

/** Frames of one topic that wait as one run. */
const RUN_FRAMES_MAX = 256;

/** An owner of logs has answered. */
export function onPulled(context: MqttContext, from: ShardId, message: Pulled): void {
  const session = context.pulls.get(message.ticket);
  if (session === undefined) return;
  context.pulls.delete(message.ticket);
  const { durable } = session;
  if (durable === null) return;
  durable.pulls.delete(from);
  if (session.slot < 0) return;
  const sequences = new Float64Array(message.sequences.slice().buffer);
  const reader = new PulledRuns(context, session, message.frames, sequences);
  for (const [group, count, next, isCaughtUp] of message.groups) {
    const cursor = durable.cursors.get(group);
    if (cursor === undefined) {
      reader.skip(count);
      continue;
    }
    reader.take(cursor, count);
    cursor.passTo(next);
    if (isCaughtUp) cursor.isLive = true;
  }
  durable.isProgressDirty = true;
  context.lateProgress.add(session);
  drainQueue(context, session);
  pull(context, session);
}

/** Frames of an answer become runs in the queue of the session: as many of one topic together as there are. */
class PulledRuns {
  readonly #context: MqttContext;
  readonly #session: MqttSession;
  readonly #frames: Uint8Array;
  readonly #sequences: Float64Array;
  #offset = 0;
  #index = 0;
  #topic: Uint8Array = new Uint8Array(0);
  #receiver: Group | null = null;

  constructor(context: MqttContext, session: MqttSession, frames: Uint8Array, sequences: Float64Array) {
    this.#context = context;
    this.#session = session;
    this.#frames = frames;
    this.#sequences = sequences;
  }

  skip(count: number): void {
    for (let i = 0; i < count; i += 1) {
      this.#offset += frameLength(this.#frames, this.#offset);
      this.#index += 1;
    }
  }

  take(cursor: GroupCursor, count: number): void {
    const frames = this.#frames;
    const last = this.#index + count;
    while (this.#index < last) {
      const sequence = this.#sequences[this.#index];
      if (sequence < cursor.floor || cursor.has(sequence)) {
        this.skip(1);
        continue;
      }
      const start = this.#offset;
      const first = this.#index;
      const isPlain = this.#readTopic(start);
      this.skip(1);
      if (isPlain)
        while (
          this.#index < last &&
          this.#index - first < RUN_FRAMES_MAX &&
          frames[this.#offset] === frames[start] &&
          this.#isSameTopic(this.#offset) &&
          !cursor.has(this.#sequences[this.#index])
        )
          this.skip(1);
      this.#enqueue(cursor, start, first);
    }
  }

  #enqueue(cursor: GroupCursor, start: number, first: number): void {
    const receiver = this.#receiver;
    const frames = this.#frames;
    const count = this.#index - first;
    const sequences = this.#sequences.slice(first, this.#index);
    const publishedQos = (frames[start] >> 1) & 3;
    const qos = receiver === null ? 0 : (Math.min(publishedQos, receiver.qos) as 0 | 1 | 2);
    // Unsubscribed meanwhile, or nothing that is kept: it does not concern the session any more.
    if (receiver === null || qos === 0) {
      cursor.passTo(sequences[count - 1] + 1);
      return;
    }
    for (const sequence of sequences) cursor.take(sequence);
    const run = storeRun(frames, start, this.#offset - start, count, 5, this.#context.nowMs);
    const retain = receiver.retainAsPublished === 1 ? ((frames[start] & 1) as 0 | 1) : 0;
    // The queue was nearly empty when this was asked for.
    const queue = this.#session.openQueue(this.#context.limits);
    queue.admit({ run, qos, retain, identifiers: receiver.identifiers, log: { group: cursor.group, sequences } });
    this.#session.updateReady();
  }

  /** Finds out how the session subscribes to the topic. @returns whether the frame has no properties. */
  #readTopic(offset: number): boolean {
    const frames = this.#frames;
    const body = offset + fixedHeaderLength(frames, offset);
    const length = (frames[body] << 8) | frames[body + 1];
    const topic = frames.subarray(body + 2, body + 2 + length);
    if (Buffer.compare(topic, this.#topic) !== 0) {
      this.#topic = topic;
      const number = this.#context.transport.internTopic(topic);
      const route = number < 0 ? null : routeOf(this.#context, number);
      const receiver = route?.receivers.find(({ subscriber }) => subscriber === this.#session);
      this.#receiver = receiver === undefined ? null : groupOfOne(receiver);
    }
    return frames[body + 2 + length + (((frames[offset] >> 1) & 3) > 0 ? 2 : 0)] === 0;
  }

  #isSameTopic(offset: number): boolean {
    const frames = this.#frames;
    const topic = this.#topic;
    const body = offset + fixedHeaderLength(frames, offset);
    if (((frames[body] << 8) | frames[body + 1]) !== topic.length) return false;
    for (let i = 0; i < topic.length; i += 1) if (frames[body + 2 + i] !== topic[i]) return false;
    return frames[body + 2 + topic.length + (((frames[offset] >> 1) & 3) > 0 ? 2 : 0)] === 0;
  }
}
