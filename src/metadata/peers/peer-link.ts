import { type ChannelCredentials, type ChannelOptions, Client, type ClientDuplexStream } from '@grpc/grpc-js';
import type { Clock } from '../../base/clock.js';
import type { Logger } from '../../base/logger.js';
import { encodedLengthOf, encodeMessages } from '../../raft/codec/message-codec.js';
import type { Message, NodeId } from '../../raft/messages.js';
import { WireViolation } from '../../wire/violation.js';
import { type ForwardDone, Forwards } from './forwards.js';
import {
  decodeForwardAnswers,
  decodeRefusal,
  decodeWelcome,
  encodeHello,
  FRAME,
  frameOf,
  type Hello,
  PING,
  type Refusal,
} from './frames.js';
import { FrameQueue, Outflow } from './outflow.js';

/** What waits for a peer that does not read. More is dropped: Raft sends again what matters. */
const MESSAGE_FRAMES_MAX = 4096;
const MESSAGE_BYTES_MAX = 16 * 1024 * 1024;
const CHUNK_FRAMES_MAX = 256;
const CHUNK_BYTES_MAX = 8 * 1024 * 1024;
/** Messages of one turn go in frames of about this, so that the first ones arrive while the last ones wait. */
const FRAME_BYTES = 1024 * 1024;
const BACKOFF_MS_FIRST = 50;
const BACKOFF_MS_MAX = 2000;
/** A peer that is silent for so long is gone, and so is one that does not greet in time. */
const SILENCE_MS_MAX = 2000;
const PING_MS = 500;
/**
 * What a peer lets us write before it reads, by HTTP/2. More than that written is a sign of life, for a pong may be far behind what the peer is
 * reading. It is seen frame by frame: a link needs 4 Mbit/s for the usual largest one, and 16 for an entry of 4 MiB.
 */
const WINDOW_BYTES = 65_535;
/** Of one frame, on both sides: an entry of 4 MiB fits, and a batch of answers. */
export const FRAME_BYTES_MAX: number = 8 * 1024 * 1024;
export const EXCHANGE_PATH = '/robustmq.v1.Peer/Exchange';
const CHANNEL_OPTIONS: ChannelOptions = {
  'grpc.max_receive_message_length': FRAME_BYTES_MAX,
  'grpc.max_send_message_length': FRAME_BYTES_MAX,
  // A channel of its own, to this address and no proxy, that leaves dialling again to the link.
  'grpc.use_local_subchannel_pool': 1,
  'grpc.enable_http_proxy': 0,
  'grpc.enable_retries': 0,
  'grpc.service_config_disable_resolution': 1,
};

const identity = (bytes: Buffer): Buffer => bytes;

/*
  The stream to one peer.

    waiting --backoff is over--> greeting --welcome--> open
       ^                             |                   |
       +---- refused, silent, broken +-------------------+         closed: for good
*/
type Phase = 'waiting' | 'greeting' | 'open' | 'closed';

export interface PeerLinkOwner {
  readonly self: Hello;
  /** Whether the one that answered may be the one that is meant. */
  admit(hello: Hello): Refusal | null;
  onRefused(peer: NodeId, refusal: Refusal): void;
  onUnreachable(peer: NodeId): void;
  /** A fraction from 0 to 1. */
  jitter(): number;
  readonly clock: Clock;
  readonly log: Logger;
}

export class PeerLink {
  readonly address: string;
  readonly #peer: NodeId;
  readonly #owner: PeerLinkOwner;
  readonly #credentials: ChannelCredentials;
  #phase: Phase = 'waiting';
  /** One for each dial: the kernel may keep a connection that broke for minutes, and the next one should not wait for it. */
  #client: Client | null = null;
  #stream: ClientDuplexStream<Buffer, Buffer> | null = null;
  #waitMs = 0;
  #backoffMs = BACKOFF_MS_FIRST;
  #silentMs = 0;
  /** Since the last sign of life. */
  #writtenBytes = 0;
  #sincePingMs = 0;
  #isFullTold = false;
  #isFlushDue = false;
  #outflow: Outflow | null = null;
  readonly #pings = new FrameQueue(1, PING.length);
  readonly #messages = new FrameQueue(MESSAGE_FRAMES_MAX, MESSAGE_BYTES_MAX);
  readonly #forwards: Forwards;
  readonly #chunks = new FrameQueue(CHUNK_FRAMES_MAX, CHUNK_BYTES_MAX);

