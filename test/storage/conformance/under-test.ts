import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type {
  SegmentEntry,
  SegmentStore,
  StateTableStore,
  StoreDone,
  StoreError,
  TableChange,
  WritableSegment,
} from '../../../src/storage/ports.js';

const DEADLINE_MS = 10_000;

/** A place where stores are opened one after the other, as processes come and go. */
export interface StorePlace {
  open(): SegmentStore;
}

export interface StoreKind {
  readonly name: string;
  /** Gone when the test ends. */
  place(context: TestContext): StorePlace;
}

/** Resolves with what `done` is called with; rejects if it is called twice, or not at all. */
export function answerOf(start: (done: StoreDone) => void): Promise<StoreError | null> {
  return new Promise((resolve, reject) => {
    const deadline = setTimeout(() => reject(new Error('the store did not answer')), DEADLINE_MS);
    let calls = 0;
    start((error) => {
      clearTimeout(deadline);
      calls += 1;
      if (calls > 1) reject(new Error('the store answered twice'));
      else resolve(error);
    });
  });
}

export async function append(segment: WritableSegment, entries: readonly SegmentEntry[]): Promise<void> {
  assert.equal(await answerOf((done) => segment.append(entries, done)), null);
}

export async function seal(segment: WritableSegment, footers: readonly (readonly [Uint8Array, Uint8Array])[] = []): Promise<void> {
  assert.equal(await answerOf((done) => segment.seal(footers, done)), null);
}

export async function apply(table: StateTableStore, changes: readonly TableChange[]): Promise<void> {
  assert.equal(await answerOf((done) => table.apply(changes, done)), null);
}

export function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function textOf(bytes: Uint8Array | null): string | null {
  return bytes === null ? null : new TextDecoder().decode(bytes);
}

/** An entry whose text says where it is. */
export function entryOf(group: number, index: number, length = 0): SegmentEntry {
  return { group, index, bytes: bytesOf(`${group}.${index} `.padEnd(length, 'x')) };
}

export function entriesOf(segment: Pick<WritableSegment, 'scan'>, fromGroup?: number, fromIndex?: number): string[] {
  const found: string[] = [];
  const visit = (group: number, index: number, bytes: Uint8Array): boolean => {
    assert.equal(textOf(bytes)?.split(' ')[0], `${group}.${index}`);
    found.push(`${group}.${index}`);
    return true;
  };
  segment.scan(visit, fromGroup, fromIndex);
  return found;
}
