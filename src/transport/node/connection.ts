import { assert } from '../../base/assert.js';
import type { ConnectionId, ConnectionOptions, Framing } from '../ports.js';
import type { Carrier } from './carrier.js';
import { InputQueue } from './input-queue.js';

export const NO_SEGMENT = -1;

/**
 * connecting -> open -> closing -> closed -> (released)
 *
 * closing: our close; output is written, input thrown away. closed: the `closed` row is due or given; the number is still taken.
 */
export type Phase = 'connecting' | 'open' | 'closing' | 'closed';

/** One connection. A released number gets a new object, so nothing old can reach it. */
export class Connection {
  readonly id: ConnectionId;
  readonly framing: Framing;
  readonly isGated: boolean;
  readonly highMarkBytes: number;
  readonly lowMarkBytes: number;
  readonly outputBytesMax: number;
  readonly input: InputQueue = new InputQueue();
  carrier: Carrier | null = null;
  phase: Phase = 'open';
  frameBytesMax: number;
  /** MQTT protocol level once admitted, before that 0. */
  version = 0;

  // Input.
  /** The first frame of a gated connection has come. */
  isGateShut = false;
  isPaused = false;
  isFaulted = false;
  /** Bytes came, or a gate opened, since the cutter last looked. */
  isFresh = false;
  /** The cutter stopped before the end of the bytes because its batch was full. */
  isHeld = false;
  /** Length of the incomplete frame in front, 0 if not known yet. */
  need = 0;
  lastTopic = -1;
  /** The peer sends no more (CLOSE_*), what it sent is still being cut; -1 while it may send. */
  endReason = -1;
  endErrno = 0;

  // Output: the segments of this turn, and what waits from earlier ones.
  firstSegment: number = NO_SEGMENT;
  lastSegment: number = NO_SEGMENT;
  isDirty = false;
  /** Above the high mark, not yet below the low mark. `wasCongested` is what the protocol was told. */
  isCongested = false;
  wasCongested = false;
  waitingBytes = 0;

  // Ending.
  closeReason = -1;
  closeErrno = 0;
  lingerMs = 0;
  /** On the clock of `performance.now()`. */
  lingerUntilMs = 0;
  isShutDown = false;

  // Rows that are due at its next turn.
  isReady = false;
  connectedRowDue = false;
  connectErrno = 0;
  closedRowDue = false;

  constructor(id: ConnectionId, options: ConnectionOptions) {
    this.id = id;
    this.framing = options.framing;
    this.isGated = options.gated;
    this.frameBytesMax = options.frameBytesMax;
    this.highMarkBytes = options.highMarkBytes;
    this.lowMarkBytes = options.lowMarkBytes;
    this.outputBytesMax = options.outputBytesMax;
  }

  get isLive(): boolean {
    return this.phase === 'open' || this.phase === 'connecting';
  }

  /** Whether frames may be cut. */
  get takesInput(): boolean {
    return this.phase === 'open' && !this.isPaused && !this.isFaulted && !(this.isGated && this.isGateShut);
  }

  /** Whether the cutter would find something. */
  get hasInput(): boolean {
    return this.takesInput && (this.isFresh || this.isHeld) && this.input.length > 0 && this.input.length >= this.need;
  }

  /** Whether everything that the peer sent was cut, as far as it will ever be. */
  get isDrained(): boolean {
    if (this.isFaulted || this.input.length === 0) return true;
    return this.takesInput && !this.hasInput;
  }
}

/** Gives connections their numbers: dense, the ones given back last first. */
export class ConnectionTable {
  readonly #max: number;
  readonly #connections: (Connection | null)[] = [];
  readonly #free: ConnectionId[] = [];

  constructor(max: number) {
    assert(max > 0, 'a table has room for a connection');
    this.#max = max;
  }

  /** Null for a number that nobody has: commands to it are ignored. */
  find(id: ConnectionId): Connection | null {
    return this.#connections[id] ?? null;
  }

  /** Null if the table is full. */
  take(options: ConnectionOptions): Connection | null {
    const id = this.#free.pop() ?? this.#connections.length;
    if (id >= this.#max) return null;
    const connection = new Connection(id, options);
    this.#connections[id] = connection;
    return connection;
  }

  giveBack(connection: Connection): void {
    assert(this.#connections[connection.id] === connection, 'a number is given back once');
    this.#connections[connection.id] = null;
    this.#free.push(connection.id);
  }

  /** Every connection that has a number. */
  *all(): Generator<Connection> {
    for (const connection of this.#connections) if (connection !== null) yield connection;
  }
}
