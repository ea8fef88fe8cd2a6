import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PACKET, PROPERTY } from '../../../src/protocols/mqtt/constants.js';
import { encodeSubscriptionIdentifiers, PROPERTIES_OF_WILL, PropertyScan } from '../../../src/protocols/mqtt/properties.js';
import { WireReader } from '../../../src/wire/reader.js';
import { WireViolation } from '../../../src/wire/violation.js';
import { bytesOf, hexOf, violates } from './frames.js';

/** Reads properties given without their length, with payload behind them. */
function scan(place: number, line: string, properties = new PropertyScan()): PropertyScan {
  const list = bytesOf(line);
  const bytes = Uint8Array.from([0xff, list.length, ...list, 0xaa, 0xbb]);
  const reader = new WireReader(bytes, 1, bytes.length);
  properties.read(reader, place);
  assert.equal(reader.remaining, 2);
  return properties;
}

/** A value of each property, from table 2-4, and where it may stand (0: will). */
const TABLE: readonly (readonly [number, string, readonly number[]])[] = [
  [0x01, '01', [3, 0]],
  [0x02, '00000001', [3, 0]],
  [0x03, "s'p'", [3, 0]],
  [0x08, "s'p'", [3, 0]],
  [0x09, "s'p'", [3, 0]],
  [0x0b, '01', [3, 8]],
  [0x11, '00000001', [1, 2, 14]],
  [0x12, "s'p'", [2]],
  [0x13, '0001', [2]],
  [0x15, "s'p'", [1, 2, 15]],
  [0x16, "s'p'", [1, 2, 15]],
  [0x17, '01', [1]],
  [0x18, '00000001', [0]],
  [0x19, '01', [1]],
  [0x1a, "s'p'", [2]],
  [0x1c, "s'p'", [2, 14]],
  [0x1f, "s'p'", [2, 4, 5, 6, 7, 9, 11, 14, 15]],
  [0x21, '0001', [1, 2]],
  [0x22, '0001', [1, 2]],
  [0x23, '0001', [3]],
  [0x24, '01', [2]],
  [0x25, '01', [2]],
  [0x26, "s'p' s'q'", [1, 2, 3, 0, 4, 5, 6, 7, 8, 9, 10, 11, 14, 15]],
  [0x27, '00000001', [1, 2]],
  [0x28, '01', [2]],
  [0x29, '01', [2]],
  [0x2a, '01', [2]],
];

test('each property is accepted in its packets and malformed in all others (table 2-4)', () => {
  for (const [identifier, value, places] of TABLE) {
    const line = `${identifier.toString(16).padStart(2, '0')} ${value}`;
    for (let place = 0; place < 16; place += 1) {
      if (places.includes(place)) scan(place, line);
      else violates(() => scan(place, line), 0x81, `${line} in ${place}`);
    }
  }
});

test('identifiers that do not exist are malformed', () => {
  const known = new Set<number>(Object.values(PROPERTY));
  for (let identifier = 0; identifier < 128; identifier += 1) {
    if (!known.has(identifier)) violates(() => scan(PACKET.publish, `${identifier.toString(16).padStart(2, '0')} 01`), 0x81);
  }
  for (const line of ['8101 01', 'ff7f 01', 'ffffff7f 01']) violates(() => scan(PACKET.publish, line), 0x81, line);
});

test('each property but the user property is there at most once', () => {
  for (const [identifier, value, [place]] of TABLE) {
    const line = `${identifier.toString(16).padStart(2, '0')} ${value}`;
    if (identifier === PROPERTY.userProperty) scan(place, `${line} ${line}`);
    else violates(() => scan(place, `${line} ${line}`), 0x82, line);
  }
});

test('each property that is cut short throws, though bytes follow the list', () => {
  for (const [identifier, value, [place]] of TABLE) {
    const line = `${identifier.toString(16).padStart(2, '0')} ${value}`;
    const whole = bytesOf(line);
    for (let length = 1; length < whole.length; length += 1)
      assert.throws(() => scan(place, hexOf(whole.subarray(0, length))), WireViolation, line);
  }
});

test('values out of range are protocol errors, a topic alias of 0 has its own reason', () => {
  for (const line of ['17 02', '19 ff']) violates(() => scan(PACKET.connect, line), 0x82, line);
  for (const line of ['21 0000', '27 00000000']) violates(() => scan(PACKET.connect, line), 0x82, line);
  violates(() => scan(PACKET.publish, '01 02'), 0x82);
  violates(() => scan(PACKET.subscribe, '0b 00'), 0x82);
  violates(() => scan(PACKET.publish, '23 0000'), 0x94);
  for (const topic of ["s''", "s'a/#'", "s'+'", '0001 01']) violates(() => scan(PACKET.publish, `08 ${topic}`), 0x82, topic);
});

test('text is UTF-8 without U+0000, and may have line breaks', () => {
  for (const text of ['0001 00', '0003 eda080', '0002 c080', '0001 ff']) {
    violates(() => scan(PACKET.publish, `03 ${text}`), 0x81, text);
    violates(() => scan(PACKET.publish, `26 ${text} s'v'`), 0x81, text);
    violates(() => scan(PACKET.publish, `26 s'n' ${text}`), 0x81, text);
  }
  scan(PACKET.publish, '26 0001 0a 0000');
  scan(PACKET.publish, '09 0003 eda080'); // Correlation data are bytes.
});

test('a scan tells values and where they are, and forgets them at the next', () => {
  const properties = scan(PROPERTIES_OF_WILL, "18 00000007 03 s'text' 09 0000 26 s'a' s'b'");
  assert.equal(properties.offset, 2);
  assert.equal(properties.length, 5 + 7 + 3 + 7);
  assert.equal(properties.numberOf(PROPERTY.willDelayInterval, -1), 7);
  assert.equal(properties.offsetOf(PROPERTY.willDelayInterval), 3);
  assert.equal(properties.offsetOf(PROPERTY.contentType), 10);
  assert.equal(properties.lengthOf(PROPERTY.contentType), 4);
  assert.equal(properties.lengthOf(PROPERTY.correlationData), 0);
  assert.equal(properties.has(PROPERTY.correlationData), true);
  assert.equal(properties.numberOf(PROPERTY.messageExpiryInterval, -1), -1);
  assert.equal(properties.offsetOf(PROPERTY.messageExpiryInterval), -1);
  scan(PACKET.connect, '27 0000ffff', properties);
  assert.equal(properties.has(PROPERTY.willDelayInterval), false);
  assert.equal(properties.numberOf(PROPERTY.maximumPacketSize, 0), 65_535);
});

test('a list longer than its packet is malformed, and so is a needless byte in its length', () => {
  for (const line of ['05 01 01', '8000', 'ffffff7f']) {
    const bytes = bytesOf(line);
    const read = () => new PropertyScan().read(new WireReader(bytes, 0, bytes.length), PACKET.publish);
    assert.throws(read, (error) => error instanceof Error && ['ProtocolViolation', 'WireViolation'].includes(error.name), line);
  }
});

test('subscription identifiers have their golden bytes', () => {
  assert.equal(hexOf(encodeSubscriptionIdentifiers([])), '');
  assert.equal(hexOf(encodeSubscriptionIdentifiers([1, 128, 268_435_455])), '0b010b80010bffffff7f');
});
