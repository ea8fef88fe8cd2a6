import assert from 'node:assert/strict';
import { isUtf8 } from 'node:buffer';
import { test } from 'node:test';
import { SeededRandom } from '../../src/base/random.js';
import { scanUtf8, TEXT_HAS_CONTROL, TEXT_HAS_NUL, TEXT_MALFORMED } from '../../src/wire/utf8.js';

function scanHex(hex: string): number {
  const bytes = Uint8Array.from(Buffer.from(hex, 'hex'));
  return scanUtf8(bytes, 0, bytes.length);
}

test('utf8: plain text of every length of sequence is clean', () => {
  for (const text of ['', 'topic/a', 'é', '€', 'A\u{2A6D4}', '\uFEFFx', '\u00A0', '\uD7FF\uE000', '\u{10FFFF}']) {
    assert.equal(scanHex(Buffer.from(text).toString('hex')), 0, text);
  }
});

test('utf8: surrogates, overlong forms, cut sequences and values beyond Unicode are malformed', () => {
  const malformed = [
    'eda080',
    'edbfbf',
    'c080',
    'c1bf',
    'e08080',
    'e09fbf',
    'f0808080',
    'f08fbfbf',
    'f4908080',
    'f5808080',
    'ff',
    '80',
    'c3',
  ];
  for (const hex of [...malformed, 'e282', 'f09f98', 'c328', 'e28228', 'f09f9828', 'fe']) assert.equal(scanHex(hex), TEXT_MALFORMED, hex);
});

test('utf8: U+0000 and control characters are told apart', () => {
  assert.equal(scanHex('610061'), TEXT_HAS_NUL);
  for (const hex of ['01', '1f', '7f', 'c280', 'c29f']) assert.equal(scanHex(hex), TEXT_HAS_CONTROL, hex);
  assert.equal(scanHex('0001'), TEXT_HAS_NUL | TEXT_HAS_CONTROL);
});

test('utf8: a sequence that goes on past the end is malformed, whatever follows it', () => {
  const bytes = Uint8Array.from(Buffer.from('€'));
  assert.equal(scanUtf8(bytes, 0, 2), TEXT_MALFORMED);
  assert.equal(scanUtf8(bytes, 0, 3), 0);
});

test('utf8: agrees with node:buffer on random bytes', () => {
  const random = new SeededRandom(Number(process.env.FUZZ_SEED ?? 1));
  const leading = [0x41, 0x80, 0xbf, 0xc2, 0xdf, 0xe0, 0xed, 0xef, 0xf0, 0xf4, 0xf5, 0x9f, 0xa0, 0x8f, 0x90];
  for (let round = 0; round < 40_000; round += 1) {
    const bytes = Uint8Array.from({ length: 1 + random.below(6) }, () =>
      random.below(2) === 0 ? leading[random.below(leading.length)] : random.below(256),
    );
    assert.equal(
      scanUtf8(bytes, 0, bytes.length) !== TEXT_MALFORMED,
      isUtf8(bytes),
      `seed ${random.seed}: ${Buffer.from(bytes).toString('hex')}`,
    );
  }
});
