import { assert } from '../../base/assert.js';
import { CLOSE, COUNTER, type ConnectionId, EVENT, FRAMING } from '../ports.js';
import type { Carrier } from './carrier.js';
import { type Connection, ConnectionTable } from './connection.js';
import { Cutter } from './cutter.js';
import { Lingering } from './lingering.js';
import { Output } from './output.js';
import { RowBatch } from './row-batch.js';
import { TargetLists } from './target-lists.js';
import { TopicTable } from './topic-table.js';

const ROWS_MAX = 8192;
/** Batches per turn, before timers and other threads' rings have their say. */
const ROUNDS_MAX = 8;
/** A batch ends when so much of the arena is used: what JS looks at stays in the cache. */
const BATCH_BYTES = 512 * 1024;
/** Bytes of one connection in one batch, unless one frame is longer. */
const SHARE_BYTES = 256 * 1024;
/** A connection that has so much to be cut is read no more. */
const INPUT_HIGH_BYTES = 256 * 1024;

export interface ReactorOptions {
  /** Size of the table of connections. */
  readonly connectionsMax: number;
  readonly topicsMax: number;
  /** The longest frame that any connection accepts: the arena has to hold it. */
  readonly frameBytesMax: number;
  readonly counters: Float64Array;
  readonly topicSeed: number;
}

/**
 * The loop: bytes of the carriers in, rows out, commands in, one write per connection out.
 *
 *   onBytes, onEnd ... --> ready queue --(one setImmediate)--> turn: up to ROUNDS_MAX batches of
 *                                                              cut | onTurn(rows) | submit
 */
export class Reactor {
  readonly arena: Uint8Array;
  readonly batch: RowBatch = new RowBatch(ROWS_MAX);
  readonly topics: TopicTable;
  readonly counters: Float64Array;
  readonly table: ConnectionTable;
  readonly output: Output;
  readonly lists: TargetLists = new TargetLists();
  activity: Int32Array = new Int32Array(256);
  isClosed = false;
  readonly #cutter: Cutter;
  readonly #frameBytesMax: number;
  readonly #startedMs: number = performance.now();
  readonly #lingering: Lingering = new Lingering((connection) => this.#becomeClosed(connection, CLOSE.byUs, 0));
  #onTurn: ((rowCount: number) => void) | null = null;
  #ready: Connection[] = [];
  #used = 0;
  #isScheduled = false;
  #isFlushing = false;
  #isInTurn = false;
  readonly #turnBound: () => void = () => this.#turn();

  constructor(options: ReactorOptions) {
    // Not a Buffer: `slice` of one is a view, and what readers of the arena keep must be a copy.
    this.arena = new Uint8Array(BATCH_BYTES + Math.max(SHARE_BYTES, options.frameBytesMax));
    this.#frameBytesMax = options.frameBytesMax;
    this.counters = options.counters;
    this.topics = new TopicTable(options.topicsMax, options.topicSeed);
    this.table = new ConnectionTable(options.connectionsMax);
    this.output = new Output(this.arena, options.counters);
    this.#cutter = new Cutter(this.arena, this.batch, this.topics, options.counters);
  }

