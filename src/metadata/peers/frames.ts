import type { ChunkAnswer, SnapshotChunk } from '../../raft/driver/ports.js';
import { decodeMark, encodeMark } from '../../raft/driver/snapshot-mark.js';
import { NO_NODE, type NodeId } from '../../raft/messages.js';
import { readWhole, WIDE_BYTES, writeWide } from '../../raft/wide-number.js';
import { WireReader } from '../../wire/reader.js';
import { WireViolation } from '../../wire/violation.js';
import { WireWriter } from '../../wire/writer.js';

/*
  Frames of the stream between two nodes: gRPC messages of the method /robustmq.v1.Peer/Exchange, without protobuf, for nodes only. The dialler
  sends what it has to say; the other side answers hellos, pings and forwarded requests on the same stream, and says the rest on a stream of
  its own. Integers are big-endian; a wide is a u64.

    hello            1 | protocol version wide | node wide | cluster id text | uuid text
    welcome          2 | node wide | uuid text
    refusal          3 | code wide | text
    messages         4 | messages                               raft/codec/message-codec.ts
    chunk            5 | term wide | number u32 | checksum u32 | mark length u32 | mark | bytes
    chunk answer     6 | index wide | next wide
    forwards         7 | (id u32 | milliseconds left u32 | length u32 | request) *     metadata/forwarded.ts
    forward answers  8 | (id u32 | length u32 | answer) *           empty: it was not begun
    ping             9          pong 10
    text             length u16 | UTF-8
*/

export const PROTOCOL_VERSION = 1;
export const FRAME = {
  hello: 1,
  welcome: 2,
  refusal: 3,
  messages: 4,
  chunk: 5,
  chunkAnswer: 6,
  forwards: 7,
  forwardAnswers: 8,
  ping: 9,
  pong: 10,
} as const;

export interface Hello {
  readonly clusterId: string;
  readonly nodeId: NodeId;
  readonly uuid: string;
}

const REFUSAL_CODES = ['version', 'wrong-cluster', 'identity', 'removed', 'unknown'] as const;

export interface Refusal {
  readonly code: (typeof REFUSAL_CODES)[number];
  readonly text: string;
}

export const PING: Buffer = Buffer.from([FRAME.ping]);
export const PONG: Buffer = Buffer.from([FRAME.pong]);

/** Of a snapshot: 64 KiB, and a little for whoever cuts a bit later. */
const CHUNK_BYTES_MAX = 68 * 1024;
const CHUNK_HEAD_BYTES = 1 + WIDE_BYTES + 4 + 4 + 4;
const FORWARD_HEAD_BYTES = 3 * 4;
const FORWARD_ANSWER_HEAD_BYTES = 2 * 4;
const U32_MAX = 0xffff_ffff;

export function encodeHello({ clusterId, nodeId, uuid }: Hello): Buffer {
  return encodeFields(FRAME.hello, [PROTOCOL_VERSION, nodeId], [clusterId, uuid]);
}

/** @returns null: of another version of the protocol. @throws WireViolation. */
export function decodeHello(bytes: Uint8Array): Hello | null {
  const reader = new WireReader(bytes, 1, bytes.length);
  if (readWhole(reader) !== PROTOCOL_VERSION) return null;
  const nodeId = readWhole(reader);
  if (nodeId === NO_NODE) throw new WireViolation('a node without a number');
  return { nodeId, clusterId: readText(reader), uuid: readText(reader) };
}

export function encodeWelcome(nodeId: NodeId, uuid: string): Buffer {
  return encodeFields(FRAME.welcome, [nodeId], [uuid]);
}

/** @throws WireViolation. */
export function decodeWelcome(bytes: Uint8Array): { readonly nodeId: NodeId; readonly uuid: string } {
  const reader = new WireReader(bytes, 1, bytes.length);
  return { nodeId: readWhole(reader), uuid: readText(reader) };
}

export function encodeRefusal({ code, text }: Refusal): Buffer {
  return encodeFields(FRAME.refusal, [REFUSAL_CODES.indexOf(code)], [text]);
}

/** @throws WireViolation. */
export function decodeRefusal(bytes: Uint8Array): Refusal {
  const reader = new WireReader(bytes, 1, bytes.length);
  const code = REFUSAL_CODES[readWhole(reader)];
  if (code === undefined) throw new WireViolation('a refusal with an unknown code');
  return { code, text: readText(reader) };
}

/** A frame whose body is there already. */
export function frameOf(kind: number, body: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(1 + body.length);
  frame[0] = kind;
  frame.set(body, 1);
  return frame;
}

