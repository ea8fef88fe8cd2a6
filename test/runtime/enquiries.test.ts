import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Enquiries } from '../../src/runtime/enquiries.js';
import type { ShardOrder } from '../../src/runtime/orders.js';

function setUp(answerMsMax = 5000): {
  enquiries: Enquiries;
  posted: (readonly [number, ShardOrder])[];
  ticketOf: (index: number) => number;
} {
  const posted: (readonly [number, ShardOrder])[] = [];
  const host = {
    isServing: (shard: number) => shard !== 9,
    post: (shard: number, order: ShardOrder) => void posted.push([shard, order]),
  };
  const ticketOf = (index: number): number => {
    const [, order] = posted[index];
    return order.kind === 'query' ? order.ticket : assert.fail('it is a question');
  };
  return { enquiries: new Enquiries(host, answerMsMax), posted, ticketOf };
}

test('enquiries: an answer reaches who asked, in whatever order answers come', async () => {
  const { enquiries, ticketOf } = setUp();
  const first = enquiries.ask(0, { kind: 'totals' });
  const second = enquiries.ask(1, { kind: 'totals' });
  enquiries.onAnswer(ticketOf(1), { fault: null, body: [] });
  enquiries.onAnswer(ticketOf(0), { fault: null, body: [{ stream: 1, records: 2, bytes: 3 }] });
  assert.deepEqual(await first, { body: [{ stream: 1, records: 2, bytes: 3 }] });
  assert.deepEqual(await second, { body: [] });
  assert.equal(enquiries.openCount, 0);
});

test('enquiries: a shard that is down, goes down or is slow is silent, and a late answer is for nobody', async () => {
  const { enquiries, posted, ticketOf } = setUp(20);
  assert.equal(await enquiries.ask(9, { kind: 'orders-done' }), null);
  assert.equal(posted.length, 0);
  const dying = enquiries.ask(1, { kind: 'orders-done' });
  const slow = enquiries.ask(0, { kind: 'orders-done' });
  enquiries.onShardDown(1);
  assert.equal(await dying, null);
  assert.equal(enquiries.openCount, 1);
  assert.equal(await slow, null);
  enquiries.onAnswer(ticketOf(1), { fault: null, body: null });
  assert.equal(enquiries.openCount, 0);
});

test('enquiries: what keeps a shard from answering is an error with its words', async () => {
  const { enquiries, ticketOf } = setUp();
  const asked = enquiries.ask(0, { kind: 'journal' });
  enquiries.onAnswer(ticketOf(0), { fault: 'the disk is gone' });
  await assert.rejects(asked, /^BrokerError: RMQ-1024 shards did not answer \(shard 0: the disk is gone\)$/);
});
