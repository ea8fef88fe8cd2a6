import { connect, type Socket } from 'node:net';
import { type ConnectOptions, generate } from './packets.js';

/*
  A client that does little, fast: it counts and acknowledges what it hears, and writes frames that were made before.
*/

const PUBLISH = 3;
const PUBACK = 4;
const CONNACK = 2;
const SUBACK = 9;

export class PlainClient {
  readonly socket: Socket;
  /** PUBLISH packets heard. */
  received = 0;
  /** PUBACKs heard. */
  acknowledged = 0;
  /** Of the first and the latest PUBLISH, `performance.now()`. */
  firstMs = 0;
  latestMs = 0;
  sessionPresent = false;
  #rest: Buffer = Buffer.alloc(0);
  #waiting: (() => void)[] = [];
  #hasConnack = false;
  #hasSuback = false;

  static async connect(port: number, options: ConnectOptions): Promise<PlainClient> {
    const socket = connect(port, '127.0.0.1');
    const client = new PlainClient(socket);
    socket.setNoDelay(true);
    socket.write(generate({ cmd: 'connect', ...options }));
    await client.until(() => client.#hasConnack);
    return client;
  }

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
    socket.on('error', () => socket.destroy()); // Whoever waits has a deadline.
    socket.on('close', () => this.#wake());
  }

  async subscribe(filter: string, qos: 0 | 1): Promise<void> {
    this.#hasSuback = false;
    this.socket.write(generate({ cmd: 'subscribe', filter, qos }));
    await this.until(() => this.#hasSuback);
  }

  async disconnect(): Promise<void> {
    this.socket.end(Buffer.from([0xe0, 0]));
    await new Promise<void>((resolve) => this.socket.once('close', () => resolve()));
  }

  /** Looks after each chunk that comes. */
  async until(isSo: () => boolean, timeoutMs = 600_000): Promise<void> {
    const deadlineMs = performance.now() + timeoutMs;
    while (!isSo()) {
      if (this.socket.destroyed) throw new Error('the broker closed the connection');
      if (performance.now() > deadlineMs) throw new Error(`not so after ${timeoutMs} ms`);
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake();
  }

  #take(chunk: Buffer): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const acks: number[] = [];
    let at = 0;
    for (;;) {
      const end = frameEnd(bytes, at);
      if (end < 0) break;
      this.#onFrame(bytes, at, acks);
      at = end;
    }
    this.#rest = bytes.subarray(at);
    if (acks.length > 0) this.socket.write(acknowledgements(acks));
    this.#wake();
  }

  #onFrame(bytes: Buffer, at: number, acks: number[]): void {
    const kind = bytes[at] >> 4;
    if (kind === PUBLISH) {
      this.received += 1;
      this.latestMs = performance.now();
      if (this.received === 1) this.firstMs = this.latestMs;
      if (((bytes[at] >> 1) & 3) === 0) return;
      let body = at + 1;
      while (bytes[body] > 127) body += 1;
      const topicLength = bytes.readUInt16BE(body + 1);
      acks.push(bytes.readUInt16BE(body + 3 + topicLength));
    } else if (kind === PUBACK) this.acknowledged += 1;
    else if (kind === CONNACK) {
      this.#hasConnack = true;
      this.sessionPresent = (bytes[at + 2] & 1) === 1;
    } else if (kind === SUBACK) this.#hasSuback = true;
  }
}

/** @returns where the frame at `at` ends; -1 if it is not whole yet. */
function frameEnd(bytes: Buffer, at: number): number {
  let length = 0;
  for (let i = 0; i < 4; i += 1) {
    if (at + 1 + i >= bytes.length) return -1;
    const byte = bytes[at + 1 + i];
    length |= (byte & 127) << (7 * i);
    if (byte < 128) {
      const end = at + 2 + i + length;
      return end <= bytes.length ? end : -1;
    }
  }
  return -1;
}

function acknowledgements(packetIds: readonly number[]): Buffer {
  const bytes = Buffer.allocUnsafe(4 * packetIds.length);
  for (let i = 0; i < packetIds.length; i += 1) {
    bytes.writeUInt16BE(0x4002, 4 * i);
    bytes.writeUInt16BE(packetIds[i], 4 * i + 2);
  }
  return bytes;
}

/** Publishes `count` messages with QoS 1, at most `window` unacknowledged. @param topicOf by number of the message. */
export async function publishAll(
  client: PlainClient,
  count: number,
  topicOf: (index: number) => string,
  payloadBytes: number,
  window = 1000,
  retain = false,
): Promise<void> {
  const payload = Buffer.alloc(payloadBytes, 0x70);
  const before = client.acknowledged;
  let sent = 0;
  while (sent < count) {
    const frames: Buffer[] = [];
    while (sent < count && sent - (client.acknowledged - before) < window) {
      frames.push(publishFrame(topicOf(sent), (sent % 65_535) + 1, payload, retain));
      sent += 1;
    }
    client.socket.write(Buffer.concat(frames));
    const floor = sent - Math.ceil(window / 2);
    await client.until(() => client.acknowledged - before >= Math.min(floor, count));
  }
  await client.until(() => client.acknowledged - before >= count);
}

function publishFrame(topic: string, packetId: number, payload: Buffer, retain: boolean): Buffer {
  const topicBytes = Buffer.from(topic);
  const length = 2 + topicBytes.length + 2 + payload.length;
  const head: number[] = [retain ? 0x33 : 0x32];
  for (let rest = length; ; ) {
    head.push(rest > 127 ? (rest & 127) | 128 : rest);
    rest >>= 7;
    if (rest === 0) break;
  }
  const bytes = Buffer.allocUnsafe(head.length + length);
  Buffer.from(head).copy(bytes);
  let at = bytes.writeUInt16BE(topicBytes.length, head.length);
  at += topicBytes.copy(bytes, at);
  at = bytes.writeUInt16BE(packetId, at);
  payload.copy(bytes, at);
  return bytes;
}
