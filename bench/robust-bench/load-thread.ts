import { assert } from '../../src/base/assert.js';
import {
  type ConnectionId,
  EVENT,
  ROW_CONNECTION,
  ROW_COUNT,
  ROW_EXTRA,
  ROW_INTS,
  ROW_KIND,
  ROW_LENGTH,
  ROW_NUMBER,
  ROW_OFFSET,
  SPACE_ARENA,
  type SpaceId,
  type Transport,
} from '../../src/transport/ports.js';
import { Dialer, type DialFailure } from './dialer.js';
import { DISCONNECT } from './handshake.js';
import type { LoadPlan, Target } from './load-plan.js';
import type { MonotonicMicros } from './monotonic-micros.js';
import { PublisherSet, type Window } from './publisher-set.js';
import { SubscriberSet } from './subscriber-set.js';
import { TALLY, type Tally } from './tally.js';

const PUBACK = 0x40;
const PUBREC = 0x50;
const PUBREL = 0x62;
const PUBCOMP = 0x70;

const TICK_MS = 5;
/** Handshake timeouts and keep-alive are looked at this often. */
const TICKS_PER_SWEEP = 40;
/** Timers are a millisecond coarse: messages due sooner than this are waited for by turning the event loop. */
const SPIN_US = 2_500;
const LINGER_MS = 500;

export interface LoadThreadEvents {
  /** Every client is ready or failed. Comes once. */
  onDialed(failure: DialFailure | null): void;
  /** Everything is closed. Comes once. */
  onEnded(): void;
}

export interface LoadThreadParts {
  readonly plan: LoadPlan;
  readonly target: Target;
  /** Random number of this run, below 2^32. */
  readonly run: number;
  readonly thread: number;
  readonly transport: Transport;
  readonly tally: Tally;
  readonly clock: MonotonicMicros;
}

/**
 * One share of the load on one transport: dials, then publishes and receives, then closes. Everything happens on its thread, in turns
 * of the transport; what is to be sent without anything having arrived goes out in turns of its own.
 */
export class LoadThread {
  readonly #transport: Transport;
  readonly #tally: Tally;
  readonly #clock: MonotonicMicros;
  readonly #events: LoadThreadEvents;
  readonly #dialer: Dialer;
  readonly #publishers: PublisherSet | null;
  readonly #subscribers: SubscriberSet | null;
  readonly #space: SpaceId;
  #phase: 'dialing' | 'waiting' | 'running' | 'closing' | 'ended' = 'dialing';
  #startUs = 0; // Of the load, on the clock of all threads.
  #open = 0; // Connections that have not reported `closed`.
  #ticks = 0;
  #tick: NodeJS.Timeout | undefined;
  #linger: NodeJS.Timeout | undefined;
  #wakeUp: NodeJS.Timeout | undefined; // Until the next message is due.
  #immediate: NodeJS.Immediate | undefined;

