import { assert } from '../../src/base/assert.js';
import { LogTail } from '../../src/metadata/store/log-tail.js';
import type { IncomingSnapshot, RaftStore, SnapshotMark, SnapshotWriter, StoreDone } from '../../src/raft/driver/ports.js';
import { isSameMark, snapshotOf } from '../../src/raft/driver/snapshot-mark.js';
import {
  type ConfigurationState,
  EMPTY_CONFIGURATION,
  type Entry,
  type HardState,
  type LogIndex,
  type Snapshot,
  type Term,
} from '../../src/raft/messages.js';
import type { Schedule } from './event-queue.js';
import { FlushLine } from './flush-line.js';
import type { SimulatedDisk } from './simulated-disk.js';
import { SnapshotFile } from './snapshot-files.js';
import { type OpenedStore, openStore } from './store-opening.js';
import type { Generation, SmallState } from './wal-record.js';
import type { WalWriter } from './wal-writer.js';

const GENERATIONS = 2;

export interface StoreOptions {
  readonly events: Schedule;
  readonly disk: SimulatedDisk;
  readonly segmentBytes: number;
  /** An entry is written. @param previousTerm of the entry before it; null if the store does not know. */
  readonly onEntry: (entry: Entry, previousTerm: Term | null) => void;
}

/** Raft's store on a simulated disk: a write-ahead log in segments, and a file for each snapshot. Readers see what is durable. */
export class SimulatedStore implements RaftStore, IncomingSnapshot {
  readonly #options: StoreOptions;
  readonly #line: FlushLine;
  readonly #wal: WalWriter;
  readonly #tail: LogTail;
  readonly #files: Map<number, SnapshotFile>;
  /** What is durable. */
  #state: SmallState;
  #incoming: SnapshotFile | null;
  #serialNext: number;
  /** Of the last entry that is written. */
  #writtenTerm: Term;

