import { assert } from '../../base/assert.js';
import { NO_KEY } from './cursor-options.js';

const SLOTS_FIRST = 16;
const SLOTS_KEPT = 4096;
const NONE = -1;
const BYTES_PER_SLOT = 47;

/** Where a record stands. free is 0, so that fresh memory is free. */
export const PHASE = { free: 0, held: 1, again: 2, delayed: 3, rejected: 4, burying: 5 } as const;
export type Phase = (typeof PHASE)[keyof typeof PHASE];
const PHASES = 6;

/** dirty: the journal does not know it as it is. known: the journal has a state of it that is not void. */
export const MARK = { dirty: 1, known: 2 } as const;

/*
  The records that need remembering, one slot each, in columns; a slot's number stays while the record does.

    offset f64 | token f64 | key f64 | count i32 | consumer i32 | position i32 | next i32 | previous i32 | phase u8 | reason u8 | marks u8
                             |                                  |              |
                             place in the line it stands in:    |              held: neighbours among those of the same consumer
                             deadline, end of delay, turn       |              free: next free slot
                                                                index in that line (SlotHeap), or -1

  47 bytes, 8 more for the ordering key where there are locks, and 8 to 16 of the table that finds the slot of an offset: open addressing,
  linear, at most half full; an entry is a slot or -1. When the last record goes, so does the memory, unless it is little.
*/
export class RecordSlab {
  readonly slotsMax: number;
  offsets: Float64Array = new Float64Array(0);
  tokens: Float64Array = new Float64Array(0);
  keys: Float64Array = new Float64Array(0);
  counts: Int32Array = new Int32Array(0);
  consumers: Int32Array = new Int32Array(0);
  positions: Int32Array = new Int32Array(0);
  phases: Uint8Array = new Uint8Array(0);
  reasons: Uint8Array = new Uint8Array(0);
  /** MARK. */
  marks: Uint8Array = new Uint8Array(0);
  /** Ordering keys; empty where there are no locks. */
  orderingKeys: Float64Array = new Float64Array(0);
  readonly #hasLocks: boolean;
  #next: Int32Array = new Int32Array(0);
  #previous: Int32Array = new Int32Array(0);
  #table: Int32Array = new Int32Array(0);
  #tableShift = 32;
  #free = NONE;
  #count = 0;
  readonly #phaseCounts: Int32Array = new Int32Array(PHASES);
  readonly #heldBy = new Map<number, number>(); // Consumer to the slot it took last.

  /** @param slotsMax when it `isFull`; the owner asks. What a journal brings back comes in any case. */
  constructor(slotsMax: number, hasLocks: boolean) {
    this.slotsMax = slotsMax;
    this.#hasLocks = hasLocks;
  }

  get count(): number {
    return this.#count;
  }

  get isFull(): boolean {
    return this.#count >= this.slotsMax;
  }

  /** Slots that exist, in use or not. */
  get capacity(): number {
    return this.offsets.length;
  }

  get bytes(): number {
    return this.capacity * BYTES_PER_SLOT + this.orderingKeys.byteLength + this.#table.byteLength;
  }

  countOf(phase: Phase): number {
    return this.#phaseCounts[phase];
  }

