import { WireReader } from '../../wire/reader.js';
import { WireViolation } from '../../wire/violation.js';
import { WireWriter } from '../../wire/writer.js';
import type { Counters } from './edit.js';
import { type Form, NewerVersion, record, whole } from './forms.js';
import { RESOURCE_NUMBERS, readRecord, recordBytesMax, resourceOfNumber, writeRecord } from './record-forms.js';
import { type AnsweredRequest, answeredRequest } from './request-memory.js';
import type { ResourceKind, ResourceRecord } from './resources.js';

/*
  All of the catalogue in chunks: a snapshot of the log, and what a copy on another thread begins with.

    chunk      more u8 | piece              0: ends a part; 1: the part goes on in the next chunk
    part       kind u8 | body

    1 head     version u8 | record of StateHead
    2 records  kind of resource u8 | records until the end         record-forms.ts; in the order in which their keys came
    3 requests answered requests until the end                     request-memory.ts; oldest first
    4 tail     parts before it, whole | records in them, whole

  The same state has the same bytes, however it came about.
*/

const FORMAT_VERSION = 1;
const CHUNK_BYTES = 64 * 1024;
/** A part is closed when it has so many bytes: with its last record it seldom needs a second chunk. */
const PART_BYTES = CHUNK_BYTES - 4 * 1024;
const PART = { head: 1, records: 2, requests: 3, tail: 4 } as const;
const ENDS = 0;
const GOES_ON = 1;

export interface StateHead extends Readonly<Counters> {
  readonly revision: number;
  readonly index: number;
  readonly atMs: number;
}

const stateHead: Form<StateHead> = record<StateHead>({
  revision: whole,
  index: whole,
  atMs: whole,
  nodeIdNext: whole,
  streamIdNext: whole,
  memoryStreamIdNext: whole,
});

/** References to records, which never change: so this is the state of one moment while the catalogue goes on. */
export interface CapturedState {
  readonly head: StateHead;
  readonly records: readonly CapturedRecords[];
  readonly requests: readonly AnsweredRequest[];
}

export interface CapturedRecords {
  readonly bytesMax: (index: number) => number;
  readonly write: (writer: WireWriter, index: number) => void;
  readonly number: number;
  readonly count: number;
}

export function capturedRecords<K extends ResourceKind>(kind: K, records: readonly ResourceRecord<K>[]): CapturedRecords {
  return {
    number: RESOURCE_NUMBERS[kind],
    count: records.length,
    bytesMax: (index) => recordBytesMax(kind, records[index]),
    write: (writer, index) => writeRecord(writer, kind, records[index]),
  };
}

/** Encodes as it is asked for chunks, each a little work. */
export function* encodeState({ head, records, requests }: CapturedState): Generator<Uint8Array, undefined> {
  const parts = new PartWriter();
  let recordCount = 0;
  parts.begin(PART.head, 1 + stateHead.bytesMax(head));
  parts.writer.writeU8(FORMAT_VERSION);
  stateHead.write(parts.writer, head);
  yield* parts.end();
  for (const { number, count, bytesMax, write } of records) {
    recordCount += count;
    for (let index = 0; index < count; ) {
      parts.begin(PART.records, 1);
      parts.writer.writeU8(number);
      for (; index < count && !parts.isFull; index += 1) {
        parts.reserve(bytesMax(index));
        write(parts.writer, index);
      }
      yield* parts.end();
    }
  }
  for (let index = 0; index < requests.length; ) {
    parts.begin(PART.requests, 0);
    for (; index < requests.length && !parts.isFull; index += 1) {
      parts.reserve(answeredRequest.bytesMax(requests[index]));
      answeredRequest.write(parts.writer, requests[index]);
    }
    yield* parts.end();
  }
  const before = parts.count;
  parts.begin(PART.tail, whole.bytesMax(before) + whole.bytesMax(recordCount));
  whole.write(parts.writer, before);
  whole.write(parts.writer, recordCount);
  yield* parts.end();
}

