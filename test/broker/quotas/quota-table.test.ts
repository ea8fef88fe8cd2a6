import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SeededRandom } from '../../../src/base/random.js';
import { GAUGE, METER, NO_ROW } from '../../../src/broker/quotas/ports.js';
import { QuotaTable } from '../../../src/broker/quotas/quota-table.js';

const SHARDS = 3;
const NO_RATES = [0, 0, 0, 0, 0];

function open(rows = 256): { shards: QuotaTable[]; main: QuotaTable } {
  const memory = QuotaTable.memoryFor(rows, SHARDS);
  const shards = Array.from({ length: SHARDS }, (_, shard) => new QuotaTable(memory, SHARDS, shard, 7));
  return { shards, main: new QuotaTable(memory, SHARDS, -1, 7) };
}

test('quota table: shards count under one name together, and a shard that died counts no more', () => {
  const { shards, main } = open();
  const rows = shards.map((shard) => shard.hold('user alice', NO_RATES, 0));
  assert.equal(new Set(rows).size, 1);
  assert.notEqual(shards[0].hold('user bob', NO_RATES, 0), rows[0]);
  for (const [i, shard] of shards.entries()) shard.add(rows[0], GAUGE.connections, i + 1);
  assert.equal(shards[0].sum(rows[0], GAUGE.connections), 6);
  main.forgetShard(2);
  assert.equal(shards[0].sum(rows[0], GAUGE.connections), 3);
});

test('quota table: a bucket holds a second of its rate, owes what was taken beyond, and fills with time', () => {
  const { shards } = open();
  const row = shards[0].hold('a', [0, 100, 0, 0, 0], 1000);
  assert.equal(shards[0].take(row, METER.messagesIn, 100, 1000), 0);
  assert.equal(shards[1].take(row, METER.messagesIn, 50, 1000), 500, 'half a second is owed');
  assert.equal(shards[1].take(row, METER.messagesIn, 0, 1004), 100);
  assert.equal(shards[1].take(row, METER.messagesIn, 0, 1005), 0);
  assert.equal(shards[0].take(row, METER.messagesIn, 100, 5000), 0, 'more than a second is not saved');
  assert.equal(shards[0].take(row, METER.messagesIn, 1, 5000), 10);
  assert.equal(shards[0].take(row, METER.bytesIn, 1_000_000, 5000), 0, 'a rate of 0 limits nothing');
  shards[2].setRates(row, [0, 0, 0, 0, 0]);
  assert.equal(shards[0].take(row, METER.messagesIn, 1000, 5000), 0);
});

test('quota table: a row is free when nobody held it between two looks of main, and not before', () => {
  const { shards, main } = open();
  const row = shards[0].hold('a', NO_RATES, 0);
  assert.equal(main.retire(), 1);
  shards[0].release(row);
  assert.equal(main.retire(), 1, 'retiring');
  assert.equal(shards[1].hold('a', NO_RATES, 0), row, 'taken up again');
  assert.equal(main.retire(), 1);
  assert.equal(main.retire(), 1);
  shards[1].release(row);
  main.retire();
  main.retire();
  assert.equal(main.retire(), 0);
});

test('quota table: a full window says so, and names keep what they counted', () => {
  const { shards } = open(16);
  const rows = Array.from({ length: 20 }, (_, i) => shards[0].hold(`name ${i}`, NO_RATES, 0));
  assert.equal(rows.filter((row) => row === NO_ROW).length, 4);
  assert.equal(new Set(rows.filter((row) => row !== NO_ROW)).size, 16);
});

test('quota table: counts as a map does, through any holds, releases and looks of main', () => {
  const seed = Date.now() % 1_000_000;
  const random = new SeededRandom(seed);
  const { shards, main } = open(512);
  const held: { name: string; shard: number; row: number }[] = [];
  const counts = new Map<string, number>();
  for (let step = 0; step < 20_000; step += 1) {
    const kind = random.below(10);
    if (kind < 5 && held.length < 300) {
      const name = `n${random.below(60)}`;
      const shard = random.below(SHARDS);
      const row = shards[shard].hold(name, NO_RATES, step);
      assert.notEqual(row, NO_ROW);
      shards[shard].add(row, GAUGE.connections, 1);
      held.push({ name, shard, row });
      counts.set(name, (counts.get(name) ?? 0) + 1);
    } else if (kind < 9 && held.length > 0) {
      const [{ name, shard, row }] = held.splice(random.below(held.length), 1);
      shards[shard].add(row, GAUGE.connections, -1);
      shards[shard].release(row);
      counts.set(name, (counts.get(name) ?? 0) - 1);
    } else main.retire();
    const some = held[random.below(Math.max(1, held.length))];
    if (some !== undefined)
      assert.equal(shards[0].sum(some.row, GAUGE.connections), counts.get(some.name), `seed ${seed}, step ${step}: ${some.name}`);
  }
});
