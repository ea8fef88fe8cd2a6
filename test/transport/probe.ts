import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import {
  type ConnectionId,
  type ConnectionOptions,
  EVENT,
  FRAMING,
  ROW_CONNECTION,
  ROW_COUNT,
  ROW_EXTRA,
  ROW_HEADER,
  ROW_INTS,
  ROW_KIND,
  ROW_LENGTH,
  ROW_NUMBER,
  ROW_OFFSET,
  type Transport,
  type VirtualSink,
} from '../../src/transport/ports.js';
import { PINGREQ } from './mqtt-bytes.js';

const DEADLINE_MS = 4000;

export const OPTIONS: ConnectionOptions = {
  framing: FRAMING.mqtt,
  frameBytesMax: 4096,
  highMarkBytes: 64 * 1024,
  lowMarkBytes: 16 * 1024,
  gated: false,
  outputBytesMax: 8 * 1024 * 1024,
};

/** One event row with its bytes, copied out of the turn. */
export interface Seen {
  readonly kind: number;
  readonly connection: ConnectionId;
  readonly offset: number;
  readonly length: number;
  readonly count: number;
  readonly number: number;
  readonly header: number;
  readonly extra: number;
  readonly bytes: Buffer;
}

interface Waiter {
  readonly condition: () => boolean;
  readonly resolve: () => void;
}

/** Drives a transport: records its rows, lets a test answer inside the turn, and waits for conditions instead of sleeping. */
export class Probe {
  readonly transport: Transport;
  readonly seen: Seen[] = [];
  turns = 0;
  /** Called in the turn, where arena bytes are valid. */
  onRow: (row: Seen) => void = () => {};
  #waiters: Waiter[] = [];
  #marker: VirtualPeer | null = null;

  constructor(transport: Transport) {
    this.transport = transport;
    transport.start((rowCount) => this.#onTurn(rowCount));
  }

  #onTurn(rowCount: number): void {
    this.turns += 1;
    const { rows, arena } = this.transport;
    for (let i = 0; i < rowCount; i += 1) {
      const at = i * ROW_INTS;
      const kind = rows[at + ROW_KIND];
      const offset = rows[at + ROW_OFFSET];
      const length = rows[at + ROW_LENGTH];
      const hasBytes = kind >= EVENT.frame && kind <= EVENT.ping;
      const row: Seen = {
        kind,
        connection: rows[at + ROW_CONNECTION],
        offset,
        length,
        count: rows[at + ROW_COUNT],
        number: rows[at + ROW_NUMBER],
        header: rows[at + ROW_HEADER],
        extra: rows[at + ROW_EXTRA],
        bytes: hasBytes ? Buffer.from(arena.subarray(offset, offset + length)) : Buffer.alloc(0),
      };
      this.seen.push(row);
      this.onRow(row);
    }
    queueMicrotask(() => this.wake());
  }

  /** Looks at the conditions that tests wait for; whoever changes what they read calls it. */
  wake(): void {
    const ready = this.#waiters.filter((waiter) => waiter.condition());
    this.#waiters = this.#waiters.filter((waiter) => !ready.includes(waiter));
    for (const waiter of ready) waiter.resolve();
  }

