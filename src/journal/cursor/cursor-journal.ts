import { WireReader } from '../../wire/reader.js';
import { WireViolation } from '../../wire/violation.js';
import { BlockWriter, NumberWriter, readNumber, readVersion, writeVersion } from './cursor-block.js';
import { NEVER, REJECT_REASONS } from './cursor-options.js';
import type { Ledger } from './ledger.js';
import { MARK, PHASE } from './record-slab.js';
import type { PagePlan } from './settled-pages.js';
import { PAGE_OFFSETS } from './settled-pages.js';

/** Chunks of a snapshot that one turn writes, at most. */
const CHUNKS_PER_DRAIN = 4;
/** Slots that one chunk looks at, at most. */
const SLOTS_PER_CHUNK = 4096;
/** A snapshot is not worth while before the deltas have so many bytes. */
const DELTA_BYTES_MIN = 16 * 1024;

/** Where rows go: a state table. All rows of one `drain` belong into one commit. */
export interface RowSink {
  put(key: string, value: Uint8Array): void;
  delete(key: string): void;
}

/** What the row `h` says. */
export interface JournalHead {
  readonly generation: number;
  readonly chunks: number;
  readonly deltaFirst: number;
}

interface Snapshot {
  readonly generation: number;
  /** The deltas from here on are newer than its first chunk. */
  readonly deltaFirst: number;
  readonly plan: PagePlan;
  readonly slots: number;
  nextPage: number;
  nextRun: number;
  nextSlot: number;
  chunks: number;
  bytes: number;
}

/*
  The cursor's rows in a state table, keys relative to the cursor:

    h          version u8 | generation n | chunks n | first delta n
    c<g>.<i>   chunk i of the snapshot of generation g, a block (cursor-block.ts)
    d<i>       delta i, a block

    c1.0 c1.1 c1.2   d40 d41 d42 d43 d44            cursor = chunks of the head's generation, then deltas from its first on
    c2.0 c2.1             ^ generation 2 began here; when its last chunk is written, the head says 2, and c1.* and d40 are deleted

  A snapshot is written over many turns while the cursor goes on. That is sound because everything that happens meanwhile is in deltas that are
  applied after it: settled stays settled, and the last state of a record counts. `seek` alone takes settled back: it ends a snapshot under way.
  A snapshot begins when the deltas are as long as the last one, or very many.
*/
export class CursorJournal {
  readonly #ledger: Ledger;
  #head: JournalHead | null;
  #deltaNext: number;
  #deltaBytes = 0;
  #snapshotBytes = 0;
  #generationLast: number;
  #snapshot: Snapshot | null = null;
  #markWritten = 0;
  /** Rows of snapshots that were not finished. */
  #garbage: string[];

  /** @param head null: the table has no rows of this cursor. */
  constructor(ledger: Ledger, head: JournalHead | null = null, deltaNext = 0, garbage: readonly string[] = []) {
    this.#ledger = ledger;
    this.#head = head;
    this.#deltaNext = deltaNext;
    this.#generationLast = head?.generation ?? 0;
    this.#garbage = [...garbage];
    if (head !== null) this.#markWritten = ledger.deliveredBelow;
    else ledger.rewriteAll();
  }

  drain(sink: RowSink): boolean {
    const { changes } = this.#ledger;
    if (changes === null) return false;
    const isChanged = !changes.isEmpty || this.#ledger.deliveredMark > this.#markWritten;
    if (!isChanged && this.#snapshot === null && this.#garbage.length === 0) return false;
    for (const key of this.#garbage) sink.delete(key);
    this.#garbage = [];
    if (this.#head === null) this.#writeHead(sink, { generation: this.#generationLast, chunks: 0, deltaFirst: this.#deltaNext });
    if (isChanged) this.#writeDelta(sink);
    if (this.#snapshot === null) this.#maybeBegin();
    else this.#writeChunks(sink, this.#snapshot);
    return true;
  }

  #writeDelta(sink: RowSink): void {
    const ledger = this.#ledger;
    const { changes, settled, slab } = ledger;
    if (changes === null) return;
    if (changes.isReset) this.#abandonSnapshot();
    const { floor } = settled;
    const mark = ledger.deliveredMark;
    const block = new BlockWriter({ isReset: changes.isReset, floor, mark });
    const ranges = changes.rangesBeyond(floor);
    for (let at = 0; at < ranges.length; at += 2) block.addRange(ranges[at], ranges[at + 1]);
    const slots: number[] = [];
    for (const offset of changes.states) {
      const slot = slab.find(offset);
      if (slot < 0 || (slab.marks[slot] & MARK.dirty) === 0) continue; // Settled since, or noted twice.
      slab.marks[slot] = MARK.known;
      slots.push(slot);
    }
    this.#addStates(block, slots);
    changes.clear();
    const value = block.finish();
    sink.put(`d${this.#deltaNext}`, value);
    this.#deltaNext += 1;
    this.#deltaBytes += value.length;
    this.#markWritten = mark;
  }

  #addStates(block: BlockWriter, slots: number[]): void {
    const ledger = this.#ledger;
    const { slab } = ledger;
    slots.sort((a, b) => slab.offsets[a] - slab.offsets[b]);
    for (const slot of slots) {
      const phase = slab.phases[slot];
      const reason = phase === PHASE.rejected || phase === PHASE.burying ? REJECT_REASONS[slab.reasons[slot]] : null;
      const visibleAt = phase === PHASE.delayed ? slab.keys[slot] : NEVER;
      block.addState(slab.offsets[slot], slab.counts[slot], visibleAt, reason, ledger.keyOf(slot));
    }
  }

  #maybeBegin(): void {
    const { options, settled, slab } = this.#ledger;
    const deltas = this.#deltaNext - (this.#head?.deltaFirst ?? 0);
    if (deltas < options.deltasMax && this.#deltaBytes < Math.max(DELTA_BYTES_MIN, this.#snapshotBytes)) return;
    this.#generationLast += 1;
    this.#snapshot = {
      generation: this.#generationLast,
      deltaFirst: this.#deltaNext,
      plan: settled.plan(),
      slots: slab.capacity,
      nextPage: 0,
      nextRun: 0,
      nextSlot: 0,
      chunks: 0,
      bytes: 0,
    };
    this.#deltaBytes = 0;
  }

  #writeChunks(sink: RowSink, snapshot: Snapshot): void {
    for (let written = 0; written < CHUNKS_PER_DRAIN; written += 1) {
      const value = this.#nextChunk(snapshot);
      sink.put(`c${snapshot.generation}.${snapshot.chunks}`, value);
      snapshot.chunks += 1;
      snapshot.bytes += value.length;
      const { plan } = snapshot;
      if (snapshot.nextPage < plan.pages.length || snapshot.nextRun < plan.runs.length || snapshot.nextSlot < snapshot.slots) continue;
      this.#finishSnapshot(sink, snapshot);
      return;
    }
  }

