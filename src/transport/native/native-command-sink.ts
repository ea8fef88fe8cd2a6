import { assert } from '../../base/assert.js';
import type { NativeReactor } from '../../native/door.js';
import { type BlockId, type BlockShape, type CommandSink, type ConnectionId, type ListId, SPACE_SCRATCH, type SpaceId } from '../ports.js';
import { COMMAND, COMMAND_INTS } from './layout.js';

/**
 * Appends command rows and scratch bytes for the reactor. When one of the two is full in the middle of a turn the reactor
 * executes what is there: for full rows that is all; for a full scratch it also writes, so that nothing refers to it any more.
 */
export class NativeCommandSink implements CommandSink {
  readonly #reactor: NativeReactor;
  readonly #rows: Int32Array;
  readonly #scratch: Uint8Array;
  /** Index into #rows of the next command. */
  #at = 0;
  #scratchUsed = 0;
  #blockNext = 0;
  /** Commands of this batch are executed, but what they produced may not be written. */
  #wasDrained = false;

  constructor(reactor: NativeReactor, rows: Int32Array, scratch: Uint8Array) {
    assert(rows.length >= COMMAND_INTS && rows.length % COMMAND_INTS === 0, 'command rows are whole');
    this.#reactor = reactor;
    this.#rows = rows;
    this.#scratch = scratch;
  }

  /** Ends the batch: block numbers and scratch start again. @returns the number of commands it has. */
  take(): number {
    const count = this.#at / COMMAND_INTS;
    this.#at = 0;
    this.#scratchUsed = 0;
    this.#blockNext = 0;
    this.#wasDrained = false;
    return count;
  }

  /** True if nothing was appended since `take`. */
  get isEmpty(): boolean {
    return this.#at === 0 && !this.#wasDrained;
  }

  send(connection: ConnectionId, space: SpaceId, offset: number, length: number): void {
    const rows = this.#rows;
    const at = this.#row();
    rows[at] = COMMAND.send;
    rows[at + 1] = connection;
    rows[at + 2] = space;
    rows[at + 3] = offset;
    rows[at + 4] = length;
  }

  sendCopy(connection: ConnectionId, bytes: Uint8Array): void {
    const most = this.#scratch.length;
    for (let from = 0; from < bytes.length; from += most) {
      const length = Math.min(most, bytes.length - from);
      const offset = this.#stage(length);
      this.#scratch.set(length === bytes.length ? bytes : bytes.subarray(from, from + length), offset);
      this.send(connection, SPACE_SCRATCH, offset, length);
    }
  }

  buildBlock(
    space: SpaceId,
    offset: number,
    length: number,
    count: number,
    sourceVersion: 4 | 5,
    shape: BlockShape,
    identifiers: Uint8Array | null,
  ): BlockId {
    let idsOffset = 0;
    let idsLength = 0;
    if (identifiers !== null) {
      idsLength = identifiers.length;
      idsOffset = this.#stage(idsLength);
      this.#scratch.set(identifiers, idsOffset);
    }
    return this.#appendBlock(space, offset, length, count, sourceVersion, shape, idsOffset, idsLength);
  }

  buildBlockCopy(
    bytes: Uint8Array,
    offset: number,
    length: number,
    count: number,
    sourceVersion: 4 | 5,
    shape: BlockShape,
    identifiers: Uint8Array | null,
  ): BlockId {
    const idsLength = identifiers === null ? 0 : identifiers.length;
    // In one piece: staging twice could drain the first.
    const staged = this.#stage(length + idsLength);
    this.#scratch.set(bytes.subarray(offset, offset + length), staged);
    if (identifiers !== null) this.#scratch.set(identifiers, staged + length);
    return this.#appendBlock(SPACE_SCRATCH, staged, length, count, sourceVersion, shape, staged + length, idsLength);
  }

  sendBlock(connection: ConnectionId, block: BlockId, firstPacketId: number): void {
    const rows = this.#rows;
    const at = this.#row();
    rows[at] = COMMAND.sendBlock;
    rows[at + 1] = connection;
    rows[at + 2] = block;
    rows[at + 3] = firstPacketId;
  }

