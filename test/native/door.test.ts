import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BrokerError } from '../../src/base/errors.js';
import { checkLayout, loadNative, type NativeBinding } from '../../src/native/door.js';
import { LAYOUT } from '../../src/transport/native/layout.js';

function binding(): NativeBinding {
  const loaded = loadNative();
  assert.ok(!('unavailable' in loaded), 'unavailable' in loaded ? loaded.unavailable : '');
  return loaded;
}

test('door: every number that TypeScript shares with C++ is the same there', () => {
  const { layout } = binding();
  assert.deepEqual({ ...layout }, { ...LAYOUT });
});

test('door: a number that differs is a broker error that names it', () => {
  const wrong = { ...LAYOUT, ROW_INTS: 9 };
  assert.throws(
    () => checkLayout(binding(), wrong),
    (error) => error instanceof BrokerError && error.message.includes('ROW_INTS is 9 in TypeScript and 8'),
  );
});

test('crc32c: known values, by instruction and by table', () => {
  const native = binding();
  // RFC 3720 appendix B.4.
  const vectors: readonly (readonly [Uint8Array, number])[] = [
    [new Uint8Array(32), 0x8a9136aa],
    [new Uint8Array(32).fill(0xff), 0x62a8ab43],
    [Uint8Array.from({ length: 32 }, (_, i) => i), 0x46dd794e],
    [Uint8Array.from({ length: 32 }, (_, i) => 31 - i), 0x113fdb5c],
    [Buffer.from('123456789'), 0xe3069283],
    [new Uint8Array(0), 0],
  ];
  for (const [bytes, expected] of vectors) {
    assert.equal(native.crc32c(bytes, 0), expected);
    assert.equal(native.crc32cByTable(bytes, 0), expected);
  }
});

test('crc32c: any split gives the checksum of the whole, at any alignment', () => {
  const native = binding();
  const bytes = Uint8Array.from({ length: 300 }, (_, i) => (i * 151 + 7) & 0xff);
  for (let from = 0; from < 9; from += 1) {
    const part = bytes.subarray(from);
    const whole = native.crc32c(part, 0);
    assert.equal(native.crc32cByTable(part, 0), whole);
    for (let split = 0; split <= part.length; split += 13) {
      assert.equal(native.crc32c(part.subarray(split), native.crc32c(part.subarray(0, split), 0)), whole);
    }
  }
});

test('door: the limit of descriptors is raised to the hard limit', () => {
  const limit = binding().raiseDescriptorLimit();
  assert.ok(limit >= 256);
  assert.equal(binding().raiseDescriptorLimit(), limit);
});

test('door: functions refuse arguments of the wrong type or range', () => {
  const native = binding();
  const bytes = new Uint8Array(4);
  const call = (name: string, ...parameters: unknown[]): unknown => Reflect.apply(Reflect.get(native, name), undefined, parameters);
  for (const parameters of [
    [],
    ['text', 0],
    [bytes],
    [bytes, -1],
    [bytes, 2 ** 32],
    [bytes, 0.5],
    [bytes, Number.NaN],
    [bytes, '0'],
    [new Int32Array(1), 0],
  ]) {
    assert.throws(() => call('crc32c', ...parameters), TypeError);
  }
  for (const parameters of [[], [-1], [0], [2], ['9'], [1.5]]) assert.throws(() => call('closeDescriptor', ...parameters), TypeError);
});
