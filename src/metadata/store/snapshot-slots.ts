import { assert } from '../../base/assert.js';
import type { IncomingSnapshot, SnapshotMark, SnapshotWriter, StoreDone } from '../../raft/driver/ports.js';
import { decodeMark, encodeMark, isSameMark } from '../../raft/driver/snapshot-mark.js';
import type { LogIndex } from '../../raft/messages.js';
import { type StateTableStore, StoreError, type TableChange } from '../../storage/ports.js';
import { crc32c } from '../../wire/crc32c.js';
import { WireViolation } from '../../wire/violation.js';
import { encodeNumbers, ROW, readU48, rowKey, SLOT_COUNT } from './rows.js';
import type { WriteQueue } from './write-queue.js';

/** whole: a snapshot. incoming: a leader's, as far as it came. What is neither is the rest of one that was not finished, or nothing. */
const USES = ['whole', 'incoming'] as const;
type SlotUse = (typeof USES)[number];

interface Slot {
  readonly number: number;
  use: SlotUse | 'writing' | 'free';
  /** Grows with each snapshot: the newest has the greatest. */
  serial: number;
  mark: SnapshotMark | null;
  /** Chunks that may be there. */
  chunks: number;
}

/*
  Snapshots of the table's store: at most two generations, one that is written, one that comes in; each in a slot.

    slot 0   mark whole     serial 7    chunks 0..41     the newest
    slot 1   mark whole     serial 6    chunks 0..39     the generation before, if the newest turns out damaged
    slot 2   mark incoming              chunks 0..12     goes on at chunk 13 after a restart
    slot 3   (no mark)                  chunks 0..3      is being written; after a crash it is free
*/
export class SnapshotSlots implements IncomingSnapshot {
  readonly #table: StateTableStore;
  readonly #queue: WriteQueue;
  readonly #slots: Slot[];