  sendBlockToList(list: ListId, block: BlockId, exceptConnection: ConnectionId): void {
    const rows = this.#rows;
    const at = this.#row();
    rows[at] = COMMAND.sendBlockToList;
    rows[at + 1] = list;
    rows[at + 2] = block;
    rows[at + 3] = exceptConnection;
  }

  ackRun(connection: ConnectionId, firstByte: number, reasonCode: number, space: SpaceId, offset: number, count: number): void {
    const rows = this.#rows;
    const at = this.#row();
    rows[at] = COMMAND.ackRun;
    rows[at + 1] = connection;
    rows[at + 2] = firstByte;
    rows[at + 3] = reasonCode;
    rows[at + 4] = space;
    rows[at + 5] = offset;
    rows[at + 6] = count;
  }

  ackRange(connection: ConnectionId, firstByte: number, firstPacketId: number, count: number): void {
    const rows = this.#rows;
    const at = this.#row();
    rows[at] = COMMAND.ackRange;
    rows[at + 1] = connection;
    rows[at + 2] = firstByte;
    rows[at + 3] = firstPacketId;
    rows[at + 4] = count;
  }

  ack(connection: ConnectionId, firstByte: number, packetId: number): void {
    this.ackRange(connection, firstByte, packetId, 1);
  }

  admit(connection: ConnectionId, version: 4 | 5, frameBytesMax: number): void {
    const rows = this.#rows;
    const at = this.#row();
    rows[at] = COMMAND.admit;
    rows[at + 1] = connection;
    rows[at + 2] = version;
    rows[at + 3] = frameBytesMax;
  }

  pauseReading(connection: ConnectionId): void {
    this.#simple(COMMAND.pause, connection);
  }

  resumeReading(connection: ConnectionId): void {
    this.#simple(COMMAND.resume, connection);
  }

  close(connection: ConnectionId, lingerMs: number): void {
    const at = this.#simple(COMMAND.close, connection);
    this.#rows[at + 2] = lingerMs;
  }

  release(connection: ConnectionId): void {
    this.#simple(COMMAND.release, connection);
  }

  listSet(list: ListId, connections: Int32Array, count: number): void {
    this.#drain(false); // Commands before this one mean the list as it was.
    this.#reactor.setList(list, connections, count);
  }

  listForget(connection: ConnectionId): void {
    this.#simple(COMMAND.listForget, connection);
  }

  #simple(operation: number, connection: ConnectionId): number {
    const at = this.#row();
    this.#rows[at] = operation;
    this.#rows[at + 1] = connection;
    return at;
  }

  #appendBlock(
    space: SpaceId,
    offset: number,
    length: number,
    count: number,
    sourceVersion: 4 | 5,
    shape: BlockShape,
    idsOffset: number,
    idsLength: number,
  ): BlockId {
    const rows = this.#rows;
    const at = this.#row();
    rows[at] =
      COMMAND.buildBlock |
      (sourceVersion << 8) |
      (shape.version << 12) |
      (shape.qos << 16) |
      (shape.retain << 18) |
      (shape.duplicate << 19);
    rows[at + 1] = space;
    rows[at + 2] = offset;
    rows[at + 3] = length;
    rows[at + 4] = count;
    rows[at + 5] = idsOffset;
    rows[at + 6] = idsLength;
    this.#blockNext += 1;
    return this.#blockNext - 1;
  }

  /** Where the next command goes. */
  #row(): number {
    if (this.#at === this.#rows.length) this.#drain(false);
    const at = this.#at;
    this.#at = at + COMMAND_INTS;
    return at;
  }

  /** Room in the scratch, good until the next call. */
  #stage(length: number): number {
    assert(length <= this.#scratch.length, 'what is staged fits the scratch');
    if (this.#scratchUsed + length > this.#scratch.length) {
      this.#drain(true);
      this.#scratchUsed = 0;
    }
    const offset = this.#scratchUsed;
    this.#scratchUsed = offset + length;
    return offset;
  }

  #drain(flush: boolean): void {
    const count = this.#at / COMMAND_INTS;
    this.#at = 0;
    this.#wasDrained = true;
    this.#reactor.drain(count, flush);
  }
}
