import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answerOf, append, apply, bytesOf, entriesOf, entryOf, type StoreKind, seal, textOf } from './under-test.js';

/** What every store does with its table, and over its opening and closing. */
export function lifetimeConformance({ name, place }: StoreKind): void {
  test(`${name}: the table is changed as a whole, read by key and by prefix`, async (context) => {
    const store = place(context).open();
    const { table } = store;
    assert.equal(table.get(bytesOf('a')), null);
    const pairs = ['b', 'a', 'ab', 'c'].map((key) => ({ key: bytesOf(key), value: bytesOf(`of ${key}`) }));
    await apply(table, pairs);
    await apply(table, [
      { key: bytesOf('c'), value: null },
      { key: bytesOf('a'), value: bytesOf('new') },
      { key: bytesOf('nobody'), value: null },
    ]);
    assert.equal(textOf(table.get(bytesOf('a'))), 'new');
    assert.equal(table.get(bytesOf('c')), null);
    const scan = (prefix: string, max = 9): string[] => {
      const found: string[] = [];
      table.scan(bytesOf(prefix), (key, value) => found.push(`${textOf(key)}=${textOf(value)}`) < max);
      return found;
    };
    assert.deepEqual(scan('a'), ['a=new', 'ab=of ab']);
    assert.deepEqual(scan(''), ['a=new', 'ab=of ab', 'b=of b']);
    assert.deepEqual(scan('', 1), ['a=new']);
    assert.deepEqual(scan('x'), []);
    await store.close();
  });

  test(`${name}: the last of overlapping changes of the table holds, and they are done in order`, async (context) => {
    const store = place(context).open();
    const order: number[] = [];
    const answers = Array.from({ length: 10 }, (_, i) =>
      answerOf((done) =>
        store.table.apply([{ key: bytesOf('key'), value: bytesOf(`${i}`.padEnd(i * 1000)) }], (error) => {
          order.push(i);
          done(error);
        }),
      ),
    );
    await Promise.all(answers);
    assert.deepEqual(order, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    assert.equal(textOf(store.table.get(bytesOf('key')))?.trim(), '9');
    await store.close();
  });

  test(`${name}: everything is there again when the place is opened again in the same process`, async (context) => {
    const home = place(context);
    const store = home.open();
    const sealed = store.create(1);
    await append(sealed, [entryOf(1, 1), entryOf(2, 1, 9000)]);
    await seal(sealed, [[bytesOf('f'), bytesOf('footer')]]);
    await append(store.create(2), [entryOf(1, 2)]);
    await apply(store.table, [{ key: bytesOf('k'), value: bytesOf('v') }]);
    await store.close();
    for (let round = 0; round < 3; round += 1) {
      const again = home.open();
      assert.deepEqual(
        again.list().map(({ id, isSealed }) => [id, isSealed]),
        [
          [1, true],
          [2, false],
        ],
      );
      assert.deepEqual(entriesOf(again.open(1)), ['1.1', '2.1']);
      assert.equal(textOf(again.open(1).footer(bytesOf('f'))), 'footer');
      const active = again.reopen(2);
      await append(active, [entryOf(1, 3 + round)]);
      assert.equal(active.lastIndexOf(1), 3 + round);
      assert.equal(textOf(again.table.get(bytesOf('k'))), 'v');
      await again.close();
    }
  });

  test(`${name}: a segment is closed and opened again at once`, async (context) => {
    const store = place(context).open();
    const segment = store.create(1);
    await append(segment, [entryOf(1, 1)]);
    await seal(segment);
    for (let round = 0; round < 20; round += 1) {
      const reader = store.open(1);
      assert.deepEqual(entriesOf(reader), ['1.1']);
      reader.close();
      reader.close();
      assert.throws(() => reader.read(1, 1), { fault: 'closed' });
      assert.throws(() => reader.scan(() => true), { fault: 'closed' });
      assert.throws(() => reader.footer(bytesOf('f')), { fault: 'closed' });
    }
    await store.close();
  });

  test(`${name}: close waits for what is under way, and what comes after it is refused`, async (context) => {
    const home = place(context);
    const store = home.open();
    const segment = store.create(1);
    const under = [1, 2, 3].map((index) => answerOf((done) => segment.append([entryOf(1, index)], done)));
    const change = answerOf((done) => store.table.apply([{ key: bytesOf('k'), value: bytesOf('v') }], done));
    const closing = store.close();
    assert.deepEqual(await Promise.all([...under, change]), [null, null, null, null]);
    await closing;
    await store.close();
    const late = await answerOf((done) => segment.append([entryOf(1, 4)], done));
    assert.equal(late?.fault, 'closed');
    const lateChange = await answerOf((done) => store.table.apply([{ key: bytesOf('k'), value: null }], done));
    assert.equal(lateChange?.fault, 'closed');
    assert.throws(() => segment.read(1, 1), { fault: 'closed' });
    assert.throws(() => store.create(2), { fault: 'closed' });
    const again = home.open();
    assert.deepEqual(entriesOf(again.reopen(1)), ['1.1', '1.2', '1.3']);
    assert.equal(textOf(again.table.get(bytesOf('k'))), 'v');
    await again.close();
  });

  test(`${name}: says how many bytes can still be written`, async (context) => {
    const store = place(context).open();
    assert.ok(store.freeBytes() > 0);
    await store.close();
  });
}
