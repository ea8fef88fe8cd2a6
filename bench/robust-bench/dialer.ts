import { getSystemErrorName } from 'node:util';
import { assert } from '../../src/base/assert.js';
import { type ConnectionId, type ConnectionOptions, FRAMING, type Transport } from '../../src/transport/ports.js';
import { CarriedClients } from './carried-clients.js';
import { topicOf } from './frame-batch.js';
import { decodeConnack, decodeSuback, encodeConnect, encodeSubscribe, PINGREQ } from './handshake.js';
import type { Endpoint, LoadPlan, Target } from './load-plan.js';
import { TALLY, type Tally } from './tally.js';

/** Enough for what the broker's own packets carry beside our payload. */
const FRAME_OVERHEAD_BYTES = 1 << 20;

/** The longest frame that a run can meet. */
export function frameBytesMaxOf(plan: LoadPlan): number {
  return plan.size + FRAME_OVERHEAD_BYTES;
}

/** Handshakes under way at once: below the usual listen backlog, so that no SYN is dropped and retried a second later. */
const HANDSHAKES_MAX = 100;

const STATE = { waiting: 0, connecting: 1, connack: 2, suback: 3, ready: 4, failed: 5, closed: 6 } as const;

export type FailureKind = 'unreachable' | 'refused';

export interface DialFailure {
  readonly kind: FailureKind;
  readonly reason: string;
}

/** Clients of one thread are numbered subscribers first, then publishers, then idle ones. */
export interface ClientCounts {
  readonly subscribers: number;
  readonly publishers: number;
  readonly idle: number;
}

/** Opens the connections of one thread and brings each to the point where load can begin; keeps them alive afterwards. */
export class Dialer {
  readonly counts: ClientCounts;
  readonly clients: number;
  /** The first thing that went wrong; null while nothing did. */
  failure: DialFailure | null = null;
  readonly #plan: LoadPlan;
  readonly #target: Target;
  readonly #run: number;
  readonly #thread: number;
  readonly #transport: Transport;
  readonly #tally: Tally;
  readonly #options: ConnectionOptions;
  /** Opened with the first client that does not speak plain TCP. */
  #carried: CarriedClients | null = null;
  readonly #onReady: (client: number, connection: ConnectionId, receiveMaximum: number) => void;
  readonly #state: Uint8Array;
  readonly #connection: Int32Array;
  readonly #dialedAtUs: Float64Array;
  readonly #receiveMaximum: Int32Array;
  readonly #pingAtUs: Float64Array; // Infinity: no keep-alive.
  readonly #pingEveryUs: Float64Array;
  #clientOf: Int32Array = new Int32Array(1024).fill(-1); // By connection.
  #dialed = 0; // Clients below this number were dialed.
  #pending = 0; // In a state between waiting and ready.
  #startedAtUs = -1;