  async until(condition: () => boolean, what: string): Promise<void> {
    if (condition()) return;
    const given = new AbortController();
    const met = new Promise<void>((resolve) => this.#waiters.push({ condition, resolve }));
    const late = delay(DEADLINE_MS, 'late', { signal: given.signal }).catch(() => 'met');
    const outcome = await Promise.race([met, late]);
    given.abort();
    assert.notEqual(outcome, 'late', `waited in vain for: ${what}`);
  }

  rowsOf(connection: ConnectionId, kind = 0): Seen[] {
    return this.seen.filter((row) => row.connection === connection && (kind === 0 || row.kind === kind));
  }

  async untilRow(connection: ConnectionId, kind: number, count = 1): Promise<Seen> {
    await this.until(() => this.rowsOf(connection, kind).length >= count, `row ${count} of kind ${kind}`);
    return this.rowsOf(connection, kind)[count - 1];
  }

  /** After it, whatever was pushed before has had its turn. */
  async settle(): Promise<void> {
    this.#marker ??= this.open();
    for (let round = 0; round < 2; round += 1) {
      const before = this.rowsOf(this.#marker.connection, EVENT.ping).length;
      this.#marker.push(PINGREQ);
      await this.untilRow(this.#marker.connection, EVENT.ping, before + 1);
    }
  }

  /** A virtual connection; `version` 0 leaves it unadmitted. */
  open(options: Partial<ConnectionOptions> = {}, version: 0 | 4 | 5 = 4): VirtualPeer {
    const merged = { ...OPTIONS, ...options };
    const peer = new VirtualPeer(this);
    peer.connection = this.transport.openVirtual(merged, peer);
    if (version !== 0 && merged.framing === FRAMING.mqtt) {
      this.transport.commands.admit(peer.connection, version, merged.frameBytesMax);
      this.transport.submit();
    }
    return peer;
  }
}

/** The far side of a virtual connection. */
export class VirtualPeer implements VirtualSink {
  connection: ConnectionId = -1;
  readonly chunks: Buffer[] = [];
  /** Takes output at once; a slow peer sets it to false. */
  takesOutput = true;
  readableCalls = 0;
  closeCalls = 0;
  #probe: Probe;

  constructor(probe: Probe) {
    this.#probe = probe;
  }

  get output(): Buffer {
    return Buffer.concat(this.chunks);
  }

  push(bytes: Uint8Array): boolean {
    return this.#probe.transport.pushVirtual(this.connection, bytes);
  }

  onOutput(connection: ConnectionId, bytes: Uint8Array): void {
    assert.equal(connection, this.connection);
    this.chunks.push(Buffer.from(bytes));
    if (this.takesOutput) this.#probe.transport.acknowledgeOutput(connection, bytes.length);
    queueMicrotask(() => this.#probe.wake());
  }

  onReadable(): void {
    this.readableCalls += 1;
    queueMicrotask(() => this.#probe.wake());
  }

  onClose(): void {
    this.closeCalls += 1;
    queueMicrotask(() => this.#probe.wake());
  }
}

/** Rows as one line per frame, so that runs cut differently compare equal. Topic numbers become names. */
export function flatten(rows: readonly Seen[], nameOf: (topic: number) => string): string[] {
  const lines: string[] = [];
  for (const row of rows) {
    if (row.kind === EVENT.acks) {
      let packetId = row.number;
      for (let i = 0; i < row.count; i += 1) {
        lines.push(`ack ${row.extra.toString(16)} ${packetId}`);
        packetId = packetId === 65535 ? 1 : packetId + 1;
      }
    } else if (row.kind === EVENT.publish || row.kind === EVENT.publishProperties) {
      const frames = cutFrames(row.bytes);
      assert.equal(frames.length, row.count, 'count is the number of frames');
      const topic = row.number < 0 ? '(none)' : nameOf(row.number);
      for (const bytes of frames) lines.push(`publish ${row.kind} ${topic} ${bytes.toString('hex')}`);
    } else if (row.kind === EVENT.frame) {
      lines.push(`frame ${row.header} ${row.extra.toString(16)} ${row.bytes.toString('hex')}`);
    } else if (row.kind === EVENT.fault) {
      lines.push('fault');
    } else if (row.kind === EVENT.ping) {
      for (let i = 0; i < Math.max(1, row.count); i += 1) lines.push('ping');
    }
  }
  return lines;
}

/** Cuts well-formed MQTT frames. */
export function cutFrames(bytes: Buffer): Buffer[] {
  const frames: Buffer[] = [];
  let at = 0;
  while (at < bytes.length) {
    let length = 0;
    let position = at + 1;
    for (let shift = 0; ; shift += 7) {
      const digit = bytes[position];
      position += 1;
      length += (digit & 0x7f) * 2 ** shift;
      if (digit < 0x80) break;
    }
    frames.push(bytes.subarray(at, position + length));
    at = position + length;
  }
  return frames;
}
