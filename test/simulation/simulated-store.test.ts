import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SeededRandom } from '../../src/base/random.js';
import type { Entry } from '../../src/raft/messages.js';
import { EventQueue } from './event-queue.js';
import { SimulatedDisk } from './simulated-disk.js';
import { SimulatedStore } from './simulated-store.js';
import { fileName } from './snapshot-files.js';
import { foundStore, rottableStretches } from './store-opening.js';

const PLENTY = 100_000;

class Bench {
  readonly events: EventQueue = new EventQueue();
  readonly disk: SimulatedDisk;
  store: SimulatedStore;

  constructor(seed: number) {
    this.disk = new SimulatedDisk(this.events, new SeededRandom(seed), { sectorBytes: 512, flushMs: 1 });
    foundStore(this.disk, [1, 2, 3]);
    this.store = this.open();
  }

  open(): SimulatedStore {
    this.store = new SimulatedStore({ disk: this.disk, events: this.events, segmentBytes: PLENTY, onEntry: () => {} });
    return this.store;
  }

  settle(): void {
    this.events.runUntil(this.events.nowMs + 1000, () => false);
  }

  append(first: number, count: number): void {
    const entries = Array.from(
      { length: count },
      (_, at): Entry => ({ index: first + at, term: 1, type: 'normal', data: Buffer.alloc(300, first) }),
    );
    this.store.append({ term: 1, vote: 2, commit: first - 1 }, entries, () => {});
  }

  snapshot(index: number): void {
    const writer = this.store.beginSnapshot();
    writer.write(Buffer.from(`state at ${index}`), () => {});
    this.settle();
    writer.commit(index, 1, this.store.configuration, () => {});
    this.settle();
  }
}

test('simulated store: a power cut loses nothing that was done, and takes what was not as a whole or not at all', () => {
  for (let seed = 1; seed <= 200; seed += 1) {
    const bench = new Bench(seed);
    bench.append(2, 2);
    bench.settle();
    bench.append(4, 3);
    bench.append(7, 2);
    bench.disk.crash();
    const { lastIndex, damagedUpTo, hardState } = bench.open();
    assert.ok([3, 6, 8].includes(lastIndex), `seed ${seed}: the log ends at ${lastIndex}`);
    assert.deepEqual([damagedUpTo, hardState.vote], [0, 2], `seed ${seed}`);
  }
});

test('simulated store: damage within the log keeps what is before it, and tells up to where there was more', () => {
  let damaged = 0;
  for (let seed = 1; seed <= 200; seed += 1) {
    const bench = new Bench(seed);
    for (let first = 2; first < 12; first += 2) {
      bench.append(first, 2);
      bench.settle();
    }
    const { name, from, to } = rottableStretches(bench.disk)[0];
    bench.disk.rot(name, from, to);
    bench.disk.crash();
    const { lastIndex, damagedUpTo, hardState } = bench.open();
    if (lastIndex < 11) damaged += 1;
    assert.equal(damagedUpTo, lastIndex < 11 ? 11 : 0, `seed ${seed}: the log ends at ${lastIndex}`);
    assert.ok(hardState.commit <= lastIndex && hardState.vote === 2 && hardState.term === 1, `seed ${seed}`);
    bench.settle();
    assert.equal(bench.open().damagedUpTo, damagedUpTo, `seed ${seed}: after another start`);
  }
  assert.ok(damaged > 100, `only ${damaged} were damaged`);
});

test('simulated store: without its newest snapshot it begins with the one before', () => {
  const bench = new Bench(1);
  bench.append(2, 10);
  bench.settle();
  bench.snapshot(5);
  bench.snapshot(9);
  const [newest] = bench.store.generations;
  bench.disk.rot(fileName(newest.serial), 0, 20);
  bench.disk.crash();
  const store = bench.open();
  assert.deepEqual([store.snapshotIndex, store.lastIndex, store.damagedUpTo], [5, 11, 0]);
  bench.settle();
  store.compact(5);
  bench.settle();
  bench.snapshot(11);
  bench.store.compact(11);
  bench.settle();
  bench.disk.rot(fileName(bench.store.generations[0].serial), 0, 20);
  bench.disk.crash();
  const again = bench.open();
  assert.deepEqual([again.snapshotIndex, again.lastIndex, again.damagedUpTo, again.hardState.commit], [5, 5, 11, 5]);
});

test('simulated store: a full disk holds writes up, and loses none', () => {
  const bench = new Bench(1);
  bench.settle();
  bench.disk.isFull = true;
  bench.append(2, 2);
  bench.settle();
  assert.equal(bench.store.lastIndex, 1);
  bench.disk.isFull = false;
  bench.settle();
  assert.equal(bench.store.lastIndex, 3);
});