  constructor(
    plan: LoadPlan,
    target: Target,
    run: number,
    thread: number,
    transport: Transport,
    tally: Tally,
    onReady: (client: number, connection: ConnectionId, receiveMaximum: number) => void,
  ) {
    this.#plan = plan;
    this.#target = target;
    this.#run = run;
    this.#thread = thread;
    this.#transport = transport;
    this.#tally = tally;
    this.#onReady = onReady;
    this.#options = {
      framing: FRAMING.mqtt,
      frameBytesMax: frameBytesMaxOf(plan),
      highMarkBytes: 64 * 1024,
      lowMarkBytes: 16 * 1024,
      gated: false,
      outputBytesMax: 64 * 1024 * 1024,
    };
    const share = (total: number): number => Math.max(0, Math.ceil((total - thread) / plan.threads));
    this.counts = { subscribers: share(plan.subscribers), publishers: share(plan.publishers), idle: share(plan.idle) };
    this.clients = this.counts.subscribers + this.counts.publishers + this.counts.idle;
    this.#state = new Uint8Array(this.clients);
    this.#connection = new Int32Array(this.clients).fill(-1);
    this.#dialedAtUs = new Float64Array(this.clients);
    this.#receiveMaximum = new Int32Array(this.clients).fill(65_535);
    this.#pingAtUs = new Float64Array(this.clients).fill(Number.POSITIVE_INFINITY);
    this.#pingEveryUs = new Float64Array(this.clients);
  }

  /** Every client is ready or has failed. */
  get isComplete(): boolean {
    return this.#dialed === this.clients && this.#pending === 0;
  }

  /** The client of a connection; -1 if it is none of ours. */
  clientOf(connection: ConnectionId): number {
    return connection < this.#clientOf.length ? this.#clientOf[connection] : -1;
  }

  isReady(client: number): boolean {
    return this.#state[client] === STATE.ready;
  }

  connectionOf(client: number): ConnectionId {
    return this.#connection[client];
  }

  /** Opens as many connections as rate and handshakes under way allow. */
  dial(nowUs: number): void {
    if (this.#dialed === this.clients) return;
    if (this.#startedAtUs < 0) this.#startedAtUs = nowUs;
    if (this.failure !== null && this.#plan.scenario !== 'conn') {
      this.#tally.add(TALLY.connectFailed, this.clients - this.#dialed);
      this.#state.fill(STATE.failed, this.#dialed);
      this.#dialed = this.clients;
      return;
    }
    const rate = this.#plan.connectRate / this.#plan.threads;
    const allowed = rate === 0 ? this.clients : Math.min(this.clients, 1 + Math.floor(((nowUs - this.#startedAtUs) / 1e6) * rate));
    while (this.#dialed < allowed && this.#pending < HANDSHAKES_MAX) this.#open(this.#dialed++, nowUs);
  }

  onConnected(connection: ConnectionId, errno: number): void {
    const client = this.clientOf(connection);
    if (client < 0 || this.#state[client] !== STATE.connecting) return;
    if (errno !== 0) {
      // Its `closed` row follows and gives the number back.
      this.#fail(client, { kind: 'unreachable', reason: `${this.#address(client)}: ${getSystemErrorName(-Math.abs(errno))}` });
      return;
    }
    this.#state[client] = STATE.connack;
    this.#transport.commands.admit(connection, this.#plan.version, this.#options.frameBytesMax);
    this.#transport.commands.sendCopy(connection, encodeConnect(this.#plan, this.#clientIdOf(client)));
  }

  /** CONNACK or SUBACK. Other frames are not for the dialer. */
  onFrame(client: number, frame: Uint8Array, nowUs: number): void {
    if (this.#state[client] === STATE.connack) this.#onConnack(client, frame, nowUs);
    else if (this.#state[client] === STATE.suback) this.#onSuback(client, frame, nowUs);
  }

  onClosed(client: number, connection: ConnectionId): void {
    const state = this.#state[client];
    this.#forget(client, connection);
    if (state === STATE.ready) {
      this.#state[client] = STATE.closed;
      this.#tally.add(TALLY.dropped, 1);
    } else if (state < STATE.ready) {
      this.#fail(client, { kind: 'refused', reason: `${this.#address(client)} closed the connection before it answered` });
    }
  }

  /** Keep-alive and handshake timeouts; a few times per second. */
  onTick(nowUs: number): void {
    const timeoutUs = this.#plan.connectTimeoutMs * 1_000;
    for (let client = 0; client < this.#dialed; client++) {
      if (this.#state[client] === STATE.ready) {
        if (nowUs < this.#pingAtUs[client]) continue;
        this.#transport.commands.sendCopy(this.#connection[client], PINGREQ);
        this.#pingAtUs[client] = nowUs + this.#pingEveryUs[client];
      } else if (this.#pending > 0 && this.#state[client] < STATE.ready && nowUs - this.#dialedAtUs[client] > timeoutUs) {
        const connection = this.#connection[client];
        this.#fail(client, { kind: 'unreachable', reason: `${this.#address(client)}: no answer in ${this.#plan.connectTimeoutMs} ms` });
        this.#transport.commands.close(connection, 0);
      }
    }
  }

  #open(client: number, nowUs: number): void {
    const { sourceAddresses } = this.#plan;
    const localAddress =
      sourceAddresses.length === 0 ? '' : sourceAddresses[(this.#thread + client * this.#plan.threads) % sourceAddresses.length];
    this.#pending++;
    this.#state[client] = STATE.connecting;
    this.#dialedAtUs[client] = nowUs;
    const connection = this.#connect(this.#endpointOf(client), localAddress);
    if (connection < 0) {
      this.#fail(client, {
        kind: 'unreachable',
        reason: `${this.#address(client)}: no connection numbers or descriptors left (see ulimit -n)`,
      });
      return;
    }
    if (connection >= this.#clientOf.length) this.#growClientOf(connection);
    assert(this.#clientOf[connection] === -1, 'a connection number is not reused before release');
    this.#clientOf[connection] = client;
    this.#connection[client] = connection;
  }

  #connect(endpoint: Endpoint, localAddress: string): ConnectionId {
    if (endpoint.carrier === null || endpoint.carrier === undefined)
      return this.#transport.connect(endpoint.host, endpoint.port, localAddress, this.#options);
    this.#carried ??= new CarriedClients(this.#transport, this.#options, {
      onReady: (connection) => {
        this.onConnected(connection, 0);
        this.#transport.submit(); // No turn of the transport is under way.
      },
      onUnreachable: (connection, reason) => {
        const client = this.clientOf(connection);
        if (client >= 0 && this.#state[client] === STATE.connecting)
          this.#fail(client, { kind: 'unreachable', reason: `${this.#address(client)}: ${reason}` });
      },
    });
    return this.#carried.open(endpoint, endpoint.carrier, localAddress);
  }

  #endpointOf(client: number): Endpoint {
    return client < this.counts.subscribers ? (this.#target.subscribersTo ?? this.#target) : this.#target;
  }

  #onConnack(client: number, frame: Uint8Array, nowUs: number): void {
    const answer = decodeConnack(this.#plan, frame);
    if (answer === null || answer.reasonCode !== 0) {
      const reason =
        answer === null ? 'answered CONNECT with another packet' : `refused CONNECT with code 0x${answer.reasonCode.toString(16)}`;
      this.#refuse(client, reason);
      return;
    }
    this.#receiveMaximum[client] = answer.receiveMaximum;
    if (answer.keepAliveSeconds > 0) {
      // At half the time: a tick that comes late is still in time.
      this.#pingEveryUs[client] = answer.keepAliveSeconds * 500_000;
      this.#pingAtUs[client] = nowUs + this.#pingEveryUs[client];
    }
    if (client >= this.counts.subscribers) {
      this.#becomeReady(client, nowUs);
      return;
    }
    this.#state[client] = STATE.suback;
    const topic = (this.#thread + client * this.#plan.threads) % this.#plan.topics;
    const filter = topicOf(this.#plan.topicPrefix, topic, this.#plan.topics);
    this.#transport.commands.sendCopy(this.#connection[client], encodeSubscribe(this.#plan, filter));
  }

  #onSuback(client: number, frame: Uint8Array, nowUs: number): void {
    const granted = decodeSuback(this.#plan, frame);
    if (granted === null || granted >= 0x80) {
      this.#refuse(
        client,
        granted === null ? 'answered SUBSCRIBE with another packet' : `refused SUBSCRIBE with code 0x${granted.toString(16)}`,
      );
      return;
    }
    if (granted < this.#plan.qos) this.#tally.add(TALLY.downgraded, 1);
    this.#becomeReady(client, nowUs);
  }

  #becomeReady(client: number, nowUs: number): void {
    this.#state[client] = STATE.ready;
    this.#pending--;
    this.#tally.add(TALLY.ready, 1);
    this.#tally.connectLatency.record((nowUs - this.#dialedAtUs[client]) | 0, 1);
    this.#onReady(client, this.#connection[client], this.#receiveMaximum[client]);
  }

  #refuse(client: number, reason: string): void {
    this.#transport.commands.close(this.#connection[client], 0);
    this.#fail(client, { kind: 'refused', reason: `${this.#address(client)} ${reason}` });
  }

  #fail(client: number, failure: DialFailure): void {
    this.#state[client] = STATE.failed;
    this.#pending--;
    this.#tally.add(TALLY.connectFailed, 1);
    this.failure ??= failure;
  }

  #forget(client: number, connection: ConnectionId): void {
    this.#clientOf[connection] = -1;
    this.#connection[client] = -1;
    this.#transport.commands.release(connection);
  }

  #growClientOf(connection: ConnectionId): void {
    const grown = new Int32Array(Math.max(connection + 1, this.#clientOf.length * 2)).fill(-1);
    grown.set(this.#clientOf);
    this.#clientOf = grown;
  }

  #clientIdOf(client: number): string {
    return `rb-${this.#run.toString(36)}-${this.#thread}-${client}`;
  }

  #address(client: number): string {
    const { host, port } = this.#endpointOf(client);
    return `${host}:${port}`;
  }
}
