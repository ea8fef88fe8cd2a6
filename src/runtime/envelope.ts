import { Packr } from 'msgpackr';
import { assert } from '../base/assert.js';
import type { PeerMessage } from '../broker/ports.js';

/*
  What crosses rings: a closed catalogue. Numbers are 32-bit, in the machine's order (both ends are this process).

  RUN       frames for the receivers of another shard; the hot one, no encoding at all:
            +0 topic  +4 generation  +8 count  +12 version | shift << 8  +16 shared group  +20+shift the frames, to the end of the record
            shift (0 to 3) gives the frames the same place modulo 4 as where they came from, so that they copy by words
  CONTROL   one PeerMessage, by msgpackr; bytes of clients stay binary inside it
  ACCEPTED  from the main thread: +0 listener tag  +4... accepted descriptors, to the end of the record
  PART      a piece of a RUN or CONTROL that is longer than a record of its ring; pieces of one envelope follow one another:
            +0 type of the whole  +4 bytes of the whole  +8 the piece, to the end of the record
*/
export const ENVELOPE = { run: 1, control: 2, accepted: 3, part: 4 } as const;

export const RUN_TOPIC = 0;
export const RUN_GENERATION = 1;
export const RUN_COUNT = 2;
export const RUN_VERSION = 3;
export const RUN_GROUP = 4;
export const RUN_HEAD_BYTES = 20;

export const PART_TYPE = 0;
export const PART_TOTAL = 1;
export const PART_HEAD_BYTES = 8;

export const ACCEPTED_TAG = 0;
export const ACCEPTED_HEAD_BYTES = 4;

/** An envelope longer than this is our bug: the longest MQTT packet is 256 MiB, and no control message is half as long. */
export const ENVELOPE_BYTES_MAX: number = 512 * 1024 * 1024;

/** The fourth word of a RUN. */
export function runVersionWord(version: 4 | 5, shift: number): number {
  return version | (shift << 8);
}

export function versionOfRun(word: number): 4 | 5 {
  const version = word & 0xff;
  assert(version === 4 || version === 5, 'a run has a protocol version');
  return version;
}

export function shiftOfRun(word: number): number {
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
  retain: true,
  retained: true,
  claim: true,
  surrender: true,
  surrendered: true,
  claimed: true,
  release: true,
  holds: true,
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
