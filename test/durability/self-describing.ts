import { crc32 } from 'node:zlib';
import type { Random } from '../../src/base/random.js';

/*
  Payloads that can be verified alone, whoever finds them, in a delivery, a system call or a file:

    <RMQD p0003 t01 s0000000123>   producer, topic and sequence: 28 bytes
    filler                         0 to n random bytes
    CRC-32 u32                     of everything before it

  The marker is text so that it can be searched in files and in the output of strace. The checksum is zlib's and not ours.
*/

export const MARKER_BYTES = 28;
const CHECKSUM_BYTES = 4;
const MARKER = /^<RMQD p(\d{4}) t(\d{2}) s(\d{10})>/;
/** The same, anywhere. */
export const MARKERS: RegExp = /<RMQD p\d{4} t\d{2} s\d{10}>/g;

export interface Stamp {
  readonly producer: number;
  readonly topic: number;
  /** From 1 for each producer and topic. */
  readonly sequence: number;
}

export function markerOf({ producer, topic, sequence }: Stamp): string {
  return `<RMQD p${digits(producer, 4)} t${digits(topic, 2)} s${digits(sequence, 10)}>`;
}

function digits(value: number, count: number): string {
  return String(value).padStart(count, '0');
}

export function describe(stamp: Stamp, fillerBytes: number, random: Random): Buffer {
  const payload = Buffer.allocUnsafe(MARKER_BYTES + fillerBytes + CHECKSUM_BYTES);
  payload.write(markerOf(stamp), 'latin1');
  const end = MARKER_BYTES + fillerBytes;
  let at = MARKER_BYTES;
  for (; at + 4 <= end; at += 4) payload.writeUInt32LE(random.nextU32(), at);
  for (; at < end; at += 1) payload[at] = random.below(256);
  payload.writeUInt32BE(crc32(payload.subarray(0, end)), end);
  return payload;
}

/** @returns null if it is not what a producer sent. */
export function verify(payload: string | Buffer): Stamp | null {
  const bytes = typeof payload === 'string' ? Buffer.from(payload, 'latin1') : payload;
  if (bytes.length < MARKER_BYTES + CHECKSUM_BYTES) return null;
  const end = bytes.length - CHECKSUM_BYTES;
  if (bytes.readUInt32BE(end) !== crc32(bytes.subarray(0, end))) return null;
  return stampOf(bytes.toString('latin1', 0, MARKER_BYTES));
}

/** @returns null if the text does not begin with a marker. */
export function stampOf(text: string): Stamp | null {
  const match = MARKER.exec(text);
  if (match === null) return null;
  return { producer: Number(match[1]), topic: Number(match[2]), sequence: Number(match[3]) };
}