export function encodeChunk({ mark, term, number, checksum, bytes }: SnapshotChunk): Buffer {
  const encodedMark = encodeMark(mark);
  const frame = Buffer.allocUnsafe(CHUNK_HEAD_BYTES + encodedMark.length + bytes.length);
  const writer = new WireWriter(frame);
  writer.writeU8(FRAME.chunk);
  writeWide(writer, term);
  writer.writeU32(number);
  writer.writeU32(checksum);
  writer.writeU32(encodedMark.length);
  frame.set(encodedMark, CHUNK_HEAD_BYTES);
  frame.set(bytes, CHUNK_HEAD_BYTES + encodedMark.length);
  return frame;
}

/** @throws WireViolation. */
export function decodeChunk(bytes: Uint8Array): SnapshotChunk {
  const reader = new WireReader(bytes, 1, bytes.length);
  const term = readWhole(reader);
  const number = reader.readU32();
  const checksum = reader.readU32();
  const markLength = reader.readU32();
  const at = reader.skip(markLength);
  const mark = decodeMark(bytes.subarray(at, at + markLength));
  if (reader.remaining > CHUNK_BYTES_MAX) throw new WireViolation('a chunk is too large');
  return { mark, term, number, checksum, bytes: bytes.subarray(at + markLength) };
}

export function encodeChunkAnswer({ index, next }: ChunkAnswer): Buffer {
  return encodeFields(FRAME.chunkAnswer, [index, next], []);
}

/** @throws WireViolation. */
export function decodeChunkAnswer(bytes: Uint8Array): ChunkAnswer {
  const reader = new WireReader(bytes, 1, bytes.length);
  return { index: readWhole(reader), next: readWhole(reader) };
}

/** A request for the leader. */
export interface Forwarded {
  readonly id: number;
  readonly leftMs: number;
  readonly body: Uint8Array;
}

export interface ForwardedAnswer {
  readonly id: number;
  readonly body: Uint8Array;
}

export function encodeForwards(forwards: readonly Forwarded[]): Buffer {
  const frame = Buffer.allocUnsafe(forwards.reduce((sum, { body }) => sum + FORWARD_HEAD_BYTES + body.length, 1));
  frame[0] = FRAME.forwards;
  let at = 1;
  for (const { id, leftMs, body } of forwards) {
    frame.writeUInt32BE(id, at);
    frame.writeUInt32BE(Math.min(U32_MAX, Math.ceil(leftMs)), at + 4);
    frame.writeUInt32BE(body.length, at + 8);
    frame.set(body, at + FORWARD_HEAD_BYTES);
    at += FORWARD_HEAD_BYTES + body.length;
  }
  return frame;
}

/** @throws WireViolation. */
export function decodeForwards(bytes: Uint8Array): Forwarded[] {
  const reader = new WireReader(bytes, 1, bytes.length);
  const forwards: Forwarded[] = [];
  while (reader.remaining > 0) forwards.push({ id: reader.readU32(), leftMs: reader.readU32(), body: readBody(reader) });
  return forwards;
}

export function encodeForwardAnswers(answers: readonly ForwardedAnswer[]): Buffer {
  const frame = Buffer.allocUnsafe(answers.reduce((sum, { body }) => sum + FORWARD_ANSWER_HEAD_BYTES + body.length, 1));
  frame[0] = FRAME.forwardAnswers;
  let at = 1;
  for (const { id, body } of answers) {
    frame.writeUInt32BE(id, at);
    frame.writeUInt32BE(body.length, at + 4);
    frame.set(body, at + FORWARD_ANSWER_HEAD_BYTES);
    at += FORWARD_ANSWER_HEAD_BYTES + body.length;
  }
  return frame;
}

/** @throws WireViolation. */
export function decodeForwardAnswers(bytes: Uint8Array): ForwardedAnswer[] {
  const reader = new WireReader(bytes, 1, bytes.length);
  const answers: ForwardedAnswer[] = [];
  while (reader.remaining > 0) answers.push({ id: reader.readU32(), body: readBody(reader) });
  return answers;
}

function encodeFields(kind: number, numbers: readonly number[], texts: readonly string[]): Buffer {
  const encoded = texts.map((text) => Buffer.from(text));
  const length = encoded.reduce((sum, text) => sum + 2 + text.length, 1 + WIDE_BYTES * numbers.length);
  const writer = new WireWriter(Buffer.allocUnsafe(length));
  writer.writeU8(kind);
  for (const number of numbers) writeWide(writer, number);
  for (const text of encoded) {
    writer.writeU16(text.length);
    writer.writeBytes(text, 0, text.length);
  }
  return Buffer.from(writer.bytes.buffer, writer.bytes.byteOffset, length);
}

function readText(reader: WireReader): string {
  const length = reader.readU16();
  const at = reader.skip(length);
  return Buffer.from(reader.bytes.subarray(at, at + length)).toString('utf8');
}

function readBody(reader: WireReader): Uint8Array {
  const length = reader.readU32();
  const at = reader.skip(length);
  return reader.bytes.subarray(at, at + length);
}
