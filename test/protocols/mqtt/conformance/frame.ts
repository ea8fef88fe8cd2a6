/*
  Packets byte by byte, right or wrong, by nothing of the product:

    frame(0x82, u16(7), props(), text('a/b'), 0x01)       a SUBSCRIBE; the remaining length is computed
    raw('82 05 0007 00')                                  bytes as they are
*/

type Part = number | Uint8Array;

export function raw(hex: string): Uint8Array {
  return Buffer.from(hex.replaceAll(/\s/g, ''), 'hex');
}

export function u16(value: number): Uint8Array {
  return Uint8Array.of(value >>> 8, value & 0xff);
}

export function u32(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff);
}

export function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  do {
    bytes.push(rest >= 128 ? (rest % 128) | 0x80 : rest);
    rest = Math.floor(rest / 128);
  } while (rest > 0);
  return Uint8Array.from(bytes);
}

/** UTF-8 with its length in front. */
export function text(value: string): Uint8Array {
  return binary(Buffer.from(value));
}

export function binary(value: Uint8Array): Uint8Array {
  return join([u16(value.length), value]);
}

/** A property list with its length in front. */
export function props(...parts: readonly Part[]): Uint8Array {
  const body = join(parts);
  return join([varint(body.length), body]);
}

/** A packet: first byte, remaining length, the rest. */
export function frame(firstByte: number, ...parts: readonly Part[]): Uint8Array {
  const body = join(parts);
  return join([firstByte, varint(body.length), body]);
}

export function join(parts: readonly Part[]): Uint8Array {
  return Buffer.concat(parts.map((part) => (typeof part === 'number' ? Uint8Array.of(part) : part)));
}

/** CONNECT with flags and payload as given; version 5 without properties. */
export function connectFrame(version: 3 | 4 | 5, flags: number, ...payload: readonly Part[]): Uint8Array {
  const properties = version === 5 ? [props()] : [];
  return frame(0x10, text(version === 3 ? 'MQIsdp' : 'MQTT'), version, flags, u16(0), ...properties, ...payload);
}
