import { assert } from '../../base/assert.js';
import { BoundedQueue } from '../../base/bounded-queue.js';
import { frameLength, framesLength } from './publish-frame.js';
import type { Delivery, LogPlaces } from './stored-run.js';

/** What `admit` can bring beyond the limit: one pull of each owner of logs. */
const ADMITTED_MAX = 2 ** 20;

/** A place in a run: its frames from number `frame` on, which begins at byte `offset`, still wait: `remaining` of them, maybe not all. */
export interface QueueEntry {
  readonly delivery: Delivery;
  frame: number;
  offset: number;
  remaining: number;
}

/**
 * What waits for one client: runs in order, bodies shared with every other session that waits for them.
 * Full means refused: the newest message is dropped and counted by the caller.
 */
export class MessageQueue {
  readonly #messagesMax: number;
  readonly #bytesMax: number;
  readonly #entries: BoundedQueue<QueueEntry>;
  #messages = 0;
  #bytes = 0;

  constructor(messagesMax: number, bytesMax: number) {
    this.#messagesMax = messagesMax;
    this.#bytesMax = bytesMax;
    this.#entries = new BoundedQueue(Math.min(messagesMax + ADMITTED_MAX, 2 ** 30));
  }

  get isEmpty(): boolean {
    return this.#messages === 0;
  }

  /** Messages waiting. */
  get length(): number {
    return this.#messages;
  }

  /** Bytes of the frames waiting; a body that several sessions wait for counts in each. */
  get bytes(): number {
    return this.#bytes;
  }

  /** @returns how many messages of the delivery had no room, counted from its end. */
  append(delivery: Delivery, offset = 0, count: number = delivery.run.count, frame = 0): number {
    const { bytes } = delivery.run;
    const messagesRoom = Math.min(count, this.#messagesMax - this.#messages);
    const bytesRoom = this.#bytesMax - this.#bytes;
    let taken = 0;
    let length = 0;
    while (taken < messagesRoom) {
      const next = frameLength(bytes, offset + length);
      if (length + next > bytesRoom) break;
      length += next;
      taken += 1;
    }
    if (taken === 0) return count;
    this.#entries.push({ delivery, frame, offset, remaining: taken });
    this.#messages += taken;
    this.#bytes += length;
    return count - taken;
  }

  /** Takes all of a delivery, whatever the limits: the caller has seen to it that little waits. */
  admit(delivery: Delivery): void {
    const { count, bytes } = delivery.run;
    this.#entries.push({ delivery, frame: 0, offset: 0, remaining: count });
    this.#messages += count;
    this.#bytes += bytes.length;
  }

  /** The oldest entry; undefined if empty. */
  peek(): QueueEntry | undefined {
    return this.#entries.peek();
  }

  /** Takes `count` frames, `length` bytes long, off the oldest entry. */
  take(count: number, length: number): void {
    const entry = this.#entries.peek();
    assert(entry !== undefined && count <= entry.remaining, 'take follows peek');
    entry.frame += count;
    entry.offset += length;
    entry.remaining -= count;
    this.#messages -= count;
    this.#bytes -= length;
    if (entry.remaining === 0) this.#entries.shift();
  }

  /** Takes away what the log has, as far as it is meant, and says what it was: the frames of a run from number `from` on. */
  dropLogged(isMeant: (places: LogPlaces) => boolean, visit: (places: LogPlaces, from: number) => void): void {
    const kept: QueueEntry[] = [];
    const logged: QueueEntry[] = [];
    for (let entry = this.#entries.shift(); entry !== undefined; entry = this.#entries.shift()) {
      if (entry.delivery.log === null || !isMeant(entry.delivery.log)) kept.push(entry);
      else logged.push(entry);
    }
    for (const entry of kept) this.#entries.push(entry);
    for (const { delivery, frame, offset, remaining } of logged.reverse()) {
      this.#messages -= remaining;
      this.#bytes -= framesLength(delivery.run.bytes, offset, remaining);
      if (delivery.log !== null) visit(delivery.log, frame);
    }
  }

  /** Takes messages away one by one; `isDropped` is asked for each, with where its frame begins and which frame of the delivery it is. */
  drop(isDropped: (delivery: Delivery, offset: number, frame: number) => boolean): void {
    for (let left = this.#entries.length; left > 0; left -= 1) {
      const entry = this.#entries.shift();
      if (entry === undefined) return;
      const { delivery, remaining } = entry;
      let { frame, offset } = entry;
      for (let i = 0; i < remaining; i += 1) {
        const length = frameLength(delivery.run.bytes, offset);
        if (isDropped(delivery, offset, frame)) {
          this.#messages -= 1;
          this.#bytes -= length;
        } else this.#entries.push({ delivery, frame, offset, remaining: 1 });
        frame += 1;
        offset += length;
      }
    }
  }

  /** All entries, oldest first. */
  entries(): QueueEntry[] {
    const entries: QueueEntry[] = [];
    for (let i = 0; i < this.#entries.length; i += 1) entries.push(this.#entries.at(i) as QueueEntry);
    return entries;
  }
}
