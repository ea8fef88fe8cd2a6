import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SeededRandom } from '../../../src/base/random.js';
import { WireViolation } from '../../../src/wire/violation.js';
import { IndexRig } from './rig.js';

function footerBytes(rig: IndexRig): number {
  return rig.lane.segments.flatMap(({ footers }) => footers).reduce((sum, [key, value]) => sum + key.length + value.length, 0);
}

/** One message a commit for `filter`, with `others` messages of other filters between two of them. */
function publishAlone(rig: IndexRig, count: number, others: () => number): void {
  for (let i = 0; i < count; i += 1) {
    const between = others();
    if (between > 0) rig.batch().added(between);
    rig.add('filter');
    rig.settle();
  }
}

test('indexes: entries are read when their commit is durable, and not before', () => {
  const rig = new IndexRig();
  rig.add('a/+', 3);
  assert.deepEqual(rig.read('a/+'), []);
  rig.flush();
  assert.deepEqual(rig.read('a/+'), []);
  assert.equal(rig.indexes.find('a/+')?.last, 0);
  rig.lane.land();
  assert.deepEqual(rig.read('a/+'), [1, 2, 3]);
  assert.equal(rig.indexes.find('a/+')?.last, 3);
  assert.equal(rig.indexes.find('a/+')?.count, 3);
  assert.equal(rig.indexes.find('b'), undefined);
});

test('indexes: a read begins anywhere, and is cut to what there is room for', () => {
  const rig = new IndexRig();
  rig.add('a', 2);
  rig.batch().added(10);
  rig.add('a', 4);
  rig.settle();
  assert.deepEqual(rig.read('a', 2, 3), [2, 13, 14]);
  assert.deepEqual(rig.read('a', 5), [13, 14, 15, 16]);
  assert.deepEqual(rig.read('a', 15), [15, 16]);
  assert.deepEqual(rig.read('a', 17), []);
  assert.deepEqual(rig.read('a', 0, 0), []);
});

test('indexes: batches of one commit that are added to by turns come out in order', () => {
  const rig = new IndexRig();
  const index = rig.indexes.open('a');
  const first = rig.batch();
  const second = rig.batch();
  for (let i = 0; i < 4; i += 1) {
    index.add(first, first.count, 1);
    first.added(1);
    index.add(second, second.count + 1, 1);
    second.added(2);
  }
  rig.flush(([a, b]) => [b, a]);
  rig.lane.land();
  assert.deepEqual(rig.read('a'), [2, 4, 6, 8, 9, 10, 11, 12]);
});

test('indexes: a block and a footer row have the drawn layout', () => {
  const rig = new IndexRig();
  rig.nextSequence = 300;
  rig.batch().added(10);
  rig.add('a', 5);
  rig.batch().added(100);
  rig.add('a');
  rig.settle();
  const [{ bytes, blocks }] = rig.lane.active.entries;
  const block = bytes.subarray(blocks[0].at, blocks[0].at + blocks[0].length);
  // base 310, number 1, two runs: gap 0 and five sequences, gap 100 and one.
  assert.equal(Buffer.from(block).toString('hex'), ['b602', '01', '02', '01', '03', 'c801'].join(''));
  rig.lane.seal();
  const [[key, value]] = rig.lane.segments[0].footers;
  assert.equal(Buffer.from(key).toString('hex'), ['02', '0007', '00000001', '000000000136'].join(''));
  // count 6, span 105, no row after it, runs as in the block.
  assert.equal(Buffer.from(value).toString('hex'), ['06', '69', '00', '01', '03', 'c801'].join(''));
});

test('indexes: a lost commit leaves nothing, and its sequences may come again', () => {
  const rig = new IndexRig();
  rig.add('a');
  rig.settle();
  rig.add('a', 5);
  rig.flush();
  rig.lane.loseAll();
  rig.nextSequence = 2;
  rig.add('a', 2);
  rig.settle();
  assert.deepEqual(rig.read('a'), [1, 2, 3]);
});

test('indexes: sealed segments are read from their footers, also after a start', () => {
  const rig = new IndexRig();
  for (let segment = 0; segment < 3; segment += 1) {
    for (let i = 0; i < 20; i += 1) {
      rig.add('a');
      rig.batch().added(9);
      rig.settle();
    }
    rig.lane.seal();
  }
  rig.add('a');
  rig.settle();
  const expected = Array.from({ length: 61 }, (_, i) => 1 + i * 10);
  assert.deepEqual(rig.read('a'), expected);
  rig.restart();
  assert.deepEqual(rig.read('a'), expected);
  assert.equal(rig.indexes.find('a')?.count, 61);
  assert.deepEqual(
    rig.read('a', 205, 50),
    expected.filter((it) => it >= 205),
  );
});

test('indexes: a seal that was interrupted costs nothing', () => {
  const rig = new IndexRig();
  rig.add('a', 3);
  rig.settle();
  rig.lane.seal(true);
  assert.deepEqual(rig.read('a'), [1, 2, 3]);
  rig.restart();
  assert.deepEqual(rig.read('a'), [1, 2, 3]);
  rig.lane.seal();
  assert.deepEqual(rig.read('a'), [1, 2, 3]);
});

