import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SeededRandom } from '../../../src/base/random.js';
import { DELAYED_STREAM } from '../../../src/broker/delayed/delay-classes.js';
import { DelayedMessages } from '../../../src/broker/delayed/delayed-messages.js';
import type { LogTarget } from '../../../src/broker/ports.js';
import { streamOf } from '../../../src/journal/partition-key.js';
import { MemoryDisk } from '../../../src/storage/memory-disk.js';
import { openMemoryStore } from '../../../src/storage/memory-store.js';
import { JournalRig, SETTINGS } from '../../journal/log/rig.js';
import { FaultyStore } from '../../storage/faulty-store.js';

/*
  Random histories with crashes: whatever was acknowledged is published once, in order, not before its time; what was not is published once or never.
*/

const STREAM = 1;
const PARTITIONS = 4;
const RUNS = Number(process.env.DELAYED_RUNS ?? 60);
const STEPS = 120;
const EMPTY = new Uint8Array(0);

interface Message {
  readonly id: number;
  readonly partition: number;
  readonly dueMs: number;
  state: 'sent' | 'acknowledged' | 'cancelled' | 'unknown';
}

interface Batch {
  readonly commit: number;
  readonly group: number;
}

/** A node that is killed and started again, on one disk and with one clock. */
class World {
  readonly messages: Message[] = [];
  readonly #random: SeededRandom;
  readonly #disk = new MemoryDisk();
  #nowMs = 1_000_000;
  #store!: FaultyStore;
  #rig!: JournalRig;
  delayed!: DelayedMessages;
  #sent: { readonly commit: number; readonly message: Message }[] = [];
  #batches: Batch[] = [];

  constructor(random: SeededRandom) {
    this.#random = random;
    this.start();
  }

