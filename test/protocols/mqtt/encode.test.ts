import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AssertionFailure } from '../../../src/base/assert.js';
import {
  encodeAck,
  encodeAuth,
  encodeConnack,
  encodeDisconnect,
  encodeSuback,
  encodeUnsuback,
} from '../../../src/protocols/mqtt/encode.js';
import { connackCodeFor, NO_CONNACK, reasonForFault, reasonName } from '../../../src/protocols/mqtt/errors.js';
import { FAULT } from '../../../src/transport/ports.js';
import { hexOf } from './frames.js';

const CONNACK = { version: 5, sessionPresent: false, reasonCode: 0, properties: {}, maxBytes: 0 } as const;
const CODES = { version: 5, packetId: 1234, codes: [0, 1, 0x87], reasonString: null, maxBytes: 0 } as const;
const DISCONNECT = { version: 5, reasonCode: 0x8e, reasonString: null, serverReference: null, maxBytes: 0 } as const;

test('CONNACK: golden bytes of each version', () => {
  assert.equal(hexOf(encodeConnack(CONNACK)), '2003000000');
  assert.equal(hexOf(encodeConnack({ ...CONNACK, sessionPresent: true })), '2003010000');
  assert.equal(hexOf(encodeConnack({ ...CONNACK, version: 4, sessionPresent: true })), '20020100');
  assert.equal(hexOf(encodeConnack({ ...CONNACK, version: 3, sessionPresent: true })), '20020000');
  const properties = { topicAliasMaximum: 10, maximumPacketSize: 2_000_000, receiveMaximum: 20 };
  assert.equal(hexOf(encodeConnack({ ...CONNACK, properties })), '200e00000b22000a27001e8480210014');
});

test('CONNACK: golden bytes of every property', () => {
  const properties = {
    sessionExpiryInterval: 0xffff_ffff,
    maximumQoS: 1,
    retainAvailable: false,
    assignedClientIdentifier: 'a1',
    reasonString: 'ok',
    wildcardSubscriptionAvailable: true,
    subscriptionIdentifiersAvailable: true,
    sharedSubscriptionAvailable: false,
    serverKeepAlive: 60,
    responseInformation: 'r',
    serverReference: 's',
    authenticationMethod: 'm',
    authenticationData: Buffer.from([1, 2]),
  };
  assert.equal(
    hexOf(encodeConnack({ ...CONNACK, properties })),
    '2030' +
      '0000' +
      '2d' +
      '11ffffffff' +
      '2401' +
      '2500' +
      '1200026131' +
      '1f00026f6b' +
      '2801' +
      '2901' +
      '2a00' +
      '13003c' +
      '1a000172' +
      '1c000173' +
      '1500016d' +
      '1600020102',
  );
});

test('CONNACK: an MQTT 3 client gets the nearest return code, or nothing', () => {
  const refused = { ...CONNACK, version: 4 } as const;
  assert.equal(hexOf(encodeConnack({ ...refused, reasonCode: 0x84 })), '20020001');
  assert.equal(hexOf(encodeConnack({ ...refused, reasonCode: 0x85 })), '20020002');
  assert.equal(hexOf(encodeConnack({ ...refused, reasonCode: 0x9f })), '20020003');
  assert.equal(hexOf(encodeConnack({ ...refused, reasonCode: 0x86 })), '20020004');
  assert.equal(hexOf(encodeConnack({ ...refused, reasonCode: 0x87 })), '20020005');
  assert.equal(hexOf(encodeConnack({ ...refused, reasonCode: 0x81 })), '');
  assert.equal(connackCodeFor(3, 0x82), NO_CONNACK);
  assert.equal(connackCodeFor(5, 0x82), 0x82);
  assert.throws(() => encodeConnack({ ...CONNACK, reasonCode: 0x87, sessionPresent: true }), AssertionFailure);
});

test('CONNACK: the reason string goes where it does not fit, then the packet', () => {
  const fields = { ...CONNACK, reasonCode: 0x87, properties: { receiveMaximum: 9, reasonString: 'no' } };
  const whole = encodeConnack(fields);
  assert.equal(whole.length, 13);
  assert.equal(encodeConnack({ ...fields, maxBytes: 13 }).length, 13);
  assert.equal(hexOf(encodeConnack({ ...fields, maxBytes: 12 })), '2006008703210009');
  assert.equal(hexOf(encodeConnack({ ...fields, maxBytes: 8 })), '2006008703210009');
  assert.equal(encodeConnack({ ...fields, maxBytes: 7 }).length, 0);
  assert.equal(encodeConnack({ ...CONNACK, maxBytes: 2 }).length, 0);
});

