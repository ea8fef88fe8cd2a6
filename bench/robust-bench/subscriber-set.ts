import { assert } from '../../src/base/assert.js';
import { PAYLOAD_PUBLISHER, PAYLOAD_RUN, PAYLOAD_SENT, PAYLOAD_SEQUENCE } from './frame-batch.js';
import { type LoadPlan, PAYLOAD_BYTES_MIN, publishersPerTopic } from './load-plan.js';
import type { Window } from './publisher-set.js';
import { TALLY, type Tally } from './tally.js';

/**
 * The subscribers of one thread. Each follows the sequence numbers of every publisher of its topic:
 *
 *   expected 7, comes 7: in order · comes 9: 7 and 8 are missing until they come (reordered) · comes 5 again: a duplicate
 *
 * What came is remembered for the last 32 numbers of a stream. An older number counts as reordered while something is missing,
 * else as a duplicate.
 */
export class SubscriberSet {
  readonly count: number;
  readonly #tally: Tally;
  readonly #run: number;
  readonly #window: Window;
  readonly #isVersion5: boolean;
  readonly #isPaced: boolean;
  readonly #publishers: number;
  readonly #topics: number;
  readonly #thread: number;
  readonly #threads: number;
  readonly #streamsPerSubscriber: number;
  readonly #rank: Int32Array; // Of a publisher among those of its topic.
  readonly #next: Uint32Array; // Per stream: the sequence number expected.
  readonly #seen: Int32Array; // Per stream: bit i is set if number next - 1 - i came.
  readonly #missing: Uint32Array; // Per stream: numbers passed over that have not come.
  #arena: Uint8Array = new Uint8Array(0);
  #view: DataView = new DataView(new ArrayBuffer(0));
  // Sums of the current turn; `endTurn` adds them to the tally.
  #received = 0;
  #duplicates = 0;
  #reordered = 0;
  #foreign = 0;
  #bytes = 0;

  constructor(plan: LoadPlan, run: number, thread: number, window: Window, tally: Tally) {
    this.count = Math.ceil((plan.subscribers - thread) / plan.threads);
    assert(this.count > 0, 'the thread has subscribers');
    this.#tally = tally;
    this.#run = run;
    this.#window = window;
    this.#isVersion5 = plan.version === 5;
    this.#isPaced = plan.rate > 0;
    this.#publishers = plan.publishers;
    this.#topics = plan.topics;
    this.#thread = thread;
    this.#threads = plan.threads;
    this.#streamsPerSubscriber = publishersPerTopic(plan);
    this.#rank = Int32Array.from({ length: plan.publishers }, (_, publisher) => Math.floor(publisher / plan.topics));
    const streams = this.count * this.#streamsPerSubscriber;
    this.#next = new Uint32Array(streams);
    this.#seen = new Int32Array(streams).fill(-1);
    this.#missing = new Uint32Array(streams);
  }

