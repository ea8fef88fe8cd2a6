import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32c } from '../../src/wire/crc32c.js';

test('crc32c: the test vectors of RFC 3720 B.4', () => {
  const zeros = new Uint8Array(32);
  const ones = new Uint8Array(32).fill(0xff);
  const rising = Uint8Array.from({ length: 32 }, (_, i) => i);
  assert.equal(crc32c(zeros, 0, 32), 0x8a9136aa);
  assert.equal(crc32c(ones, 0, 32), 0x62a8ab43);
  assert.equal(crc32c(rising, 0, 32), 0x46dd794e);
  assert.equal(crc32c(rising.toReversed(), 0, 32), 0x113fdb5c);
  assert.equal(crc32c(Buffer.from('123456789'), 0, 9), 0xe3069283);
  assert.equal(crc32c(zeros, 5, 5), 0);
});

test('crc32c: every start and length gives what one byte at a time gives', () => {
  const bytes = Uint8Array.from({ length: 64 }, (_, i) => (i * 97 + 13) & 0xff);
  for (let from = 0; from < 20; from += 1) {
    let sum = 0;
    for (let to = from; to < 64; to += 1) {
      assert.equal(crc32c(bytes, from, to), sum);
      sum = crc32c(bytes, to, to + 1, sum);
    }
  }
});
