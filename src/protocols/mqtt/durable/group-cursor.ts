import { assert } from '../../../base/assert.js';
import type { ShardId } from '../../../broker/ports.js';
import type { GroupId, Sequence } from '../../../journal/ports.js';

const HEAD_MAX = 256;

/*
  How far one session is in one group:

    settled | floor .. taken, some of them settled .. | next ...  ahead: some that are taken although those before them are not yet
             `------- sequences, rising ------------------------'

  Everything below `next` was taken or does not concern the session. While it is live, records are pushed to it as they are committed; else
  it pulls them. There is something ahead after a start, when the rows of an earlier process name it, and when messages were given back.
*/
export class GroupCursor {
  readonly group: GroupId;
  /** The shard that has the log. */
  readonly owner: ShardId;
  isLive = false;
  /** Messages from `next` on that the next pull passes over: the queue had no room for them. */
  skip = 0;
  /** Below `keepBelow` so many more messages are taken, and no others. */
  keep = 0;
  keepBelow: Sequence = 0;
  #next: Sequence;
  #sequences: Sequence[] = [];
  #isSettled: boolean[] = [];
  #head = 0;

  constructor(group: GroupId, owner: ShardId, next: Sequence) {
    this.group = group;
    this.owner = owner;
    this.#next = next;
  }

  get next(): Sequence {
    return this.#next;
  }

  /** Everything below is settled. */
  get floor(): Sequence {
    return this.#head < this.#sequences.length ? Math.min(this.#sequences[this.#head], this.#next) : this.#next;
  }

  /** Taken and not known to be settled in order. */
  get length(): number {
    return this.#sequences.length - this.#head;
  }

  has(sequence: Sequence): boolean {
    return this.#placeOf(sequence) >= 0;
  }

  /** The session has it, or is about to: the next one, or one that was given back. */
  take(sequence: Sequence): void {
    this.#insert(sequence, false);
    this.passTo(sequence + 1);
  }

  /** The session has it from earlier, and not all of those before it. */
  takeAhead(sequence: Sequence, isSettled: boolean): void {
    this.#insert(sequence, isSettled);
  }

  /** What is below does not concern the session, as far as it was not taken. */
  passTo(next: Sequence): void {
    if (next <= this.#next) return;
    this.#next = next;
    this.#raiseFloor();
  }

  /** Whether the queue had room for the message when the client came back. */
  admits(sequence: Sequence): boolean {
    if (sequence >= this.keepBelow) return true;
    this.keep -= 1;
    return this.keep >= 0;
  }

  /** The client has it, or it need not be sent. */
  settle(sequence: Sequence): void {
    const at = this.#sequences[this.#head] === sequence ? this.#head : this.#placeOf(sequence);
    if (at < 0) return;
    this.#isSettled[at] = true;
    this.#raiseFloor();
  }

  /** The client has none of these after all: they are taken again later. */
  giveBack(sequence: Sequence): void {
    const at = this.#placeOf(sequence);
    if (at < 0 || this.#isSettled[at]) return;
    this.#sequences.splice(at, 1);
    this.#isSettled.splice(at, 1);
    if (sequence < this.#next) this.#next = sequence;
    this.isLive = false;
  }

  /** Taken sequences from the floor on, and whether they are settled. */
  forEach(visit: (sequence: Sequence, isSettled: boolean) => void): void {
    for (let i = this.#head; i < this.#sequences.length; i += 1) visit(this.#sequences[i], this.#isSettled[i]);
  }

  #insert(sequence: Sequence, isSettled: boolean): void {
    const last = this.#sequences.length - 1;
    if (last < this.#head || sequence > this.#sequences[last]) {
      this.#sequences.push(sequence);
      this.#isSettled.push(isSettled);
      return;
    }
    const at = this.#placeAfter(sequence);
    assert(at <= this.#head || this.#sequences[at - 1] !== sequence, 'a record is taken once');
    this.#sequences.splice(at, 0, sequence);
    this.#isSettled.splice(at, 0, isSettled);
  }

  #raiseFloor(): void {
    while (this.#head < this.#sequences.length && this.#isSettled[this.#head] && this.#sequences[this.#head] < this.#next) this.#head += 1;
    if (this.#head === this.#sequences.length) {
      this.#sequences.length = 0;
      this.#isSettled.length = 0;
      this.#head = 0;
    } else if (this.#head > HEAD_MAX && this.#head * 2 > this.#sequences.length) {
      this.#sequences = this.#sequences.slice(this.#head);
      this.#isSettled = this.#isSettled.slice(this.#head);
      this.#head = 0;
    }
  }

  /** First place whose sequence is above. */
  #placeAfter(sequence: Sequence): number {
    let low = this.#head;
    let high = this.#sequences.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#sequences[middle] <= sequence) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #placeOf(sequence: Sequence): number {
    const at = this.#placeAfter(sequence) - 1;
    return at >= this.#head && this.#sequences[at] === sequence ? at : -1;
  }
}
