import { assert } from '../../base/assert.js';
import {
  type BlockId,
  type BlockShape,
  COUNTER,
  type CommandSink,
  type ConnectionId,
  type ListId,
  SPACE_SCRATCH,
  type SpaceId,
} from '../ports.js';
import { encodeAckRun, encodeBlock } from './block.js';
import { nextPacketId } from './publish-frame.js';
import type { Reactor } from './reactor.js';

/**
 * The commands of the port, carried out as they come: output becomes segments that `submit` writes, everything else takes
 * effect here. Commands to a connection that is gone, or whose close was asked for, are ignored.
 */
export class NodeCommandSink implements CommandSink {
  readonly #reactor: Reactor;

  constructor(reactor: Reactor) {
    this.#reactor = reactor;
  }

  send(connection: ConnectionId, space: SpaceId, offset: number, length: number): void {
    const reactor = this.#reactor;
    const target = reactor.live(connection);
    if (target === null || length === 0) return;
    assert(offset >= 0 && offset + length <= reactor.output.spaceOf(space).length, 'bytes to send lie inside their space');
    reactor.makeRoom(0);
    reactor.output.appendRaw(target, space, offset, length);
    reactor.counters[COUNTER.framesOut] += 1;
  }

  sendCopy(connection: ConnectionId, bytes: Uint8Array): void {
    const reactor = this.#reactor;
    const target = reactor.live(connection);
    if (target === null || bytes.length === 0) return;
    const offset = reactor.scratchRoom(bytes.length);
    reactor.output.spaceOf(SPACE_SCRATCH).set(bytes, offset);
    reactor.output.appendRaw(target, SPACE_SCRATCH, offset, bytes.length);
    reactor.counters[COUNTER.framesOut] += 1;
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
    assert(space !== SPACE_SCRATCH, 'the scratch is drained when it is full');
    const output = this.#reactor.output;
    output.blocks.push(encodeBlock(output.spaceOf(space), offset, length, count, sourceVersion, shape, identifiers, false));
    return output.blocks.length - 1;
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
    const output = this.#reactor.output;
    output.blocks.push(encodeBlock(bytes, offset, length, count, sourceVersion, shape, identifiers, true));
    return output.blocks.length - 1;
  }

  sendBlock(connection: ConnectionId, block: BlockId, firstPacketId: number): void {
    const reactor = this.#reactor;
    const target = reactor.live(connection);
    assert(block < reactor.output.blocks.length, 'a block is good until the next submit');
    if (target === null) return;
    reactor.makeRoom(0);
    reactor.output.appendBlock(target, block, firstPacketId);
    reactor.counters[COUNTER.framesOut] += reactor.output.blocks[block].count;
  }

  sendBlockToList(list: ListId, block: BlockId, exceptConnection: ConnectionId): void {
    const reactor = this.#reactor;
    const output = reactor.output;
    const members = reactor.lists.of(list);
    assert(block < output.blocks.length, 'a block is good until the next submit');
    assert(output.blocks[block].packetIdOffsets === null, 'a list takes blocks of QoS 0');
    const count = output.blocks[block].count;
    let sent = 0;
    for (let i = 0; i < members.length; i += 1) {
      const target = members[i] === exceptConnection ? null : reactor.live(members[i]);
      if (target === null) continue;
      if (target.isCongested) {
        reactor.counters[COUNTER.droppedQos0] += count;
        continue;
      }
      reactor.makeRoom(0);
      output.appendBlock(target, block, 0);
      sent += count;
    }
    reactor.counters[COUNTER.framesOut] += sent;
  }

  ackRun(connection: ConnectionId, firstByte: number, reasonCode: number, space: SpaceId, offset: number, count: number): void {
    const reactor = this.#reactor;
    const target = reactor.live(connection);
    if (target === null || count === 0) return;
    const length = count * (reasonCode === 0 ? 4 : 5);
    const at = reactor.scratchRoom(length);
    const output = reactor.output;
    encodeAckRun(output.spaceOf(space), offset, count, firstByte, reasonCode, output.spaceOf(SPACE_SCRATCH), at);
    output.appendRaw(target, SPACE_SCRATCH, at, length);
    reactor.counters[COUNTER.framesOut] += count;
  }

  ackRange(connection: ConnectionId, firstByte: number, firstPacketId: number, count: number): void {
    const reactor = this.#reactor;
    const target = reactor.live(connection);
    if (target === null || count === 0) return;
    assert(firstPacketId > 0 && firstPacketId <= 65535, 'a packet id is 1 to 65535');
    const at = reactor.scratchRoom(count * 4);
    const scratch = reactor.output.spaceOf(SPACE_SCRATCH);
    let packetId = firstPacketId;
    for (let position = at; position < at + count * 4; position += 4) {
      scratch[position] = firstByte;
      scratch[position + 1] = 2;
      scratch[position + 2] = packetId >> 8;
      scratch[position + 3] = packetId & 0xff;
      packetId = nextPacketId(packetId);
    }
    reactor.output.appendRaw(target, SPACE_SCRATCH, at, count * 4);
    reactor.counters[COUNTER.framesOut] += count;
  }

  ack(connection: ConnectionId, firstByte: number, packetId: number): void {
    this.ackRange(connection, firstByte, packetId, 1);
  }

  admit(connection: ConnectionId, version: 4 | 5, frameBytesMax: number): void {
    this.#reactor.admit(connection, version, frameBytesMax);
  }

  pauseReading(connection: ConnectionId): void {
    this.#reactor.setPaused(connection, true);
  }

  resumeReading(connection: ConnectionId): void {
    this.#reactor.setPaused(connection, false);
  }

  close(connection: ConnectionId, lingerMs: number): void {
    this.#reactor.beginClose(connection, lingerMs);
  }

  release(connection: ConnectionId): void {
    this.#reactor.release(connection);
  }

  listSet(list: ListId, connections: Int32Array, count: number): void {
    assert(list >= 0 && count <= connections.length, 'a list is named by a small number and has its members');
    this.#reactor.lists.set(list, connections.subarray(0, count));
  }

  listForget(connection: ConnectionId): void {
    this.#reactor.lists.forget(connection);
  }
}
