import { isIP, Socket } from 'node:net';
import { assert } from '../../base/assert.js';
import { BrokerError } from '../../base/errors.js';
import { checkLayout, loadNative, type NativeBinding, type NativeReactor } from '../../native/door.js';
import {
  COUNTERS_COUNT,
  type ConnectionId,
  type ConnectionOptions,
  type OnAccepted,
  type PeerAddress,
  ROW_INTS,
  type SpaceId,
  type TopicId,
  type Transport,
  type VirtualSink,
} from '../ports.js';
import { COMMAND_INTS, LAYOUT, VIRTUAL, VIRTUAL_INTS } from './layout.js';
import { NativeCommandSink } from './native-command-sink.js';

const ROWS_MAX = 16_384;
const COMMANDS_MAX = 16_384;
const VIRTUAL_ROWS_MAX = 1024;
const WINDOW_BYTES = 256 * 1024;
const SCRATCH_BYTES = 1024 * 1024;
/** A batch of reads and one read more, beside the longest frame: Reactor::arenaBytesBeyondFrame. */
const ARENA_BYTES_BEYOND_FRAME = 1024 * 1024;
const NOWHERE: PeerAddress = { address: '', port: 0 };

export interface NativeTransportOptions {
  /** Size of the table of connections. */
  readonly connectionsMax: number;
  readonly topicsMax: number;
  /** The longest frame, in bytes, that any connection will accept. */
  readonly frameBytesMax: number;
  /** COUNTERS_COUNT cells, usually shared with the thread that reads them. */
  readonly counters?: Float64Array;
}

/** The transport of native-bindings: epoll, cutting and writing in C++, every decision here in JS. One per thread. */
export class NativeTransport implements Transport {
  readonly kind = 'native';
  readonly commands: NativeCommandSink;
  readonly arena: Uint8Array;
  readonly rows: Int32Array;
  readonly activity: Int32Array;
  readonly counters: Float64Array;
  readonly topicsMax: number;
  readonly topicGenerations: Int32Array;
  readonly #binding: NativeBinding;
  readonly #reactor: NativeReactor;
  readonly #window: Uint8Array;
  readonly #virtualRows: Int32Array;
  readonly #sinks: (VirtualSink | undefined)[] = [];
  #onTurn: (rowCount: number) => void = () => {};
  #phase: 'new' | 'started' | 'closed' = 'new';

  /** @throws BrokerError if the addon is not there or does not fit; `loadNative` says so without throwing. */
  static open(options: NativeTransportOptions): NativeTransport {
    return new NativeTransport(options);
  }

