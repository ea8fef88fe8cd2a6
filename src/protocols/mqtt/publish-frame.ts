import { assert } from '../../base/assert.js';

/*
  Walking over complete PUBLISH frames that the transport has checked:

    first byte | remaining length (1-4) | topic length (2) | topic | packet id (2, QoS > 0) | MQTT 5: properties | payload
*/

/** Length of the fixed header of the frame at `offset`: 2 to 5 bytes. */
export function fixedHeaderLength(bytes: Uint8Array, offset: number): number {
  let length = 2;
  while (bytes[offset + length - 1] >= 0x80) length += 1;
  assert(length <= 5, 'the transport checked the remaining length');
  return length;
}

/** Length of the whole frame at `offset`. */
export function frameLength(bytes: Uint8Array, offset: number): number {
  const first = bytes[offset + 1];
  if (first < 0x80) return 2 + first;
  let value = first & 0x7f;
  let shift = 7;
  let position = offset + 2;
  for (;;) {
    const byte = bytes[position];
    position += 1;
    value += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) return position - offset + value;
    shift += 7;
    assert(shift <= 21, 'the transport checked the remaining length');
  }
}

/** Length in bytes of `count` frames from `offset`. */
export function framesLength(bytes: Uint8Array, offset: number, count: number): number {
  let position = offset;
  for (let i = 0; i < count; i += 1) position += frameLength(bytes, position);
  return position - offset;
}

/** Packet id of a frame with QoS > 0. */
export function packetIdOf(bytes: Uint8Array, offset: number): number {
  const body = offset + fixedHeaderLength(bytes, offset);
  const topicLength = (bytes[body] << 8) | bytes[body + 1];
  const at = body + 2 + topicLength;
  return (bytes[at] << 8) | bytes[at + 1];
}

/** QoS in a frame's first byte. */
export function qosOf(firstByte: number): 0 | 1 | 2 {
  const qos = (firstByte >> 1) & 3;
  assert(qos !== 3, 'the transport refuses QoS 3');
  return qos as 0 | 1 | 2;
}
