import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { DeadlineHeap } from '../../../src/protocols/mqtt/deadline-heap.js';

test('deadline heap: everything comes up in the order of its time, once, and not before', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(1000), { maxLength: 200 }), fc.nat(1000), (dues, now) => {
      const heap = new DeadlineHeap<number>();
      for (const due of dues) heap.push(due, due);
      const seen: number[] = [];
      heap.advance(now, (value, dueMs) => {
        assert.equal(value, dueMs);
        seen.push(value);
      });
      const sorted = [...dues].sort((a, b) => a - b);
      assert.deepEqual(
        seen,
        sorted.filter((due) => due <= now),
      );
      heap.advance(1000, (value) => seen.push(value));
      assert.deepEqual(seen, sorted);
      assert.equal(heap.length, 0);
    }),
  );
});
