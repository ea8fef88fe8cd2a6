import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../../../src/base/clock.js';
import { type Random, SeededRandom } from '../../../src/base/random.js';
import { StateTables } from '../../../src/journal/state/state-tables.js';
import { FakeLane } from '../fake-lane.js';
import { FakeTableStore } from '../fake-table-store.js';

/*
  Random histories against a Map: commits that are lost, processes that end anywhere (also within a checkpoint and before anybody was told of
  a flush), segments that go as soon as they may. FUZZ_SECONDS runs it longer, FUZZ_SEED plays a run again.
*/

const SECONDS = Number(process.env.FUZZ_SECONDS ?? 2);
const SEED = Number(process.env.FUZZ_SEED ?? Date.now() % 1_000_000);
const STEPS = 400;
const TABLES = ['sessions', 'cursors', 'ü'];

type Contents = Map<string, string>;

/** Time passes while it is looked at, so that portions end early. */
class BusyClock extends ManualClock {
  readonly #random: Random;

  constructor(random: Random) {
    super();
    this.#random = random;
  }

  override monotonicMs(): number {
    this.advance(this.#random.nextFraction() * 2);
    return super.monotonicMs();
  }
}

class History {
  readonly #random: Random;
  readonly #lane = new FakeLane(3);
  readonly #store = new FakeTableStore();
  readonly #clock: BusyClock;
  readonly #keys: number;
  #tables: StateTables;
  #current: Contents = new Map();
  #durable: Contents = new Map();
  /** What the tables are when the commits under way are durable, one after the other. */
  #underWay: Contents[] = [];
  portions = 0;
  removed = 0;

  constructor(random: Random) {
    this.#random = random;
    this.#clock = new BusyClock(random);
    this.#keys = 1 + random.below(400);
    this.#tables = this.#start();
  }

  step(): void {
    const kind = this.#random.below(100);
    if (kind < 50) this.#change();
    else if (kind < 65) this.#flush();
    else if (kind < 80) this.#land();
    else if (kind < 82) this.#lose();
    else if (kind < 90) this.#tick();
    else if (kind < 96) this.portions += this.#store.complete() ? 1 : 0;
    else if (kind < 97) this.#store.fail();
    else if (kind < 98) this.#removeSegments();
    else if (kind < 99) this.#sealWhenQuiet();
    else this.#crash();
    if (this.#random.below(20) === 0) this.#compare(this.#current);
  }

  #start(): StateTables {
    const tables = new StateTables(3, this.#store, this.#clock);
    tables.loadCheckpoint();
    this.#lane.start([tables]);
    return tables;
  }

  #change(): void {
    for (let changes = 1 + this.#random.below(30); changes > 0; changes -= 1) {
      const name = TABLES[this.#random.below(TABLES.length)];
      const key = `key ${this.#random.below(this.#keys)}`;
      if (this.#random.below(3) === 0) {
        this.#tables.table(name).delete(key);
        this.#current.delete(`${name}/${key}`);
      } else {
        const value = 'v'.repeat(this.#random.below(8) === 0 ? this.#random.below(30_000) : this.#random.below(20));
        this.#tables.table(name).put(key, Buffer.from(value));
        this.#current.set(`${name}/${key}`, value);
      }
    }
  }

  #flush(): void {
    const before = this.#lane.inFlightCount;
    this.#lane.flush();
    if (this.#lane.inFlightCount > before) this.#underWay.push(new Map(this.#current));
  }

  #land(): void {
    const next = this.#underWay.shift();
    if (next === undefined) return;
    this.#lane.land();
    this.#durable = next;
  }

  #lose(): void {
    this.#lane.loseAll();
    this.#underWay = [];
  }

  #tick(): void {
    if (this.#random.below(3) === 0) this.#tables.requestCheckpoint();
    this.#clock.advance(this.#random.below(10) === 0 ? 10_000 : 100);
    this.#tables.onTick(this.#clock.nowMs());
  }

  #sealWhenQuiet(): void {
    if (this.#lane.inFlightCount === 0) this.#lane.seal(this.#random.below(4) === 0);
  }

  #removeSegments(): void {
    for (const { id, entries, isSealed } of [...this.#lane.segments]) {
      const last = entries.at(-1)?.place.index ?? 0;
      if (!isSealed || last > this.#tables.checkpointedIndex) continue;
      this.#lane.remove(id);
      this.removed += 1;
    }
  }

  #crash(): void {
    const kept = this.#random.below(this.#underWay.length + 1);
    if (kept > 0) this.#durable = this.#underWay[kept - 1];
    this.#underWay = [];
    this.#lane.crash(kept);
    // A portion is never newer than the commits that had landed when it was handed over, so it may be there or not.
    this.#store.crash(this.#random.below(this.#store.pendingCount + 1));
    this.#tables = this.#start();
    this.#current = new Map(this.#durable);
    this.#compare(this.#durable);
  }

  #compare(expected: Contents): void {
    const found: Contents = new Map();
    for (const name of TABLES) {
      const table = this.#tables.table(name);
      let count = 0;
      for (const [key, value] of table.entries()) {
        found.set(`${name}/${key}`, Buffer.from(value).toString());
        count += 1;
      }
      assert.equal(table.size, count);
    }
    assert.equal(found.size, expected.size);
    for (const [key, value] of expected) assert.equal(found.get(key), value, key);
  }
}

test(`tables: random histories end as a Map says (seed ${SEED})`, () => {
  const deadline = performance.now() + SECONDS * 1000;
  let portions = 0;
  let removed = 0;
  for (let seed = SEED; performance.now() < deadline; seed += 1) {
    const history = new History(new SeededRandom(seed));
    let step = 0;
    try {
      for (; step < STEPS; step += 1) history.step();
    } catch (error) {
      throw new Error(`FUZZ_SEED=${seed}, step ${step}`, { cause: error });
    }
    portions += history.portions;
    removed += history.removed;
  }
  assert.ok(portions > 10 && removed > 0, `checkpoints were written (${portions} portions) and segments removed (${removed})`);
});
