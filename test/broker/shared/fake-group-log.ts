import { BatchView } from '../../../src/journal/batch/batch-view.js';
import type { GroupId, GroupLog, OpenBatch, RecordVisitor, Sequence, SequenceIndex, StateTable } from '../../../src/journal/ports.js';

/** Rows of a table as they are, and as they were at the last commit. */
class FakeTable implements StateTable {
  readonly name: string;
  readonly rows: Map<string, Uint8Array>;

  constructor(name: string, rows: ReadonlyMap<string, Uint8Array>) {
    this.name = name;
    this.rows = new Map(rows);
  }

  get size(): number {
    return this.rows.size;
  }

  get(key: string): Uint8Array | undefined {
    return this.rows.get(key);
  }

  put(key: string, value: Uint8Array): void {
    this.rows.set(key, value);
  }

  delete(key: string): void {
    this.rows.delete(key);
  }

  entries(): IterableIterator<[string, Uint8Array]> {
    return this.rows.entries();
  }
}

/** One index with the committed sequences of some records. */
class FakeIndex implements SequenceIndex {
  readonly key: string;
  readonly sequences: Sequence[] = [];

  constructor(key: string) {
    this.key = key;
  }

  get count(): number {
    return this.sequences.length;
  }

  get last(): Sequence {
    return this.sequences.at(-1) ?? 0;
  }

  countFrom(from: Sequence): number {
    return this.sequences.filter((sequence) => sequence >= from).length;
  }

  add(_batch: OpenBatch, _from: number, _count: number): void {
    throw new Error('records of the fake log come by `append`');
  }

  read(from: Sequence, into: Float64Array): number {
    const found = this.sequences.filter((sequence) => sequence >= from).slice(0, into.length);
    into.set(found);
    return found.length;
  }

  trim(): void {}
}

/** A group of the journal in memory: records are numbers, one index has some of them. Survives `crash` as far as it was committed. */
export class FakeGroupLog implements GroupLog {
  readonly id: GroupId;
  nextSequence: Sequence = 1;
  /** Records by sequence: what they are, for whoever makes frames of them. */
  readonly records: Map<Sequence, number> = new Map();
  /** The record that is being visited. */
  current = -1;
  readonly #index: FakeIndex;
  #tables: Map<string, FakeTable> = new Map();
  #durable: Map<string, ReadonlyMap<string, Uint8Array>> = new Map();
  #pending: (number | null)[] = [];
  readonly #view = new BatchView();

  constructor(id: GroupId, filter: string) {
    this.id = id;
    this.#index = new FakeIndex(filter);
  }

  /** With the next commit. Null: a record that the index does not have. */
  append(record: number | null): void {
    this.#pending.push(record);
  }

  /** @returns sequences of the records that the index has. */
  commit(): Sequence[] {
    const added: Sequence[] = [];
    for (const record of this.#pending.splice(0)) {
      if (record !== null) {
        this.records.set(this.nextSequence, record);
        this.#index.sequences.push(this.nextSequence);
        added.push(this.nextSequence);
      }
      this.nextSequence += 1;
    }
    for (const [name, { rows }] of this.#tables) this.#durable.set(name, new Map(rows));
    return added;
  }

  /** What was not committed is gone. */
  crash(): void {
    this.#pending = [];
    this.#tables = new Map([...this.#durable].map(([name, rows]) => [name, new FakeTable(name, rows)]));
  }

  index(key: string): SequenceIndex | undefined {
    return key === this.#index.key && this.#index.sequences.length > 0 ? this.#index : undefined;
  }

  openIndex(): SequenceIndex {
    return this.#index;
  }

  dropIndex(): void {}

  *indexKeys(): IterableIterator<string> {
    yield this.#index.key;
  }

  table(name: string): StateTable {
    const known = this.#tables.get(name);
    if (known !== undefined) return known;
    const table = new FakeTable(name, new Map());
    this.#tables.set(name, table);
    return table;
  }

  readRecords(sequences: Float64Array, from: number, to: number, _bytesMax: number, visit: RecordVisitor): number {
    for (let i = from; i < to; i += 1) {
      const record = this.records.get(sequences[i]);
      if (record === undefined) continue;
      this.current = record;
      const wantsMore = visit(sequences[i], 0, this.#view);
      this.current = -1;
      if (!wantsMore) return i - from + 1;
    }
    return to - from;
  }

  async prefetchRecords(): Promise<void> {}
}
