import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/*
  uWebSockets.js comes from npm as uws-pack, a third party's copy of upstream's binaries. We load only what we have looked at:
  SHA-256 of dist/bin of uws-pack 20.0.8, by platform, processor and Node's ABI (115: Node 20, 127: Node 22).
*/
const SHA256_BY_BINARY: Readonly<Record<string, string>> = {
  linux_x64_115: '6f8d96d761a64beddb060f1f7f0e617dd293ed127ec1d57507aa561a0083171e',
  linux_x64_127: '8cabc918bbf9a07323e54f89a33882491080b2eb35df0607f473ccdb1f3c31af',
  linux_arm64_115: 'c0e29fc143b46b584f3debec7910014ec228198fc1f17aaeacd1de7991bd3769',
  linux_arm64_127: 'd4c4f8b2c28c5f6544b49e36d91b0beee238a5b90a07904a947f77061c8b814d',
};

/** The part of uWebSockets.js that we use. */
export interface UwsModule {
  readonly App: () => UwsApp;
  readonly us_socket_local_port: (listening: object) => number;
  /** Once at most for each: it is not checked. */
  readonly us_listen_socket_close: (listening: object) => void;
}

export interface UwsApp {
  ws(pattern: string, behaviour: UwsBehaviour): UwsApp;
  any(pattern: string, answer: (response: UwsResponse, request: UwsRequest) => void): UwsApp;
  listen(host: string, port: number, done: (listening: object | false) => void): UwsApp;
  close(): UwsApp;
}

export interface UwsRequest {
  getHeader(lowerCaseName: string): string;
}

export interface UwsResponse {
  writeStatus(status: string): UwsResponse;
  writeHeader(name: string, value: string): UwsResponse;
  end(body?: string): UwsResponse;
  upgrade(userData: object, key: string, protocol: string, extensions: string, context: object): void;
}

export interface UwsSocket {
  /** 1 sent, 0 buffered, 2 dropped. */
  send(message: Uint8Array, isBinary: boolean): number;
  getBufferedAmount(): number;
  end(code: number, reason: string): void;
  close(): void;
  getRemoteAddress(): ArrayBuffer;
}

export interface UwsBehaviour {
  readonly maxPayloadLength: number;
  readonly maxBackpressure: number;
  readonly idleTimeout: number;
  readonly sendPingsAutomatically: boolean;
  readonly compression: number;
  readonly upgrade: (response: UwsResponse, request: UwsRequest, context: object) => void;
  readonly open: (socket: UwsSocket) => void;
  readonly message: (socket: UwsSocket, message: ArrayBuffer, isBinary: boolean) => void;
  readonly drain: (socket: UwsSocket) => void;
  readonly close: (socket: UwsSocket, code: number) => void;
}

/** Whether uWebSockets.js can be used here, in one sentence if not. */
export type UwsFinding = { readonly module: UwsModule } | { readonly unusable: string };

/** Checks the binary before any of it runs. */
export async function loadUws(): Promise<UwsFinding> {
  let entry: string;
  try {
    entry = import.meta.resolve('uWebSockets.js');
  } catch {
    return { unusable: 'uWebSockets.js is not installed' };
  }
  const binary = `${process.platform}_${process.arch}_${process.versions.modules}`;
  const expected = SHA256_BY_BINARY[binary];
  if (expected === undefined) return { unusable: `uWebSockets.js has no binary for ${binary} that was checked` };
  try {
    const bytes = readFileSync(fileURLToPath(new URL(`bin/uws_${binary}.node`, entry)));
    const found = createHash('sha256').update(bytes).digest('hex');
    if (found !== expected) return { unusable: `the binary of uWebSockets.js is not the one that was checked (sha256 ${found})` };
    const module: unknown = await import(entry);
    return isUwsModule(module) ? { module } : { unusable: 'uWebSockets.js does not export what it should' };
  } catch (error) {
    return { unusable: `uWebSockets.js does not load: ${firstLine(error)}` };
  }
}

function isUwsModule(value: unknown): value is UwsModule {
  if (typeof value !== 'object' || value === null) return false;
  return ['App', 'us_socket_local_port', 'us_listen_socket_close'].every((name) => typeof Reflect.get(value, name) === 'function');
}

function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split('\n')[0];
}
