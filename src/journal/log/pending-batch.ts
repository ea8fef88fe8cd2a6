import { assert } from '../../base/assert.js';
import { BatchWriter } from '../batch/batch-writer.js';
import type { CommitNumber, Offset, OpenBatch, Sequence } from '../ports.js';
import type { Partition } from './partition.js';

/** Memory of writers that are kept. */
const WRITERS_BYTES_MAX = 16 * 1024 * 1024;

/** Writers between two uses. */
export class Writers {
  readonly #spare: BatchWriter[] = [];
  #bytes = 0;

  take(): BatchWriter {
    const writer = this.#spare.pop();
    if (writer === undefined) return new BatchWriter();
    this.#bytes -= writer.bytes.length;
    return writer;
  }

  give(writer: BatchWriter): void {
    if (this.#bytes + writer.bytes.length > WRITERS_BYTES_MAX) return;
    this.#bytes += writer.bytes.length;
    this.#spare.push(writer);
  }
}

/** Whoever counts the bytes that are appended and not durable. */
export interface PendingBytes {
  pendingBytes: number;
  /** Somebody waits for the open commit: something in it is of a stream that has no interval. */
  isAwaited: boolean;
}

/** A batch from its first record until its commit is over: with a writer that records are appended to, or whole as a producer sent it. */
export class PendingBatch implements OpenBatch {
  readonly partition: Partition;
  readonly commit: CommitNumber;
  readonly baseOffset: Offset;
  baseSequence: Sequence = 0;
  count = 0;
  /** Of the newest record, in milliseconds since the epoch. */
  maxTimestamp: number;
  /** Of the batch, once it is closed. */
  byteLength = 0;
  #writer: BatchWriter | null;
  readonly #whole: Uint8Array | null;
  readonly #pending: PendingBytes;
  #counted = 0;

  constructor(
    partition: Partition,
    commit: CommitNumber,
    timestampMs: number,
    writer: BatchWriter | null,
    whole: Uint8Array | null,
    pending: PendingBytes,
  ) {
    this.partition = partition;
    this.commit = commit;
    this.baseOffset = partition.nextOffset;
    this.maxTimestamp = timestampMs;
    this.#writer = writer;
    this.#whole = whole;
    this.#pending = pending;
  }

  get writer(): BatchWriter {
    assert(this.#writer !== null, 'records are appended only while the commit is open');
    return this.#writer;
  }

  /** Bytes so far. */
  get length(): number {
    return this.#whole === null ? this.writer.length : this.#whole.length;
  }

  added(count: number): void {
    this.count += count;
    this.partition.nextOffset += count;
    const { length } = this;
    this.#pending.pendingBytes += length - this.#counted;
    this.#counted = length;
  }

  /** No more records. @returns bytes of the batch. */
  close(): number {
    if (this.#writer !== null) {
      this.#writer.finish();
      this.byteLength = this.#writer.length;
    } else if (this.#whole !== null) this.byteLength = this.#whole.length;
    return this.byteLength;
  }

  /** Copies the closed batch; after that it has no bytes of its own. */
  moveTo(target: Uint8Array, at: number, writers: Writers): void {
    const writer = this.#writer;
    if (writer === null) {
      assert(this.#whole !== null, 'a batch is moved once');
      target.set(this.#whole, at);
      return;
    }
    target.set(writer.bytes.subarray(0, writer.length), at);
    this.#writer = null;
    writers.give(writer);
  }
}
