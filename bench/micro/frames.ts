import { generate } from 'mqtt-packet';

/** `count` equal PUBLISH frames, one after another, with packet ids 1, 2, 3 ... */
export function publishFrames(
  count: number,
  version: 4 | 5,
  qos: 0 | 1,
  topic = 'bench/device/17/temperature',
  payloadBytes = 128,
): Buffer {
  const payload = Buffer.alloc(payloadBytes, 0x78);
  const frames = Array.from({ length: count }, (_, i) =>
    generate({ cmd: 'publish', topic, qos, messageId: i + 1, dup: false, retain: false, payload }, { protocolVersion: version }),
  );
  return Buffer.concat(frames);
}

/** `count` PUBACK frames with consecutive packet ids. */
export function pubackFrames(count: number): Buffer {
  return Buffer.concat(Array.from({ length: count }, (_, i) => Uint8Array.of(0x40, 2, (i + 1) >> 8, (i + 1) & 0xff)));
}
