import {
  COUNTERS_COUNT,
  type CommandSink,
  type ConnectionId,
  type ConnectionOptions,
  EVENT,
  type PeerAddress,
  ROW_INTS,
  SPACE_REGISTERED_FIRST,
  type SpaceId,
  type Transport,
} from '../../src/transport/ports.js';

/** What was sent to one connection since `start`, and what was done to it. */
export interface FakeConnection {
  readonly output: Buffer[];
  readonly commands: string[];
}

function unused(): never {
  throw new Error('the load generator does not use this part of the port');
}

/** The client half of the transport port without sockets: the test plays the broker, turn by turn. */
export class FakeTransport implements Transport {
  readonly kind = 'node';
  readonly arena: Uint8Array = new Uint8Array(1 << 20);
  readonly rows: Int32Array = new Int32Array(1024 * ROW_INTS);
  readonly activity: Int32Array = new Int32Array(1);
  readonly counters: Float64Array = new Float64Array(COUNTERS_COUNT);
  readonly topicsMax = 1;
  readonly topicGenerations: Int32Array = new Int32Array(1);
  readonly connections: FakeConnection[] = [];
  isClosed = false;
  #spaces: Uint8Array[] = [];
  #onTurn: (rowCount: number) => void = unused;
  #rowCount = 0;
  #arenaUsed = 0;

  readonly commands: CommandSink = {
    send: (connection, space, offset, length) => {
      const bytes = this.#spaces[space - SPACE_REGISTERED_FIRST];
      this.connections[connection].output.push(Buffer.from(bytes.subarray(offset, offset + length)));
    },
    sendCopy: (connection, bytes) => void this.connections[connection].output.push(Buffer.from(bytes)),
    ackRun: (connection, firstByte, reasonCode, space, offset, count) =>
      this.#note(connection, `ackRun ${firstByte} ${reasonCode} ${space} ${offset} ${count}`),
    ackRange: (connection, firstByte, firstPacketId, count) => this.#note(connection, `ackRange ${firstByte} ${firstPacketId} ${count}`),
    ack: (connection, firstByte, packetId) => this.#note(connection, `ack ${firstByte} ${packetId}`),
    admit: (connection, version) => this.#note(connection, `admit ${version}`),
    close: (connection) => {
      this.#note(connection, 'close');
      setImmediate(() => this.turn(() => this.row(EVENT.closed, connection)));
    },
    release: (connection) => this.#note(connection, 'release'),
    pauseReading: unused,
    resumeReading: unused,
    buildBlock: unused,
    buildBlockCopy: unused,
    sendBlock: unused,
    sendBlockToList: unused,
    listSet: unused,
    listForget: unused,
  };

  start(onTurn: (rowCount: number) => void): void {
    this.#onTurn = onTurn;
  }

  submit(): void {}

  now(): number {
    return 0;
  }

  connect(_host: string, _port: number, _localAddress: string, _options: ConnectionOptions): ConnectionId {
    this.connections.push({ output: [], commands: [] });
    return this.connections.length - 1;
  }

  registerSpace(bytes: Uint8Array): SpaceId {
    this.#spaces.push(bytes);
    return SPACE_REGISTERED_FIRST + this.#spaces.length - 1;
  }

  close(): void {
    this.isClosed = true;
  }

  /** One turn with the rows that `fill` adds. */
  turn(fill: () => void): void {
    if (this.isClosed) return;
    this.#rowCount = 0;
    this.#arenaUsed = 0;
    fill();
    this.#onTurn(this.#rowCount);
  }

  row(kind: number, connection: ConnectionId, bytes: Uint8Array = new Uint8Array(0), count = 0, number = 0, extra = 0): void {
    this.arena.set(bytes, this.#arenaUsed);
    this.rows.set([kind, connection, this.#arenaUsed, bytes.length, count, number, 2, extra], this.#rowCount * ROW_INTS);
    this.#arenaUsed += bytes.length;
    this.#rowCount++;
  }

  /** Everything written to a connection, and forgets it. */
  take(connection: ConnectionId): Buffer {
    return Buffer.concat(this.connections[connection].output.splice(0));
  }

  #note(connection: ConnectionId, command: string): void {
    this.connections[connection].commands.push(command);
  }

  adopt: () => number = unused;
  takeSocket: Transport['takeSocket'] = unused;
  refuse: Transport['refuse'] = unused;
  acceptFrom: Transport['acceptFrom'] = unused;
  openVirtual: Transport['openVirtual'] = unused;
  pushVirtual: Transport['pushVirtual'] = unused;
  serveVirtual: Transport['serveVirtual'] = unused;
  acknowledgeOutput: Transport['acknowledgeOutput'] = unused;
  closeVirtual: Transport['closeVirtual'] = unused;
  peerOf: () => PeerAddress = unused;
  outputBytesOf: () => number = unused;
  unregisterSpace: () => void = unused;
  internTopic: () => number = unused;
  topicName: () => string = unused;
}