test('SUBACK and UNSUBACK: golden bytes, one failure code for MQTT 3, none in its UNSUBACK', () => {
  assert.equal(hexOf(encodeSuback(CODES)), '900604d200000187');
  assert.equal(hexOf(encodeSuback({ ...CODES, version: 4 })), '900504d2000180');
  assert.equal(hexOf(encodeSuback({ ...CODES, reasonString: 'x' })), '900a04d2041f000178000187');
  assert.equal(hexOf(encodeUnsuback({ ...CODES, codes: [0, 0x11] })), 'b00504d2000011');
  assert.equal(hexOf(encodeUnsuback({ ...CODES, version: 4, codes: [0, 0x11] })), 'b00204d2');
  assert.equal(hexOf(encodeUnsuback({ ...CODES, codes: [0x11], reasonString: 'x' })), 'b00804d2041f00017811');
});

test('SUBACK and UNSUBACK: the whole frame counts against the limit, its header too', () => {
  const long = { ...CODES, reasonString: 'x' };
  assert.equal(encodeSuback({ ...long, maxBytes: 12 }).length, 12);
  assert.equal(hexOf(encodeSuback({ ...long, maxBytes: 11 })), '900604d200000187');
  assert.equal(encodeSuback({ ...long, maxBytes: 7 }).length, 0);
  assert.equal(hexOf(encodeUnsuback({ ...long, codes: [0], maxBytes: 9 })), 'b00404d20000');
});

test('DISCONNECT: the shortest form that says it; MQTT 3 has none', () => {
  assert.equal(hexOf(encodeDisconnect(DISCONNECT)), 'e0018e');
  assert.equal(hexOf(encodeDisconnect({ ...DISCONNECT, reasonCode: 0 })), 'e00100');
  assert.equal(hexOf(encodeDisconnect({ ...DISCONNECT, version: 4 })), '');
  assert.equal(hexOf(encodeDisconnect({ ...DISCONNECT, reasonString: 'x' })), 'e0068e041f000178');
  const moved = { ...DISCONNECT, reasonCode: 0x9d, reasonString: 'x', serverReference: 'b' };
  assert.equal(hexOf(encodeDisconnect(moved)), 'e00a9d081f0001781c000162');
  assert.equal(hexOf(encodeDisconnect({ ...moved, maxBytes: 11 })), 'e0069d041c000162');
  assert.equal(hexOf(encodeDisconnect({ ...moved, maxBytes: 7 })), 'e0019d');
  assert.equal(hexOf(encodeDisconnect({ ...moved, maxBytes: 2 })), '');
});

test('AUTH: golden bytes, nothing where it does not fit', () => {
  const fields = { reasonCode: 0x18, authenticationMethod: 'm', authenticationData: Uint8Array.of(0xff), maxBytes: 0 };
  assert.equal(hexOf(encodeAuth(fields)), 'f00a180815' + '00016d' + '160001ff');
  assert.equal(hexOf(encodeAuth({ ...fields, authenticationData: null })), 'f0061804' + '1500016d');
  assert.equal(encodeAuth({ ...fields, maxBytes: 11 }).length, 0);
});

test('acknowledgements: four bytes for success, five with another code, the string only where it fits', () => {
  assert.equal(hexOf(encodeAck(5, 0x40, 258, 0, null)), '40020102');
  assert.equal(hexOf(encodeAck(5, 0x50, 258, 0x97, null)), '5003010297');
  assert.equal(hexOf(encodeAck(4, 0x50, 258, 0x97, 'full')), '50020102');
  assert.equal(hexOf(encodeAck(5, 0x62, 258, 0x92, 'x')), '6208010292041f000178');
  assert.equal(hexOf(encodeAck(5, 0x70, 258, 0x92, 'x', 9)), '7003010292');
  assert.equal(hexOf(encodeAck(5, 0x70, 258, 0x92, 'x', 4)), '');
  assert.throws(() => encodeAck(5, 0x60, 1, 0, null), AssertionFailure);
});

test('text longer than its length field is our bug, not a cut length', () => {
  assert.throws(() => encodeAck(5, 0x40, 1, 0x80, 'é'.repeat(40_000)), AssertionFailure);
});

test('reasons: each has a name, and each fault of the transport a reason', () => {
  assert.equal(reasonName(0x8d), 'keep alive timeout');
  assert.equal(reasonName(0x02), 'granted qos 2');
  assert.equal(reasonName(0x55), 'unknown reason');
  assert.equal(reasonForFault(FAULT.badLength), 0x81);
  assert.equal(reasonForFault(FAULT.tooLarge), 0x95);
  assert.equal(reasonForFault(FAULT.badPublish), 0x81);
  assert.equal(reasonForFault(FAULT.badTopicName), 0x90);
});
