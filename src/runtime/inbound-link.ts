import { assert } from '../base/assert.js';
import { type Appended, type AppendRequest, type ForwardedRun, NO_GROUP, NO_PUBLISHER, NOT_LOGGED } from '../broker/ports.js';
import { RingConsumer } from '../ring/ring-consumer.js';
import type { SpaceId } from '../transport/ports.js';
import {
  ACCEPTED_HEAD_BYTES,
  ACCEPTED_TAG,
  APPEND_NOT_FOR,
  APPEND_PARTITION,
  APPEND_SESSION,
  APPEND_STREAM,
  APPEND_TICKET,
  ENVELOPE,
  ENVELOPE_BYTES_MAX,
  HEAD_BYTES,
  HEAD_COUNT,
  HEAD_GENERATION,
  HEAD_PUBLISHER,
  HEAD_PUBLISHER_HASH,
  HEAD_TENANT,
  HEAD_TOPIC,
  HEAD_VERSION,
  longAt,
  PART_HEAD_BYTES,
  PART_TOTAL,
  PART_TYPE,
  RUN_LOG_GROUP,
  RUN_SEQUENCE,
  RUN_SHARED_GROUP,
  shiftOfHead,
  versionOfHead,
} from './envelope.js';

/** Makes memory addressable in the transport's commands. */
export interface Spaces {
  registerSpace(bytes: Uint8Array): SpaceId;
  unregisterSpace(space: SpaceId): void;
}

/** Where envelopes go. `from` is the peer's number. */
export interface EnvelopeSink {
  /** The frames stay where they are until `release`; the object is good during the call. */
  onRun(from: number, run: ForwardedRun): void;
  onAppend(from: number, request: AppendRequest): void;
  onAppended(from: number, ticket: number, outcome: Appended): void;
  /** @param bytes a copy that the receiver owns. */
  onControl(from: number, bytes: Uint8Array): void;
  /** Accepted descriptors, for this shard to own. */
  onAccepted(listenerTag: number, descriptors: Int32Array): void;
}

/** An envelope that came in parts. */
interface Assembly {
  readonly type: number;
  readonly bytes: Uint8Array;
  filled: number;
}

/** What comes in from one other thread. Bytes of runs are used in place, in the ring. */
export class InboundLink {
  readonly peer: number;
  readonly #ring: RingConsumer;
  readonly #spaces: Spaces;
  readonly #space: SpaceId;
  readonly #sink: EnvelopeSink;
  readonly #onRecord: (type: number, offset: number, length: number) => void;
  #assembly: Assembly | null = null;
  /** Spaces of assembled runs, until `release`. */
  readonly #passing: SpaceId[] = [];
  readonly #run: ForwardedRun = { ...newFrames(), sharedGroup: NO_GROUP, logGroup: NOT_LOGGED, sequence: 0 };
  readonly #request: AppendRequest = { ...newFrames(), ticket: 0, stream: 0, partition: 0, session: 0, notFor: 0 };

  constructor(peer: number, memory: SharedArrayBuffer, spaces: Spaces, sink: EnvelopeSink) {
    this.peer = peer;
    this.#ring = new RingConsumer(memory);
    this.#spaces = spaces;
    this.#space = spaces.registerSpace(this.#ring.bytes);
    this.#sink = sink;
    this.#onRecord = (type, offset, length) => this.#dispatch(type, offset, length);
  }

  get hasRecords(): boolean {
    return this.#ring.hasRecords;
  }

  /** @returns how many records were read. Follow it by the transport's `submit`, then `release`. */
  receive(recordsMax: number, bytesMax: number): number {
    return this.#ring.read(recordsMax, bytesMax, this.#onRecord);
  }

