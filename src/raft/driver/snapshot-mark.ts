import { WireReader } from '../../wire/reader.js';
import { WireViolation } from '../../wire/violation.js';
import { WireWriter } from '../../wire/writer.js';
import { type ConfigurationState, NO_NODE, type NodeId, type Snapshot } from '../messages.js';
import { readWhole, WIDE_BYTES, writeWide } from '../wide-number.js';
import type { SnapshotMark } from './ports.js';

/*
  A mark in bytes, as it goes with a snapshot message and as the store keeps it. Integers are big-endian.

    version u8 | index u64 | term u64 | chunks u32 | bytes u64 | checksum u32 | autoLeave u8 | 4 lists
    list => count u32 | node u64 *          voters, outgoing voters, learners, learners to be
*/

const VERSION = 1;
const HEAD_BYTES = 1 + 2 * WIDE_BYTES + 4 + WIDE_BYTES + 4 + 1;
/** More members than that are not a configuration but damage. */
const MEMBERS_MAX = 10_000;

export function encodeMark(mark: SnapshotMark): Uint8Array {
  const { voters, votersOutgoing, learners, learnersNext, autoLeave } = mark.configuration;
  const lists = [voters, votersOutgoing, learners, learnersNext];
  const bytes = new Uint8Array(lists.reduce((sum, list) => sum + 4 + WIDE_BYTES * list.length, HEAD_BYTES));
  const writer = new WireWriter(bytes);
  writer.writeU8(VERSION);
  writeWide(writer, mark.index);
  writeWide(writer, mark.term);
  writer.writeU32(mark.chunkCount);
  writeWide(writer, mark.bytes);
  writer.writeU32(mark.checksum);
  writer.writeU8(autoLeave ? 1 : 0);
  for (const list of lists) {
    writer.writeU32(list.length);
    for (const node of list) writeWide(writer, node);
  }
  return bytes;
}

/** @throws WireViolation if the bytes are no mark. */
export function decodeMark(bytes: Uint8Array): SnapshotMark {
  const reader = new WireReader(bytes, 0, bytes.length);
  if (reader.readU8() !== VERSION) throw new WireViolation('a snapshot mark of another version');
  const index = readWhole(reader);
  const term = readWhole(reader);
  const chunkCount = reader.readU32();
  const length = readWhole(reader);
  const checksum = reader.readU32();
  const autoLeave = reader.readU8() === 1;
  const configuration: ConfigurationState = {
    voters: readList(reader),
    votersOutgoing: readList(reader),
    learners: readList(reader),
    learnersNext: readList(reader),
    autoLeave,
  };
  if (reader.remaining > 0) throw new WireViolation('a snapshot mark with bytes behind its end');
  return { index, term, configuration, chunkCount, bytes: length, checksum };
}

/** What the core is told of a snapshot: where it stands; its data say how to know it. */
export function snapshotOf(mark: SnapshotMark): Snapshot {
  return { index: mark.index, term: mark.term, configuration: mark.configuration, data: encodeMark(mark) };
}

export function isSameMark(a: SnapshotMark, b: SnapshotMark): boolean {
  return a.index === b.index && a.term === b.term && a.chunkCount === b.chunkCount && a.bytes === b.bytes && a.checksum === b.checksum;
}

function readList(reader: WireReader): NodeId[] {
  const count = reader.readU32();
  if (count > MEMBERS_MAX || count * WIDE_BYTES > reader.remaining)
    throw new WireViolation('a list of members that is longer than its bytes');
  const nodes: NodeId[] = [];
  for (let i = 0; i < count; i += 1) {
    const node = readWhole(reader);
    if (node === NO_NODE) throw new WireViolation('a member without a number');
    nodes.push(node);
  }
  return nodes;
}
