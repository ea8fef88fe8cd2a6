import assert from 'node:assert/strict';
import type { JournalState } from '../../../src/journal/ports.js';
import { JournalRig, type JournalRigOptions, SETTINGS } from '../../journal/log/rig.js';

const STREAM = 1;
const DEADLINE_MS = 20_000;

/** What a test knows of records, over several lives of a journal. Every value says what it is. */
export class Ledger {
  /** By partition and offset: what was appended there last, committed or not. */
  readonly appended: Map<number, Map<number, Set<string>>> = new Map();
  /** What was acknowledged. */
  readonly committed: Map<number, Map<number, string>> = new Map();
  count = 0;

  note(into: 'appended' | 'committed', partition: number, offset: number, value: string): void {
    if (into === 'committed') {
      const records = this.committed.get(partition) ?? new Map<number, string>();
      records.set(offset, value);
      this.committed.set(partition, records);
      return;
    }
    const records = this.appended.get(partition) ?? new Map<number, Set<string>>();
    records.set(offset, (records.get(offset) ?? new Set()).add(value));
    this.appended.set(partition, records);
  }

  get committedCount(): number {
    let sum = 0;
    for (const records of this.committed.values()) sum += records.size;
    return sum;
  }
}

/** A journal whose every acknowledgement goes into a ledger. */
export class LedgerRig extends JournalRig {
  readonly ledger: Ledger;
  readonly states: JournalState[] = [];
  /** Acknowledgements that came after a failure. */
  readonly late: number[] = [];
  readonly #open = new Map<number, [partition: number, offset: number, value: string][]>();

  constructor(options: JournalRigOptions & { readonly ledger?: Ledger }) {
    super(options);
    this.ledger = options.ledger ?? new Ledger();
    const { journal } = this;
    journal.onCommitted = (commit) => {
      this.committed.push(commit);
      if (this.states.includes('failed')) this.late.push(commit);
      for (const [partition, offset, value] of this.#open.get(commit) ?? []) this.ledger.note('committed', partition, offset, value);
    };
    journal.onStateChanged = (state) => {
      this.states.push(state);
    };
  }

  /** Appends `count` records, some of them long. */
  put(partition: number, count = 1, length = 40): void {
    for (let i = 0; i < count; i += 1) {
      this.ledger.count += 1;
      const value = `record ${this.ledger.count} of partition ${partition} `.padEnd(length, '.');
      const offset = this.append(STREAM, partition, [value]);
      this.ledger.note('appended', partition, offset, value);
      const commit = this.journal.openCommit;
      const records = this.#open.get(commit);
      if (records === undefined) this.#open.set(commit, [[partition, offset, value]]);
      else records.push([partition, offset, value]);
    }
  }

  /** Records of a partition by offset, and how the reading ended. */
  records(partition: number): { readonly records: Map<number, string>; readonly status: string } {
    const records = new Map<number, string>();
    const log = this.journal.partition(STREAM, partition, SETTINGS);
    const status = log.read(log.logStart, 1 << 30, (batch) => {
      while (batch.next()) {
        const { recordsBytes, valueOffset, valueLength } = batch;
        records.set(batch.offset, Buffer.from(recordsBytes.subarray(valueOffset, valueOffset + valueLength)).toString());
      }
      return true;
    });
    return { records, status };
  }

  /** Nothing was ever read that was not appended at its offset. @returns committed records that could not be read. */
  expectNothingWrong(): number {
    let missing = 0;
    for (const [partition, appended] of this.ledger.appended) {
      const { records } = this.records(partition);
      for (const [offset, value] of records)
        assert.ok(appended.get(offset)?.has(value), `partition ${partition} offset ${offset} was never written as ${value}`);
      for (const [offset, value] of this.ledger.committed.get(partition) ?? []) if (records.get(offset) !== value) missing += 1;
    }
    return missing;
  }

  expectEverything(): void {
    assert.equal(this.expectNothingWrong(), 0, 'committed records are missing');
    for (const partition of this.ledger.appended.keys()) assert.equal(this.records(partition).status, 'ok');
  }
}

/** Waits turn by turn until it is so. */
export async function until(what: string, isSo: () => boolean): Promise<void> {
  const deadlineMs = performance.now() + DEADLINE_MS;
  while (!isSo()) {
    if (performance.now() > deadlineMs) throw new Error(`did not happen: ${what}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
