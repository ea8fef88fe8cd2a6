import { Packr } from 'msgpackr';
import { assert } from '../base/assert.js';
import type { PeerMessage } from '../broker/peer-messages.js';

/*
  What crosses rings: a closed catalogue. Numbers are 32-bit, in the machine's order (both ends are this process).

  RUN       frames for the receivers of another shard; the hot one, no encoding at all:
            a head of fourteen words (RUN_*), `shift` bytes, then the frames to the end of the record
            shift (0 to 3) gives the frames the same place modulo 4 as where they came from, so that they copy by words
  APPEND    frames for the log of another shard, in the same form (APPEND_*)
  APPENDED  the answers to APPENDs of one turn: pairs of ticket and outcome, to the end of the record
  CONTROL   one PeerMessage, by msgpackr; bytes of clients stay binary inside it
  ACCEPTED  from the main thread: +0 listener tag  +4... accepted descriptors, to the end of the record
  PART      a piece of a RUN, APPEND or CONTROL that is longer than a record of its ring; pieces of one envelope follow one another:
            +0 type of the whole  +4 bytes of the whole  +8 the piece, to the end of the record
*/
export const ENVELOPE = { run: 1, control: 2, accepted: 3, part: 4, append: 5, appended: 6 } as const;

/** Words of the head of RUN and APPEND; they begin alike. */
export const HEAD_TOPIC = 0;
export const HEAD_GENERATION = 1;
export const HEAD_COUNT = 2;
/** version | shift << 8 */
export const HEAD_VERSION = 3;
export const HEAD_PUBLISHER = 4;
export const RUN_SHARED_GROUP = 5;
export const RUN_LOG_GROUP = 6;
/** 53 bits in two words, low one first. */
export const RUN_SEQUENCE = 7;
export const APPEND_TICKET = 5;
export const APPEND_STREAM = 6;
export const APPEND_PARTITION = 7;
/** 53 bits in two words, low one first. */
export const APPEND_SESSION = 8;
/** Of both. */
export const HEAD_PUBLISHER_HASH = 10;
export const HEAD_TENANT = 11;
/** Of APPEND; 53 bits in two words, low one first. */
export const APPEND_NOT_FOR = 12;
export const HEAD_WORDS = 14;
export const HEAD_BYTES: number = HEAD_WORDS * 4;

const WORD = 2 ** 32;

/** Writes a safe integer that is not negative into two words. */
export function setLong(words: Int32Array, at: number, value: number): void {
  words[at] = value | 0;
  words[at + 1] = Math.floor(value / WORD) | 0;
}

export function longAt(words: Int32Array, at: number): number {
  return (words[at] >>> 0) + (words[at + 1] >>> 0) * WORD;
}

export const PART_TYPE = 0;
export const PART_TOTAL = 1;
export const PART_HEAD_BYTES = 8;

export const ACCEPTED_TAG = 0;
export const ACCEPTED_HEAD_BYTES = 4;

/** An envelope longer than this is our bug: the longest MQTT packet is 256 MiB, and no control message is half as long. */
export const ENVELOPE_BYTES_MAX: number = 512 * 1024 * 1024;

/** The word HEAD_VERSION. */
export function headVersionWord(version: 4 | 5, shift: number): number {
  return version | (shift << 8);
}

export function versionOfHead(word: number): 4 | 5 {
  const version = word & 0xff;
  assert(version === 4 || version === 5, 'a run has a protocol version');
  return version;
}

export function shiftOfHead(word: number): number {
  return word >> 8;
}

// Maps, not msgpackr's records: those would tie a message to the ones before it, and a replaced peer has not seen them.
const packr = new Packr({ useRecords: false });

/** @returns bytes that are good until the next call. */
export function encodeControl(message: PeerMessage): Uint8Array {
  return packr.pack(message);
}

const PEER_MESSAGE_KINDS: Readonly<Record<PeerMessage['kind'], true>> = {
  'interest-add': true,
  'interest-added': true,
  'interest-remove': true,
  'retained-page': true,
  'retained-paged': true,
  'shared-loads': true,
  'shared-join': true,
  'shared-joined': true,
  'shared-window': true,
  'shared-leave': true,
  'shared-given': true,
  'shared-done': true,
  'shared-claim': true,
  'shared-kept': true,
  'shared-ready': true,
  retain: true,
  retained: true,
  claim: true,
  surrender: true,
  surrendered: true,
  claimed: true,
  release: true,
  holds: true,
  return: true,
  outdated: true,
  'exclusive-claim': true,
  'exclusive-claimed': true,
  'exclusive-release': true,
  'durable-add': true,
  'durable-added': true,
  'durable-remove': true,
  pull: true,
  'count-waiting': true,
  waiting: true,
  fetch: true,
  pulled: true,
  replay: true,
  replayed: true,
  'replay-end': true,
  delay: true,
  delayed: true,
  'release-received': true,
  'received-released': true,
  'forget-session': true,
  'session-moved': true,
};

/** @param bytes memory of its own, kept by the message: binary fields are views of it. */
export function decodeControl(bytes: Uint8Array): PeerMessage {
  const message: unknown = packr.unpack(bytes);
  assert(isPeerMessage(message), 'a control envelope holds a message of the catalogue');
  return message;
}

/** Both ends are of one build, so the kind tells the shape. */
function isPeerMessage(value: unknown): value is PeerMessage {
  return (
    typeof value === 'object' && value !== null && 'kind' in value && typeof value.kind === 'string' && value.kind in PEER_MESSAGE_KINDS
  );
}