  /** @returns true if the peer waits for space: ring its doorbell. */
  release(): boolean {
    for (let space = this.#passing.pop(); space !== undefined; space = this.#passing.pop()) this.#spaces.unregisterSpace(space);
    return this.#ring.release();
  }

  /** The ring is no longer read. After `release`. */
  close(): void {
    assert(this.#passing.length === 0, 'everything read was released');
    this.#spaces.unregisterSpace(this.#space);
  }

  #dispatch(type: number, offset: number, length: number): void {
    const { words, bytes } = this.#ring;
    switch (type) {
      case ENVELOPE.run:
      case ENVELOPE.append:
        this.#dispatchFrames(type, words, offset, length, this.#space, bytes);
        return;
      case ENVELOPE.appended:
        for (let at = offset >> 2; at < (offset + length) >> 2; at += 2)
          this.#sink.onAppended(this.peer, words[at], words[at + 1] as Appended);
        return;
      case ENVELOPE.control:
        this.#sink.onControl(this.peer, bytes.slice(offset, offset + length));
        return;
      case ENVELOPE.accepted:
        this.#dispatchAccepted(offset, length);
        return;
      default:
        assert(type === ENVELOPE.part, 'the catalogue of envelopes is closed');
        this.#takePart(offset, length);
    }
  }

  #dispatchFrames(type: number, words: Int32Array, offset: number, length: number, space: SpaceId, bytes: Uint8Array): void {
    assert(length >= HEAD_BYTES, 'frames have a head');
    const word = offset >> 2;
    const versionWord = words[word + HEAD_VERSION];
    const head = HEAD_BYTES + shiftOfHead(versionWord);
    const target = type === ENVELOPE.run ? this.#run : this.#request;
    target.topic = words[word + HEAD_TOPIC];
    target.generation = words[word + HEAD_GENERATION];
    target.count = words[word + HEAD_COUNT];
    target.version = versionOfHead(versionWord);
    target.publisher = words[word + HEAD_PUBLISHER];
    target.publisherHash = words[word + HEAD_PUBLISHER_HASH];
    target.tenant = words[word + HEAD_TENANT];
    target.space = space;
    target.bytes = bytes;
    target.offset = offset + head;
    target.length = length - head;
    if (type === ENVELOPE.run) {
      const run = this.#run;
      run.sharedGroup = words[word + RUN_SHARED_GROUP];
      run.logGroup = words[word + RUN_LOG_GROUP];
      run.sequence = longAt(words, word + RUN_SEQUENCE);
      this.#sink.onRun(this.peer, run);
      return;
    }
    const request = this.#request;
    request.ticket = words[word + APPEND_TICKET];
    request.stream = words[word + APPEND_STREAM];
    request.partition = words[word + APPEND_PARTITION];
    request.session = longAt(words, word + APPEND_SESSION);
    request.notFor = longAt(words, word + APPEND_NOT_FOR);
    this.#sink.onAppend(this.peer, request);
  }

  /**
   * The space is given back first. Main reads what a dead shard left in its ring and deals it again; a descriptor that was taken
   * and is still in the ring would be given to two owners then. A shard that dies right here leaks it instead: the lesser evil.
   */
  #dispatchAccepted(offset: number, length: number): void {
    const { words } = this.#ring;
    const tag = words[(offset >> 2) + ACCEPTED_TAG];
    const descriptors = words.slice((offset + ACCEPTED_HEAD_BYTES) >> 2, (offset + length) >> 2);
    this.#ring.release();
    this.#sink.onAccepted(tag, descriptors);
  }

  #takePart(offset: number, length: number): void {
    const { words, bytes } = this.#ring;
    const type = words[(offset >> 2) + PART_TYPE];
    const total = words[(offset >> 2) + PART_TOTAL];
    const piece = bytes.subarray(offset + PART_HEAD_BYTES, offset + length);
    assert(total > 0 && total <= ENVELOPE_BYTES_MAX, 'an envelope is within its limit');
    const assembly = this.#assembly ?? { type, bytes: new Uint8Array(total), filled: 0 };
    assert(assembly.type === type && assembly.bytes.length === total, 'parts of one envelope follow one another');
    assert(piece.length > 0 && assembly.filled + piece.length <= total, 'parts are no longer than the whole');
    assembly.bytes.set(piece, assembly.filled);
    assembly.filled += piece.length;
    this.#assembly = assembly.filled < total ? assembly : null;
    if (this.#assembly === null) this.#dispatchAssembled(assembly);
  }

  #dispatchAssembled(assembly: Assembly): void {
    if (assembly.type === ENVELOPE.control) {
      this.#sink.onControl(this.peer, assembly.bytes);
      return;
    }
    assert(assembly.type === ENVELOPE.run || assembly.type === ENVELOPE.append, 'frames and control messages come in parts');
    const space = this.#spaces.registerSpace(assembly.bytes);
    this.#passing.push(space);
    const { bytes } = assembly;
    this.#dispatchFrames(assembly.type, new Int32Array(bytes.buffer, 0, HEAD_BYTES / 4), 0, bytes.length, space, bytes);
  }
}

function newFrames(): Pick<ForwardedRun, keyof ForwardedRun & keyof AppendRequest> {
  return {
    topic: 0,
    generation: 0,
    version: 4,
    count: 0,
    publisher: NO_PUBLISHER,
    publisherHash: 0,
    tenant: 0,
    space: 0,
    bytes: new Uint8Array(0),
    offset: 0,
    length: 0,
  };
}
