import { randomInt } from 'node:crypto';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { assert } from '../../base/assert.js';
import {
  CLOSE,
  COUNTER,
  COUNTERS_COUNT,
  type ConnectionId,
  type ConnectionOptions,
  type OnAccepted,
  type PeerAddress,
  type SpaceId,
  type TopicId,
  type Transport,
  type VirtualSink,
} from '../ports.js';
import { NodeCommandSink } from './command-sink.js';
import type { Connection } from './connection.js';
import { isSameSocket, socketInode } from './descriptor.js';
import { Reactor } from './reactor.js';
import { SocketCarrier } from './socket-carrier.js';
import { VirtualCarrier } from './virtual-carrier.js';

const NOWHERE: PeerAddress = { address: '', port: 0 };

export interface NodeTransportOptions {
  /** Size of the table of connections. */
  readonly connectionsMax: number;
  readonly topicsMax: number;
  /** The longest frame, in bytes, that any connection will accept. */
  readonly frameBytesMax: number;
  /** COUNTERS_COUNT cells, usually shared with the thread that reads them. */
  readonly counters?: Float64Array;
}

interface Listener {
  readonly server: Server;
  readonly descriptor: number;
  readonly inode: string;
}

/** The transport over node:net: where the native one cannot run, and the readable specification of it. */
export class NodeTransport implements Transport {
  readonly kind = 'node';
  readonly commands: NodeCommandSink;
  readonly #reactor: Reactor;
  readonly #listeners: Listener[] = [];
  /** Accepted sockets that nobody adopted yet, by the key that `onAccepted` was given. */
  readonly #accepted: Map<number, Socket> = new Map();
  #acceptedNext = 1;

  static open(options: NodeTransportOptions): NodeTransport {
    return new NodeTransport(options);
  }

