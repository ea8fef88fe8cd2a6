import { MARKERS, stampOf } from './self-describing.js';
import { bytesOf, type Call, targetOf } from './strace.js';

/*
  The rule of every acknowledgement: a flush of the file that holds the message began after the message was written, returned well, and did so
  before the acknowledgement was sent. No flush of that file failed in between: after that nobody knows what the disk has.
*/

const WRITES: readonly string[] = ['write', 'writev', 'pwrite64', 'pwritev', 'pwritev2'];
const SENDS: readonly string[] = ['write', 'writev', 'sendto', 'sendmsg'];
const FLUSHES: readonly string[] = ['fdatasync', 'fsync'];
const PUBACK = 0x40;
const PUBREC = 0x50;
/** Calls to look at. */
export const TRACED: string = [...new Set([...WRITES, ...SENDS, ...FLUSHES, 'msync'])].join(',');

export interface Written {
  readonly path: string;
  readonly endedAt: number;
}

/** Where and when each message was written to a file. */
export function writesByMarker(calls: readonly Call[]): Map<string, Written[]> {
  const writes = new Map<string, Written[]>();
  for (const call of calls) {
    if (!WRITES.includes(call.name) || call.result < 0) continue;
    const path = targetOf(call);
    if (!path.startsWith('/')) continue; // A socket, a pipe.
    for (const [marker] of call.text.matchAll(MARKERS)) {
      const places = writes.get(marker) ?? [];
      places.push({ path, endedAt: call.endedAt });
      writes.set(marker, places);
    }
  }
  return writes;
}

export interface SentAck {
  readonly packetId: number;
  /** When the call began that its first byte left in. */
  readonly beganAt: number;
}

/** PUBACK and PUBREC that left to the client with this port, in order. */
export function acksTo(calls: readonly Call[], clientPort: number): SentAck[] {
  const acks: SentAck[] = [];
  const stream: { readonly byte: number; readonly beganAt: number }[] = [];
  for (const call of calls) {
    if (!SENDS.includes(call.name) || call.result <= 0 || !targetOf(call).endsWith(`:${clientPort}]`)) continue;
    for (const byte of bytesOf(call).subarray(0, call.result)) stream.push({ byte, beganAt: call.beganAt });
  }
  for (let at = 0; at + 4 <= stream.length; at += 2 + stream[at + 1].byte) {
    // Nothing that a broker says to a publisher is longer than 127 bytes.
    const kind = stream[at].byte & 0xf0;
    if (kind !== PUBACK && kind !== PUBREC) continue;
    acks.push({ packetId: stream[at + 2].byte * 256 + stream[at + 3].byte, beganAt: stream[at].beganAt });
  }
  return acks;
}

/** What is wrong with each acknowledgement. @param markerOfId what the client sent with each packet id. */
export function earlyAcks(calls: readonly Call[], clientPort: number, markerOfId: ReadonlyMap<number, string>): string[] {
  const writes = writesByMarker(calls);
  const flushes = calls.filter(({ name }) => FLUSHES.includes(name)).map((call) => ({ call, path: targetOf(call) }));
  const faults: string[] = [];
  for (const ack of acksTo(calls, clientPort)) {
    const marker = markerOfId.get(ack.packetId);
    if (marker === undefined || stampOf(marker) === null) continue; // Sent before strace came.
    const places = (writes.get(marker) ?? []).filter(({ endedAt }) => endedAt < ack.beganAt);
    const isFlushed = places.some((place) => {
      const after = flushes.filter(({ call, path }) => path === place.path && call.beganAt > place.endedAt && call.endedAt < ack.beganAt);
      const failed = flushes.some(
        ({ call, path }) => path === place.path && call.result !== 0 && call.endedAt > place.endedAt && call.endedAt < ack.beganAt,
      );
      return !failed && after.some(({ call }) => call.result === 0);
    });
    if (!isFlushed) faults.push(`${marker}: ${places.length === 0 ? 'not written' : 'not flushed'} before its acknowledgement`);
  }
  return faults;
}