test('indexes: what was trimmed is not read, also after a seal and a start', () => {
  const rig = new IndexRig();
  rig.add('a', 10);
  rig.settle();
  const index = rig.indexes.find('a');
  index?.trim(4);
  index?.trim(2);
  assert.deepEqual(rig.read('a', 0, 2), [4, 5]);
  assert.equal(index?.count, 7);
  assert.equal(rig.indexes.firstWanted, 4);
  rig.lane.seal();
  assert.equal(index?.count, 7);
  rig.settle();
  rig.restart();
  assert.deepEqual(rig.read('a', 0, 2), [4, 5]);
  rig.indexes.find('a')?.trim(11);
  assert.equal(rig.indexes.find('a')?.count, 0);
  assert.equal(rig.indexes.find('a')?.last, 10);
  assert.equal(rig.indexes.firstWanted, Number.POSITIVE_INFINITY);
});

test('indexes: an index lives on when the segment of its making is gone', () => {
  const rig = new IndexRig();
  rig.add('a', 3);
  rig.settle();
  rig.lane.seal();
  rig.checkpoint();
  rig.lane.seal();
  rig.checkpoint();
  rig.lane.remove(1);
  assert.deepEqual(rig.read('a'), []);
  assert.equal(rig.indexes.find('a')?.last, 3);
  rig.lane.remove(2);
  rig.restart();
  assert.deepEqual([...rig.indexes.keys()], ['a']);
  assert.equal(rig.indexes.find('a')?.last, 3);
  rig.add('a');
  rig.settle();
  assert.deepEqual(rig.read('a'), [4]);
});

test('indexes: one that was dropped and made again does not see what the old one had', () => {
  const rig = new IndexRig();
  rig.add('a', 3);
  rig.settle();
  const old = rig.indexes.find('a');
  rig.lane.seal();
  rig.add('a');
  rig.indexes.drop('a');
  rig.indexes.drop('nobody');
  rig.add('a');
  old?.add(rig.batch(), 0, 1);
  rig.settle();
  assert.deepEqual(rig.read('a'), [5]);
  rig.restart();
  assert.deepEqual(rig.read('a'), [5]);
});

test('indexes: a segment that was rewritten keeps its place in the order', () => {
  const rig = new IndexRig();
  for (let i = 0; i < 3; i += 1) {
    rig.add('a', 2);
    rig.settle();
    rig.lane.seal();
  }
  rig.lane.renumber(2, 9);
  rig.indexes.onReplaced(2, 9);
  assert.deepEqual(rig.read('a'), [1, 2, 3, 4, 5, 6]);
  rig.restart();
  assert.deepEqual(rig.read('a'), [1, 2, 3, 4, 5, 6]);
  rig.lane.remove(9);
  assert.deepEqual(rig.read('a'), [1, 2, 5, 6]);
});

test('indexes: a block that is cut off is refused', () => {
  const rig = new IndexRig();
  const place = { segment: 1, group: 7, index: 1 };
  rig.add('a', 3);
  rig.settle();
  const { bytes, blocks } = rig.lane.active.entries[0];
  const { at, length } = blocks[0];
  rig.lane.segments[0].entries.length = 0;
  for (let to = at + 1; to < at + length; to += 1) {
    const [entry] = [{ place, bytes, blocks: [{ ...blocks[0], length: to - at }], commit: 1 }];
    rig.lane.segments[0].entries[0] = entry;
    // After the base alone a block may end: it adds to nothing.
    if (to > at + 1) assert.throws(() => rig.restart(), WireViolation, `${to - at} of ${length} bytes`);
  }
});

test('indexes: a message that matches one filter alone costs at most 4 bytes, a run as much', () => {
  const random = new SeededRandom(1);
  const sparse = new IndexRig();
  publishAlone(sparse, 20_000, () => random.below(1000));
  sparse.lane.seal();
  const alone = footerBytes(sparse) / 20_000;
  const busy = new IndexRig();
  for (let i = 0; i < 2_000; i += 1) {
    busy.add('filter', 50);
    busy.batch().added(1 + random.below(1000));
    busy.settle();
  }
  busy.lane.seal();
  const run = footerBytes(busy) / 2_000;
  const blocks = busy.lane.blockBytes / 2_000;
  assert.ok(alone <= 4 && run <= 5, `${alone} bytes for a message alone, ${run} for a run of 50 in footers, ${blocks} in blocks`);
});

test('indexes: a run that goes on from commit to commit stays one run', () => {
  const rig = new IndexRig();
  publishAlone(rig, 10_000, () => 0);
  rig.lane.seal();
  assert.ok(footerBytes(rig) < 30, `${footerBytes(rig)} bytes`);
  assert.equal(rig.indexes.find('filter')?.count, 10_000);
  assert.deepEqual(rig.read('filter', 5000, 2), [5000, 5001]);
});
