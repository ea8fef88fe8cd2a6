import { createHash, randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { type Carried, type CarrierEnd, type CarrierSocket, NOBODY } from '../../src/transport/carried-connections.js';
import { CLOSE, type PeerFacts } from '../../src/transport/ports.js';

/** RFC 6455 §1.3. */
const ACCEPT_GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
const RESPONSE_BYTES_MAX = 16 * 1024;
const OPCODE = { binary: 2, close: 8, ping: 9, pong: 10 } as const;
const FIN = 0x80;
const MASKED = 0x80;
/** A header of the broker: 2 bytes, and 8 of a long length. Its frames are not masked. */
const HEADER_BYTES_MAX = 10;
const END_MS_MAX = 1_000;

/*
  A frame of ours (RFC 6455 §5.2): all that a turn has for this connection.

    0x82 | 0x80 + length, or 126 u16, or 127 u64 | masking key u32 | payload

  The key is zero: the broker has to unmask as with any other, and we need not touch each byte, which would measure us.
*/

/** A WebSocket as the client has it, whose frames are read where they lie: no copy of a payload. */
export class WebSocketCarrier implements CarrierSocket {
  readonly canPause = true;
  readonly #socket: Socket;
  readonly #host: string;
  readonly #path: string;
  #carried: Carried | null = null;
  #phase: 'opening' | 'open' | 'ending' = 'opening';
  #accept = '';
  #response: Buffer = Buffer.alloc(0);
  readonly #header: Buffer = Buffer.alloc(HEADER_BYTES_MAX);
  #headerUsed = 0;
  #opcode = 0;
  #payloadLeft = 0; // Of the frame whose header was read.
  #hasFailed = false;
  #onReady: () => void = () => undefined;
  #onRefused: (reason: string) => void = () => undefined;
  readonly #onWritten = (): void => this.#carried?.onDrain();

  constructor(socket: Socket, host: string, path: string) {
    this.#socket = socket;
    this.#host = host;
    this.#path = path;
  }

  start(carried: Carried): void {
    const socket = this.#socket;
    this.#carried = carried;
    socket.on('data', (bytes: Buffer) => this.#onData(bytes));
    socket.on('error', () => {
      this.#hasFailed = true; // `close` follows.
    });
    socket.on('close', () => carried.onGone(this.#hasFailed ? CLOSE.error : CLOSE.byPeer));
  }

  /** The socket is connected. One of both is called, once, unless the socket fails. */
  upgrade(onReady: () => void, onRefused: (reason: string) => void): void {
    this.#onReady = onReady;
    this.#onRefused = onRefused;
    const key = randomBytes(16).toString('base64');
    this.#accept = createHash('sha1').update(`${key}${ACCEPT_GUID}`).digest('base64');
    this.#socket.write(
      `GET ${this.#path} HTTP/1.1\r\nHost: ${this.#host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ${key}\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n`,
    );
  }

  send(bytes: Uint8Array): void {
    this.#write(OPCODE.binary, bytes);
  }

  buffered(): number {
    return this.#socket.writableLength;
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  end(_why: CarrierEnd): void {
    if (this.#phase === 'open') this.#write(OPCODE.close, Uint8Array.of(0x03, 0xe8)); // 1000: normal.
    this.#phase = 'ending';
    this.#socket.end();
    const timer = setTimeout(() => this.#socket.destroy(), END_MS_MAX);
    this.#socket.once('close', () => clearTimeout(timer));
  }

  peer(): PeerFacts {
    return NOBODY;
  }

  #write(opcode: number, payload: Uint8Array): void {
    if (!this.#socket.writable || this.#phase === 'ending') return;
    const { length } = payload;
    const extended = length < 126 ? 0 : length < 65_536 ? 2 : 8;
    const payloadAt = 6 + extended;
    const frame = Buffer.allocUnsafe(payloadAt + length);
    frame[0] = FIN | opcode;
    frame[1] = MASKED | (extended === 0 ? length : extended === 2 ? 126 : 127);
    if (extended === 2) frame.writeUInt16BE(length, 2);
    else if (extended === 8) frame.writeBigUInt64BE(BigInt(length), 2);
    frame.writeUInt32LE(0, payloadAt - 4);
    frame.set(payload, payloadAt);
    this.#socket.write(frame, this.#onWritten);
  }

  #onData(bytes: Buffer): void {
    if (this.#phase === 'opening') this.#onResponse(bytes);
    else this.#onFrames(bytes);
  }

  #onResponse(bytes: Buffer): void {
    this.#response = Buffer.concat([this.#response, bytes]);
    const end = this.#response.indexOf('\r\n\r\n');
    if (end < 0 && this.#response.length <= RESPONSE_BYTES_MAX) return;
    const head = this.#response.toString('latin1', 0, Math.max(0, end));
    const isGood = /^HTTP\/1\.1 101 /.test(head) && /^sec-websocket-accept: *(.*?) *$/im.exec(head)?.[1] === this.#accept;
    if (!isGood) {
      this.#onRefused(`no WebSocket: ${head.split('\r\n', 1)[0]}`);
      this.#socket.destroy();
      return;
    }
    const rest = this.#response.subarray(end + 4);
    this.#response = Buffer.alloc(0);
    this.#phase = 'open';
    this.#onReady();
    this.#onFrames(rest);
  }

  #onFrames(bytes: Buffer): void {
    let at = 0;
    while (at < bytes.length) {
      if (this.#payloadLeft === 0) {
        at = this.#readHeader(bytes, at);
        continue;
      }
      const taken = Math.min(this.#payloadLeft, bytes.length - at);
      this.#payloadLeft -= taken;
      if (this.#opcode <= OPCODE.binary) this.#carried?.onBytes(bytes.subarray(at, at + taken));
      else if (this.#opcode === OPCODE.ping) this.#write(OPCODE.pong, bytes.subarray(at, at + taken));
      at += taken;
    }
  }

  /** @returns where to go on; with a whole header `#payloadLeft` is set. */
  #readHeader(bytes: Buffer, from: number): number {
    const header = this.#header;
    let at = from;
    while (at < bytes.length) {
      header[this.#headerUsed++] = bytes[at++];
      if (this.#headerUsed < 2) continue;
      const short = header[1] & 0x7f;
      const needed = short < 126 ? 2 : short === 126 ? 4 : 10;
      if (this.#headerUsed < needed) continue;
      this.#headerUsed = 0;
      this.#opcode = header[0] & 0x0f;
      this.#payloadLeft = needed === 2 ? short : needed === 4 ? header.readUInt16BE(2) : Number(header.readBigUInt64BE(2));
      if (this.#opcode === OPCODE.close) this.#socket.end();
      else if (this.#opcode === OPCODE.ping && this.#payloadLeft === 0) this.#write(OPCODE.pong, bytes.subarray(0, 0));
      break;
    }
    return at;
  }
}