  private constructor(options: NodeTransportOptions) {
    const counters = options.counters ?? new Float64Array(COUNTERS_COUNT);
    assert(counters.length >= COUNTERS_COUNT, 'every counter has a cell');
    this.#reactor = new Reactor({
      connectionsMax: options.connectionsMax,
      topicsMax: options.topicsMax,
      frameBytesMax: options.frameBytesMax,
      counters,
      topicSeed: randomInt(0x7fff_ffff),
    });
    this.commands = new NodeCommandSink(this.#reactor);
  }

  get arena(): Uint8Array {
    return this.#reactor.arena;
  }

  get rows(): Int32Array {
    return this.#reactor.batch.rows;
  }

  get activity(): Int32Array {
    return this.#reactor.activity;
  }

  get counters(): Float64Array {
    return this.#reactor.counters;
  }

  get topicsMax(): number {
    return this.#reactor.topics.max;
  }

  get topicGenerations(): Int32Array {
    return this.#reactor.topics.generations;
  }

  start(onTurn: (rowCount: number) => void): void {
    this.#reactor.start(onTurn);
  }

  submit(): void {
    this.#reactor.submit();
  }

  now(): number {
    return this.#reactor.now();
  }

  acceptFrom(listeningDescriptor: number, tag: number, onAccepted: OnAccepted): void {
    const server = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true });
    const one = new Int32Array(1);
    server.on('connection', (socket) => {
      const key = this.#acceptedNext;
      this.#acceptedNext += 1;
      socket.on('error', () => socket.destroy()); // Until it is adopted nobody else listens.
      this.#accepted.set(key, socket);
      one[0] = key;
      onAccepted(tag, one, 1);
    });
    server.on('error', () => {
      this.#reactor.counters[COUNTER.acceptErrors] += 1;
    });
    server.listen({ fd: listeningDescriptor });
    this.#listeners.push({ server, descriptor: listeningDescriptor, inode: socketInode(listeningDescriptor) });
  }

  adopt(descriptor: number, options: ConnectionOptions): ConnectionId {
    const socket = this.#take(descriptor);
    const connection = this.#reactor.table.take(options);
    if (connection === null) {
      socket.destroy();
      return -1;
    }
    this.#attach(connection, socket);
    if (socket.destroyed)
      this.#reactor.onEnd(connection, CLOSE.error, 0, true); // It failed while it waited to be adopted.
    else socket.resume();
    return connection.id;
  }

  takeSocket(descriptor: number): Socket {
    const socket = this.#take(descriptor);
    socket.allowHalfOpen = false;
    return socket;
  }

  refuse(descriptor: number): void {
    this.#take(descriptor).destroy();
  }

  #take(descriptor: number): Socket {
    const socket = this.#accepted.get(descriptor);
    assert(socket !== undefined, 'only what acceptFrom handed out can be taken here');
    this.#accepted.delete(descriptor);
    socket.removeAllListeners('error');
    socket.on('error', () => socket.destroy());
    return socket;
  }

  connect(host: string, port: number, localAddress: string, options: ConnectionOptions): ConnectionId {
    const connection = this.#reactor.table.take({ ...options, gated: false });
    if (connection === null) return -1;
    connection.phase = 'connecting';
    const local = localAddress === '' ? {} : { localAddress };
    this.#attach(connection, connect({ host, port, allowHalfOpen: true, noDelay: true, ...local }));
    return connection.id;
  }

  openVirtual(options: ConnectionOptions, sink: VirtualSink): ConnectionId {
    const connection = this.#reactor.table.take(options);
    if (connection === null) return -1;
    this.#reactor.register(connection, new VirtualCarrier(connection, sink));
    return connection.id;
  }

  pushVirtual(connection: ConnectionId, bytes: Uint8Array): boolean {
    const target = this.#reactor.live(connection);
    const carrier = virtualCarrierOf(target);
    if (target === null || carrier === null) return true;
    this.#reactor.onBytes(target, bytes, false);
    return carrier.mayPushMore();
  }

  serveVirtual(): void {
    this.#reactor.serve();
  }

  acknowledgeOutput(connection: ConnectionId, bytes: number): void {
    const target = this.#reactor.table.find(connection);
    const carrier = virtualCarrierOf(target);
    if (target === null || carrier === null) return;
    carrier.acknowledge(bytes);
    this.#reactor.onWaiting(target);
  }

  closeVirtual(connection: ConnectionId, reason: number): void {
    const target = this.#reactor.live(connection);
    if (target !== null) this.#reactor.onEnd(target, reason, 0, reason === CLOSE.error);
  }

  peerOf(connection: ConnectionId): PeerAddress {
    return this.#reactor.table.find(connection)?.carrier?.peer() ?? NOWHERE;
  }

  outputBytesOf(connection: ConnectionId): number {
    return this.#reactor.table.find(connection)?.waitingBytes ?? 0;
  }

  registerSpace(bytes: Uint8Array): SpaceId {
    return this.#reactor.output.registerSpace(bytes);
  }

  unregisterSpace(space: SpaceId): void {
    this.#reactor.output.unregisterSpace(space);
  }

  internTopic(bytes: Uint8Array): TopicId {
    return Math.max(-1, this.#reactor.topics.intern(bytes, 0, bytes.length, false));
  }

  topicName(topic: TopicId): string {
    return this.#reactor.topics.nameOf(topic);
  }

  close(): void {
    this.#reactor.close();
    for (const listener of this.#listeners) {
      if (isSameSocket(listener.descriptor, listener.inode)) listener.server.close();
      else listener.server.unref();
    }
    this.#listeners.length = 0;
    for (const socket of this.#accepted.values()) socket.destroy();
    this.#accepted.clear();
  }

  #attach(connection: Connection, socket: Socket): void {
    this.#reactor.register(connection, new SocketCarrier(socket, connection, this.#reactor));
  }
}

function virtualCarrierOf(connection: Connection | null): VirtualCarrier | null {
  return connection?.carrier instanceof VirtualCarrier ? connection.carrier : null;
}