  start(): void {
    this.#store = new FaultyStore(openMemoryStore(this.#disk));
    this.#rig = new JournalRig({ store: this.#store, segmentBytes: 4096 });
    this.#rig.clock.advance(this.#nowMs);
    this.delayed = new DelayedMessages(this.#rig.journal, 1000);
    this.#rig.journal.onCommitted = (commit) => this.#onCommitted(commit);
    this.#rig.journal.onFailed = (commit) => this.#onLost(commit);
  }

  target(partition: number): LogTarget {
    const group = this.#rig.journal.groupOf(STREAM, partition);
    return { stream: STREAM, partition, group, owner: 0, settings: SETTINGS, takesQos0: true, key: EMPTY, keyIsTopic: true };
  }

  accept(): void {
    const partition = this.#random.below(PARTITIONS);
    const delayMs =
      this.#random.below(4) === 0 ? -this.#random.below(3_000) : this.#random.below([500, 20_000, 500_000][this.#random.below(3)]);
    const id = this.messages.length;
    const dueMs = this.#nowMs + delayMs;
    const value = Buffer.from(String(id));
    let actualMs = 0;
    const commit = this.delayed.append(this.target(partition), this.#nowMs, dueMs, (batch, due) => {
      actualMs = due;
      batch.writer.append(this.#nowMs, value, 0, 0, value, 0, value.length, null, 0, 0);
      batch.added(1);
    });
    assert.ok(actualMs >= dueMs);
    const message: Message = { id, partition, dueMs, state: 'sent' };
    this.messages.push(message);
    this.#sent.push({ commit, message });
  }

  advance(ms: number): void {
    this.#nowMs += ms;
    this.#rig.clock.advance(ms);
    this.#rig.journal.onTick(this.#nowMs);
  }

  /** As the protocol does: what is due is appended in the commit that says so. */
  publishDue(): void {
    if (this.#rig.journal.state !== 'writable') return;
    for (const group of this.delayed.groups()) {
      if (!group.hasDue(this.#nowMs)) continue;
      const room = 1 + this.#random.below(4);
      const ids: number[] = [];
      group.take(this.#nowMs, (_dueMs, batch) => {
        assert.ok(batch !== null, 'what waits can be read');
        ids.push(Number(Buffer.from(batch.recordsBytes.subarray(batch.valueOffset, batch.valueOffset + batch.valueLength)).toString()));
        return ids.length < room;
      });
      if (!group.isUnderWay) continue;
      for (const id of ids) {
        assert.ok(this.messages[id].dueMs <= this.#nowMs, 'not before its time');
        this.#rig.append(STREAM, this.messages[id].partition, [String(id)]);
      }
      group.pass();
      this.#batches.push({ commit: this.#rig.journal.openCommit, group: group.id });
    }
  }

  cancel(): void {
    const ids: string[] = [];
    this.delayed.list('', ({ id, batch }) => {
      if (batch !== null) ids.push(id);
      return true;
    });
    if (ids.length === 0) return;
    const chosen = ids[this.#random.below(ids.length)];
    let which = -1;
    this.delayed.list('', ({ id, batch }) => {
      if (id === chosen && batch !== null)
        which = Number(Buffer.from(batch.recordsBytes.subarray(batch.valueOffset, batch.valueOffset + batch.valueLength)).toString());
      return which < 0;
    });
    if (!this.delayed.cancel(chosen)) return;
    // Until its commit is durable a crash may bring it back.
    this.messages[which].state = 'unknown';
    this.#sent.push({ commit: this.#rig.journal.openCommit, message: { ...this.messages[which], state: 'cancelled' } });
  }

  flush(): void {
    this.#rig.journal.flush();
  }

  hold(): void {
    this.#store.hold();
  }

  async settle(): Promise<void> {
    this.#store.release();
    await this.#rig.settle();
  }

  async fillDisk(): Promise<void> {
    this.#store.release();
    this.#store.fillDisk();
    await this.#rig.settle();
    this.#store.freeDisk();
    this.advance(2_000);
  }

  async crash(): Promise<void> {
    const kept = this.#random.below(3);
    await this.#store.crash((waiting) => waiting < kept);
    for (const { message } of this.#sent) if (message.state === 'sent') message.state = 'unknown';
    this.#sent = [];
    this.#batches = [];
    this.start();
  }

  trim(): void {
    this.delayed.trim();
  }

  published(): number[] {
    const ids: number[] = [];
    for (let partition = 0; partition < PARTITIONS; partition += 1) ids.push(...this.#rig.read(STREAM, partition).map(Number));
    return ids;
  }

  /** Records of bodies that the journal still has. */
  keptRecords(): number {
    let records = 0;
    for (const group of this.#rig.journal.groups)
      for (const partition of group.partitions()) if (streamOf(partition.key) === DELAYED_STREAM) records += partition.records;
    return records;
  }

  #onCommitted(commit: number): void {
    this.delayed.onCommitted(commit);
    for (const { message } of this.#sent.filter((sent) => sent.commit <= commit)) {
      if (message.state === 'cancelled') this.messages[message.id].state = 'cancelled';
      else if (message.state === 'sent') message.state = 'acknowledged';
    }
    this.#sent = this.#sent.filter((sent) => sent.commit > commit);
    for (const { group } of this.#batches.filter((batch) => batch.commit <= commit)) this.#groupOf(group).settle();
    this.#batches = this.#batches.filter((batch) => batch.commit > commit);
  }

  #onLost(commit: number): void {
    this.delayed.onLost(commit);
    for (const { message } of this.#sent.filter((sent) => sent.commit === commit)) {
      if (message.state === 'sent') message.state = 'unknown';
    }
    this.#sent = this.#sent.filter(({ commit: its, message }) => its !== commit || message.state === 'cancelled');
    for (const { group } of this.#batches.filter((batch) => batch.commit === commit)) this.#groupOf(group).giveBack();
    this.#batches = this.#batches.filter((batch) => batch.commit !== commit);
  }

  #groupOf(id: number) {
    for (const group of this.delayed.groups()) if (group.id === id) return group;
    return assert.fail('the group is there');
  }
}

async function step(world: World, random: SeededRandom): Promise<void> {
  const choice = random.below(100);
  if (choice < 40) world.accept();
  else if (choice < 55) world.advance(random.below(2_000));
  else if (choice < 60) world.advance(random.below(300_000));
  else if (choice < 75) world.publishDue();
  else if (choice < 80) world.cancel();
  else if (choice < 85) world.flush();
  else if (choice < 93) await world.settle();
  else if (choice < 95) await world.fillDisk();
  else if (choice < 97) {
    world.hold();
    world.flush();
    world.trim();
  } else await world.crash();
}

test('delayed: through random crashes and full disks each message that was acknowledged is published once, and none before its time', async () => {
  const seed = Number(process.env.TEST_SEED ?? Math.floor(Math.random() * 2 ** 31));
  for (let run = 0; run < RUNS; run += 1) {
    const random = new SeededRandom(seed + run);
    const world = new World(random);
    for (let i = 0; i < STEPS; i += 1) await step(world, random);
    for (let round = 0; round < 500; round += 1) {
      world.advance(10_000);
      world.publishDue();
      await world.settle();
      if (world.delayed.count === 0) break;
    }
    assert.equal(world.delayed.count, 0, `seed ${seed + run}: nothing waits for ever`);
    const published = world.published();
    const times = new Map<number, number>();
    for (const id of published) times.set(id, (times.get(id) ?? 0) + 1);
    for (const { id, state } of world.messages) {
      const count = times.get(id) ?? 0;
      if (state === 'acknowledged') assert.equal(count, 1, `seed ${seed + run}: message ${id} was acknowledged`);
      else if (state === 'cancelled') assert.equal(count, 0, `seed ${seed + run}: message ${id} was cancelled`);
      else assert.ok(count <= 1, `seed ${seed + run}: message ${id} came ${count} times`);
    }
  }
});

test('delayed: the bodies of what was published go with their segments, those that wait stay', async () => {
  const world = new World(new SeededRandom(3));
  for (let i = 0; i < 400; i += 1) {
    world.accept();
    if (i % 10 === 0) await world.settle();
  }
  await world.settle();
  const all = world.keptRecords();
  assert.equal(all, 400);
  for (let round = 0; round < 400 && world.delayed.count > 0; round += 1) {
    world.advance(10_000);
    world.publishDue();
    await world.settle();
    world.trim();
  }
  assert.equal(world.delayed.count, 0);
  const left = world.keptRecords();
  assert.ok(left < all / 4, `${left} of ${all} are left: those of segments that are written still`);
  await world.crash();
  assert.equal(world.delayed.count, 0, 'and none of them comes again');
  assert.equal(new Set(world.published()).size, 400);
});
