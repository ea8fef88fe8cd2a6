import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkAuth, checkConnect, checkSubscribe, checkUnsubscribe, connackVersionOf } from '../../../src/protocols/mqtt/grammar.js';
import { WireReader } from '../../../src/wire/reader.js';
import { WireViolation } from '../../../src/wire/violation.js';
import { bytesOf, frame, violates } from './frames.js';

function body(line: string): WireReader {
  const bytes = bytesOf(line);
  return new WireReader(bytes, 0, bytes.length);
}

test('CONNECT: every cut of a good one is refused, and so is a byte too many', () => {
  const bytes = bytesOf("s'MQTT' 05 ee 000a 05 11 00000001 s'id' 02 01 01 s'w' s'x' s'u' s'p'");
  checkConnect(new WireReader(bytes, 0, bytes.length));
  for (let end = 0; end < bytes.length; end += 1) {
    assert.throws(
      () => checkConnect(new WireReader(bytes, 0, end)),
      (error) => error instanceof Error && error.name !== 'AssertionFailure',
      `cut at ${end}`,
    );
  }
  const longer = Uint8Array.from([...bytes, 0]);
  violates(() => checkConnect(new WireReader(longer, 0, longer.length)), 0x81);
});

test('CONNECT: names and levels that are not ours have a reason of their own', () => {
  for (const line of [
    "s'MQTT' 03",
    "s'MQTT' 06",
    "s'MQTT' 02",
    "s'MQTT' 84",
    "s'MQTT' 83",
    "s'MQIsdp' 04",
    "s'MQIsdp' 05",
    "s'MQT' 04",
    "s'' 04",
  ]) {
    violates(() => checkConnect(body(`${line} 02 000a s'p'`)), 0x84, line);
  }
});

test('CONNECT: flags that contradict each other are malformed', () => {
  for (const flags of ['03', '0a', '22', '1e', '42'])
    violates(() => checkConnect(body(`s'MQTT' 04 ${flags} 000a s'p' s'p' s'p' s'p'`)), 0x81, flags);
  checkConnect(body("s'MQTT' 05 42 000a 00 s'p' s'secret'")); // MQTT 5 allows a password alone.
});

test('CONNECT: text with U+0000, surrogates or control characters is refused; MQTT 5 tells which the client identifier is', () => {
  for (const bad of ['0000', 'eda080', 'edbfbf', 'c080', '01', '1f', '7f', 'c29f', 'ff']) {
    const length = (bad.length / 2).toString(16).padStart(4, '0');
    violates(() => checkConnect(body(`s'MQTT' 05 02 000a 00 ${length} ${bad}`)), 0x85, bad);
    violates(() => checkConnect(body(`s'MQTT' 04 02 000a ${length} ${bad}`)), 0x81, bad);
    violates(() => checkConnect(body(`s'MQTT' 05 82 000a 00 s'p' ${length} ${bad}`)), 0x81, bad);
    violates(() => checkConnect(body(`s'MQTT' 05 06 000a 00 s'p' 00 ${length} ${bad} s'x'`)), 0x81, bad);
  }
  checkConnect(body("s'MQTT' 04 c2 000a s'p' s'u' 0003 000102")); // A password is bytes.
});

test('CONNECT: authentication data need a method', () => {
  violates(() => checkConnect(body("s'MQTT' 05 02 000a 04 16 s'x' s'p'")), 0x82);
});

test('a refused CONNECT is answered in a form its sender knows', () => {
  const answer = (line: string, firstByte = 0x10): number => {
    const bytes = frame(firstByte, line);
    return connackVersionOf(bytes, 0, bytes.length);
  };
  assert.equal(answer("s'MQTT' 05 02 000a 00 s'p'"), 5);
  assert.equal(answer("s'MQTT' 04 02 000a s'p'"), 4);
  assert.equal(answer("s'MQTT' 03 02 000a s'p'"), 4);
  assert.equal(answer("s'MQTT' 06"), 5);
  assert.equal(answer("s'MQIsdp' 03"), 3);
  assert.equal(answer("s'MQTT'"), 0);
  assert.equal(answer("s'MQTU' 04"), 0);
  assert.equal(answer("s'MQTT' 05", 0x11), 0);
  assert.equal(answer(''), 0);
  assert.equal(answer('00'), 0);
  assert.equal(connackVersionOf(Uint8Array.of(0x10), 0, 1), 0);
  assert.equal(connackVersionOf(Uint8Array.of(0x10, 0x80), 0, 2), 0);
});

test('SUBSCRIBE: reserved options are malformed, impossible ones a protocol error', () => {
  for (const options of ['40', '80', 'f0']) violates(() => checkSubscribe(body(`0001 00 s'p' ${options}`), 5), 0x81, options);
  for (const options of ['03', '30', '33']) violates(() => checkSubscribe(body(`0001 00 s'p' ${options}`), 5), 0x82, options);
  for (const options of ['04', '08', '10', '20', '80']) violates(() => checkSubscribe(body(`0001 s'p' ${options}`), 4), 0x81, options);
  violates(() => checkSubscribe(body("0001 s'p' 03"), 4), 0x82);
});

test('SUBSCRIBE and UNSUBSCRIBE: an identifier, and at least one filter', () => {
  violates(() => checkSubscribe(body("0000 s'p' 00"), 4), 0x82);
  violates(() => checkSubscribe(body('0001'), 4), 0x82);
  violates(() => checkSubscribe(body('0001 00'), 5), 0x82);
  violates(() => checkUnsubscribe(body('0001 00'), 5), 0x82);
  violates(() => checkUnsubscribe(body("0000 s'a'"), 4), 0x82);
  assert.throws(() => checkSubscribe(body("0001 s'p'"), 4), WireViolation);
  assert.throws(() => checkUnsubscribe(body("0001 0002 'a'"), 4), WireViolation);
});

test('AUTH: bytes behind the properties are malformed', () => {
  violates(() => checkAuth(body("19 04 15 s'm' 00"), 5), 0x81);
});
