import assert from 'node:assert/strict';
import { test } from 'node:test';
import { choice, type Form, flag, list, NewerVersion, record, text, whole, wholeOrNull } from '../../../src/metadata/catalogue/forms.js';
import { WireReader } from '../../../src/wire/reader.js';
import { WireViolation } from '../../../src/wire/violation.js';
import { WireWriter } from '../../../src/wire/writer.js';

function hexOf<T>(form: Form<T>, value: T): string {
  const writer = new WireWriter(Buffer.alloc(form.bytesMax(value)));
  form.write(writer, value);
  return Buffer.from(writer.bytes.subarray(0, writer.position)).toString('hex');
}

function readHex<T>(form: Form<T>, hex: string): T {
  const bytes = Buffer.from(hex, 'hex');
  const reader = new WireReader(bytes, 0, bytes.length);
  const value = form.read(reader);
  assert.equal(reader.remaining, 0);
  return value;
}

test('forms: whole numbers take as few bytes as they need, up to eight', () => {
  for (const [value, hex] of [
    [0, '00'],
    [127, '7f'],
    [128, '8001'],
    [300, 'ac02'],
    [2 ** 28, '8080808001'],
    [2 ** 32 - 1, 'ffffffff0f'],
    [Number.MAX_SAFE_INTEGER, 'ffffffffffffff0f'],
  ] as const) {
    assert.equal(hexOf(whole, value), hex);
    assert.equal(readHex(whole, hex), value);
  }
  for (const hex of ['8000', 'ffffffffffffff10', '8080808080808080', '80']) assert.throws(() => readHex(whole, hex), WireViolation, hex);
  assert.equal(hexOf(wholeOrNull, null), '00');
  assert.equal(hexOf(wholeOrNull, 0), '01');
});

test('forms: texts, lists, flags and choices have their bytes', () => {
  assert.equal(hexOf(text, 'aé'), '0361c3a9');
  assert.equal(hexOf(list(text), ['a', '']), '02016100');
  assert.equal(hexOf(flag, true), '01');
  assert.equal(hexOf(choice({ x: 0, y: 1 }), 'y'), '01');
  assert.throws(() => readHex(text, '02c328'), WireViolation, 'not UTF-8');
  assert.throws(() => readHex(list(text), 'ffffff7f'), WireViolation, 'longer than its bytes');
  assert.throws(() => readHex(flag, '02'), WireViolation);
  assert.throws(() => readHex(choice({ x: 0, y: 1 }), '02'), NewerVersion);
});

test('forms: a record that grew reads older ones with what the new field was then, and refuses newer ones', () => {
  interface Old {
    readonly name: string;
  }
  interface New extends Old {
    readonly weight: number;
  }
  const old = record<Old>({ name: text });
  const grown = record<New>({ name: text, weight: whole }, { weight: 7 });
  assert.equal(hexOf(old, { name: 'a' }), '010161');
  assert.equal(hexOf(grown, { name: 'a', weight: 1 }), '02016101');
  assert.deepEqual(readHex(grown, '010161'), { name: 'a', weight: 7 });
  assert.throws(() => readHex(old, '02016101'), NewerVersion);
  assert.throws(() => readHex(grown, '00'), WireViolation);
  assert.throws(() => record<New>({ name: text, weight: whole }, { name: '' }), /fields that came later are the last/);
});
