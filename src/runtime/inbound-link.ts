import { assert } from '../base/assert.js';
import { RingConsumer } from '../ring/ring-consumer.js';
import type { SpaceId } from '../transport/ports.js';
import {
  ACCEPTED_HEAD_BYTES,
  ACCEPTED_TAG,
  ENVELOPE,
  ENVELOPE_BYTES_MAX,
  PART_HEAD_BYTES,
  PART_TOTAL,
  PART_TYPE,
  RUN_COUNT,
  RUN_GENERATION,
  RUN_GROUP,
  RUN_HEAD_BYTES,
  RUN_TOPIC,
  RUN_VERSION,
  shiftOfRun,
  versionOfRun,
} from './envelope.js';

/** Makes memory addressable in the transport's commands. */
export interface Spaces {
  registerSpace(bytes: Uint8Array): SpaceId;
  unregisterSpace(space: SpaceId): void;
}

/** Where envelopes go. `from` is the peer's number. */
export interface EnvelopeSink {
  /** @param space, bytes the memory the frames are in, by number and itself. They stay in it until `release`. */
  onRun(
    from: number,
    group: number,
    topic: number,
    generation: number,
    version: 4 | 5,
    count: number,
    space: SpaceId,
    bytes: Uint8Array,
    offset: number,
    length: number,
  ): void;
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
        this.#dispatchRun(words, offset, length, this.#space, bytes);
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

  #dispatchRun(words: Int32Array, offset: number, length: number, space: SpaceId, bytes: Uint8Array): void {
    assert(length >= RUN_HEAD_BYTES, 'a run has its head');
    const word = offset >> 2;
    const versionWord = words[word + RUN_VERSION];
    const head = RUN_HEAD_BYTES + shiftOfRun(versionWord);
    const version = versionOfRun(versionWord);
    const topic = words[word + RUN_TOPIC];
    const generation = words[word + RUN_GENERATION];
    const count = words[word + RUN_COUNT];
    const group = words[word + RUN_GROUP];
    this.#sink.onRun(this.peer, group, topic, generation, version, count, space, bytes, offset + head, length - head);
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
    assert(assembly.type === ENVELOPE.run, 'runs and control messages come in parts');
    const space = this.#spaces.registerSpace(assembly.bytes);
    this.#passing.push(space);
    const { bytes } = assembly;
    this.#dispatchRun(new Int32Array(bytes.buffer, 0, RUN_HEAD_BYTES / 4), 0, bytes.length, space, bytes);
  }
}
