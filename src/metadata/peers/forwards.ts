import { assert } from '../../base/assert.js';
import type { Clock } from '../../base/clock.js';
import { encodeForwards, type Forwarded, type ForwardedAnswer } from './frames.js';
import type { FrameSource } from './outflow.js';

/** Of one peer: waiting to be sent, and under way. */
export const FORWARDS_MAX = 10_000;
/** Of those that wait. */
const WAITING_BYTES_MAX = 16 * 1024 * 1024;
/** One request: a batch of commands of 4 MiB, and its head. */
const BODY_BYTES_MAX = 4 * 1024 * 1024 + 1024;
/** Requests of one turn go together, in frames of about this. */
const FRAME_BYTES = 256 * 1024;
/** Deadlines are looked at so often, in ticks. */
const LOOK_TICKS = 5;

/** not-sent: it was not begun, and may be tried again. null: the connection broke, or the time is over; what the leader did is not known. */
export type ForwardOutcome = Uint8Array | 'not-sent' | null;
export type ForwardDone = (outcome: ForwardOutcome) => void;

/** Under way. */
interface Asked {
  /** Monotonic. */
  readonly deadlineMs: number;
  readonly done: ForwardDone;
}

interface Waiting extends Asked {
  readonly body: Uint8Array;
}

/** Requests to one peer. Those that wait become one frame when the stream takes the next one; so the busier it is, the less each costs. */
export class Forwards implements FrameSource {
  readonly #clock: Clock;
  #waiting: Waiting[] = [];
  #waitingBytes = 0;
  readonly #underWay = new Map<number, Asked>();
  #idLast = 0;
  #ticks = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get hasRoom(): boolean {
    return this.#waiting.length + this.#underWay.size < FORWARDS_MAX && this.#waitingBytes < WAITING_BYTES_MAX;
  }

  /** While there is room. */
  add(body: Uint8Array, deadlineMs: number, done: ForwardDone): void {
    assert(body.length <= BODY_BYTES_MAX, 'a request fits in a frame');
    this.#waiting.push({ body, deadlineMs: this.#clock.monotonicMs() + deadlineMs, done });
    this.#waitingBytes += body.length;
  }

  shift(): Buffer | undefined {
    const nowMs = this.#clock.monotonicMs();
    const frame: Forwarded[] = [];
    let bytes = 0;
    let taken = 0;
    while (bytes < FRAME_BYTES && taken < this.#waiting.length) {
      const forward = this.#waiting[taken];
      taken += 1;
      this.#waitingBytes -= forward.body.length;
      const leftMs = forward.deadlineMs - nowMs;
      if (leftMs <= 0) endLater(forward, 'not-sent');
      else {
        frame.push({ id: this.#begin(forward), leftMs, body: forward.body });
        bytes += forward.body.length;
      }
    }
    this.#waiting = taken === this.#waiting.length ? [] : this.#waiting.slice(taken);
    return frame.length === 0 ? undefined : encodeForwards(frame);
  }

  onAnswers(answers: readonly ForwardedAnswer[]): void {
    for (const { id, body } of answers) {
      const forward = this.#underWay.get(id);
      this.#underWay.delete(id);
      forward?.done(body.length === 0 ? 'not-sent' : body);
    }
  }

  onTick(): void {
    this.#ticks += 1;
    if (this.#ticks % LOOK_TICKS !== 0 || this.#waiting.length + this.#underWay.size === 0) return;
    const nowMs = this.#clock.monotonicMs();
    for (const [id, forward] of this.#underWay) {
      if (forward.deadlineMs > nowMs) continue;
      this.#underWay.delete(id);
      endLater(forward, null);
    }
    const late = this.#waiting.filter(({ deadlineMs }) => deadlineMs <= nowMs);
    if (late.length === 0) return;
    this.#waiting = this.#waiting.filter(({ deadlineMs }) => deadlineMs > nowMs);
    for (const forward of late) {
      this.#waitingBytes -= forward.body.length;
      endLater(forward, 'not-sent');
    }
  }

  /** The connection broke. */
  endAll(): void {
    for (const forward of this.#waiting) endLater(forward, 'not-sent');
    for (const forward of this.#underWay.values()) endLater(forward, null);
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#underWay.clear();
  }

  #begin({ deadlineMs, done }: Asked): number {
    do this.#idLast = (this.#idLast + 1) >>> 0;
    while (this.#underWay.has(this.#idLast));
    this.#underWay.set(this.#idLast, { deadlineMs, done });
    return this.#idLast;
  }
}

/** In a turn of its own: whoever sends or closes is in the middle of something. */
function endLater({ done }: Asked, outcome: 'not-sent' | null): void {
  setImmediate(done, outcome);
}
