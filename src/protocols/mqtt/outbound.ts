import { assert } from '../../base/assert.js';
import { frameLength } from './publish-frame.js';
import { handedOver, isHandedOver, isShared } from './shared/places.js';
import type { Delivery, LogPlaces } from './stored-run.js';

const PACKET_IDS = 65535;
/** Ids are given out in sequence; a client that leaves one unacknowledged lets us go this far past it. */
const SPAN_MAX = 16384;
/** A multiple of both PACKET_IDS and every ring size: taken off both marks before they leave the small integers. */
const REBASE = PACKET_IDS * 16384;
const RING_START = 16;
/** Of a message that is in no log. */
const NO_GROUP = -1;

/** A delivery in flight, as it moves from one `Outbound` to another. */
export interface InFlight {
  readonly packetId: number;
  readonly state: number;
  readonly delivery: Delivery | null;
  readonly offset: number;
  /** Where it is in the log; -1 and 0 if nowhere. */
  readonly group: number;
  readonly sequence: number;
}

export const FREE = 0;
export const AWAITS_PUBACK = 1;
export const AWAITS_PUBREC = 2;
export const AWAITS_PUBCOMP = 3;

/** Packet ids follow one another from 1 to 65535; then comes 1 (MQTT 5 §2.2.1). */
export function nextPacketIdAfter(packetId: number): number {
  return packetId === PACKET_IDS ? 1 : packetId + 1;
}

/**
 * QoS 1 and 2 deliveries in flight to one client (MQTT 5 §4.3, §4.9).
 *
 *   packet ids are sequence numbers modulo 65535, plus one:
 *
 *     ... acknowledged | tail ... mixed ... | head: next id
 *                        `-- states ring, grows with the span, starts empty --'
 *
 * Invariants: tail <= head; head - tail <= SPAN_MAX; inFlight = states that are not FREE; keptBytes = shares of `deliveries`.
 */
export class Outbound {
  #head = 0;
  #tail = 0;
  #inFlight = 0;
  #window: number;
  #states: Uint8Array;
  /** Messages by sequence, only where they must survive the connection. */
  #deliveries: (Delivery | null)[] | null;
  #offsets: Int32Array | null;
  /** Where messages are in the log, by sequence; -1: in none. Made when the first of them is. */
  #groups: Int32Array | null = null;
  #places: Float64Array | null = null;
  #keptBytes = 0;
  readonly #keptBytesMax: number;
  /** A message of the log is the client's. */
  onSettled: (group: number, sequence: number) => void = () => {};

  /**
   * @param window deliveries in flight at most: the client's Receive Maximum or our own limit, whichever is lower.
   * @param keepsMessages true where unacknowledged messages are sent again after a reconnect.
   * @param keptBytesMax bytes of those from which no more are opened; the last ones may pass it.
   */
  constructor(window: number, keepsMessages: boolean, keptBytesMax: number = Number.MAX_SAFE_INTEGER) {
    assert(window > 0 && window <= PACKET_IDS, 'a window is 1 to 65535');
    this.#window = Math.min(window, SPAN_MAX);
    this.#keptBytesMax = keptBytesMax;
    this.#states = new Uint8Array(RING_START);
    this.#deliveries = keepsMessages ? new Array<Delivery | null>(RING_START).fill(null) : null;
    this.#offsets = keepsMessages ? new Int32Array(RING_START) : null;
  }