  /** The arena of this turn. */
  beginTurn(arena: Uint8Array): void {
    if (arena === this.#arena) return;
    this.#arena = arena;
    this.#view = new DataView(arena.buffer, arena.byteOffset, arena.byteLength);
  }

  /** A run of PUBLISH frames with the same first byte and topic, `length` bytes from `offset` in the arena. */
  onRun(local: number, offset: number, length: number, count: number, firstByte: number, nowUs: number): void {
    const arena = this.#arena;
    const view = this.#view;
    const isVersion5 = this.#isVersion5;
    const run = this.#run;
    const packetIdBytes = (firstByte & 0x06) === 0 ? 0 : 2;
    // With a rate the messages due in the window are timed, however late they come; without one, those that come in the window.
    const { fromUs, toUs } = this.#window;
    const isPaced = this.#isPaced;
    const isTimed = isPaced || (nowUs >= fromUs && nowUs < toUs);
    let sentOfGroup = -1; // Frames built together carry one time: they are counted together.
    let group = 0;
    let at = offset;
    for (let i = 0; i < count; i++) {
      let field = at + 1;
      let remaining = arena[field++];
      if (remaining > 127) {
        remaining &= 127;
        for (let shift = 7, more = true; more; shift += 7) {
          const byte = arena[field++];
          remaining |= (byte & 127) << shift;
          more = byte > 127;
        }
      }
      const end = field + remaining;
      let payload = field + 2 + ((arena[field] << 8) | arena[field + 1]) + packetIdBytes;
      if (isVersion5) payload = afterProperties(arena, payload);
      at = end;
      if (end - payload < PAYLOAD_BYTES_MIN || view.getUint32(payload + PAYLOAD_RUN, true) !== run) {
        this.#foreign++;
        continue;
      }
      this.#follow(local, view.getUint32(payload + PAYLOAD_PUBLISHER, true), view.getUint32(payload + PAYLOAD_SEQUENCE, true));
      const sent = view.getUint32(payload + PAYLOAD_SENT, true);
      if (!isTimed || (isPaced && (sent < fromUs || sent >= toUs))) continue;
      if (sent !== sentOfGroup) {
        if (group > 0) this.#tally.deliverLatency.record((nowUs - sentOfGroup) | 0, group);
        sentOfGroup = sent;
        group = 0;
      }
      group++;
    }
    if (group > 0) this.#tally.deliverLatency.record((nowUs - sentOfGroup) | 0, group);
    this.#bytes += length;
  }

  endTurn(nowUs: number): void {
    const tally = this.#tally;
    if (this.#bytes === 0) return;
    tally.add(TALLY.received, this.#received);
    if (nowUs >= this.#window.fromUs && nowUs < this.#window.toUs) tally.add(TALLY.windowReceived, this.#received + this.#foreign);
    tally.add(TALLY.duplicates, this.#duplicates);
    tally.add(TALLY.reordered, this.#reordered);
    tally.add(TALLY.foreign, this.#foreign);
    tally.add(TALLY.bytesReceived, this.#bytes);
    this.#received = 0;
    this.#duplicates = 0;
    this.#reordered = 0;
    this.#foreign = 0;
    this.#bytes = 0;
  }

  #follow(local: number, publisher: number, sequence: number): void {
    const topic = (this.#thread + local * this.#threads) % this.#topics;
    if (publisher >= this.#publishers || publisher % this.#topics !== topic) {
      this.#foreign++; // Not a topic that this subscriber asked for.
      return;
    }
    const stream = local * this.#streamsPerSubscriber + this.#rank[publisher];
    const ahead = (sequence - this.#next[stream]) | 0;
    this.#received++;
    if (ahead === 0) {
      this.#next[stream] = sequence + 1;
      if (this.#seen[stream] !== -1) this.#seen[stream] = (this.#seen[stream] << 1) | 1;
    } else {
      this.#followOutOfOrder(stream, sequence, ahead);
    }
  }

  #followOutOfOrder(stream: number, sequence: number, ahead: number): void {
    if (ahead > 0) {
      this.#missing[stream] += ahead;
      this.#seen[stream] = ahead > 30 ? 1 : (this.#seen[stream] << (ahead + 1)) | 1;
      this.#next[stream] = sequence + 1;
      return;
    }
    const bit = -ahead - 1;
    const isLate = this.#missing[stream] > 0 && (bit >= 32 || (this.#seen[stream] & (1 << bit)) === 0);
    if (!isLate) {
      this.#duplicates++;
      return;
    }
    this.#missing[stream]--;
    if (bit < 32) this.#seen[stream] |= 1 << bit;
    this.#reordered++;
  }
}

/** Where the payload begins: behind the property length (a variable byte integer) and the properties. */
function afterProperties(bytes: Uint8Array, at: number): number {
  let length = 0;
  let field = at;
  for (let shift = 0, more = true; more; shift += 7) {
    const byte = bytes[field++];
    length |= (byte & 127) << shift;
    more = byte > 127;
  }
  return field + length;
}
