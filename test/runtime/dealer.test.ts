import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRing } from '../../src/ring/layout.js';
import { Dealer } from '../../src/runtime/dealer.js';
import { InboundLink } from '../../src/runtime/inbound-link.js';
import { ThreadCells } from '../../src/runtime/thread-cells.js';
import { FakeSpaces } from './fake-spaces.js';

const TAG = 7;

function setUp(shards: number, connectionsMax = 1000, ringBytes = 4096) {
  const cells = ThreadCells.create(shards);
  const rings = Array.from({ length: shards }, () => createRing(ringBytes));
  const serving = new Set(rings.keys());
  const closed: number[] = [];
  const dealer = new Dealer({
    cells,
    connectionsMax,
    rings,
    isServing: (shard) => serving.has(shard),
    closeDescriptor: (fd) => closed.push(fd),
  });
  /** What the shard takes from its ring now, as it would. */
  const take = (shard: number, memory: SharedArrayBuffer = rings[shard]): number[] => {
    const got: number[] = [];
    const link = new InboundLink(-1, memory, new FakeSpaces(), {
      onRun: () => assert.fail('no runs from main'),
      onAppend: () => assert.fail('no runs from main'),
      onAppended: () => assert.fail('no answers from main'),
      onControl: () => assert.fail('no control from main'),
      onAccepted: (tag, descriptors) => {
        assert.equal(tag, TAG);
        got.push(...descriptors);
      },
    });
    link.receive(1000, ringBytes);
    cells.addAdopted(shard, got.length);
    return got;
  };
  const deal = (...descriptors: number[]): void => dealer.deal(TAG, Int32Array.from(descriptors), descriptors.length);
  return { cells, rings, serving, closed, dealer, take, deal };
}

test('dealer: each descriptor goes to the shard with the fewest connections', () => {
  const { cells, take, deal } = setUp(3);
  cells.setConnections(0, 2);
  cells.setConnections(1, 1);
  deal(10, 11, 12, 13, 14, 15);
  assert.deepEqual([take(0), take(1), take(2)], [[13], [11, 14], [10, 12, 15]]);
});

test('dealer: what is on its way counts', () => {
  const { take, deal, dealer } = setUp(2);
  deal(1);
  deal(2);
  assert.equal(dealer.load, 2);
  assert.deepEqual([take(0), take(1)], [[1], [2]]);
  assert.equal(dealer.load, 0, 'taken, and not yet counted as connections');
});

test('dealer: a full node and a full ring close the connection and count it', () => {
  const limited = setUp(2, 2);
  limited.deal(1, 2, 3);
  assert.deepEqual(limited.closed, [3]);
  assert.equal(limited.dealer.refused, 1);
  const narrow = setUp(1, 10_000, 1024);
  narrow.deal(...Array.from({ length: 65 }, (_, index) => index));
  assert.deepEqual(narrow.closed, [64]);
});

test('dealer: a shard that starts gets nothing while another serves, and everything if none does', () => {
  const { serving, take, deal } = setUp(2);
  serving.delete(0);
  deal(1, 2);
  assert.deepEqual(take(1), [1, 2]);
  serving.delete(1);
  deal(3);
  assert.deepEqual(take(0), [3]);
});

test('dealer: what a dead shard had not taken is dealt to the others', () => {
  const { cells, serving, take, deal, dealer } = setUp(2);
  cells.setConnections(1, 5);
  deal(1, 2, 3);
  serving.delete(0);
  cells.clearShard(0);
  dealer.replace(0, createRing(4096));
  assert.deepEqual(take(1), [1, 2, 3]);
});