  /** Whole pages and runs in the order of offsets, then the slots; each chunk is about `chunkBytes`. */
  #nextChunk(snapshot: Snapshot): Uint8Array {
    const { options, settled, slab } = this.#ledger;
    const { plan } = snapshot;
    const { floor } = settled;
    const block = new BlockWriter({ isReset: false, floor, mark: this.#ledger.deliveredMark });
    const visit = (from: number, to: number): void => block.addRange(from, to);
    while (block.length < options.chunkBytes) {
      const page = snapshot.nextPage < plan.pages.length ? plan.pages[snapshot.nextPage] : Number.POSITIVE_INFINITY;
      const run = snapshot.nextRun < plan.runs.length ? plan.runs[snapshot.nextRun] : Number.POSITIVE_INFINITY;
      if (page === run) break; // Both are infinite.
      if (page < run) {
        settled.forEachRange(page, visit);
        snapshot.nextPage += 1;
      } else {
        const end = plan.runs[snapshot.nextRun + 1] * PAGE_OFFSETS;
        if (end > floor) block.addRange(Math.max(floor, run * PAGE_OFFSETS), end);
        snapshot.nextRun += 2;
      }
    }
    if (block.length >= options.chunkBytes) return block.finish();
    const slots: number[] = [];
    const end = Math.min(snapshot.slots, slab.capacity, snapshot.nextSlot + SLOTS_PER_CHUNK);
    for (let slot = snapshot.nextSlot; slot < end; slot += 1) {
      if (slab.phases[slot] !== PHASE.free && this.#ledger.hasState(slot)) slots.push(slot);
    }
    this.#addStates(block, slots);
    snapshot.nextSlot = end < snapshot.nextSlot + SLOTS_PER_CHUNK ? snapshot.slots : end; // The slab may have become shorter.
    return block.finish();
  }

  #finishSnapshot(sink: RowSink, snapshot: Snapshot): void {
    const before = this.#head;
    this.#writeHead(sink, { generation: snapshot.generation, chunks: snapshot.chunks, deltaFirst: snapshot.deltaFirst });
    if (before !== null) {
      for (let chunk = 0; chunk < before.chunks; chunk += 1) sink.delete(`c${before.generation}.${chunk}`);
      for (let delta = before.deltaFirst; delta < snapshot.deltaFirst; delta += 1) sink.delete(`d${delta}`);
    }
    this.#snapshotBytes = snapshot.bytes;
    this.#snapshot = null;
  }

  #abandonSnapshot(): void {
    const snapshot = this.#snapshot;
    if (snapshot === null) return;
    for (let chunk = 0; chunk < snapshot.chunks; chunk += 1) this.#garbage.push(`c${snapshot.generation}.${chunk}`);
    this.#snapshot = null;
  }

  #writeHead(sink: RowSink, head: JournalHead): void {
    const writer = new NumberWriter();
    writeVersion(writer);
    writer.writeNumber(head.generation);
    writer.writeNumber(head.chunks);
    writer.writeNumber(head.deltaFirst);
    sink.put('h', writer.finish());
    this.#head = head;
  }
}

/** @throws WireViolation if the bytes are no such row. */
export function readHead(bytes: Uint8Array): JournalHead {
  const reader = new WireReader(bytes, 0, bytes.length);
  readVersion(reader);
  const head = { generation: readNumber(reader), chunks: readNumber(reader), deltaFirst: readNumber(reader) };
  if (reader.remaining > 0) throw new WireViolation('the head of a cursor journal has more bytes than it says');
  return head;
}