  /** The client came back and announced another Receive Maximum. What is in flight beyond it stays in flight. */
  resize(window: number): void {
    assert(window > 0 && window <= PACKET_IDS, 'a window is 1 to 65535');
    this.#window = Math.min(window, SPAN_MAX);
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  get keepsMessages(): boolean {
    return this.#deliveries !== null;
  }

  /** How many deliveries may be opened now. */
  room(): number {
    if (this.#keptBytes >= this.#keptBytesMax) return 0;
    const byWindow = this.#window - this.#inFlight;
    const bySpan = SPAN_MAX - (this.#head - this.#tail);
    return Math.max(0, Math.min(byWindow, bySpan)); // A client may come back with a smaller window than it has in flight.
  }

  /** Takes `count` consecutive packet ids. @returns the first. */
  open(count: number, qos: 1 | 2): number {
    assert(count > 0 && count <= this.room(), 'the caller asked for room first');
    if (this.#head + count - this.#tail > this.#states.length) this.#grow(this.#head + count - this.#tail);
    const states = this.#states;
    const mask = states.length - 1;
    const state = qos === 1 ? AWAITS_PUBACK : AWAITS_PUBREC;
    const head = this.#head;
    for (let i = 0; i < count; i += 1) states[(head + i) & mask] = state;
    this.#head = head + count;
    this.#inFlight += count;
    return (head % PACKET_IDS) + 1;
  }

  /** Keeps the message of an id just opened, for a resend: frame number `frame` of the run, which starts at byte `offset`. */
  keep(packetId: number, delivery: Delivery, offset: number, frame = 0): void {
    const deliveries = this.#deliveries;
    const offsets = this.#offsets;
    assert(deliveries !== null && offsets !== null, 'only sessions that outlive their connection keep messages');
    const sequence = this.#sequenceOf(packetId);
    assert(sequence >= 0, 'keep follows open');
    const index = sequence & (this.#states.length - 1);
    deliveries[index] = delivery;
    offsets[index] = offset;
    this.#keptBytes += shareOf(delivery);
    if (delivery.log !== null) this.#setPlace(index, delivery.log.group, delivery.log.sequences[frame]);
  }

  /** `keep` for `count` frames of a delivery from `offset`, the first of them number `frame`, whose ids were opened together. */
  keepRun(firstPacketId: number, delivery: Delivery, offset: number, count: number, frame = 0): void {
    let packetId = firstPacketId;
    let position = offset;
    for (let i = 0; i < count; i += 1) {
      this.keep(packetId, delivery, position, frame + i);
      position += frameLength(delivery.run.bytes, position);
      packetId = nextPacketIdAfter(packetId);
    }
  }

  /** Where the messages of ids just opened are from, for sessions that do not keep them. */
  placeRun(firstPacketId: number, log: LogPlaces, count: number, frame = 0): void {
    let packetId = firstPacketId;
    for (let i = 0; i < count; i += 1) {
      const sequence = this.#sequenceOf(packetId);
      assert(sequence >= 0, 'placeRun follows open');
      this.#setPlace(sequence & (this.#states.length - 1), log.group, log.sequences[frame + i]);
      packetId = nextPacketIdAfter(packetId);
    }
  }

  /** Takes deliveries of QoS 1 back, as if they had not been begun. `visit` is told where they are from. */
  takeBack(isMeant: (place: number) => boolean, visit: (place: number, sequence: number) => void): void {
    const groups = this.#groups;
    if (groups === null || this.#places === null) return;
    const mask = this.#states.length - 1;
    for (let sequence = this.#tail; sequence < this.#head; sequence += 1) {
      const index = sequence & mask;
      const place = groups[index];
      if (this.#states[index] !== AWAITS_PUBACK || place < 0 || !isMeant(place)) continue;
      this.#states[index] = FREE;
      this.#drop(index);
      groups[index] = NO_GROUP;
      this.#inFlight -= 1;
      visit(place, this.#places[index]);
    }
    this.#advanceTail();
  }

  /** The message of an id in flight, which came from a shared queue, is the session's now. @returns where it came from; null if it is none, or was before. */
  handOver(packetId: number): { readonly place: number; readonly sequence: number } | null {
    const sequence = this.#sequenceOf(packetId);
    const groups = this.#groups;
    if (sequence < 0 || groups === null || this.#places === null) return null;
    const index = sequence & (this.#states.length - 1);
    const place = groups[index];
    if (this.#states[index] === FREE || place < 0 || !isShared(place) || isHandedOver(place)) return null;
    groups[index] = handedOver(place);
    return { place, sequence: this.#places[index] };
  }

  /** The state of an id. */
  stateOf(packetId: number): number {
    const sequence = this.#sequenceOf(packetId);
    return sequence < 0 ? FREE : this.#states[sequence & (this.#states.length - 1)];
  }

  /** PUBACK (from AWAITS_PUBACK), refusing PUBREC (from AWAITS_PUBREC) or PUBCOMP. @returns how many of the `count` ids were in that state. */
  finish(firstPacketId: number, count: number, from: number): number {
    let finished = 0;
    let packetId = firstPacketId;
    for (let i = 0; i < count; i += 1) {
      const sequence = this.#sequenceOf(packetId);
      if (sequence >= 0) {
        const index = sequence & (this.#states.length - 1);
        if (this.#states[index] === from) {
          this.#states[index] = FREE;
          this.#drop(index);
          if (this.#groups !== null) this.#settle(index);
          finished += 1;
        }
      }
      packetId = nextPacketIdAfter(packetId);
    }
    if (finished > 0) {
      this.#inFlight -= finished;
      this.#advanceTail();
    }
    return finished;
  }

  /** PUBREC: the message is the client's now; PUBREL follows. @returns false if the id is not in flight with QoS 2. */
  receive(packetId: number): boolean {
    const sequence = this.#sequenceOf(packetId);
    if (sequence < 0) return false;
    const index = sequence & (this.#states.length - 1);
    const state = this.#states[index];
    if (state !== AWAITS_PUBREC && state !== AWAITS_PUBCOMP) return false;
    this.#states[index] = AWAITS_PUBCOMP;
    this.#drop(index);
    return true;
  }

  /** Everything in flight in the order it was sent: what a reconnect sends again. `delivery` is null for AWAITS_PUBCOMP. */
  forEach(visit: (packetId: number, state: number, delivery: Delivery | null, offset: number) => void): void {
    const mask = this.#states.length - 1;
    for (let sequence = this.#tail; sequence < this.#head; sequence += 1) {
      const state = this.#states[sequence & mask];
      if (state === FREE) continue;
      const delivery = this.#deliveries === null ? null : (this.#deliveries[sequence & mask] as Delivery | null);
      visit((sequence % PACKET_IDS) + 1, state, delivery, this.#offsets === null ? 0 : this.#offsets[sequence & mask]);
    }
  }

  /** Everything in flight that the log has. */
  forEachPlace(visit: (packetId: number, state: number, group: number, sequence: number) => void): void {
    const groups = this.#groups;
    const places = this.#places;
    if (groups === null || places === null) return;
    const mask = this.#states.length - 1;
    for (let sequence = this.#tail; sequence < this.#head; sequence += 1) {
      const index = sequence & mask;
      if (this.#states[index] !== FREE && groups[index] >= 0)
        visit((sequence % PACKET_IDS) + 1, this.#states[index], groups[index], places[index]);
    }
  }

  /** The message of an id in flight, and where its frame starts; null if it is not kept. */
  keptOf(packetId: number): { readonly delivery: Delivery; readonly offset: number } | null {
    const sequence = this.#sequenceOf(packetId);
    if (sequence < 0 || this.#deliveries === null || this.#offsets === null) return null;
    const index = sequence & (this.#states.length - 1);
    const delivery = this.#deliveries[index];
    return delivery === null || this.#states[index] === FREE ? null : { delivery, offset: this.#offsets[index] };
  }

  /** The id the next delivery gets; with `restore` a session moves to another shard with its ids. */
  get nextPacketId(): number {
    return (this.#head % PACKET_IDS) + 1;
  }

  /**
   * Takes over what another `Outbound` had in flight; for a new one only. Ids in the order of `forEach`.
   * @param nextPacketId as that one would give it out.
   */
  restore(nextPacketId: number, entries: readonly InFlight[]): void {
    assert(this.#head === 0 && this.#tail === 0, 'only a new one is restored');
    const next = nextPacketId - 1 + PACKET_IDS;
    const first = entries[0];
    const span = first === undefined ? 0 : (nextPacketId - first.packetId + PACKET_IDS) % PACKET_IDS;
    assert(span <= SPAN_MAX, 'the other one kept the span');
    this.#tail = next - span;
    this.#head = next;
    if (span > this.#states.length) this.#grow(span);
    const mask = this.#states.length - 1;
    for (const entry of entries) {
      const index = this.#sequenceOf(entry.packetId) & mask;
      this.#states[index] = entry.state;
      if (this.#deliveries !== null && this.#offsets !== null) {
        this.#deliveries[index] = entry.delivery;
        this.#offsets[index] = entry.offset;
        if (entry.delivery !== null) this.#keptBytes += shareOf(entry.delivery);
      }
      if (entry.group >= 0) this.#setPlace(index, entry.group, entry.sequence);
    }
    this.#inFlight = entries.length;
    this.#advanceTail();
  }

  /** The sequence number in [tail, head) with this packet id, or -1. */
  #sequenceOf(packetId: number): number {
    const sequence = this.#tail + ((packetId - 1 - (this.#tail % PACKET_IDS) + PACKET_IDS) % PACKET_IDS);
    return sequence < this.#head ? sequence : -1;
  }

  /** The message at this place need not be sent again. */
  #drop(index: number): void {
    const deliveries = this.#deliveries;
    const delivery = deliveries === null ? null : deliveries[index];
    if (deliveries === null || delivery === null) return;
    this.#keptBytes -= shareOf(delivery);
    deliveries[index] = null;
    delivery.run.memory?.release(1);
  }

  #setPlace(index: number, group: number, sequence: number): void {
    const size = this.#states.length;
    if (this.#groups === null || this.#places === null) {
      this.#groups = new Int32Array(size).fill(NO_GROUP);
      this.#places = new Float64Array(size);
    }
    this.#groups[index] = group;
    this.#places[index] = sequence;
  }

  /** The client has the message at this place. */
  #settle(index: number): void {
    const groups = this.#groups as Int32Array;
    const group = groups[index];
    if (group < 0) return;
    groups[index] = NO_GROUP;
    this.onSettled(group, (this.#places as Float64Array)[index]);
  }

  #advanceTail(): void {
    const states = this.#states;
    const mask = states.length - 1;
    let tail = this.#tail;
    if (this.#inFlight === 0) tail = this.#head;
    else while (states[tail & mask] === FREE) tail += 1;
    this.#tail = tail;
    if (tail >= REBASE) {
      this.#tail -= REBASE;
      this.#head -= REBASE;
    }
    assert(this.#inFlight >= 0 && this.#tail <= this.#head, 'tail never passes head');
  }

  #grow(span: number): void {
    let size = this.#states.length;
    while (size < span) size *= 2;
    assert(size <= SPAN_MAX, 'the span is bounded');
    const states = new Uint8Array(size);
    const deliveries = this.#deliveries === null ? null : new Array<Delivery | null>(size).fill(null);
    const offsets = this.#offsets === null ? null : new Int32Array(size);
    const groups = this.#groups === null ? null : new Int32Array(size).fill(NO_GROUP);
    const places = this.#places === null ? null : new Float64Array(size);
    const oldMask = this.#states.length - 1;
    for (let sequence = this.#tail; sequence < this.#head; sequence += 1) {
      states[sequence & (size - 1)] = this.#states[sequence & oldMask];
      if (deliveries !== null && offsets !== null) {
        deliveries[sequence & (size - 1)] = (this.#deliveries as (Delivery | null)[])[sequence & oldMask] as Delivery | null;
        offsets[sequence & (size - 1)] = (this.#offsets as Int32Array)[sequence & oldMask];
      }
      if (groups !== null && places !== null) {
        groups[sequence & (size - 1)] = (this.#groups as Int32Array)[sequence & oldMask];
        places[sequence & (size - 1)] = (this.#places as Float64Array)[sequence & oldMask];
      }
    }
    this.#states = states;
    this.#deliveries = deliveries;
    this.#offsets = offsets;
    this.#groups = groups;
    this.#places = places;
  }
}

/** Bytes that one message of a run counts for: the mean. All of them together are the run, which stays as long as one of them does. */
function shareOf({ run }: Delivery): number {
  return Math.ceil(run.bytes.length / run.count);
}
