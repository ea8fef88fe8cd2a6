import assert from 'node:assert/strict';
import type { BlockKeeper, BlockKind, BlockSink, EntryPlace, FooterRow } from '../../src/journal/keeper.js';
import type { ReadableSegment } from '../../src/storage/ports.js';

interface Block {
  readonly kind: BlockKind;
  readonly at: number;
  readonly length: number;
}

class FakeSink implements BlockSink {
  bytes: Uint8Array = new Uint8Array(16);
  readonly place: EntryPlace;
  readonly blocks: Block[] = [];
  #used = 0;

  constructor(place: EntryPlace) {
    this.place = place;
  }

  begin(kind: BlockKind, length: number): number {
    const at = this.#used + 3; // Something stands between blocks, so that nobody relies on their touching.
    this.#used = at + length;
    const grown = new Uint8Array(this.#used);
    grown.set(this.bytes.subarray(0, Math.min(at, this.bytes.length)));
    this.bytes = grown;
    this.blocks.push({ kind, at, length });
    return at;
  }
}

export interface FakeEntry {
  readonly commit: number;
  readonly place: EntryPlace;
  readonly bytes: Uint8Array;
  readonly blocks: readonly Block[];
}

export interface FakeSegment {
  readonly id: number;
  readonly entries: FakeEntry[];
  footers: FooterRow[];
  isSealed: boolean;
}

/** One group's way through a lane: commits that become durable, are lost, or are cut off by a crash; segments that are sealed and removed. */
export class FakeLane {
  readonly segments: FakeSegment[] = [{ id: 1, entries: [], footers: [], isSealed: false }];
  keepers: readonly BlockKeeper[] = [];
  blockBytes = 0;
  readonly #group: number;
  readonly #inFlight: FakeEntry[] = [];
  #commit = 1;
  #nextIndex = 1;
  /** No index comes twice, also when the segment that had the last one is gone: then the checkpoint of the tables is at least as far. */
  #durableIndex = 0;

  constructor(group = 7) {
    this.#group = group;
  }

  get openCommit(): number {
    return this.#commit;
  }

  get inFlightCount(): number {
    return this.#inFlight.length;
  }

  get active(): FakeSegment {
    return this.segments[this.segments.length - 1];
  }

  /** The open commit is closed. */
  flush(): void {
    const commit = this.#commit;
    this.#commit += 1;
    const sink = new FakeSink({ segment: this.active.id, group: this.#group, index: this.#nextIndex });
    for (const keeper of this.keepers) if (keeper.isDirty) keeper.collect(sink, commit);
    if (sink.blocks.length === 0) return;
    this.#nextIndex += 1;
    for (const { length } of sink.blocks) this.blockBytes += length;
    this.#inFlight.push({ commit, place: sink.place, bytes: sink.bytes, blocks: sink.blocks });
  }

  /** The oldest commit under way is durable. */
  land(): boolean {
    const entry = this.#inFlight.shift();
    if (entry === undefined) return false;
    this.#keep(entry);
    for (const keeper of this.keepers) keeper.onDurable(entry.commit, entry.place);
    return true;
  }

  /** All commits under way are lost. */
  loseAll(): void {
    for (const entry of this.#inFlight.splice(0)) {
      this.#nextIndex = Math.min(this.#nextIndex, entry.place.index);
      for (const keeper of this.keepers) keeper.onLost(entry.commit);
    }
  }

  settle(): void {
    this.flush();
    while (this.land());
  }

  /** Footers of the active segment are written; unless the seal is interrupted, the next segment begins. */
  seal(isInterrupted = false): void {
    assert.equal(this.#inFlight.length, 0, 'a segment is sealed when nothing is under way');
    const segment = this.active;
    const footers = this.keepers.flatMap((keeper) => keeper.footersOf(segment.id));
    if (isInterrupted) return;
    segment.footers = footers.sort(([a], [b]) => Buffer.compare(a, b));
    segment.isSealed = true;
    this.segments.push({ id: segment.id + 1, entries: [], footers: [], isSealed: false });
    for (const keeper of this.keepers) keeper.onSealed(segment.id);
  }

  /** What the store would give of a sealed segment's footers. */
  footersIn(id: number): Pick<ReadableSegment, 'footerAtOrBefore' | 'scanFooters'> {
    const rows = this.segments.find((segment) => segment.id === id)?.footers ?? [];
    const startsWith = (key: Uint8Array, prefix: Uint8Array): boolean => Buffer.compare(key.subarray(0, prefix.length), prefix) === 0;
    return {
      footerAtOrBefore: (key, prefixLength) => {
        const found = rows.findLast(([it]) => Buffer.compare(it, key) <= 0);
        return found === undefined || !startsWith(found[0], key.subarray(0, prefixLength)) ? null : { key: found[0], value: found[1] };
      },
      scanFooters: (prefix, visit) => {
        for (const [key, value] of rows) if (startsWith(key, prefix) && !visit(key, value)) return;
      },
    };
  }

  /** A segment has been rewritten under another number. */
  renumber(id: number, fresh: number): void {
    const at = this.segments.findIndex((segment) => segment.id === id);
    const entries = this.segments[at].entries.map((entry) => ({ ...entry, place: { ...entry.place, segment: fresh } }));
    this.segments[at] = { ...this.segments[at], id: fresh, entries };
  }

  remove(id: number): void {
    const at = this.segments.findIndex((segment) => segment.id === id);
    this.segments.splice(at, 1);
    for (const keeper of this.keepers) keeper.onRemoved(id);
  }

  /** The process ends. Of the commits under way the first `kept` are durable, though nobody was told. */
  crash(kept: number): void {
    for (const entry of this.#inFlight.splice(0).slice(0, kept)) this.#keep(entry);
    this.#nextIndex = this.#durableIndex + 1;
  }

  /** Footers first, then the blocks in the order of the log. */
  start(keepers: readonly BlockKeeper[]): void {
    this.keepers = keepers;
    for (const segment of this.segments) if (segment.isSealed) for (const keeper of keepers) keeper.onSealed(segment.id);
    for (const { place, bytes, blocks } of this.segments.flatMap(({ entries }) => entries))
      for (const { kind, at, length } of blocks)
        for (const keeper of keepers) if (keeper.kind === kind) keeper.replay(place, bytes, at, at + length);
  }

  #keep(entry: FakeEntry): void {
    const segment = this.segments.find(({ id }) => id === entry.place.segment);
    assert.ok(segment);
    segment.entries.push(entry);
    this.#durableIndex = entry.place.index;
  }
}
