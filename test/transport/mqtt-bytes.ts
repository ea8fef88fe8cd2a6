/* MQTT frames for tests of the transport, written by hand from the grammar, independent of the codecs under test. */

export interface PublishFields {
  readonly topic: string | Uint8Array;
  readonly payload?: string | Uint8Array;
  readonly qos?: number;
  readonly retain?: number;
  readonly duplicate?: number;
  readonly packetId?: number;
  readonly version?: 4 | 5;
  /** Encoded properties without their length. */
  readonly properties?: Uint8Array;
}

export function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  do {
    const low = rest & 0x7f;
    rest >>>= 7;
    bytes.push(rest > 0 ? low | 0x80 : low);
  } while (rest > 0);
  return Buffer.from(bytes);
}

export function frame(firstByte: number, ...body: Uint8Array[]): Buffer {
  const content = Buffer.concat(body);
  return Buffer.concat([Buffer.from([firstByte]), varint(content.length), content]);
}

export function u16(value: number): Buffer {
  return Buffer.from([value >> 8, value & 0xff]);
}

export function publish(fields: PublishFields): Buffer {
  const topic = Buffer.from(fields.topic);
  const qos = fields.qos ?? 0;
  const firstByte = 0x30 | ((fields.duplicate ?? 0) << 3) | (qos << 1) | (fields.retain ?? 0);
  const properties = fields.properties ?? new Uint8Array(0);
  return frame(
    firstByte,
    u16(topic.length),
    topic,
    qos > 0 ? u16(fields.packetId ?? 1) : Buffer.alloc(0),
    fields.version === 5 ? Buffer.concat([varint(properties.length), properties]) : Buffer.alloc(0),
    Buffer.from(fields.payload ?? ''),
  );
}

export function acknowledgement(firstByte: number, packetId: number): Buffer {
  return Buffer.concat([Buffer.from([firstByte, 2]), u16(packetId)]);
}

export const PINGREQ: Buffer = Buffer.from([0xc0, 0]);
/** CONNECT of MQTT 3.1.1, clean session, client identifier `c`. */
export const CONNECT: Buffer = frame(0x10, Buffer.from('\x00\x04MQTT\x04\x02\x00\x3c\x00\x01c', 'latin1'));
export const SUBSCRIBE: Buffer = frame(0x82, u16(9), u16(3), Buffer.from('a/b'), Buffer.from([1]));
