import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SeededRandom } from '../../src/base/random.js';
import { formatDuration, formatSize, parseDuration, parseSize } from '../../src/settings/units.js';

test('units: durations of every unit become milliseconds', () => {
  const cases: readonly (readonly [string, number])[] = [
    ['250', 250],
    ['250ms', 250],
    ['10s', 10_000],
    ['1.5h', 5_400_000],
    ['7d', 604_800_000],
    [' 2 m ', 120_000],
    ['0s', 0],
  ];
  for (const [text, ms] of cases) assert.equal(parseDuration(text), ms, text);
});

test('units: sizes of every unit become bytes', () => {
  const cases: readonly (readonly [string, number])[] = [
    ['2000000', 2_000_000],
    ['2MB', 2_000_000],
    ['1GiB', 2 ** 30],
    ['64MiB', 2 ** 26],
    ['1.5kib', 1536],
    ['12B', 12],
  ];
  for (const [text, bytes] of cases) assert.equal(parseSize(text), bytes, text);
});

test('units: what is not an amount is none', () => {
  for (const text of ['', 's', '-1s', '1x', '1 s s', '1e3', '1,5s', '10MiB', 'NaN', '999999999999999d']) {
    assert.equal(parseDuration(text), null, text);
  }
  for (const text of ['', 'MiB', '-1', '1Mi', '1s', '0x10']) assert.equal(parseSize(text), null, text);
});

test('units: what is formatted reads back as itself', () => {
  const seed = Date.now() >>> 0;
  const random = new SeededRandom(seed);
  for (let i = 0; i < 2000; i += 1) {
    const value = random.below(2 ** random.below(31) + 1) * (random.below(2) === 0 ? 1 : 1000);
    assert.equal(parseDuration(formatDuration(value)), value, `seed ${seed}`);
    assert.equal(parseSize(formatSize(value)), value, `seed ${seed}`);
  }
  assert.deepEqual([formatDuration(604_800_000), formatSize(2 ** 26), formatSize(2_000_000)], ['7d', '64MiB', '2MB']);
});