  /** Reads what is there. @throws Error if there were snapshots and none can be read. */
  constructor(options: StoreOptions) {
    this.#options = options;
    const { events, disk, segmentBytes } = options;
    const opened: OpenedStore = openStore(disk, segmentBytes);
    this.#wal = opened.wal;
    this.#state = opened.state;
    this.#files = opened.files;
    this.#incoming = opened.incoming;
    this.#serialNext = opened.serialNext;
    this.#tail = new LogTail(opened.state.compacted, opened.entries);
    this.#writtenTerm = this.#tail.termAt(this.#tail.lastIndex) ?? 0;
    this.#line = new FlushLine(events, disk, () => {
      const { end } = this.#wal;
      return () => this.#wal.onFlushed(end);
    });
    this.#line.push(
      () => this.#wal.begin(opened.state, opened.entries),
      (error) => {
        if (error === null) opened.removeOld();
      },
    );
  }

  get incoming(): IncomingSnapshot {
    return this;
  }

  get hardState(): HardState {
    const { hardState } = this.#state;
    return { ...hardState, commit: Math.max(hardState.commit, this.snapshotIndex) };
  }

  get configuration(): ConfigurationState {
    return this.#newest?.mark.configuration ?? EMPTY_CONFIGURATION;
  }

  get firstIndex(): LogIndex {
    return this.#tail.firstIndex;
  }

  get lastIndex(): LogIndex {
    return this.#tail.lastIndex;
  }

  get damagedUpTo(): LogIndex {
    return this.#state.damagedUpTo;
  }

  get snapshotIndex(): LogIndex {
    return this.#newest?.mark.index ?? 0;
  }

  /** Whether two generations of snapshots are there, so that one of them may be damaged. */
  get generations(): readonly Generation[] {
    return this.#state.generations;
  }

  termAt(index: LogIndex): Term | null {
    return this.#tail.termAt(index);
  }

  entries(from: LogIndex, to: LogIndex, bytesMax: number): readonly Entry[] | null {
    return this.#tail.entries(from, to, bytesMax);
  }

  snapshot(): Snapshot | null {
    return this.#newest === undefined ? null : snapshotOf(this.#newest.mark);
  }

  append(hardState: HardState | null, entries: readonly Entry[], done: StoreDone): void {
    this.#noteEntries(entries);
    const isNothing = hardState === null && entries.length === 0;
    const last = entries.length === 0 ? {} : { lastIndex: entries[entries.length - 1].index };
    const change = hardState === null ? last : { ...last, hardState };
    this.#push(
      () => isNothing || this.#wal.write(change, entries),
      () => {
        this.#state = { ...this.#state, ...change };
        this.#tail.append(entries);
      },
      done,
    );
  }

  beginSnapshot(): SnapshotWriter {
    const file = this.#createFile(null);
    let isCommitted = false;
    return {
      write: (chunk, done) => this.#line.push(() => file.append(chunk), done),
      commit: (index, term, configuration, done) => {
        isCommitted = true;
        const { count: chunkCount, bytes, checksum } = file;
        this.#becomeNewest({ serial: file.serial, mark: { index, term, configuration, chunkCount, bytes, checksum } }, done);
      },
      abandon: () => {
        if (!isCommitted) this.#removeFile(file);
      },
    };
  }

  adoptIncoming(hardState: HardState | null, mark: SnapshotMark, done: StoreDone): void {
    const file = this.#incoming;
    assert(file?.isWhole(mark) === true, 'only what came in is adopted');
    this.#incoming = null;
    const { index, term } = mark;
    const fresh = { serial: file.serial, mark };
    const own = hardState === null ? {} : { hardState };
    let change: Partial<SmallState> = {};
    this.#writtenTerm = term;
    this.#tail.writtenUpTo = index;
    this.#push(
      () => {
        change = { ...own, compacted: { index, term }, lastIndex: index, generations: this.#generationsWith(fresh) };
        this.#wal.write(change, [], true);
      },
      () => {
        this.#become(change);
        this.#tail.reset(index, term);
      },
      done,
    );
  }

  readChunk(index: LogIndex, chunk: number): Uint8Array | null {
    const generation = this.#state.generations.find(({ mark }) => mark.index === index);
    return generation === undefined ? null : (this.#files.get(generation.serial)?.chunk(chunk) ?? null);
  }

  compact(target: LogIndex): void {
    assert(target <= this.snapshotIndex, 'only what a snapshot has is cut off');
    const index = Math.min(target, this.#tail.lastIndex);
    const term = this.#tail.termAt(index);
    if (term === null || index < this.#tail.firstIndex) return;
    this.#push(
      () => {
        if (index > this.#wal.state.compacted.index) this.#wal.write({ compacted: { index, term } }, []);
      },
      () => {
        if (index < this.#tail.firstIndex) return;
        this.#state = { ...this.#state, compacted: { index, term } };
        this.#tail.compact(index);
        this.#wal.removeUpTo(index);
      },
      () => {},
    );
  }

  clearDamage(): void {
    this.#state = { ...this.#state, damagedUpTo: 0 };
    this.#push(
      () => this.#wal.write({ damagedUpTo: 0 }, []),
      () => {},
      () => {},
    );
  }

  begin(mark: SnapshotMark): number {
    const known = this.#incoming;
    if (known !== null && known.incomingMark !== null && isSameMark(known.incomingMark, mark)) {
      if (known.count < mark.chunkCount || known.isWhole(mark)) return known.count;
    }
    if (known !== null) this.#removeFile(known);
    const file = this.#createFile(mark);
    this.#incoming = file;
    this.#line.push(
      () => file.begin(),
      () => {},
    );
    return 0;
  }

  write(chunk: Uint8Array, done: StoreDone): void {
    const file = this.#incoming;
    assert(file !== null, 'chunks come after begin');
    this.#line.push(() => file.append(chunk), done);
  }

  isWhole(mark: SnapshotMark): boolean {
    const known = this.#incoming;
    return known !== null && known.incomingMark !== null && isSameMark(known.incomingMark, mark) && known.isWhole(mark);
  }

  get #newest(): Generation | undefined {
    return this.#state.generations[0];
  }

  #push(write: () => unknown, onDurable: () => void, done: StoreDone): void {
    this.#line.push(write, (error) => {
      if (error === null) onDurable();
      done(error);
    });
  }

  #becomeNewest(fresh: Generation, done: StoreDone): void {
    let change: Partial<SmallState> = {};
    this.#push(
      () => {
        change = { generations: this.#generationsWith(fresh) };
        this.#wal.write(change, []);
      },
      () => this.#become(change),
      done,
    );
  }

  #generationsWith(fresh: Generation): readonly Generation[] {
    return [fresh, ...this.#wal.state.generations].slice(0, GENERATIONS);
  }

  /** Files of generations that are none any more go. */
  #become(change: Partial<SmallState>): void {
    const before = this.#state.generations;
    this.#state = { ...this.#state, ...change };
    const kept = this.#state.generations.map(({ serial }) => serial);
    for (const { serial } of before) {
      const file = this.#files.get(serial);
      if (file !== undefined && !kept.includes(serial)) this.#removeFile(file);
    }
  }

  #createFile(incomingMark: SnapshotMark | null): SnapshotFile {
    const file = new SnapshotFile(this.#options.disk, this.#serialNext, incomingMark);
    this.#serialNext += 1;
    this.#files.set(file.serial, file);
    return file;
  }

  #removeFile(file: SnapshotFile): void {
    this.#files.delete(file.serial);
    this.#line.push(
      () => file.remove(),
      () => {},
    );
  }

  #noteEntries(entries: readonly Entry[]): void {
    if (entries.length === 0) return;
    const first = entries[0].index;
    let previous = first === this.#tail.writtenUpTo + 1 ? this.#writtenTerm : first <= this.lastIndex ? this.termAt(first - 1) : null;
    for (const entry of entries) {
      this.#options.onEntry(entry, previous);
      previous = entry.term;
    }
    this.#tail.writtenUpTo = entries[entries.length - 1].index;
    this.#writtenTerm = entries[entries.length - 1].term;
  }
}
