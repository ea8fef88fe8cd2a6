import type { QueueMessage } from '../../../broker/ports.js';
import type { GroupId, Sequence } from '../../../journal/ports.js';
import { DROP } from '../../../telemetry/metrics/drops.js';
import type { MqttContext } from '../context.js';
import { drainQueue } from '../drain.js';
import { encodeSubscriptionIdentifiers } from '../properties.js';
import { fixedHeaderLength, frameLength } from '../publish-frame.js';
import { isKeptFrom, rightsOf } from '../rights.js';
import { describeRun } from '../run-view.js';
import type { MqttSession } from '../session.js';
import { sharedPlace } from './places.js';
import type { Share } from './shares.js';

type Given = Extract<QueueMessage, { kind: 'shared-given' }>;

/** Frames that wait as one run. */
const RUN_FRAMES_MAX = 256;

/** An owner of queues gives messages to a member of this shard. */
export function onGiven(context: MqttContext, message: Given): void {
  const known = context.members.get(message.member);
  // It left, or lost its client, while they were on the way.
  if (known === undefined || known.session.slot < 0) {
    forEachPlace(message, (group, sequence) => context.doneLines.released(message.member, group, sequence));
    return;
  }
  const { session, share } = known;
  rightsOf(context, session); // Makes `isGuarded` true to the rules as they are now.
  new GivenRuns(context, session, share, message).take();
  drainQueue(context, session);
}

function forEachPlace({ groups, sequences }: Given, visit: (group: GroupId, sequence: Sequence) => void): void {
  let at = 0;
  for (const [group, count] of groups) for (const end = at + count; at < end; at += 1) visit(group, sequences[at]);
}

/** Frames become runs in the queue of the session: as many together as it gets in the same way. */
class GivenRuns {
  readonly #context: MqttContext;
  readonly #session: MqttSession;
  readonly #share: Share;
  readonly #message: Given;
  /** A copy that lives as long as a message in it waits. */
  readonly #frames: Uint8Array;
  readonly #identifiers: Uint8Array | null;

  constructor(context: MqttContext, session: MqttSession, share: Share, message: Given) {
    const { identifier } = share.options;
    this.#context = context;
    this.#session = session;
    this.#share = share;
    this.#message = message;
    this.#frames = message.frames.slice();
    this.#identifiers = identifier === 0 ? null : encodeSubscriptionIdentifiers([identifier]);
  }

  take(): void {
    const { groups, sequences } = this.#message;
    const frames = this.#frames;
    let at = 0;
    let offset = 0;
    for (const [group, count] of groups) {
      const end = at + count;
      while (at < end) {
        const first = at;
        const start = offset;
        offset += frameLength(frames, offset);
        at += 1;
        if (this.#isForbidden(start)) {
          this.#context.counts[DROP.receiverDenied] += 1;
          this.#context.doneLines.refused(this.#share.member, group, sequences[first]);
          continue;
        }
        while (at < end && at - first < RUN_FRAMES_MAX && this.#goesWith(start, offset)) {
          offset += frameLength(frames, offset);
          at += 1;
        }
        this.#enqueue(group, start, offset, Float64Array.from(sequences.slice(first, at)));
      }
    }
  }

  #enqueue(group: GroupId, start: number, end: number, sequences: Float64Array): void {
    const { options, index } = this.#share;
    const context = this.#context;
    const frames = this.#frames;
    const run = describeRun(frames.subarray(start, end), sequences.length, 5, context.nowMs);
    const qos = Math.min((frames[start] >> 1) & 3, options.qos) as 0 | 1 | 2;
    const keepsRetain = this.#session.version === 5 && options.retainAsPublished;
    const retain = keepsRetain ? ((frames[start] & 1) as 0 | 1) : 0;
    // Owners give no more than the session said it has room for.
    this.#session
      .openQueue(context.limits)
      .admit({ run, qos, retain, identifiers: this.#identifiers, log: { group: sharedPlace(index, group), sequences } });
    this.#session.updateReady();
  }

  /** Frames without properties and of the same first byte go out alike. */
  #goesWith(first: number, next: number): boolean {
    const frames = this.#frames;
    return frames[first] === frames[next] && isPlain(frames, first) && isPlain(frames, next) && !this.#isForbidden(next);
  }

  #isForbidden(offset: number): boolean {
    return this.#session.isGuarded && isKeptFrom(this.#context, this.#session, { topic: topicOf(this.#frames, offset) });
  }
}

function isPlain(frames: Uint8Array, offset: number): boolean {
  const body = offset + fixedHeaderLength(frames, offset);
  const behindTopic = body + 2 + ((frames[body] << 8) | frames[body + 1]);
  return frames[behindTopic + (((frames[offset] >> 1) & 3) > 0 ? 2 : 0)] === 0;
}

function topicOf(frames: Uint8Array, offset: number): string {
  const body = offset + fixedHeaderLength(frames, offset);
  const length = (frames[body] << 8) | frames[body + 1];
  return Buffer.from(frames.buffer, frames.byteOffset + body + 2, length).toString();
}
