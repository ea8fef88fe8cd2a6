import type { SegmentId } from '../../storage/ports.js';
import type { Offset } from '../ports.js';

/** Where the batches of one partition in one segment are: a row each, rising. */
export class BatchRows {
  segment: SegmentId;
  readonly baseOffsets: Offset[] = [];
  /** Offset after the last record. */
  readonly ends: Offset[] = [];
  /** Index of the entry in the group. */
  readonly entries: number[] = [];
  readonly maxTimestamps: number[] = [];
  /** Records that are there: fewer than offsets where some were compacted away. */
  records = 0;
  /** Of the batches. */
  bytes = 0;

  constructor(segment: SegmentId) {
    this.segment = segment;
  }

  get length(): number {
    return this.ends.length;
  }

  get end(): Offset {
    return this.length === 0 ? 0 : this.ends[this.length - 1];
  }

  add(baseOffset: Offset, end: Offset, entry: number, maxTimestamp: number, records: number, bytes: number): void {
    this.baseOffsets.push(baseOffset);
    this.ends.push(end);
    this.entries.push(entry);
    this.maxTimestamps.push(maxTimestamp);
    this.records += records;
    this.bytes += bytes;
  }

  /** The first row that ends after `offset`; `length` if there is none. */
  rowAfter(offset: Offset): number {
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.ends[middle] > offset) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  summary(): SealedPart {
    let maxTimestamp = 0;
    for (const timestamp of this.maxTimestamps) if (timestamp > maxTimestamp) maxTimestamp = timestamp;
    const { segment, records, bytes } = this;
    return { segment, first: this.baseOffsets[0], end: this.end, records, bytes, maxTimestamp };
  }
}

/** What a partition has in a sealed segment; its rows are in the segment's footers. */
export interface SealedPart {
  segment: SegmentId;
  readonly first: Offset;
  readonly end: Offset;
  readonly records: number;
  readonly bytes: number;
  readonly maxTimestamp: number;
}
