import type { BlockId, BlockShape, CommandSink, ConnectionId, ListId, SpaceId } from '../../../transport/ports.js';
import { SPACE_ARENA } from '../../../transport/ports.js';
import type { MqttContext } from '../context.js';
import { nextPacketIdAfter } from '../outbound.js';
import { frameLength, packetIdOf } from '../publish-frame.js';
import { ackText, isPublish, serverText } from './packet-text.js';
import type { Tracing } from './tracing.js';

interface Block {
  readonly bytes: Uint8Array;
  readonly offset: number;
  readonly count: number;
  readonly version: 4 | 5;
  readonly shape: BlockShape;
}

/** Stands before the transport's sink while there are traces: notes what leaves, and passes it on unchanged. */
export class TracingCommands implements CommandSink {
  readonly #context: MqttContext;
  readonly #sink: CommandSink;
  readonly #tracing: Tracing;
  /** Of this batch, by their numbers. */
  readonly #blocks: Block[] = [];
  /** Lists that were set since the trace began: plans are made anew then. */
  readonly #lists: Map<ListId, Int32Array> = new Map();

  constructor(context: MqttContext, sink: CommandSink, tracing: Tracing) {
    this.#context = context;
    this.#sink = sink;
    this.#tracing = tracing;
  }

  send(connection: ConnectionId, space: SpaceId, offset: number, length: number): void {
    this.#tracing.note('out', connection, null, () => `bytes=${length}`);
    this.#sink.send(connection, space, offset, length);
  }

  sendCopy(connection: ConnectionId, bytes: Uint8Array): void {
    const version = this.#context.connections[connection]?.version ?? 4;
    if (isPublish(bytes)) this.#tracing.onPublishes('out', connection, bytes, 0, 1, version === 5 ? 5 : 4, null);
    else this.#tracing.note('out', connection, null, () => serverText(bytes, version));
    this.#sink.sendCopy(connection, bytes);
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
    const id = this.#sink.buildBlock(space, offset, length, count, sourceVersion, shape, identifiers);
    const bytes = this.#bytesOf(space);
    if (bytes !== null) this.#blocks[id] = { bytes, offset, count, version: sourceVersion, shape };
    else delete this.#blocks[id];
    return id;
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
    const id = this.#sink.buildBlockCopy(bytes, offset, length, count, sourceVersion, shape, identifiers);
    this.#blocks[id] = { bytes, offset, count, version: sourceVersion, shape };
    return id;
  }

  sendBlock(connection: ConnectionId, block: BlockId, firstPacketId: number): void {
    this.#noteBlock(connection, block, firstPacketId);
    this.#sink.sendBlock(connection, block, firstPacketId);
  }

  sendBlockToList(list: ListId, block: BlockId, exceptConnection: ConnectionId): void {
    for (const connection of this.#lists.get(list) ?? []) if (connection !== exceptConnection) this.#noteBlock(connection, block, 0);
    this.#sink.sendBlockToList(list, block, exceptConnection);
  }

  ackRun(connection: ConnectionId, firstByte: number, reasonCode: number, space: SpaceId, offset: number, count: number): void {
    const bytes = this.#bytesOf(space);
    if (bytes === null) this.#tracing.note('out', connection, null, () => `${count} acknowledgements`);
    else {
      let at = offset;
      for (let i = 0; i < count; i += 1) {
        const packetId = packetIdOf(bytes, at);
        this.#tracing.note('out', connection, null, () => ackText(firstByte, packetId, reasonCode));
        at += frameLength(bytes, at);
      }
    }
    this.#sink.ackRun(connection, firstByte, reasonCode, space, offset, count);
  }

  ackRange(connection: ConnectionId, firstByte: number, firstPacketId: number, count: number): void {
    let packetId = firstPacketId;
    for (let i = 0; i < count; i += 1) {
      const id = packetId;
      this.#tracing.note('out', connection, null, () => ackText(firstByte, id));
      packetId = nextPacketIdAfter(packetId);
    }
    this.#sink.ackRange(connection, firstByte, firstPacketId, count);
  }

  ack(connection: ConnectionId, firstByte: number, packetId: number): void {
    this.#tracing.note('out', connection, null, () => ackText(firstByte, packetId));
    this.#sink.ack(connection, firstByte, packetId);
  }

  admit(connection: ConnectionId, version: 4 | 5, frameBytesMax: number): void {
    this.#sink.admit(connection, version, frameBytesMax);
  }

  pauseReading(connection: ConnectionId): void {
    this.#tracing.note('out', connection, null, () => 'reading is paused');
    this.#sink.pauseReading(connection);
  }

  resumeReading(connection: ConnectionId): void {
    this.#tracing.note('out', connection, null, () => 'reading goes on');
    this.#sink.resumeReading(connection);
  }

  close(connection: ConnectionId, lingerMs: number): void {
    this.#tracing.note('out', connection, null, () => 'close');
    this.#sink.close(connection, lingerMs);
  }

  release(connection: ConnectionId): void {
    this.#sink.release(connection);
  }

  listSet(list: ListId, connections: Int32Array, count: number): void {
    this.#lists.set(list, connections.slice(0, count));
    this.#sink.listSet(list, connections, count);
  }

  listForget(connection: ConnectionId): void {
    this.#sink.listForget(connection);
  }

  #noteBlock(connection: ConnectionId, block: BlockId, firstPacketId: number): void {
    const known = this.#blocks.at(block);
    if (known === undefined) {
      this.#tracing.note('out', connection, null, () => 'PUBLISH of another shard');
      return;
    }
    const { bytes, offset, count, version, shape } = known;
    const { qos, retain, duplicate } = shape;
    this.#tracing.onPublishes('out', connection, bytes, offset, count, version, { packetId: firstPacketId, qos, retain, duplicate });
  }

  /** Null: not known here. */
  #bytesOf(space: SpaceId): Uint8Array | null {
    const { run, transport, staging } = this.#context;
    if (space === SPACE_ARENA) return transport.arena;
    return run.space === space ? run.bytes : staging.bytesOf(space);
  }
}
