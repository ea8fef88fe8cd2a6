import type { Entry, LogIndex } from '../../src/raft/messages.js';
import type { SimulatedDisk } from './simulated-disk.js';
import { encodeRecord, type SmallState } from './wal-record.js';

interface Segment {
  readonly name: string;
  bytes: number;
  /** Of the entries in it. */
  lastIndex: LogIndex;
}

/** Appends records to the log, in segments; those of which nothing is needed any more go. */
export class WalWriter {
  /** What the last record says. */
  state: SmallState;
  /** Bytes of the whole log so far. */
  end: number;
  readonly #disk: SimulatedDisk;
  readonly #segmentBytes: number;
  #segments: Segment[] = [];
  #number: number;
  #flushedUpTo: number;

  /** @param end place behind all that is there. @param number of the first segment to write. */
  constructor(disk: SimulatedDisk, segmentBytes: number, state: SmallState, end: number, number: number) {
    this.#disk = disk;
    this.#segmentBytes = segmentBytes;
    this.state = state;
    this.end = end;
    this.#flushedUpTo = end;
    this.#number = number;
  }

  /** The log begins anew, with all that it has. */
  begin(state: SmallState, entries: readonly Entry[]): void {
    this.write(state, entries, true);
  }

  /** @throws DiskError full: then nothing is written. */
  write(change: Partial<SmallState>, entries: readonly Entry[], isAdopting = false): void {
    const state: SmallState = { ...this.state, ...change };
    const bytes = encodeRecord({ ...state, entries, isAdopting, flushedUpTo: this.#flushedUpTo });
    const segment = this.#current();
    this.#disk.append(segment.name, bytes);
    if (segment.bytes === 0) this.#segments.push(segment);
    segment.bytes += bytes.length;
    if (entries.length > 0) segment.lastIndex = Math.max(segment.lastIndex, entries[entries.length - 1].index);
    this.end += bytes.length;
    this.state = state;
  }

  onFlushed(end: number): void {
    this.#flushedUpTo = end;
  }

  /** Entries up to `index` are not needed, and that is durable. */
  removeUpTo(index: LogIndex): void {
    while (this.#segments.length > 1 && this.#segments[0].lastIndex <= index) {
      this.#disk.remove(this.#segments[0].name);
      this.#segments.shift();
    }
  }

  #current(): Segment {
    const last = this.#segments.at(-1);
    if (last !== undefined && last.bytes < this.#segmentBytes) return last;
    const name = `log-${String(this.#number).padStart(8, '0')}-${this.end}`;
    this.#number += 1;
    return { name, bytes: 0, lastIndex: 0 };
  }
}
