import { assert } from '../base/assert.js';
import { COPY_BY_WORDS_BYTES_MAX, copyByWords } from '../ring/copy.js';
import { NO_SPACE, RingProducer } from '../ring/ring-producer.js';
import {
  ENVELOPE,
  ENVELOPE_BYTES_MAX,
  HEAD_BYTES,
  HEAD_COUNT,
  HEAD_VERSION,
  HEAD_WORDS,
  PART_HEAD_BYTES,
  PART_TOTAL,
  PART_TYPE,
} from './envelope.js';
import { Outbox } from './outbox.js';

export interface LinkLimits {
  /**
   * Bytes of runs that may wait for a peer that does not keep up. Publishers are held back from the first of them, so only what
   * was read already can gather here: about one read per publisher. Beyond it runs are dropped and counted.
   */
  readonly runBytesMax: number;
  /** Bytes of everything that may wait. Control messages cannot be dropped: beyond it the peer counts as stuck. */
  readonly bytesMax: number;
}

export const LINK_LIMITS_DEFAULT: LinkLimits = { runBytesMax: 256 * 1024 * 1024, bytesMax: 320 * 1024 * 1024 };

/** What a shard sends to one other: first the ring, behind it the outbox. First in, first out over both and over all types. */
export class OutboundLink {
  /** Messages of runs that were dropped because the peer did not keep up. */
  droppedMessages = 0;
  readonly #ring: RingProducer;
  readonly #outbox = new Outbox();
  readonly #limits: LinkLimits;
  readonly #source: Uint8Array;
  readonly #sourceWords: Int32Array;
  /** Where the record claimed last is filled in. */
  #bytes: Uint8Array;
  #words: Int32Array;
  #isInRing = true;
  /** Something was published since the last `takePublished`. */
  #hasPublished = false;

  /** @param source the memory most runs come from (the arena): small ones from there are copied faster. */
  constructor(memory: SharedArrayBuffer, source: Uint8Array, limits: LinkLimits) {
    assert(limits.bytesMax >= limits.runBytesMax, 'control messages may use what runs may not');
    this.#ring = new RingProducer(memory);
    this.#limits = limits;
    this.#source = source;
    const isAligned = source.byteOffset % 4 === 0;
    this.#sourceWords = isAligned ? new Int32Array(source.buffer, source.byteOffset, source.byteLength >> 2) : new Int32Array(0);
    this.#bytes = this.#ring.bytes;
    this.#words = this.#ring.words;
  }

  /** True from the first record that did not fit until the outbox is empty. */
  get isCongested(): boolean {
    return !this.#outbox.isEmpty;
  }

  /** Bytes that wait outside the ring. */
  get bytesWaiting(): number {
    return this.#outbox.byteLength;
  }

  /** True if the peer released space since we asked for it: `pump` may get on. */
  get mayPump(): boolean {
    return !this.#outbox.isEmpty && this.#ring.spaceWasReleased;
  }