  constructor(parts: LoadThreadParts, events: LoadThreadEvents) {
    const { plan, run, thread, transport, tally } = parts;
    this.#transport = transport;
    this.#tally = tally;
    this.#clock = parts.clock;
    this.#events = events;
    const window: Window = { fromUs: plan.warmupMs * 1_000, toUs: (plan.warmupMs + plan.durationMs) * 1_000 };
    this.#dialer = new Dialer(plan, parts.target, run, thread, transport, tally, (client, connection, receiveMaximum) => {
      if (this.#isPublisher(client)) this.#bindPublisher(client, connection, receiveMaximum);
    });
    const { publishers, subscribers } = this.#dialer.counts;
    this.#publishers = publishers > 0 ? new PublisherSet(plan, run, thread, window, tally) : null;
    this.#subscribers = subscribers > 0 ? new SubscriberSet(plan, run, thread, window, tally) : null;
    this.#space = this.#publishers === null ? -1 : transport.registerSpace(this.#publishers.batch.bytes);
    this.#publishers?.batch.attach(this.#space);
  }

  /** Begins to dial. */
  start(): void {
    this.#transport.start((rowCount) => this.#onTurn(rowCount));
    this.#tick = setInterval(() => this.#onTick(), TICK_MS);
    this.#onTick();
  }

  /** @param startUs when the load begins, on the clock of all threads; soon, so that threads begin together. */
  begin(startUs: number): void {
    assert(this.#phase === 'waiting', 'the load begins when all clients were dialed');
    this.#phase = 'running';
    this.#startUs = startUs;
    setTimeout(
      () => {
        this.#publishers?.begin();
        this.#pumpAlone();
      },
      Math.max(0, (startUs - this.#clock.now()) / 1_000),
    );
  }

  /** Ends the load in any phase: says goodbye and closes. */
  end(): void {
    if (this.#phase === 'closing' || this.#phase === 'ended') return;
    this.#phase = 'closing';
    this.#publishers?.abandon();
    clearTimeout(this.#wakeUp);
    if (this.#immediate !== undefined) clearImmediate(this.#immediate);
    const { commands } = this.#transport;
    for (let client = 0; client < this.#dialer.clients; client++) {
      if (!this.#dialer.isReady(client)) continue;
      commands.sendCopy(this.#dialer.connectionOf(client), DISCONNECT);
      commands.close(this.#dialer.connectionOf(client), LINGER_MS);
      this.#open++;
    }
    this.#transport.submit();
    if (this.#open === 0) this.#becomeEnded();
    else this.#linger = setTimeout(() => this.#becomeEnded(), 4 * LINGER_MS);
  }

  #becomeEnded(): void {
    if (this.#phase === 'ended') return;
    this.#phase = 'ended';
    clearInterval(this.#tick);
    clearTimeout(this.#linger);
    // Not within a turn of the transport that is being closed.
    setImmediate(() => {
      this.#transport.close();
      this.#events.onEnded();
    });
  }

  #onTurn(rowCount: number): void {
    const nowUs = this.#clock.now();
    const loadUs = nowUs - this.#startUs;
    const { rows, arena } = this.#transport;
    this.#subscribers?.beginTurn(arena);
    for (let row = 0; row < rowCount; row++) this.#onRow(rows, row * ROW_INTS, nowUs, loadUs);
    this.#subscribers?.endTurn(loadUs);
    if (this.#phase === 'running') this.#pump(loadUs);
    else if (this.#phase === 'dialing') this.#dialMore(nowUs);
    else if (this.#phase === 'closing' && this.#open <= 0) this.#becomeEnded();
  }

  #onRow(rows: Int32Array, at: number, nowUs: number, loadUs: number): void {
    const connection = rows[at + ROW_CONNECTION];
    const kind = rows[at + ROW_KIND];
    if (kind === EVENT.connected) {
      this.#dialer.onConnected(connection, rows[at + ROW_NUMBER]);
      return;
    }
    const client = this.#dialer.clientOf(connection);
    if (kind === EVENT.closed) {
      this.#onClosed(client, connection);
      return;
    }
    if (client < 0) return;
    const offset = rows[at + ROW_OFFSET];
    switch (kind) {
      case EVENT.publish:
      case EVENT.publishProperties:
        this.#onPublish(client, connection, offset, rows[at + ROW_LENGTH], rows[at + ROW_COUNT], rows[at + ROW_EXTRA] & 0xff, loadUs);
        break;
      case EVENT.acks:
        this.#onAcks(client, connection, rows[at + ROW_EXTRA] & 0xff, rows[at + ROW_NUMBER], rows[at + ROW_COUNT], loadUs);
        break;
      case EVENT.frame:
        this.#onFrame(client, connection, this.#transport.arena.subarray(offset, offset + rows[at + ROW_LENGTH]), nowUs, loadUs);
        break;
      case EVENT.congested:
        if (this.#isPublisher(client)) this.#publishers?.onCongested(this.#publisherOf(client));
        break;
      case EVENT.relieved:
        if (this.#isPublisher(client)) this.#publishers?.onRelieved(this.#publisherOf(client));
        break;
      case EVENT.fault:
        this.#transport.commands.close(connection, 0); // The broker sent what is not MQTT: `closed` follows and counts it.
        break;
    }
  }

  #onPublish(
    client: number,
    connection: ConnectionId,
    offset: number,
    length: number,
    count: number,
    firstByte: number,
    loadUs: number,
  ): void {
    if (this.#subscribers === null || client >= this.#subscribers.count) return;
    this.#subscribers.onRun(client, offset, length, count, firstByte, loadUs);
    const qos = (firstByte >> 1) & 3;
    if (qos > 0) this.#transport.commands.ackRun(connection, qos === 1 ? PUBACK : PUBREC, 0, SPACE_ARENA, offset, count);
  }

  #onAcks(client: number, connection: ConnectionId, firstByte: number, firstPacketId: number, count: number, loadUs: number): void {
    const { commands } = this.#transport;
    if (firstByte === PUBREC) commands.ackRange(connection, PUBREL, firstPacketId, count);
    else if (firstByte === PUBREL) commands.ackRange(connection, PUBCOMP, firstPacketId, count);
    else if (this.#isPublisher(client)) this.#publishers?.onAcknowledged(this.#publisherOf(client), firstPacketId, count, loadUs);
  }

  /** What has no row of its own: answers to CONNECT and SUBSCRIBE, and acknowledgements with a reason code. */
  #onFrame(client: number, connection: ConnectionId, frame: Uint8Array, nowUs: number, loadUs: number): void {
    const type = frame[0] & 0xf0;
    if (type === 0x20 || type === 0x90) {
      this.#dialer.onFrame(client, frame, nowUs);
      return;
    }
    const isAck = type >= PUBACK && type <= PUBCOMP && frame.length >= 5;
    if (!isAck) return; // PINGRESP, or DISCONNECT: `closed` follows it.
    const packetId = (frame[2] << 8) | frame[3];
    const isRefusal = frame[4] >= 0x80;
    if (isRefusal) this.#tally.add(TALLY.refused, 1);
    // A refused PUBREC ends the exchange (MQTT 5 §4.3.3): no PUBCOMP will come.
    const firstByte = isRefusal && type === PUBREC ? PUBCOMP : frame[0];
    this.#onAcks(client, connection, firstByte, packetId, 1, loadUs);
  }

  #onClosed(client: number, connection: ConnectionId): void {
    if (client < 0) {
      this.#transport.commands.release(connection);
      return;
    }
    if (this.#phase === 'closing') {
      this.#open--;
      this.#transport.commands.release(connection);
      return;
    }
    this.#dialer.onClosed(client, connection);
    if (this.#isPublisher(client)) this.#publishers?.onClosed(this.#publisherOf(client));
  }

  #onTick(): void {
    const nowUs = this.#clock.now();
    if (this.#phase === 'dialing') this.#dialMore(nowUs);
    if (++this.#ticks % TICKS_PER_SWEEP === 0 && this.#phase !== 'closing') this.#dialer.onTick(nowUs);
    this.#transport.submit();
  }

  #dialMore(nowUs: number): void {
    this.#dialer.dial(nowUs);
    if (!this.#dialer.isComplete) return;
    this.#phase = 'waiting';
    this.#events.onDialed(this.#dialer.failure);
  }

  /** Publishes what is owed, as far as the batch goes, and sees to it that the rest has its turn. */
  #pump(loadUs: number): void {
    const publishers = this.#publishers;
    if (publishers === null) return;
    if (loadUs < 0) {
      this.#pumpSoon(); // A timer may come a little early.
      return;
    }
    publishers.batch.reset();
    if (publishers.pump(loadUs, this.#transport.commands)) {
      this.#pumpSoon();
      return;
    }
    const waitUs = publishers.nextDueUs() - loadUs;
    if (waitUs < SPIN_US) this.#pumpSoon();
    else if (waitUs < Number.POSITIVE_INFINITY && this.#wakeUp === undefined) {
      this.#wakeUp = setTimeout(
        () => {
          this.#wakeUp = undefined;
          this.#pumpAlone();
        },
        Math.floor((waitUs - SPIN_US / 2) / 1_000),
      );
    }
  }

  #pumpSoon(): void {
    this.#immediate ??= setImmediate(() => {
      this.#immediate = undefined;
      this.#pumpAlone();
    });
  }

  /** A turn of our own. */
  #pumpAlone(): void {
    if (this.#phase !== 'running') return;
    this.#pump(this.#clock.now() - this.#startUs);
    this.#transport.submit();
  }

  #isPublisher(client: number): boolean {
    const { subscribers, publishers } = this.#dialer.counts;
    return client >= subscribers && client < subscribers + publishers;
  }

  #publisherOf(client: number): number {
    return client - this.#dialer.counts.subscribers;
  }

  #bindPublisher(client: number, connection: ConnectionId, receiveMaximum: number): void {
    assert(this.#publishers !== null, 'a publisher belongs to the set');
    this.#publishers.bind(this.#publisherOf(client), connection);
    this.#publishers.limitInflight(this.#publisherOf(client), receiveMaximum);
  }
}
