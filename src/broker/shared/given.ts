import type { GroupId, Sequence } from '../../journal/ports.js';

const BYTES_FIRST = 4096;

/** What one turn gives to one member. */
export class Given {
  readonly groups: [group: GroupId, count: number][] = [];
  readonly sequences: Sequence[] = [];
  bytes: Uint8Array = new Uint8Array(BYTES_FIRST);
  length = 0;
  /** Not to be sent before what was written with it is durable. */
  waitsForCommit = false;
  /** How many are settled already. */
  settled = 0;

  clear(): void {
    this.groups.length = 0;
    this.sequences.length = 0;
    this.length = 0;
    this.waitsForCommit = false;
    this.settled = 0;
  }

  get frames(): Uint8Array {
    return this.bytes.subarray(0, this.length);
  }

  add(group: GroupId, sequence: Sequence, frame: Uint8Array, length: number): void {
    const last = this.groups.length - 1;
    if (last >= 0 && this.groups[last][0] === group) this.groups[last][1] += 1;
    else this.groups.push([group, 1]);
    this.sequences.push(sequence);
    const end = this.length + length;
    if (end > this.bytes.length) {
      const grown = new Uint8Array(Math.max(end, this.bytes.length * 2));
      grown.set(this.frames);
      this.bytes = grown;
    }
    this.bytes.set(frame.subarray(0, length), this.length);
    this.length = end;
  }
}