  constructor(peer: NodeId, address: string, credentials: ChannelCredentials, owner: PeerLinkOwner) {
    this.address = address;
    this.#peer = peer;
    this.#owner = owner;
    this.#credentials = credentials;
    this.#forwards = new Forwards(owner.clock);
    this.#dial();
  }

  get isOpen(): boolean {
    return this.#phase === 'open';
  }

  /** Whether a request would be sent. */
  get mayForward(): boolean {
    return this.isOpen && this.#forwards.hasRoom;
  }

  sendMessages(messages: readonly Message[]): void {
    let first = 0;
    let bytes = 0;
    for (let i = 0; i < messages.length; i += 1) {
      const length = encodedLengthOf(messages[i]);
      if (i > first && bytes + length > FRAME_BYTES) {
        this.sendFrame(frameOf(FRAME.messages, encodeMessages(messages.slice(first, i))));
        first = i;
        bytes = 0;
      }
      bytes += length;
    }
    this.sendFrame(frameOf(FRAME.messages, encodeMessages(first === 0 ? messages : messages.slice(first))));
  }

  /** Chunks wait behind everything else. */
  sendChunk(frame: Buffer): void {
    this.#send(frame, this.#chunks);
  }

  sendFrame(frame: Buffer): void {
    this.#send(frame, this.#messages);
  }

