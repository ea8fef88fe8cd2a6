import type { TestContext } from 'node:test';
import {
  type ChannelCredentials,
  Client,
  type ClientDuplexStream,
  credentials,
  Server,
  ServerCredentials,
  type status,
} from '@grpc/grpc-js';
import { SystemClock } from '../../../src/base/clock.js';
import { RecordingLogger } from '../../../src/base/logger.js';
import { SeededRandom } from '../../../src/base/random.js';
import { CertificatesOnRequest } from '../../../src/metadata/peers/certificates-on-request.js';
import { encodeHello, type Hello, type Refusal } from '../../../src/metadata/peers/frames.js';
import { PEER_EXCHANGE, type PeerStream } from '../../../src/metadata/peers/peer-door.js';
import { EXCHANGE_PATH, FRAME_BYTES_MAX } from '../../../src/metadata/peers/peer-link.js';
import { type PeerTls, PeerTransport } from '../../../src/metadata/peers/peer-transport.js';
import type { ChunkAnswer, SnapshotChunk } from '../../../src/raft/driver/ports.js';
import { makeMessage } from '../../../src/raft/make-message.js';
import type { Message, NodeId } from '../../../src/raft/messages.js';
import { eventually } from '../../resilience/deadline.js';

/** One end: the transport of a node, a gRPC server of its own, and all that it was told. */
export class PeerNode {
  readonly id: NodeId;
  readonly transport: PeerTransport;
  readonly log: RecordingLogger = new RecordingLogger();
  readonly messages: Message[] = [];
  readonly chunks: SnapshotChunk[] = [];
  readonly chunkAnswers: ChunkAnswer[] = [];
  /** In the order of arrival, a word for each frame: messages, chunk, chunk-answer. */
  readonly arrivals: string[] = [];
  readonly refusals: { readonly peer: NodeId; readonly refusal: Refusal }[] = [];
  readonly unreachable: NodeId[] = [];
  admit: (hello: Hello) => Refusal | null = () => null;
  /** An answer is never empty. */
  onForward: (request: Uint8Array, answer: (bytes: Uint8Array) => void) => void = (request, answer) =>
    answer(request.length === 0 ? Buffer.of(0) : request);
  #server: Server | null = null;
  #port = 0;
  readonly #tls: PeerTls | null;

  static async start(context: TestContext, id: NodeId, tls: PeerTls | null = null): Promise<PeerNode> {
    const node = new PeerNode(id, tls);
    context.after(() => node.end());
    await node.open();
    return node;
  }

  private constructor(id: NodeId, tls: PeerTls | null) {
    this.id = id;
    this.#tls = tls;
    const random = new SeededRandom(id);
    this.transport = new PeerTransport({
      self: { clusterId: 'c', nodeId: id, uuid: `u${id}` },
      admit: (hello) => this.admit(hello),
      onRefused: (peer, refusal) => this.refusals.push({ peer, refusal }),
      onUnreachable: (peer) => this.unreachable.push(peer),
      onMessages: (_from, messages) => {
        this.arrivals.push('messages');
        this.messages.push(...messages);
      },
      onChunk: (_from, chunk) => {
        this.arrivals.push('chunk');
        this.chunks.push(chunk);
      },
      onChunkAnswer: (_from, answer) => {
        this.arrivals.push('chunk-answer');
        this.chunkAnswers.push(answer);
      },
      onForward: (_from, request, answer) => this.onForward(request, answer),
      tls,
      clock: new SystemClock(),
      drawBelow: (limit) => random.below(limit),
      log: this.log,
    });
  }

  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  /** On the same port as before, if there was one. */
  async open(): Promise<void> {
    const server = new Server({ 'grpc.max_receive_message_length': FRAME_BYTES_MAX });
    server.addService(PEER_EXCHANGE, { exchange: (stream: PeerStream): void => this.transport.door.open(stream) });
    const how = this.#tls === null ? ServerCredentials.createInsecure() : new CertificatesOnRequest(this.#tls);
    this.#port = await new Promise<number>((resolve, reject) => {
      server.bindAsync(`127.0.0.1:${this.#port}`, how, (error, port) => (error === null ? resolve(port) : reject(error)));
    });
    this.#server = server;
  }

  /** As if the process had ended: its connections break. */
  shut(): void {
    this.#server?.forceShutdown();
    this.#server = null;
  }

  async dial(peer: NodeId, address: string): Promise<void> {
    this.transport.setPeers(new Map([[peer, address]]));
    await this.untilConnected(peer);
  }

  untilConnected(peer: NodeId): Promise<void> {
    return eventually(`node ${this.id} is connected to ${peer}`, () => this.transport.isConnected(peer));
  }

  events(): string[] {
    return this.log.records.map(({ event }) => event);
  }

  end(): void {
    this.transport.close();
    this.shut();
  }
}

/** Two nodes, the first connected to the second. */
export async function startPair(context: TestContext): Promise<readonly [PeerNode, PeerNode]> {
  const [one, two] = [await PeerNode.start(context, 1), await PeerNode.start(context, 2)];
  await one.dial(2, two.address);
  return [one, two];
}

/** From node 1 to node 2. `index` says which. */
export function numbered(index: number, bytes = 0): Message {
  const entries = bytes === 0 ? [] : [{ term: 1, index: index + 1, type: 'normal', data: Buffer.alloc(bytes, index) } as const];
  return makeMessage({ type: 'append', from: 1, to: 2, term: 1, index, entries });
}

/** Somebody who may write anything. `isOver`: the other side ended it. */
export class RawPeer {
  readonly stream: ClientDuplexStream<Buffer, Buffer>;
  readonly frames: Buffer[] = [];
  isOver = false;
  /** With which it was ended, if with an error. */
  code: status | null = null;
  readonly #client: Client;

  constructor(context: TestContext, address: string, how: ChannelCredentials = credentials.createInsecure()) {
    const identity = (bytes: Buffer): Buffer => bytes;
    this.#client = new Client(address, how, { 'grpc.use_local_subchannel_pool': 1 });
    context.after(() => this.close());
    this.stream = this.#client.makeBidiStreamRequest(EXCHANGE_PATH, identity, identity);
    this.stream.on('data', (frame: Buffer) => this.frames.push(frame));
    this.stream.on('end', () => {
      this.isOver = true;
    });
    this.stream.on('error', ({ code }: { readonly code?: status }) => {
      this.isOver = true;
      this.code = code ?? null;
    });
  }

  /** As a node of the cluster. */
  async greet(nodeId: NodeId): Promise<this> {
    this.stream.write(encodeHello({ clusterId: 'c', nodeId, uuid: `u${nodeId}` }));
    await eventually('it is welcome', () => this.frames.length > 0);
    return this;
  }

  close(): void {
    this.stream.cancel();
    this.#client.close();
  }
}
