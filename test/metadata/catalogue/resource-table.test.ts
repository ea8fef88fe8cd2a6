import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SeededRandom } from '../../../src/base/random.js';
import { keyRange, keyText } from '../../../src/metadata/catalogue/keys.js';
import { ResourceTable } from '../../../src/metadata/catalogue/resource-table.js';
import { seedOf } from './samples.js';

test('resource table: finds, lists and counts as a sorted map does, whatever comes in which order', () => {
  const random = new SeededRandom(seedOf());
  const table = new ResourceTable<number>();
  const model = new Map<string, number>();
  for (let step = 0; step < 30_000; step += 1) {
    const key = `k${random.below(4000)}`;
    const draw = random.below(100);
    if (draw < 60) {
      table.set(key, step);
      model.set(key, step);
    } else if (draw < 90) {
      if (model.delete(key)) table.delete(key);
    } else if (draw === 90) compare(table, model, `k${random.below(4000)}`);
    else assert.equal(table.get(key), model.get(key) ?? null);
  }
  compare(table, model, '');
  assert.deepEqual(table.capture(), [...model.values()]);
});

function compare(table: ResourceTable<number>, model: ReadonlyMap<string, number>, from: string): void {
  const expected = [...model].filter(([key]) => key >= from).sort(([a], [b]) => (a < b ? -1 : 1));
  const found: [string, number][] = [];
  table.scan(from, (record, key) => found.push([key, record]) > 0);
  assert.deepEqual(found, expected);
  assert.equal(table.countBetween(from, '~'), expected.length);
  assert.equal(table.size, model.size);
}

test('resource table: keys that come in order, at once or one by one, are there', () => {
  const table = new ResourceTable<number>();
  const scan = (): number[] => {
    const found: number[] = [];
    table.scan('', (record) => found.push(record) > 0);
    return found;
  };
  const key = (number: number): string => String(number).padStart(5, '0');
  for (let number = 0; number < 2000; number += 1) table.set(key(number), number);
  assert.equal(scan().length, 2000);
  for (let number = 2000; number < 2200; number += 1) {
    table.set(key(number), number);
    assert.equal(table.countBetween('', '~'), number + 1);
  }
  assert.deepEqual(
    scan(),
    Array.from({ length: 2200 }, (_, number) => number),
  );
});

test('keys: numbers sort as numbers, and a tenant is not mixed up with one whose name begins the same', () => {
  const offset = (stream: number, partition: number): string => keyText('offset', { tenant: 't', group: 'g', stream, partition });
  assert.ok(offset(9, 0) < offset(10, 0));
  assert.ok(offset(9, 99_999) < offset(0x4000_0000, 0));
  assert.ok(offset(9, 9) < offset(9, 10));
  const { from, to } = keyRange('a');
  const isIn = (tenant: string, name: string): boolean => {
    const key = keyText('user', { tenant, name });
    return key >= from && key < to;
  };
  assert.ok(isIn('a', 'x') && isIn('a', '\u{10ffff}'));
  assert.ok(!isIn('ab', 'x') && !isIn('a b', 'x') && !isIn('A', 'x'));
});