/** Collects one part, and cuts it into chunks. */
class PartWriter {
  writer: WireWriter = new WireWriter(new Uint8Array(2 * CHUNK_BYTES));
  count = 0;

  get isFull(): boolean {
    return this.writer.position >= PART_BYTES;
  }

  begin(kind: number, bytesMax: number): void {
    this.writer.position = 0;
    this.reserve(1 + bytesMax);
    this.writer.writeU8(kind);
  }

  /** Makes room for so many bytes more. */
  reserve(bytesMax: number): void {
    const { bytes, position } = this.writer;
    if (position + bytesMax <= bytes.length) return;
    const grown = new Uint8Array(2 * (position + bytesMax));
    grown.set(bytes.subarray(0, position));
    this.writer = new WireWriter(grown, position);
  }

  *end(): Generator<Uint8Array, undefined> {
    const { bytes, position } = this.writer;
    this.count += 1;
    for (let from = 0; from < position; from += CHUNK_BYTES - 1) {
      const to = Math.min(position, from + CHUNK_BYTES - 1);
      const chunk = new Uint8Array(1 + to - from);
      chunk[0] = to < position ? GOES_ON : ENDS;
      chunk.set(bytes.subarray(from, to), 1);
      yield chunk;
    }
  }
}

/** Where a decoded state goes. */
export interface StateSink {
  onHead(head: StateHead): void;
  onRecord<K extends ResourceKind>(kind: K, record: ResourceRecord<K>): void;
  onRequest(request: AnsweredRequest): void;
}

/** @throws WireViolation if the chunks are no state or not all of it, NewerVersion if a newer version wrote them. */
export function decodeState(chunks: Iterable<Uint8Array>, sink: StateSink): void {
  let count = 0;
  let recordCount = 0;
  let isWhole = false;
  for (const part of partsOf(chunks)) {
    if (isWhole) throw new WireViolation('something follows the tail of a state');
    const reader = new WireReader(part, 0, part.length);
    const kind = reader.readU8();
    if ((kind === PART.head) !== (count === 0)) throw new WireViolation('a state begins with its head');
    if (kind === PART.head) sink.onHead(readHead(reader));
    else if (kind === PART.records) recordCount += readRecords(reader, sink);
    else if (kind === PART.requests) while (reader.remaining > 0) sink.onRequest(answeredRequest.read(reader));
    else if (kind !== PART.tail) throw new NewerVersion(`unknown part ${kind} of a state`);
    else if (whole.read(reader) !== count || whole.read(reader) !== recordCount) throw new WireViolation('some of a state is missing');
    else isWhole = true;
    if (reader.remaining > 0) throw new WireViolation('something follows the end of a part');
    count += 1;
  }
  if (!isWhole) throw new WireViolation('a state has no tail');
}

function readHead(reader: WireReader): StateHead {
  const version = reader.readU8();
  if (version > FORMAT_VERSION) throw new NewerVersion(`unknown format ${version} of a state`);
  return stateHead.read(reader);
}

/** @returns how many. */
function readRecords(reader: WireReader, sink: StateSink): number {
  const number = reader.readU8();
  const kind = resourceOfNumber(number);
  if (kind === null) throw new NewerVersion(`unknown resource ${number}`);
  let count = 0;
  for (; reader.remaining > 0; count += 1) sink.onRecord(kind, readRecord(reader, kind));
  return count;
}

function* partsOf(chunks: Iterable<Uint8Array>): Generator<Uint8Array, undefined> {
  let pieces: Uint8Array[] = [];
  for (const chunk of chunks) {
    if (chunk.length === 0) throw new WireViolation('a chunk is empty');
    pieces.push(chunk.subarray(1));
    if (chunk[0] === GOES_ON) continue;
    yield pieces.length === 1 ? pieces[0] : Buffer.concat(pieces);
    pieces = [];
  }
  if (pieces.length > 0) throw new WireViolation('the last part of a state is cut');
}
