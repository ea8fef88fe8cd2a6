import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answerOf, append, bytesOf, entriesOf, entryOf, type StoreKind, seal, textOf } from './under-test.js';

/** What every store does with segments. */
export function segmentConformance({ name, place }: StoreKind): void {
  test(`${name}: what was appended is read again, and nothing else`, async (context) => {
    const store = place(context).open();
    const segment = store.create(1);
    await append(segment, [entryOf(1, 1), entryOf(1, 2), entryOf(7, 1, 50_000)]);
    assert.equal(textOf(segment.read(1, 2)), '1.2 ');
    assert.equal(segment.read(7, 1)?.length, 50_000);
    assert.equal(segment.read(1, 3), null);
    assert.equal(segment.read(2, 1), null);
    assert.equal(segment.lastIndexOf(1), 2);
    assert.equal(segment.lastIndexOf(2), 0);
    assert.ok(segment.bytes > 50_000);
    await store.close();
  });

  test(`${name}: what read gave out stays as it was when more is written`, async (context) => {
    const store = place(context).open();
    const segment = store.create(1);
    await append(segment, [entryOf(1, 1)]);
    const first = segment.read(1, 1);
    for (let index = 2; index < 50; index += 1) await append(segment, [entryOf(1, index, 3000)]);
    assert.equal(textOf(first), '1.1 ');
    await store.close();
  });

  test(`${name}: appends under way are done in order, and never before append has returned`, async (context) => {
    const store = place(context).open();
    const segment = store.create(1);
    const order: number[] = [];
    const answers = Array.from({ length: 20 }, (_, i) =>
      answerOf((done) => {
        segment.append([entryOf(1, i + 1, i * 700)], (error) => {
          order.push(i);
          assert.ok(segment.read(1, i + 1) !== null, 'what is done can be read');
          done(error);
        });
        assert.ok(!order.includes(i));
      }),
    );
    assert.deepEqual(new Set(await Promise.all(answers)), new Set([null]));
    assert.deepEqual(
      order,
      order.map((_, i) => i),
    );
    await store.close();
  });

  test(`${name}: a scan goes by group and index, from where it is told, and ends when it is told`, async (context) => {
    const store = place(context).open();
    const segment = store.create(1);
    await append(segment, [entryOf(300, 1), entryOf(2, 1), entryOf(2, 2), entryOf(2, 70_000), entryOf(0, 9)]);
    await seal(segment, [[bytesOf('footer'), bytesOf('is no entry')]]);
    assert.deepEqual(entriesOf(segment), ['0.9', '2.1', '2.2', '2.70000', '300.1']);
    assert.deepEqual(entriesOf(segment, 2, 2), ['2.2', '2.70000', '300.1']);
    assert.deepEqual(entriesOf(segment, 3), ['300.1']);
    assert.deepEqual(entriesOf(segment, 301), []);
    let visits = 0;
    segment.scan(() => {
      visits += 1;
      return visits < 2;
    });
    assert.equal(visits, 2);
    await store.close();
  });

  test(`${name}: an error of a scan's visitor reaches the caller as it is`, async (context) => {
    const store = place(context).open();
    const segment = store.create(1);
    await append(segment, [entryOf(1, 1)]);
    const own = new TypeError('of the visitor');
    assert.throws(
      () =>
        segment.scan(() => {
          throw own;
        }),
      own,
    );
    await store.close();
  });

  test(`${name}: footers are found exactly, by the greatest key that is not above, and by prefix`, async (context) => {
    const store = place(context).open();
    const segment = store.create(1);
    await append(segment, [entryOf(1, 1)]);
    assert.equal(segment.footer(bytesOf('a1')), null);
    const keys = ['a1', 'a3', 'a5', 'b2', 'k'.repeat(64)];
    await seal(
      segment,
      keys.map((key) => [bytesOf(key), bytesOf(`of ${key}`)] as const),
    );
    assert.equal(textOf(segment.footer(bytesOf('a3'))), 'of a3');
    assert.equal(segment.footer(bytesOf('a')), null);
    const found = (key: string, prefixLength: number): string | null =>
      textOf(segment.footerAtOrBefore(bytesOf(key), prefixLength)?.value ?? null);
    assert.equal(found('a3', 1), 'of a3');
    assert.equal(found('a4', 1), 'of a3');
    assert.equal(found('a0', 1), null);
    assert.equal(found('b1', 1), null);
    assert.equal(found('b1', 0), 'of a5');
    assert.equal(textOf(segment.footerAtOrBefore(bytesOf('zz'), 0)?.key ?? null), 'k'.repeat(64));
    const withPrefix = (prefix: string): string[] => {
      const all: string[] = [];
      segment.scanFooters(bytesOf(prefix), (key, value) => {
        assert.equal(textOf(value), `of ${textOf(key)}`);
        all.push(String(textOf(key)));
        return all.length < 3;
      });
      return all;
    };
    assert.deepEqual(withPrefix('a'), ['a1', 'a3', 'a5']);
    assert.deepEqual(withPrefix('b'), ['b2']);
    assert.deepEqual(withPrefix('c'), []);
    assert.deepEqual(withPrefix(''), ['a1', 'a3', 'a5']);
    await store.close();
  });

  test(`${name}: nothing is appended to a sealed segment`, async (context) => {
    const store = place(context).open();
    const segment = store.create(1);
    await append(segment, [entryOf(1, 1)]);
    const sealed = seal(segment);
    assert.throws(() => segment.append([entryOf(1, 2)], () => {}), /sealed/);
    await sealed;
    assert.throws(() => segment.append([entryOf(1, 2)], () => {}), /sealed/);
    assert.throws(() => store.reopen(1), /sealed/);
    assert.deepEqual(entriesOf(store.open(1)), ['1.1']);
    await store.close();
  });

  test(`${name}: list says what there is, in order`, async (context) => {
    const store = place(context).open();
    assert.deepEqual(store.list(), []);
    for (const id of [1, 2, 12]) await append(store.create(id), [entryOf(1, id)]);
    await seal(store.create(3));
    const listed = store.list();
    assert.deepEqual(
      listed.map(({ id, isSealed, isQuarantined }) => [id, isSealed, isQuarantined]),
      [
        [1, false, false],
        [2, false, false],
        [3, true, false],
        [12, false, false],
      ],
    );
    assert.ok(listed[0].bytes > 0);
    assert.throws(() => store.create(2), /not reused/);
    assert.throws(() => store.create(0), /counts from 1/);
    await store.close();
  });

  test(`${name}: a segment that was removed is gone, and one that is not there cannot be opened`, async (context) => {
    const store = place(context).open();
    const segment = store.create(1);
    await append(segment, [entryOf(1, 1)]);
    segment.close();
    store.remove(1);
    assert.deepEqual(store.list(), []);
    assert.throws(() => store.open(1), { fault: 'corrupt' });
    assert.throws(() => store.reopen(2), { fault: 'corrupt' });
    store.remove(1);
    await store.close();
  });

  test(`${name}: a segment in quarantine is listed as such, and not opened`, async (context) => {
    const home = place(context);
    const store = home.open();
    const segment = store.create(4);
    await append(segment, [entryOf(1, 1)]);
    segment.close();
    store.quarantine(4, 'page 7: keys are out of order (some/where)');
    const [listed] = store.list();
    assert.equal(listed.id, 4);
    assert.equal(listed.isQuarantined, true);
    assert.ok(listed.bytes > 0);
    assert.throws(() => store.open(4), { fault: 'corrupt' });
    await store.close();
    const again = home.open();
    assert.deepEqual(
      again.list().map(({ id, isQuarantined }) => [id, isQuarantined]),
      [[4, true]],
    );
    await again.close();
  });

  test(`${name}: prefetch of what is there and what is not never rejects`, async (context) => {
    const store = place(context).open();
    const segment = store.create(1);
    await append(segment, [entryOf(1, 1, 20_000)]);
    await segment.prefetch([
      { group: 1, index: 1 },
      { group: 9, index: 9 },
    ]);
    await segment.prefetch([]);
    segment.close();
    await segment.prefetch([{ group: 1, index: 1 }]);
    await store.close();
  });
}