  start(onTurn: (rowCount: number) => void): void {
    assert(this.#onTurn === null, 'a transport is started once');
    this.#onTurn = onTurn;
    if (this.#ready.length > 0) this.#schedule();
  }

  now(): number {
    return Math.floor((performance.now() - this.#startedMs) / 100);
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.#lingering.clear();
    for (const connection of this.table.all()) {
      if (connection.phase === 'closed') continue;
      connection.phase = 'closed';
      connection.carrier?.destroy();
    }
    this.#ready = [];
  }

  // From carriers.

  onBytes(connection: Connection, bytes: Uint8Array, isOurs: boolean): void {
    this.counters[COUNTER.bytesIn] += bytes.length;
    this.counters[COUNTER.reads] += 1;
    this.activity[connection.id] = this.now();
    if (connection.phase !== 'open' || connection.isFaulted) return; // The rest of what a peer sends after our close is nothing to us.
    connection.input.append(bytes, isOurs);
    connection.isFresh = true;
    this.#adjustReading(connection);
    if (connection.hasInput) this.#makeReady(connection);
  }

  onConnected(connection: Connection, errno: number): void {
    if (connection.phase !== 'connecting') return;
    connection.connectedRowDue = true;
    connection.connectErrno = errno;
    connection.phase = 'open';
    if (errno !== 0) this.#becomeClosed(connection, CLOSE.error, errno);
    this.#makeReady(connection);
  }

  /**
   * The peer sends no more.
   * @param isOver it also takes no more.
   */
  onEnd(connection: Connection, reason: number, errno: number, isOver: boolean): void {
    if (connection.phase === 'closing' && isOver) this.#becomeClosed(connection, CLOSE.byUs, 0);
    if (connection.phase !== 'open') return;
    if (connection.endReason < 0 || reason === CLOSE.error) {
      connection.endReason = reason;
      connection.endErrno = errno;
    }
    if (isOver && !connection.takesInput) connection.input.clear();
    this.#makeReady(connection);
  }

  /** The peer took output, or more of it waits: looks at marks and budget. */
  onWaiting(connection: Connection): void {
    const carrier = connection.carrier;
    if (carrier === null || connection.phase === 'closed') return;
    const waiting = carrier.waiting();
    this.counters[COUNTER.outputBytes] += waiting - connection.waitingBytes;
    connection.waitingBytes = waiting;
    if (waiting > connection.highMarkBytes) connection.isCongested = true;
    else if (waiting < connection.lowMarkBytes || waiting === 0) connection.isCongested = false;
    if (connection.isLive && waiting > connection.outputBytesMax) this.#becomeClosed(connection, CLOSE.budget, 0);
    else if (connection.isCongested !== connection.wasCongested && connection.phase === 'open') this.#makeReady(connection);
  }

  // From commands.

  /** Null if the number is nobody's, or its connection is closed or closing. */
  live(id: ConnectionId): Connection | null {
    const connection = this.table.find(id);
    return connection?.isLive ? connection : null;
  }

  admit(id: ConnectionId, version: 4 | 5, frameBytesMax: number): void {
    const connection = this.live(id);
    if (connection === null) return;
    assert(connection.framing === FRAMING.mqtt, 'only MQTT connections are admitted');
    assert(frameBytesMax <= this.#frameBytesMax, 'the arena holds the longest frame');
    connection.version = version;
    connection.frameBytesMax = frameBytesMax;
    connection.isGateShut = false;
    connection.isFresh = true;
    this.#adjustReading(connection);
    this.#makeReady(connection);
  }

  setPaused(id: ConnectionId, isPaused: boolean): void {
    const connection = this.live(id);
    if (connection === null || connection.isPaused === isPaused) return;
    connection.isPaused = isPaused;
    this.#adjustReading(connection);
    if (!isPaused) this.#makeReady(connection);
  }

  beginClose(id: ConnectionId, lingerMs: number): void {
    const connection = this.live(id);
    if (connection === null) return;
    connection.phase = 'closing';
    connection.lingerMs = lingerMs;
    connection.input.clear();
    this.output.markDirty(connection);
  }

  release(id: ConnectionId): void {
    const connection = this.table.find(id);
    if (connection === null || connection.phase !== 'closed' || connection.closedRowDue) return;
    this.lists.forget(id);
    this.table.giveBack(connection);
  }

  /** Writes what is queued if it has become much, so that the next command has room. */
  makeRoom(scratchBytes: number): void {
    if (this.output.isCrowded(scratchBytes)) this.#flush();
  }

  scratchRoom(length: number): number {
    this.makeRoom(length);
    return this.output.reserve(length);
  }

  submit(): void {
    if (this.output.dirty.length === 0 && this.output.blocks.length === 0) return;
    if (this.#isFlushing || this.isClosed) return;
    this.#flush();
    this.output.blocks.length = 0;
  }

  /** Checks options and gives a number; null if the table is full. */
  register(connection: Connection, carrier: Carrier): void {
    assert(connection.frameBytesMax <= this.#frameBytesMax, 'the arena holds the longest frame');
    connection.carrier = carrier;
    if (connection.id >= this.activity.length) {
      const grown = new Int32Array(Math.max(this.activity.length * 2, connection.id + 1));
      grown.set(this.activity);
      this.activity = grown;
    }
    this.activity[connection.id] = this.now();
  }

  #schedule(): void {
    if (this.#isScheduled || this.isClosed || this.#onTurn === null) return;
    this.#isScheduled = true;
    setImmediate(this.#turnBound);
  }

  #makeReady(connection: Connection): void {
    if (connection.isReady) return;
    connection.isReady = true;
    this.#ready.push(connection);
    this.#schedule();
  }

  /** A turn at once, unless one is under way. */
  serve(): void {
    if (!this.#isInTurn && this.#onTurn !== null) this.#rounds();
  }

  #turn(): void {
    this.#isScheduled = false;
    this.#rounds();
    if (this.#ready.length > 0) this.#schedule();
  }

  #rounds(): void {
    this.#isInTurn = true;
    try {
      this.#runRounds();
    } finally {
      this.#isInTurn = false;
    }
  }

  #runRounds(): void {
    for (let round = 0; round < ROUNDS_MAX && this.#ready.length > 0 && !this.isClosed; round += 1) {
      this.batch.count = 0;
      this.#used = 0;
      this.topics.beginBatch();
      this.#fillBatch();
      if (this.batch.count === 0) continue;
      this.counters[COUNTER.turns] += 1;
      this.#onTurn?.(this.batch.count);
      this.submit();
    }
  }

  #fillBatch(): void {
    const ready = this.#ready;
    this.#ready = [];
    let at = 0;
    while (at < ready.length && !this.batch.isFull && this.#used < BATCH_BYTES) {
      const connection = ready[at];
      at += 1;
      connection.isReady = false;
      this.#serve(connection);
      if (connection.hasInput) this.#makeReady(connection);
      if (connection.isHeld) break; // Rows or topic numbers are used up.
    }
    if (at < ready.length) this.#ready = ready.slice(at).concat(this.#ready);
  }

  /** The rows of one connection, in the order of the port: connected, frames, marks, closed. */
  #serve(connection: Connection): void {
    const { batch } = this;
    if (connection.connectedRowDue) {
      connection.connectedRowDue = false;
      batch.add(EVENT.connected, connection.id, 0, 0, connection.connectErrno, 0, 0);
    }
    if (connection.hasInput) this.#cut(connection);
    if (connection.phase === 'open' && connection.isCongested !== connection.wasCongested) {
      connection.wasCongested = connection.isCongested;
      batch.add(connection.isCongested ? EVENT.congested : EVENT.relieved, connection.id, connection.waitingBytes, 0, 0, 0, 0);
    }
    if (connection.phase === 'open' && connection.endReason >= 0 && connection.isDrained) {
      this.#becomeClosed(connection, connection.endReason, connection.endErrno);
    }
    if (connection.closedRowDue) {
      connection.closedRowDue = false;
      batch.add(EVENT.closed, connection.id, 0, 0, connection.closeReason, 0, connection.closeErrno);
    }
  }

  #cut(connection: Connection): void {
    const { input } = connection;
    const shown = Math.min(input.length, Math.max(SHARE_BYTES, connection.need));
    assert(this.#used + shown <= this.arena.length, 'the arena has room for a share after every batch limit');
    input.copyTo(this.arena, this.#used, shown);
    const end = this.#cutter.cut(connection, this.#used, this.#used + shown);
    connection.isFresh = shown < input.length;
    input.consume(end - this.#used);
    this.#used = end;
    if (connection.isFaulted) input.clear();
    this.#adjustReading(connection);
  }

  /** Reads only what may be cut soon: a connection that is paused, gated, faulted or has enough stops its carrier. */
  #adjustReading(connection: Connection): void {
    const carrier = connection.carrier;
    if (carrier === null || !connection.isLive) return;
    const isEnough = connection.input.length >= Math.max(INPUT_HIGH_BYTES, connection.need);
    const isGated = connection.isGated && connection.isGateShut;
    if (connection.isPaused || connection.isFaulted || isGated || isEnough) carrier.pauseReading(isEnough || isGated);
    else carrier.resumeReading();
  }

  #flush(): void {
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    const { dirty } = this.output;
    for (let i = 0; i < dirty.length; i += 1) {
      const connection = dirty[i];
      connection.isDirty = false;
      this.#flushOne(connection);
    }
    dirty.length = 0;
    this.output.resetSegments();
    this.#isFlushing = false;
  }

  #flushOne(connection: Connection): void {
    const carrier = connection.carrier;
    if (carrier === null || connection.phase === 'closed') {
      this.output.drop(connection);
      return;
    }
    this.output.flush(connection, carrier);
    this.onWaiting(connection);
    if (connection.phase !== 'closing' || connection.isShutDown) return;
    if (carrier.isVirtual || connection.lingerMs === 0) {
      this.#becomeClosed(connection, CLOSE.byUs, 0);
      return;
    }
    connection.isShutDown = true;
    carrier.shutDown();
    carrier.resumeReading();
    this.#lingering.add(connection);
  }

  #becomeClosed(connection: Connection, reason: number, errno: number): void {
    assert(connection.phase !== 'closed', 'a connection closes once');
    const carrier = connection.carrier;
    connection.phase = 'closed';
    connection.closeReason = reason;
    connection.closeErrno = errno;
    connection.closedRowDue = true;
    connection.input.clear();
    this.output.drop(connection);
    this.#lingering.delete(connection);
    this.counters[COUNTER.outputBytes] -= connection.waitingBytes;
    connection.waitingBytes = 0;
    if (carrier?.isVirtual === true && connection.endReason < 0) carrier.shutDown();
    carrier?.destroy();
    this.#makeReady(connection);
  }
}
