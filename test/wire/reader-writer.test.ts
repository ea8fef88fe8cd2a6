import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AssertionFailure } from '../../src/base/assert.js';
import { NEED_MORE } from '../../src/wire/need-more.js';
import { WireReader } from '../../src/wire/reader.js';
import { VARINT_MAX, varintLength } from '../../src/wire/varint.js';
import { WireViolation } from '../../src/wire/violation.js';
import { WireWriter } from '../../src/wire/writer.js';

function hex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'));
}

test('writer: fields have the golden bytes of big-endian integers', () => {
  const writer = new WireWriter(new Uint8Array(10), 1);
  writer.writeU8(0xfe);
  writer.writeU16(0x0102);
  writer.writeU32(0xfffefdfc);
  writer.writeBytes(hex('aa bb cc'), 1, 2);
  assert.equal(Buffer.from(writer.bytes).toString('hex'), '00fe0102fffefdfcbbcc');
  assert.equal(writer.position, 10);
});

test('writer: a write past the end is our bug', () => {
  assert.throws(() => new WireWriter(new Uint8Array(1)).writeU16(1), AssertionFailure);
  assert.throws(() => new WireWriter(new Uint8Array(4)).writeU16(0x1_0000), AssertionFailure);
  assert.throws(() => new WireWriter(new Uint8Array(9)).writeVarint(VARINT_MAX + 1), AssertionFailure);
});

test('writer: a long run of bytes is copied like a short one', () => {
  const source = Uint8Array.from({ length: 300 }, (_, i) => i & 0xff);
  for (const length of [0, 1, 64, 65, 299]) {
    const writer = new WireWriter(new Uint8Array(length));
    writer.writeBytes(source, 1, length);
    assert.deepEqual(writer.bytes, source.slice(1, 1 + length));
  }
});

test('reader: reads back what the writer wrote', () => {
  const writer = new WireWriter(new Uint8Array(8));
  writer.writeU8(7);
  writer.writeU16(65_535);
  writer.writeU32(4_294_967_295);
  writer.writeU8(9);
  const reader = new WireReader(writer.bytes, 0, 8);
  assert.equal(reader.readU8(), 7);
  assert.equal(reader.readU16(), 65_535);
  assert.equal(reader.readU32(), 4_294_967_295);
  assert.equal(reader.remaining, 1);
});

test('reader: a field that crosses the end throws and the reader has not moved', () => {
  const bytes = hex('01 02 03 04 05 06 07 08');
  const reader = new WireReader(bytes, 2, 3);
  for (const read of [() => reader.readU16(), () => reader.readU32(), () => reader.skip(2)]) {
    assert.throws(read, WireViolation);
    assert.equal(reader.position, 2);
  }
  assert.equal(reader.readU8(), 3);
  assert.throws(() => reader.readU8(), WireViolation);
  assert.throws(() => reader.readVarint(), WireViolation);
});

test('reader: bounds outside its bytes are our bug', () => {
  assert.throws(() => new WireReader(new Uint8Array(3), 0, 4), AssertionFailure);
  assert.throws(() => new WireReader(new Uint8Array(3), 2, 1), AssertionFailure);
});

test('varint: golden bytes at the edge of each length, both ways (MQTT 5.0 table 1-1)', () => {
  const golden: readonly (readonly [number, string])[] = [
    [0, '00'],
    [127, '7f'],
    [128, '8001'],
    [16_383, 'ff7f'],
    [16_384, '808001'],
    [2_097_151, 'ffff7f'],
    [2_097_152, '80808001'],
    [VARINT_MAX, 'ffffff7f'],
  ];
  for (const [value, bytes] of golden) {
    const writer = new WireWriter(new Uint8Array(varintLength(value)));
    writer.writeVarint(value);
    assert.equal(Buffer.from(writer.bytes).toString('hex'), bytes);
    const reader = new WireReader(writer.bytes, 0, writer.bytes.length);
    assert.equal(reader.readVarint(), value);
    assert.equal(reader.remaining, 0);
  }
});

test('varint: needless bytes and a fifth byte are refused', () => {
  for (const bytes of ['8000', '808000', 'ff8000', '80808000', '8080808001', 'ffffffff7f']) {
    const raw = hex(bytes);
    assert.throws(() => new WireReader(raw, 0, raw.length).readVarint(), WireViolation, bytes);
  }
});

test('varint: one that is still arriving needs more, and the reader has not moved', () => {
  for (const bytes of ['', '80', 'ffff', '808080']) {
    const raw = hex(bytes);
    const reader = new WireReader(raw, 0, raw.length);
    assert.equal(reader.tryReadVarint(), NEED_MORE);
    assert.equal(reader.position, 0);
  }
});