  /** Slot of the offset; -1 if it is not remembered. */
  find(offset: number): number {
    if (this.#count === 0) return NONE;
    const table = this.#table;
    const mask = table.length - 1;
    for (let at = this.#home(offset); table[at] !== NONE; at = (at + 1) & mask) {
      if (this.offsets[table[at]] === offset) return table[at];
    }
    return NONE;
  }

  /** Remembers an offset that is not, as one that is being buried: `enter` says what it is instead. */
  allocate(offset: number): number {
    if (this.#free === NONE) this.#resize(Math.max(SLOTS_FIRST, this.capacity * 2));
    const slot = this.#free;
    this.#free = this.#next[slot];
    this.#count += 1;
    this.offsets[slot] = offset;
    this.counts[slot] = 0;
    this.marks[slot] = 0;
    this.positions[slot] = NONE;
    if (this.#hasLocks) this.orderingKeys[slot] = NO_KEY;
    this.enter(slot, PHASE.burying); // The one phase without a line.
    this.#insert(slot);
    return slot;
  }

  /** Changes the phase; the caller takes the slot out of its line before and puts it into the next one. */
  enter(slot: number, phase: Phase): void {
    const before = this.phases[slot];
    if (before === PHASE.held) this.#unlinkHolder(slot);
    this.#phaseCounts[before] -= 1;
    this.#phaseCounts[phase] += 1;
    this.phases[slot] = phase;
    if (phase === PHASE.held) this.#linkHolder(slot);
  }

  release(slot: number): void {
    assert(this.positions[slot] === NONE, 'a slot leaves its line before it is free');
    this.#delete(slot);
    this.enter(slot, PHASE.free);
    this.#next[slot] = this.#free;
    this.#free = slot;
    this.#count -= 1;
    if (this.#count === 0 && this.capacity > SLOTS_KEPT) this.#resize(0);
  }

  /** Slots of the records that the consumer holds, the last taken first. */
  heldBy(consumer: number): number[] {
    const slots: number[] = [];
    for (let slot = this.#heldBy.get(consumer) ?? NONE; slot !== NONE; slot = this.#next[slot]) slots.push(slot);
    return slots;
  }

  isHolder(consumer: number): boolean {
    return this.#heldBy.has(consumer);
  }

  /** Of a record that is held. */
  handOver(slot: number, consumer: number): void {
    this.#unlinkHolder(slot);
    this.consumers[slot] = consumer;
    this.#linkHolder(slot);
  }

  clear(): void {
    for (let slot = 0; slot < this.capacity; slot += 1) {
      if (this.phases[slot] === PHASE.free) continue;
      this.positions[slot] = NONE;
      this.release(slot);
    }
  }

  #linkHolder(slot: number): void {
    const consumer = this.consumers[slot];
    const first = this.#heldBy.get(consumer) ?? NONE;
    this.#next[slot] = first;
    this.#previous[slot] = NONE;
    if (first !== NONE) this.#previous[first] = slot;
    this.#heldBy.set(consumer, slot);
  }

  #unlinkHolder(slot: number): void {
    const next = this.#next[slot];
    const previous = this.#previous[slot];
    if (next !== NONE) this.#previous[next] = previous;
    if (previous !== NONE) this.#next[previous] = next;
    else if (next !== NONE) this.#heldBy.set(this.consumers[slot], next);
    else this.#heldBy.delete(this.consumers[slot]);
  }

  /** Where the search for an offset begins. Offsets in a row lie apart: the multiplier is 2^32 divided by the golden ratio. */
  #home(offset: number): number {
    const high = Math.floor(offset / 2 ** 32);
    return Math.imul((offset | 0) ^ Math.imul(high, 0x85eb_ca6b), 0x9e37_79b9) >>> this.#tableShift;
  }

  #insert(slot: number): void {
    const table = this.#table;
    const mask = table.length - 1;
    let at = this.#home(this.offsets[slot]);
    while (table[at] !== NONE) at = (at + 1) & mask;
    table[at] = slot;
  }

  /** Entries behind move up where they may, so that no search ends too early. */
  #delete(slot: number): void {
    const table = this.#table;
    const mask = table.length - 1;
    let hole = this.#home(this.offsets[slot]);
    while (table[hole] !== slot) hole = (hole + 1) & mask;
    for (let at = (hole + 1) & mask; table[at] !== NONE; at = (at + 1) & mask) {
      const home = this.#home(this.offsets[table[at]]);
      if (((at - home) & mask) < ((at - hole) & mask)) continue; // It may not stand before its home.
      table[hole] = table[at];
      hole = at;
    }
    table[hole] = NONE;
  }

  /** To 0 slots, when none is in use, or to more than there are. */
  #resize(slots: number): void {
    const before = Math.min(this.capacity, slots);
    this.offsets = grown(this.offsets, new Float64Array(slots));
    this.tokens = grown(this.tokens, new Float64Array(slots));
    this.keys = grown(this.keys, new Float64Array(slots));
    this.counts = grown(this.counts, new Int32Array(slots));
    this.consumers = grown(this.consumers, new Int32Array(slots));
    this.positions = grown(this.positions, new Int32Array(slots));
    this.phases = grown(this.phases, new Uint8Array(slots));
    this.reasons = grown(this.reasons, new Uint8Array(slots));
    this.marks = grown(this.marks, new Uint8Array(slots));
    if (this.#hasLocks) this.orderingKeys = grown(this.orderingKeys, new Float64Array(slots));
    this.#next = grown(this.#next, new Int32Array(slots));
    this.#previous = grown(this.#previous, new Int32Array(slots));
    for (let slot = slots - 1; slot >= before; slot -= 1) {
      this.#next[slot] = this.#free;
      this.#free = slot;
    }
    if (slots === 0) this.#free = NONE;
    this.#phaseCounts[PHASE.free] = slots - this.#count;
    this.#table = new Int32Array(slots * 2).fill(NONE);
    this.#tableShift = 32 - Math.log2(slots * 2);
    for (let slot = 0; slot < before; slot += 1) if (this.phases[slot] !== PHASE.free) this.#insert(slot);
  }
}

function grown<T extends Float64Array | Int32Array | Uint8Array>(from: T, to: T): T {
  if (to.length > 0) to.set(from);
  return to;
}
