import type { status } from '@grpc/grpc-js';
import { assert } from '../../base/assert.js';
import type { Logger } from '../../base/logger.js';
import { decodeMessages } from '../../raft/codec/message-codec.js';
import type { ChunkAnswer, SnapshotChunk } from '../../raft/driver/ports.js';
import { type Message, NO_NODE, type NodeId } from '../../raft/messages.js';
import { WireViolation } from '../../wire/violation.js';
import { FORWARDS_MAX } from './forwards.js';
import {
  decodeChunk,
  decodeChunkAnswer,
  decodeForwards,
  decodeHello,
  encodeForwardAnswers,
  encodeRefusal,
  encodeWelcome,
  type ForwardedAnswer,
  FRAME,
  type Hello,
  PONG,
  type Refusal,
} from './frames.js';
import type { PeerStream } from './peer-door.js';

const HELLO_MS_MAX = 5000;
/** A peer sends something each half second. */
const SILENCE_MS_MAX = 10_000;
/** Answers of one turn go together, in frames of about this; one that is larger than the second is not sent at all. */
const ANSWERS_BYTES = 256 * 1024;
const ANSWER_BYTES_MAX = 7 * 1024 * 1024;
const NOT_BEGUN = new Uint8Array(0);

export interface GuestOwner {
  readonly self: Hello;
  admit(hello: Hello): Refusal | null;
  onMessages(from: NodeId, messages: readonly Message[]): void;
  onChunk(from: NodeId, chunk: SnapshotChunk): void;
  onChunkAnswer(from: NodeId, answer: ChunkAnswer): void;
  onForward(from: NodeId, request: Uint8Array, answer: (bytes: Uint8Array) => void): void;
  readonly log: Logger;
}

/** What the door must know of whom it let in. */
export interface GuestDoor {
  onGreeted(guest: Guest): void;
  onLeft(guest: Guest): void;
}

/** One stream of a peer. While the peer does not read what it is answered, nothing more is read from it. */
export class Guest {
  readonly #stream: PeerStream;
  readonly #owner: GuestOwner;
  readonly #door: GuestDoor;
  #hello: Hello | null = null;
  #silentMs = 0;
  #forwards = 0;
  /** Of this turn. */
  #answers: ForwardedAnswer[] = [];
  #hasLeft = false;

  constructor(stream: PeerStream, owner: GuestOwner, door: GuestDoor) {
    this.#stream = stream;
    this.#owner = owner;
    this.#door = door;
    stream.on('data', (bytes: Buffer) => this.#receive(bytes));
    stream.on('drain', () => stream.resume());
    stream.on('end', () => this.leave());
    stream.on('error', () => this.leave());
    stream.on('cancelled', () => this.leave());
  }

  /** 0 before the hello. */
  get nodeId(): NodeId {
    return this.#hello?.nodeId ?? NO_NODE;
  }

  review(): void {
    const refusal = this.#hello === null ? null : this.#owner.admit(this.#hello);
    if (refusal !== null) this.#refuse(refusal);
  }

  onTick(passedMs: number): void {
    this.#silentMs += passedMs;
    if (this.#silentMs > (this.#hello === null ? HELLO_MS_MAX : SILENCE_MS_MAX)) this.leave();
  }

  /** With an error of gRPC: it is told before it may speak. */
  turnAway(code: status.UNAUTHENTICATED | status.RESOURCE_EXHAUSTED, details: string): void {
    this.#stream.emit('error', { code, details });
  }

  leave(): void {
    if (this.#hasLeft) return;
    this.#hasLeft = true;
    this.#door.onLeft(this);
    this.#stream.end();
    this.#stream.resume(); // To its end, which is not heard by those who pause.
  }

  #receive(bytes: Buffer): void {
    if (this.#hasLeft) return;
    this.#silentMs = 0;
    try {
      if (this.#hello === null) this.#greet(bytes);
      else this.#onFrame(this.#hello.nodeId, bytes);
    } catch (error) {
      if (!(error instanceof WireViolation)) throw error;
      this.#owner.log.warn('metadata.bad-frame', 'a node sent what cannot be understood', {
        peer: this.nodeId,
        why: error.message,
      });
      this.leave();
    }
  }

  #greet(bytes: Buffer): void {
    if (bytes[0] !== FRAME.hello) throw new WireViolation('a stream begins with a hello');
    const hello = decodeHello(bytes);
    const refusal: Refusal | null =
      hello === null ? { code: 'version', text: 'another version of the protocol' } : this.#owner.admit(hello);
    if (refusal !== null) {
      this.#refuse(refusal);
      return;
    }
    this.#hello = hello;
    this.#door.onGreeted(this);
    this.#write(encodeWelcome(this.#owner.self.nodeId, this.#owner.self.uuid));
  }

  #refuse(refusal: Refusal): void {
    this.#write(encodeRefusal(refusal));
    this.leave();
  }

  #onFrame(from: NodeId, bytes: Buffer): void {
    switch (bytes[0]) {
      case FRAME.messages: {
        const messages = decodeMessages(bytes.subarray(1));
        for (const message of messages)
          if (message.from !== from || message.to !== this.#owner.self.nodeId) throw new WireViolation('a message of or to another node');
        this.#owner.onMessages(from, messages);
        return;
      }
      case FRAME.chunk:
        this.#owner.onChunk(from, decodeChunk(bytes));
        return;
      case FRAME.chunkAnswer:
        this.#owner.onChunkAnswer(from, decodeChunkAnswer(bytes));
        return;
      case FRAME.forwards:
        for (const { id, leftMs, body } of decodeForwards(bytes)) this.#onForward(from, id, leftMs, body);
        return;
      case FRAME.ping:
        this.#write(PONG);
        return;
      default:
        throw new WireViolation('a frame of an unknown kind');
    }
  }

  #onForward(from: NodeId, id: number, leftMs: number, body: Uint8Array): void {
    if (leftMs === 0 || this.#forwards >= FORWARDS_MAX) {
      this.#answer(id, NOT_BEGUN);
      return;
    }
    this.#forwards += 1;
    this.#owner.onForward(from, body, (answer) => {
      assert(answer.length > 0, 'an empty answer would say that it was not begun');
      this.#forwards -= 1;
      this.#answer(id, answer);
    });
  }

  #answer(id: number, body: Uint8Array): void {
    if (this.#hasLeft || body.length > ANSWER_BYTES_MAX) return; // The one who asked runs into its deadline.
    this.#answers.push({ id, body });
    if (this.#answers.length === 1) setImmediate(() => this.#sendAnswers());
  }

  #sendAnswers(): void {
    const answers = this.#answers;
    this.#answers = [];
    let first = 0;
    let bytes = 0;
    for (let at = 0; at < answers.length; at += 1) {
      if (at > first && bytes + answers[at].body.length > ANSWERS_BYTES) {
        this.#write(encodeForwardAnswers(answers.slice(first, at)));
        first = at;
        bytes = 0;
      }
      bytes += answers[at].body.length;
    }
    this.#write(encodeForwardAnswers(first === 0 ? answers : answers.slice(first)));
  }

  #write(frame: Buffer): void {
    if (this.#hasLeft) return;
    if (!this.#stream.write(frame)) this.#stream.pause(); // Until it drains.
  }
}