  /** @throws StoreError if there are snapshots and none can be read. */
  constructor(table: StateTableStore, queue: WriteQueue) {
    this.#table = table;
    this.#queue = queue;
    this.#slots = Array.from({ length: SLOT_COUNT }, (_, number) => this.#load(number));
    const incoming = this.#slots.find(({ use }) => use === 'incoming');
    if (incoming !== undefined) while (this.#chunkAt(incoming.number, incoming.chunks) !== null) incoming.chunks += 1;
  }

  static markValue(use: SlotUse, serial: number, mark: Uint8Array): Uint8Array {
    return Buffer.concat([Buffer.from([USES.indexOf(use)]), encodeNumbers(serial), mark]);
  }

  get newest(): SnapshotMark | null {
    return this.#newestSlot()?.mark ?? null;
  }

  readChunk(index: LogIndex, chunk: number): Uint8Array | null {
    const slot = this.#slots.find(({ use, mark }) => use === 'whole' && mark?.index === index);
    return slot === undefined ? null : this.#chunkAt(slot.number, chunk);
  }

  beginSnapshot(): SnapshotWriter {
    const slot = this.#take('writing');
    let bytes = 0;
    let checksum = 0;
    return {
      write: (chunk, done) => {
        assert(slot.use === 'writing', 'chunks are written to a snapshot that is not finished');
        bytes += chunk.length;
        checksum = crc32c(chunk, 0, chunk.length, checksum);
        this.#writeChunk(slot, chunk, done);
      },
      commit: (index, term, configuration, done) =>
        this.#commit(slot, { index, term, configuration, chunkCount: slot.chunks, bytes, checksum }, done),
      abandon: () => {
        if (slot.use === 'writing') this.#clear(slot);
      },
    };
  }

  begin(mark: SnapshotMark): number {
    const known = this.#slots.find(({ use }) => use === 'incoming');
    if (known?.mark != null && isSameMark(known.mark, mark) && (known.chunks < mark.chunkCount || this.isWhole(mark))) return known.chunks;
    if (known !== undefined) this.#clear(known);
    const slot = this.#take('incoming');
    slot.mark = mark;
    this.#queue.push([this.#markRow(slot)], () => {});
    return 0;
  }

  write(chunk: Uint8Array, done: StoreDone): void {
    const slot = this.#slots.find(({ use }) => use === 'incoming');
    assert(slot !== undefined, 'chunks come after begin');
    this.#writeChunk(slot, chunk, done);
  }

  isWhole(mark: SnapshotMark): boolean {
    const slot = this.#slots.find((it) => it.use === 'incoming' && it.mark !== null && isSameMark(it.mark, mark));
    return slot !== undefined && slot.chunks === mark.chunkCount && this.#checksumOf(slot) === mark.checksum;
  }

  /** Rows that make the incoming snapshot the newest one. */
  adoptIncoming(mark: SnapshotMark): TableChange[] {
    return [this.#wholeRow(this.#incomingOf(mark), mark)];
  }

  onAdopted(mark: SnapshotMark): void {
    this.#incomingOf(mark).use = 'whole';
    this.#dropOld();
  }

  #incomingOf(mark: SnapshotMark): Slot {
    const slot = this.#slots.find((it) => it.use === 'incoming' && it.mark !== null && isSameMark(it.mark, mark));
    assert(slot !== undefined, 'only what came in is adopted');
    return slot;
  }

  #commit(slot: Slot, mark: SnapshotMark, done: StoreDone): void {
    slot.mark = mark;
    this.#queue.push([this.#wholeRow(slot, mark)], (error) => {
      if (error === null && slot.use === 'writing') {
        slot.use = 'whole';
        this.#dropOld();
      }
      done(error);
    });
  }

  /** It is the newest as soon as this is on the disk. */
  #wholeRow(slot: Slot, mark: SnapshotMark): TableChange {
    slot.serial = 1 + Math.max(0, ...this.#slots.map(({ serial }) => serial));
    return { key: rowKey(ROW.mark, slot.number, 0), value: SnapshotSlots.markValue('whole', slot.serial, encodeMark(mark)) };
  }

  /** Two generations stay. */
  #dropOld(): void {
    const whole = this.#slots.filter(({ use }) => use === 'whole').sort((a, b) => b.serial - a.serial);
    for (const slot of whole.slice(2)) this.#clear(slot);
  }

  #clear(slot: Slot): void {
    const changes: TableChange[] = [{ key: rowKey(ROW.mark, slot.number, 0), value: null }];
    for (let chunk = 0; chunk < slot.chunks; chunk += 1) changes.push({ key: rowKey(ROW.chunk, slot.number, chunk), value: null });
    slot.use = 'free';
    slot.mark = null;
    slot.chunks = 0;
    this.#queue.push(changes, () => {});
  }

  #take(use: 'writing' | 'incoming'): Slot {
    const slot = this.#slots.find((it) => it.use === 'free');
    assert(slot !== undefined, 'four slots are enough for two generations, one that is written and one that comes');
    slot.use = use;
    slot.mark = null;
    slot.chunks = 0;
    return slot;
  }

  #writeChunk(slot: Slot, chunk: Uint8Array, done: StoreDone): void {
    const number = slot.chunks;
    slot.chunks += 1;
    this.#queue.push([{ key: rowKey(ROW.chunk, slot.number, number), value: chunk }], done);
  }

  #markRow(slot: Slot): TableChange {
    assert(slot.mark !== null, 'a slot with a mark has one');
    return { key: rowKey(ROW.mark, slot.number, 0), value: SnapshotSlots.markValue('incoming', 0, encodeMark(slot.mark)) };
  }

  #newestSlot(): Slot | undefined {
    return this.#slots.filter(({ use }) => use === 'whole').sort((a, b) => b.serial - a.serial)[0];
  }

  #load(number: number): Slot {
    const slot: Slot = { number, use: 'free', serial: 0, mark: null, chunks: 0 };
    const row = this.#rowAt(rowKey(ROW.mark, number, 0));
    const use = row === null ? undefined : USES[row[0]];
    if (row === null || use === undefined) return this.#withRest(slot);
    try {
      slot.mark = decodeMark(row.subarray(7));
    } catch (error) {
      if (error instanceof WireViolation) return this.#withRest(slot);
      throw error;
    }
    slot.use = use;
    slot.serial = readU48(row, 1);
    if (use === 'incoming') return slot;
    slot.chunks = slot.mark.chunkCount;
    if (this.#checksumOf(slot) === slot.mark.checksum) return slot;
    // A damaged generation: the one before takes its place.
    return this.#withRest({ number, use: 'free', serial: 0, mark: null, chunks: 0 });
  }

  /** Chunks without a mark are the rest of a snapshot that was not finished. */
  #withRest(slot: Slot): Slot {
    while (this.#chunkAt(slot.number, slot.chunks) !== null) slot.chunks += 1;
    if (slot.chunks > 0) this.#clear(slot);
    return slot;
  }

  /** @returns -1 if a chunk is missing or damaged. */
  #checksumOf(slot: Slot): number {
    let checksum = 0;
    for (let chunk = 0; chunk < slot.chunks; chunk += 1) {
      const bytes = this.#chunkAt(slot.number, chunk);
      if (bytes === null) return -1;
      checksum = crc32c(bytes, 0, bytes.length, checksum);
    }
    return checksum;
  }

  #chunkAt(slot: number, chunk: number): Uint8Array | null {
    return this.#rowAt(rowKey(ROW.chunk, slot, chunk));
  }

  #rowAt(key: Uint8Array): Uint8Array | null {
    try {
      return this.#table.get(key);
    } catch (error) {
      if (error instanceof StoreError && error.fault === 'corrupt') return null;
      throw error;
    }
  }
}