  private constructor(options: NativeTransportOptions) {
    const binding = loadNative();
    if ('unavailable' in binding) throw new BrokerError('RMQ-1008', `(${binding.unavailable})`);
    checkLayout(binding, LAYOUT);
    this.#binding = binding;
    const { connectionsMax, topicsMax, frameBytesMax } = options;
    assert(connectionsMax > 0 && topicsMax > 1 && frameBytesMax > 0, 'limits are positive');
    // Memory that is never touched is never taken: these are address space, not bytes in use.
    this.arena = new Uint8Array(new ArrayBuffer(frameBytesMax + ARENA_BYTES_BEYOND_FRAME));
    this.rows = new Int32Array(ROWS_MAX * ROW_INTS);
    this.activity = new Int32Array(connectionsMax);
    this.counters = options.counters ?? new Float64Array(COUNTERS_COUNT);
    this.topicsMax = topicsMax;
    this.topicGenerations = new Int32Array(topicsMax);
    this.#window = new Uint8Array(WINDOW_BYTES);
    this.#virtualRows = new Int32Array(VIRTUAL_ROWS_MAX * VIRTUAL_INTS);
    const commandRows = new Int32Array(COMMANDS_MAX * COMMAND_INTS);
    const scratch = new Uint8Array(new ArrayBuffer(Math.max(SCRATCH_BYTES, frameBytesMax + SCRATCH_BYTES)));
    this.#reactor = new binding.Reactor({
      arena: this.arena,
      rows: this.rows,
      activity: this.activity,
      counters: this.counters,
      generations: this.topicGenerations,
      commands: commandRows,
      scratch,
      window: this.#window,
      virtualRows: this.#virtualRows,
      onTurn: (rowCount) => this.#turn(rowCount),
      onVirtual: (rowCount) => this.#tellCarriers(rowCount),
    });
    this.commands = new NativeCommandSink(this.#reactor, commandRows, scratch);
  }

  start(onTurn: (rowCount: number) => void): void {
    assert(this.#phase === 'new', 'a transport starts once');
    this.#phase = 'started';
    this.#onTurn = onTurn;
    this.#reactor.start();
  }

  submit(): void {
    if (!this.commands.isEmpty) this.#reactor.submit(this.commands.take());
  }

  now(): number {
    return this.#reactor.tick() ?? 0;
  }

  adopt(descriptor: number, options: ConnectionOptions): ConnectionId {
    if (this.#phase === 'closed') {
      this.#binding.closeDescriptor(descriptor);
      return -1;
    }
    const { framing, gated, frameBytesMax, highMarkBytes, lowMarkBytes, outputBytesMax } = options;
    return this.#reactor.adopt(descriptor, framing, gated, frameBytesMax, highMarkBytes, lowMarkBytes, outputBytesMax) ?? -1;
  }

  takeSocket(descriptor: number): Socket {
    return new Socket({ fd: descriptor, readable: true, writable: true }).setNoDelay(true);
  }

  refuse(descriptor: number): void {
    this.#binding.closeDescriptor(descriptor);
  }

  /** The native acceptor hands descriptors out: nothing is accepted here. */
  acceptFrom(_listeningDescriptor: number, _tag: number, _onAccepted: OnAccepted): void {
    assert(false, 'the native transport adopts what the native acceptor accepted');
  }

  connect(host: string, port: number, localAddress: string, options: ConnectionOptions): ConnectionId {
    const address = host === 'localhost' ? '127.0.0.1' : host;
    const { framing, gated, frameBytesMax, highMarkBytes, lowMarkBytes, outputBytesMax } = options;
    const isV6 = isIP(address) === 6;
    return (
      this.#reactor.connect(
        address,
        isV6,
        port,
        localAddress,
        framing,
        gated,
        frameBytesMax,
        highMarkBytes,
        lowMarkBytes,
        outputBytesMax,
      ) ?? -1
    );
  }

  openVirtual(options: ConnectionOptions, sink: VirtualSink): ConnectionId {
    const { framing, gated, frameBytesMax, highMarkBytes, lowMarkBytes, outputBytesMax } = options;
    const connection = this.#reactor.openVirtual(framing, gated, frameBytesMax, highMarkBytes, lowMarkBytes, outputBytesMax) ?? -1;
    if (connection >= 0) this.#sinks[connection] = sink;
    return connection;
  }

  pushVirtual(connection: ConnectionId, bytes: Uint8Array): boolean {
    // Without a sink it is gone: whoever pushes has not heard of it yet.
    return this.#sinks[connection] === undefined || (this.#reactor.pushVirtual(connection, bytes) ?? false);
  }

  serveVirtual(): void {
    this.#reactor.serveVirtual();
  }

  acknowledgeOutput(connection: ConnectionId, bytes: number): void {
    if (this.#sinks[connection] !== undefined) this.#reactor.acknowledgeOutput(connection, bytes);
  }

  closeVirtual(connection: ConnectionId, reason: number): void {
    if (this.#sinks[connection] === undefined) return;
    this.#sinks[connection] = undefined;
    this.#reactor.closeVirtual(connection, reason);
  }

  peerOf(connection: ConnectionId): PeerAddress {
    const peer = this.#reactor.peerOf(connection);
    return peer === undefined ? NOWHERE : { address: peer[0], port: peer[1] };
  }

  outputBytesOf(connection: ConnectionId): number {
    return this.#reactor.outputBytesOf(connection) ?? 0;
  }

  registerSpace(bytes: Uint8Array): SpaceId {
    const space = this.#reactor.registerSpace(bytes) ?? -1;
    assert(space >= 0, 'spaces are registered with an open transport');
    return space;
  }

  unregisterSpace(space: SpaceId): void {
    this.#reactor.unregisterSpace(space);
  }

  internTopic(bytes: Uint8Array): TopicId {
    return this.#reactor.internTopic(bytes) ?? -1;
  }

  topicName(topic: TopicId): string {
    return this.#reactor.topicName(topic) ?? '';
  }

  close(): void {
    if (this.#phase === 'closed') return;
    this.#phase = 'closed';
    this.#sinks.length = 0;
    this.#reactor.close();
  }

  #turn(rowCount: number): number {
    try {
      this.#onTurn(rowCount);
    } catch (error) {
      this.commands.take(); // What half a turn wanted refers to bytes that will be others by the next.
      throw error;
    }
    // Over and done with here and not behind the callback: between the two Node runs microtasks, and a commit that one of them tells of would overwrite
    // rows, and count its blocks from 0 while those of this turn are still there: it would send theirs.
    this.submit();
    return 0;
  }

  /** Output and news of virtual connections. What the sinks command meanwhile leaves with them. */
  #tellCarriers(rowCount: number): void {
    const rows = this.#virtualRows;
    for (let at = 0; at < rowCount * VIRTUAL_INTS && this.#phase !== 'closed'; at += VIRTUAL_INTS) {
      const connection = rows[at + 1];
      const sink = this.#sinks[connection];
      if (sink === undefined) continue;
      if (rows[at] === VIRTUAL.output) {
        sink.onOutput(connection, this.#window.subarray(rows[at + 2], rows[at + 2] + rows[at + 3]));
      } else if (rows[at] === VIRTUAL.readable) {
        sink.onReadable(connection);
      } else {
        this.#sinks[connection] = undefined;
        sink.onClose(connection);
      }
    }
    this.submit();
  }
}
