import assert from 'node:assert/strict';
import { test } from 'node:test';
import { copyByWords } from '../../src/ring/copy.js';

test('copy: the same bytes as set, for every remainder and length', () => {
  const source = Uint8Array.from({ length: 64 }, (_, index) => index + 1);
  const sourceWords = new Int32Array(source.buffer);
  for (let remainder = 0; remainder < 4; remainder += 1) {
    for (let length = 0; length <= 40; length += 1) {
      const target = new Uint8Array(new SharedArrayBuffer(64));
      copyByWords(target, new Int32Array(target.buffer), 8 + remainder, source, sourceWords, 4 + remainder, length);
      const expected = new Uint8Array(64);
      expected.set(source.subarray(4 + remainder, 4 + remainder + length), 8 + remainder);
      assert.deepEqual([...target], [...expected]);
    }
  }
});
