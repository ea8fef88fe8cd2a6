import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InputQueue } from '../../../src/transport/node/input-queue.js';

test('input queue: whatever the pieces, bytes come out as they went in', () => {
  let state = 12345;
  const random = (below: number): number => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return (state >>> 8) % below;
  };
  for (let round = 0; round < 50; round += 1) {
    const queue = new InputQueue();
    let written = 0;
    let read = 0;
    while (read < 20_000) {
      if (random(3) > 0) {
        const length = random(4) === 0 ? random(40_000) : random(20);
        const bytes = Uint8Array.from({ length }, (_, i) => (written + i) % 251);
        const isOurs = random(2) === 0;
        queue.append(bytes, isOurs);
        if (!isOurs) bytes.fill(0xff);
        written += length;
      }
      assert.equal(queue.length, written - read);
      const seen = random(queue.length + 1);
      const target = new Uint8Array(seen + 4);
      queue.copyTo(target, 4, seen);
      for (let i = 0; i < seen; i += 1) if (target[4 + i] !== (read + i) % 251) assert.fail(`byte ${read + i}`);
      const taken = random(seen + 1);
      queue.consume(taken);
      read += taken;
    }
  }
});