  /**
   * Frames behind a head: a RUN or an APPEND.
   * @param head HEAD_WORDS words; the version word without a shift.
   * @returns false if the link is congested; the frames were taken unless the outbox is at its limit (`droppedMessages`).
   */
  sendFrames(type: number, head: Int32Array, bytes: Uint8Array, offset: number, length: number): boolean {
    if (this.#outbox.byteLength + length > this.#limits.runBytesMax && !this.#outbox.isEmpty) {
      this.droppedMessages += head[HEAD_COUNT];
      return false;
    }
    const shift = offset & 3;
    const whole = HEAD_BYTES + shift + length;
    if (whole > this.#ring.payloadBytesMax) {
      this.#sendParts(type, new Uint8Array(head.buffer, head.byteOffset, HEAD_BYTES), bytes, offset, length);
      return this.#outbox.isEmpty;
    }
    const at = this.#claim(type, whole);
    const words = this.#words;
    const word = at >> 2;
    for (let index = 0; index < HEAD_WORDS; index += 1) words[word + index] = head[index];
    words[word + HEAD_VERSION] |= shift << 8;
    const to = at + HEAD_BYTES + shift;
    if (length <= COPY_BY_WORDS_BYTES_MAX && bytes === this.#source && this.#sourceWords.length > 0) {
      copyByWords(this.#bytes, words, to, bytes, this.#sourceWords, offset, length);
    } else {
      this.#bytes.set(bytes.subarray(offset, offset + length), to);
    }
    this.#commit();
    return this.#outbox.isEmpty;
  }

  /** Answers to the peer's APPENDs: `count` pairs of ticket and outcome. */
  sendAppended(pairs: Int32Array, count: number): void {
    const pairsMax = this.#ring.payloadBytesMax >> 3;
    for (let sent = 0; sent < count; ) {
      const some = Math.min(pairsMax, count - sent);
      const at = this.#claim(ENVELOPE.appended, some * 8);
      this.#words.set(pairs.subarray(sent * 2, (sent + some) * 2), at >> 2);
      this.#commit();
      sent += some;
    }
  }

  /** @returns false if the peer must be given up: it does not read, and what waits for it is at its limit. */
  sendControl(bytes: Uint8Array): boolean {
    if (this.#outbox.byteLength + bytes.length > this.#limits.bytesMax) return false;
    if (bytes.length > this.#ring.payloadBytesMax) {
      this.#sendParts(ENVELOPE.control, NO_HEAD, bytes, 0, bytes.length);
      return true;
    }
    const at = this.#claim(ENVELOPE.control, bytes.length);
    this.#bytes.set(bytes, at);
    this.#commit();
    return true;
  }

  /** Moves what waits into the ring. What does not fit asks the peer for a ring of our doorbell. @returns true if nothing waits now. */
  pump(): boolean {
    if (this.#outbox.isEmpty) return true;
    let moved = this.#outbox.pump(this.#ring);
    if (!this.#outbox.isEmpty) {
      this.#ring.askForSpace();
      moved += this.#outbox.pump(this.#ring); // What was released before we asked brings no call.
    }
    if (moved > 0) this.#hasPublished = true;
    return this.#outbox.isEmpty;
  }

  /** @returns true if the peer's doorbell must be rung. */
  takePublished(): boolean {
    const hasPublished = this.#hasPublished;
    this.#hasPublished = false;
    return hasPublished;
  }

  #claim(type: number, length: number): number {
    if (this.#outbox.isEmpty) {
      const at = this.#ring.claim(type, length);
      if (at !== NO_SPACE) {
        this.#isInRing = true;
        this.#bytes = this.#ring.bytes;
        this.#words = this.#ring.words;
        return at;
      }
    }
    const at = this.#outbox.claim(type, length);
    this.#isInRing = false;
    this.#bytes = this.#outbox.bytes;
    this.#words = this.#outbox.words;
    return at;
  }

  #commit(): void {
    if (!this.#isInRing) return;
    this.#ring.commit();
    this.#hasPublished = true;
  }

  #sendParts(type: number, head: Uint8Array, body: Uint8Array, bodyOffset: number, bodyLength: number): void {
    const total = head.length + bodyLength;
    assert(total <= ENVELOPE_BYTES_MAX, 'an envelope is within its limit');
    const pieceMax = this.#ring.payloadBytesMax - PART_HEAD_BYTES;
    assert(head.length <= pieceMax, 'the head fits into the first part');
    for (let sent = 0; sent < total; ) {
      const piece = Math.min(pieceMax, total - sent);
      const at = this.#claim(ENVELOPE.part, PART_HEAD_BYTES + piece);
      this.#words[(at >> 2) + PART_TYPE] = type;
      this.#words[(at >> 2) + PART_TOTAL] = total;
      const headPiece = sent === 0 ? head.length : 0;
      if (headPiece > 0) this.#bytes.set(head, at + PART_HEAD_BYTES);
      const from = bodyOffset + (sent === 0 ? 0 : sent - head.length);
      this.#bytes.set(body.subarray(from, from + piece - headPiece), at + PART_HEAD_BYTES + headPiece);
      this.#commit();
      sent += piece;
    }
  }
}

const NO_HEAD: Uint8Array = new Uint8Array(0);
