import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodePublishProperties, PublishView } from '../../../src/protocols/mqtt/decode-publish.js';
import { buildPublish, rewritePublish, rewrittenLength } from '../../../src/protocols/mqtt/encode-publish.js';
import { WireWriter } from '../../../src/wire/writer.js';
import { bytesOf, frame, hexOf, violates } from './frames.js';

function view(bytes: Uint8Array, version: 3 | 4 | 5 = 5): PublishView {
  const result = new PublishView();
  decodePublishProperties(bytes, 0, bytes.length, version, result);
  return result;
}

function slice(bytes: Uint8Array, offset: number, length: number): string {
  return hexOf(bytes.subarray(offset, offset + length));
}

test('PUBLISH: every part is found', () => {
  const bytes = frame(0x3d, "s'top' 04d2 11 01 01 02 0000003c 23 0003 26 s'k' s'v' 'payload'");
  const found = view(bytes);
  assert.equal(found.qos, 2);
  assert.equal(found.isDuplicate, true);
  assert.equal(found.isRetained, true);
  assert.equal(slice(bytes, found.topicOffset, found.topicLength), hexOf(bytesOf("'top'")));
  assert.equal(found.packetId, 1234);
  assert.equal(found.propertiesLength, 17);
  assert.equal(bytes[found.propertiesOffset], 0x01);
  assert.equal(found.topicAlias, 3);
  assert.equal(slice(bytes, found.aliasOffset, 3), '230003');
  assert.equal(found.expirySeconds, 60);
  assert.equal(slice(bytes, found.expiryOffset, 4), '0000003c');
  assert.equal(found.payloadFormat, 1);
  assert.equal(slice(bytes, found.payloadOffset, found.payloadLength), hexOf(bytesOf("'payload'")));
});

test('PUBLISH: a view forgets the frame before', () => {
  const reused = new PublishView();
  const first = frame(0x32, "s'a' 0001 08 23 0001 02 00000001 'x'");
  decodePublishProperties(first, 0, first.length, 5, reused);
  const second = frame(0x30, "s'bc' 02 01 00");
  const arena = Uint8Array.from([0, 0, ...second, 9, 9]);
  decodePublishProperties(arena, 2, second.length, 5, reused);
  assert.deepEqual(
    [reused.qos, reused.packetId, reused.topicAlias, reused.aliasOffset, reused.expirySeconds, reused.expiryOffset, reused.payloadFormat],
    [0, 0, 0, -1, -1, -1, 0],
  );
  assert.equal(reused.payloadLength, 0);
  assert.equal(reused.payloadOffset, 2 + second.length);
});

test('PUBLISH: an alias may stand for the topic; nothing may not', () => {
  assert.equal(view(frame(0x30, "s'' 03 23 0009 'x'")).topicAlias, 9);
  violates(() => view(frame(0x30, "s'' 00 'x'")), 0x82);
  violates(() => view(frame(0x30, "s'' 'x'"), 4), 0x82);
});

test('PUBLISH: faults of properties have their reasons', () => {
  const refused: readonly (readonly [string, number])[] = [
    ['03 23 0000', 0x94],
    ['06 23 0001 23 0001', 0x82],
    ['02 0b 01', 0x82],
    ['02 0b 00', 0x82],
    ['02 01 02', 0x82],
    ["04 08 s'#'", 0x82],
    ["04 1f s'p'", 0x81],
    ['02 04 01', 0x81],
    ['01 23', 0x81],
    ['7f 01 01', 0x81],
    ['8000', 0x81],
    ['03 0b 8000', 0x81],
    ['04 26 0001 00', 0x81],
  ];
  for (const [line, reasonCode] of refused) violates(() => view(frame(0x32, `s'topic' 0001 ${line}`)), reasonCode, line);
});

test('PUBLISH: flags, identifier and lengths are checked again', () => {
  violates(() => view(frame(0x36, "s'a' 0001 00")), 0x81);
  violates(() => view(frame(0x38, "s'a' 00")), 0x81);
  violates(() => view(frame(0x32, "s'a' 0000 00")), 0x82);
  violates(() => view(frame(0x32, "s'a' 00")), 0x81);
  violates(() => view(frame(0x30, "0005 'a'")), 0x81);
  violates(() => view(Uint8Array.of(0x30, 0x04, 0x00, 0x01, 0x61)), 0x81);
});

test('PUBLISH: a built frame has its golden bytes', () => {
  const fields = {
    topic: bytesOf("'a/b'"),
    isRetained: false,
    isDuplicate: false,
    packetId: 0,
    properties: new Uint8Array(0),
    payload: bytesOf("'hi'"),
  };
  assert.equal(hexOf(buildPublish({ ...fields, version: 4, qos: 0 })), '30070003612f626869');
  assert.equal(hexOf(buildPublish({ ...fields, version: 5, qos: 0 })), '30080003612f62006869');
  assert.equal(hexOf(buildPublish({ ...fields, version: 4, qos: 1, packetId: 258, isRetained: true })), '33090003612f6201026869');
  const properties = bytesOf('02 00000001');
  assert.equal(
    hexOf(buildPublish({ ...fields, version: 5, qos: 2, isDuplicate: true, packetId: 1, properties })),
    '3c0f0003612f6200010502000000016869',
  );
  assert.equal(hexOf(buildPublish({ ...fields, version: 4, qos: 0, properties })), '30070003612f626869');
});

test('PUBLISH: the rewritten frame has the topic and no alias, and the rest byte for byte', () => {
  const topic = bytesOf("'the/topic'");
  const cases: readonly (readonly [string, string])[] = [
    ["s'' 03 23 0001 'x'", "s'the/topic' 00 'x'"],
    ["s'' 0a 26 s'b' s'1' 23 0001 'x'", "s'the/topic' 07 26 s'b' s'1' 'x'"],
    ["s'' 11 26 s'b' s'1' 23 0001 26 s'a' s'2' 'x'", "s'the/topic' 0e 26 s'b' s'1' 26 s'a' s'2' 'x'"],
    ["s'the/topic' 07 26 s'b' s'1'", "s'the/topic' 07 26 s'b' s'1'"],
  ];
  for (const [line, wanted] of cases) {
    const bytes = frame(0x31, line);
    const found = view(bytes);
    const writer = new WireWriter(new Uint8Array(3 + rewrittenLength(found, topic.length)), 3);
    rewritePublish(writer, bytes, found, topic);
    assert.equal(hexOf(writer.bytes.subarray(3)), hexOf(frame(0x31, wanted)), line);
  }
});

test('PUBLISH: what is built is found again, at every length of the length', () => {
  for (const size of [0, 100, 120, 130, 16_000, 16_400, 2_097_100, 2_097_200]) {
    const payload = new Uint8Array(size).fill(7);
    const properties = bytesOf("26 s'k' s'v'");
    const bytes = buildPublish({
      version: 5,
      topic: bytesOf("'t'"),
      qos: 1,
      isRetained: true,
      isDuplicate: true,
      packetId: 65_535,
      properties,
      payload,
    });
    const found = view(bytes);
    assert.equal(found.packetId, 65_535);
    assert.equal(slice(bytes, found.propertiesOffset, found.propertiesLength), hexOf(properties));
    assert.equal(found.payloadLength, size);
    assert.equal(found.payloadOffset + size, bytes.length);
  }
});