  /** Those of one turn go together, when it is over. */
  forward(body: Uint8Array, deadlineMs: number, done: ForwardDone): void {
    if (!this.mayForward) {
      setImmediate(done, 'not-sent');
      return;
    }
    this.#forwards.add(body, deadlineMs, done);
    if (this.#isFlushDue) return;
    this.#isFlushDue = true;
    setImmediate(() => {
      this.#isFlushDue = false;
      this.#outflow?.flush();
    });
  }

  onTick(passedMs: number): void {
    this.#forwards.onTick();
    if (this.#phase === 'waiting') {
      this.#waitMs -= passedMs;
      if (this.#waitMs <= 0) this.#dial();
      return;
    }
    this.#silentMs += passedMs;
    this.#sincePingMs += passedMs;
    if (this.#silentMs > SILENCE_MS_MAX) this.#break('it is silent');
    else if (this.#phase === 'open' && this.#sincePingMs >= PING_MS) {
      this.#sincePingMs = 0;
      this.#pings.push(PING); // If the one before still waits, that one will do.
      this.#outflow?.flush();
    }
  }

  close(): void {
    if (this.#phase === 'closed') return;
    this.#phase = 'closed';
    this.#drop();
  }

  #dial(): void {
    this.#phase = 'greeting';
    this.#onLife();
    const client = this.#open();
    if (client === null) return;
    const stream = client.makeBidiStreamRequest(EXCHANGE_PATH, identity, identity);
    this.#client = client;
    this.#stream = stream;
    this.#outflow = new Outflow(stream, [this.#pings, this.#messages, this.#forwards, this.#chunks], (bytes) => this.#onWritten(bytes));
    stream.on('data', (bytes: Buffer) => {
      if (stream === this.#stream) this.#receive(bytes);
    });
    const onEnd = (why: string): void => {
      if (stream === this.#stream) this.#break(why);
    };
    stream.on('error', (error) => onEnd(error.message));
    stream.on('end', () => onEnd('it ended the stream'));
    stream.write(encodeHello(this.#owner.self));
  }

  /** null: the address is none, as others told it. It is tried again: nobody else would say so. */
  #open(): Client | null {
    try {
      return new Client(this.address, this.#credentials, CHANNEL_OPTIONS);
    } catch (error) {
      this.#owner.log.warn('metadata.bad-address', 'another node cannot be reached at such an address', { peer: this.#peer, error });
      this.#backoffMs = BACKOFF_MS_MAX;
      this.#break('it has no address');
      return null;
    }
  }

  #onLife(): void {
    this.#silentMs = 0;
    this.#writtenBytes = 0;
  }

  #receive(bytes: Buffer): void {
    this.#onLife();
    try {
      this.#onFrame(bytes);
    } catch (error) {
      if (!(error instanceof WireViolation)) throw error;
      this.#break(error.message);
    }
  }

  #onFrame(bytes: Buffer): void {
    switch (bytes[0]) {
      case FRAME.welcome:
        this.#onWelcome(decodeWelcome(bytes));
        return;
      case FRAME.refusal:
        this.#onRefusal(decodeRefusal(bytes));
        return;
      case FRAME.forwardAnswers:
        this.#forwards.onAnswers(decodeForwardAnswers(bytes));
        return;
      case FRAME.pong:
        return;
      default:
        throw new WireViolation('a frame that does not belong here');
    }
  }

  #onWelcome({ nodeId, uuid }: { readonly nodeId: NodeId; readonly uuid: string }): void {
    if (this.#phase !== 'greeting') throw new WireViolation('a welcome that nobody waits for');
    const { self } = this.#owner;
    const refusal = nodeId === this.#peer ? this.#owner.admit({ clusterId: self.clusterId, nodeId, uuid }) : null;
    if (nodeId !== this.#peer || refusal !== null) {
      this.#owner.log.warn('metadata.stranger', 'who answers is not the node that is meant', {
        peer: this.#peer,
        address: this.address,
        answered: nodeId,
      });
      this.#backoffMs = BACKOFF_MS_MAX;
      this.#break('it is another node');
      return;
    }
    this.#phase = 'open';
    this.#backoffMs = BACKOFF_MS_FIRST;
    this.#sincePingMs = 0;
    this.#owner.log.debug('metadata.connected', 'connected to another node', { peer: this.#peer, address: this.address });
  }

  #onRefusal(refusal: Refusal): void {
    this.#backoffMs = BACKOFF_MS_MAX;
    this.#break(`it refuses this node: ${refusal.text}`);
    this.#owner.onRefused(this.#peer, refusal);
  }

  #send(frame: Buffer, queue: FrameQueue): void {
    if (this.#phase !== 'open') return;
    if (queue.push(frame)) this.#outflow?.flush();
    else this.#tellFull();
  }

  /** In a turn of its own: who sends is in the middle of something. Once, until nothing waits any more. */
  #tellFull(): void {
    if (this.#isFullTold) return;
    this.#isFullTold = true;
    setImmediate(() => {
      if (this.#phase === 'open') this.#owner.onUnreachable(this.#peer);
    });
  }

  #onWritten(bytes: number): void {
    this.#writtenBytes += bytes;
    if (this.#writtenBytes > WINDOW_BYTES) this.#onLife();
    if (this.#isFullTold && this.#messages.isEmpty && this.#chunks.isEmpty) this.#isFullTold = false;
  }

  #break(why: string): void {
    if (this.#phase === 'closed' || this.#phase === 'waiting') return;
    const wasOpen = this.#phase === 'open';
    this.#phase = 'waiting';
    this.#waitMs = this.#backoffMs * (0.5 + this.#owner.jitter());
    this.#backoffMs = Math.min(BACKOFF_MS_MAX, this.#backoffMs * 2);
    this.#drop();
    if (!wasOpen) return;
    this.#owner.log.debug('metadata.disconnected', 'the connection to another node broke', { peer: this.#peer, why });
    this.#owner.onUnreachable(this.#peer);
  }

  #drop(): void {
    const stream = this.#stream;
    const client = this.#client;
    this.#outflow?.close();
    this.#outflow = null;
    this.#stream = null;
    this.#client = null;
    this.#isFullTold = false;
    for (const queue of [this.#pings, this.#messages, this.#chunks]) queue.clear();
    this.#forwards.endAll();
    stream?.cancel();
    client?.close();
  }
}
