import type { QueueMessage, ShardId } from '../../../broker/ports.js';
import type { MqttContext } from '../context.js';
import { drainQueue } from '../drain.js';
import { type Group, groupOfOne } from '../plan.js';
import { routeOf } from '../publish.js';
import { fixedHeaderLength, frameLength } from '../publish-frame.js';
import { mayReceive } from '../rights.js';
import { describeRun } from '../run-view.js';
import type { MqttSession } from '../session.js';
import type { FrameMemory } from './frame-memory.js';
import type { GroupCursor } from './group-cursor.js';
import { pull } from './pull.js';

type Pulled = Extract<QueueMessage, { kind: 'pulled' }>;

/** Frames that wait as one run. */
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
  const sequences = numbersOf(message.sequences);
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
  reader.end();
  durable.isProgressDirty = true;
  context.lateProgress.add(session);
  drainQueue(context, session);
  pull(context, session);
}

/** Of another shard's answer they lie anywhere, of our own as they should. */
function numbersOf(bytes: Uint8Array): Float64Array {
  const { buffer, byteOffset, length } = bytes;
  return byteOffset % 8 === 0 ? new Float64Array(buffer, byteOffset, length / 8) : new Float64Array(bytes.slice().buffer);
}

/** Frames of an answer become runs in the queue of the session: as many together as the session gets in the same way. */
class PulledRuns {
  readonly #context: MqttContext;
  readonly #session: MqttSession;
  readonly #memory: FrameMemory;
  readonly #frames: Uint8Array;
  readonly #sequences: Float64Array;
  /** How the session gets messages of a topic, by the topic's number; null: not at all. */
  readonly #receivers = new Map<number, Group | null>();
  #offset = 0;
  #index = 0;
  /** The topic of the frame that was looked at last, as it stands in the frames. */
  #topicOffset = 0;
  #topicLength = 0;
  #receiver: Group | null = null;
  /** Whether that frame has no properties. */
  #isPlain = false;

  constructor(context: MqttContext, session: MqttSession, frames: Uint8Array, sequences: Float64Array) {
    this.#context = context;
    this.#session = session;
    this.#memory = context.frameMemories.take(frames.length);
    this.#memory.use(1); // This reader.
    this.#memory.bytes.set(frames);
    this.#frames = this.#memory.bytes;
    this.#sequences = sequences;
  }

  end(): void {
    this.#memory.release(1);
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
      if (this.#isTaken(cursor) || !cursor.admits(this.#sequences[this.#index])) {
        this.skip(1);
        continue;
      }
      const start = this.#offset;
      const first = this.#index;
      this.#look(start);
      const receiver = this.#receiver;
      this.skip(1);
      while (this.#isPlain && this.#index < last && this.#index - first < RUN_FRAMES_MAX && frames[this.#offset] === frames[start]) {
        if (this.#isTaken(cursor) || cursor.keepBelow > this.#sequences[this.#index]) break;
        this.#look(this.#offset);
        if (!this.#isPlain || !isSameWay(this.#receiver, receiver)) break;
        this.skip(1);
      }
      this.#enqueue(cursor, receiver, start, first);
    }
  }

  #isTaken(cursor: GroupCursor): boolean {
    const sequence = this.#sequences[this.#index];
    return sequence < cursor.floor || cursor.has(sequence);
  }

  #enqueue(cursor: GroupCursor, receiver: Group | null, start: number, first: number): void {
    const frames = this.#frames;
    const count = this.#index - first;
    const sequences = this.#sequences.subarray(first, this.#index);
    const publishedQos = (frames[start] >> 1) & 3;
    const qos = receiver === null ? 0 : (Math.min(publishedQos, receiver.qos) as 0 | 1 | 2);
    // Unsubscribed meanwhile, or nothing that is kept: it does not concern the session any more.
    if (receiver === null || qos === 0) {
      cursor.passTo(sequences[count - 1] + 1);
      return;
    }
    for (const sequence of sequences) cursor.take(sequence);
    const memory = this.#memory;
    memory.use(count);
    const run = { ...describeRun(frames.subarray(start, this.#offset), count, 5, this.#context.nowMs), memory };
    const retain = receiver.retainAsPublished === 1 ? ((frames[start] & 1) as 0 | 1) : 0;
    // The queue was nearly empty when this was asked for.
    const queue = this.#session.openQueue(this.#context.limits);
    queue.admit({ run, qos, retain, identifiers: receiver.identifiers, log: { group: cursor.group, sequences } });
    this.#session.updateReady();
  }

  /** Finds out how the session subscribes to the topic of the frame, and whether the frame has properties. */
  #look(offset: number): void {
    const frames = this.#frames;
    const body = offset + fixedHeaderLength(frames, offset);
    const length = (frames[body] << 8) | frames[body + 1];
    if (!this.#isLastTopic(body + 2, length)) this.#receiver = this.#receiverOf(body + 2, length);
    this.#topicOffset = body + 2;
    this.#topicLength = length;
    this.#isPlain = frames[body + 2 + length + (((frames[offset] >> 1) & 3) > 0 ? 2 : 0)] === 0;
  }

  #isLastTopic(offset: number, length: number): boolean {
    if (length !== this.#topicLength) return false;
    const frames = this.#frames;
    const known = this.#topicOffset;
    for (let i = 0; i < length; i += 1) if (frames[offset + i] !== frames[known + i]) return false;
    return true;
  }

  #receiverOf(offset: number, length: number): Group | null {
    const number = this.#context.transport.internTopic(this.#frames.subarray(offset, offset + length));
    if (number < 0) return null;
    let receiver = this.#receivers.get(number);
    if (receiver === undefined) {
      const route = routeOf(this.#context, this.#context.spaceOf(this.#session.tenant), number);
      const found = route.receivers.find(({ subscriber }) => subscriber === this.#session);
      receiver = found === undefined || !mayReceive(this.#context, this.#session, route.topic) ? null : groupOfOne(found);
      this.#receivers.set(number, receiver);
    }
    return receiver;
  }
}

function isSameWay(left: Group | null, right: Group | null): boolean {
  if (left === right) return true;
  if (left === null || right === null) return false;
  return left.qos === right.qos && left.retainAsPublished === right.retainAsPublished && isSameBytes(left.identifiers, right.identifiers);
}

function isSameBytes(left: Uint8Array | null, right: Uint8Array | null): boolean {
  if (left === null || right === null) return left === right;
  return Buffer.compare(left, right) === 0;
}
