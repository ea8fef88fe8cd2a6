import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BrokerError } from '../base/errors.js';

/*
  The one door to native-bindings: finds the binary, checks that it is what it should be, and gives it a type.
  Whether the numbers that C++ and TypeScript share are equal is checked with `checkLayout` by whoever has the numbers.
*/

/** Arrays that JS and the reactor share, and the two calls by which it asks JS. See native-bindings/src/reactor.h. */
export interface ReactorConfig {
  readonly arena: Uint8Array;
  readonly rows: Int32Array;
  readonly activity: Int32Array;
  readonly counters: Float64Array;
  readonly generations: Int32Array;
  readonly commands: Int32Array;
  readonly scratch: Uint8Array;
  /** Output of virtual connections, while `onVirtual` runs. */
  readonly window: Uint8Array;
  readonly virtualRows: Int32Array;
  /** @returns the number of commands written. */
  readonly onTurn: (rowCount: number) => number;
  readonly onVirtual: (rowCount: number) => void;
}

/** Every method checks its arguments and throws; after `close` every one of them does nothing. */
export interface NativeReactor {
  start(): void;
  close(): void;
  submit(commandCount: number): void;
  drain(commandCount: number, flush: boolean): void;
  adopt(
    descriptor: number,
    framing: number,
    gated: boolean,
    frameBytesMax: number,
    highMarkBytes: number,
    lowMarkBytes: number,
    outputBytesMax: number,
  ): number | undefined;
  connect(
    address: string,
    isV6: boolean,
    port: number,
    localAddress: string,
    framing: number,
    gated: boolean,
    frameBytesMax: number,
    highMarkBytes: number,
    lowMarkBytes: number,
    outputBytesMax: number,
  ): number | undefined;
  openVirtual(
    framing: number,
    gated: boolean,
    frameBytesMax: number,
    highMarkBytes: number,
    lowMarkBytes: number,
    outputBytesMax: number,
  ): number | undefined;
  pushVirtual(connection: number, bytes: Uint8Array): boolean | undefined;
  serveVirtual(): void;
  acknowledgeOutput(connection: number, bytes: number): void;
  closeVirtual(connection: number, reason: number): void;
  setList(list: number, connections: Int32Array, count: number): void;
  registerSpace(bytes: Uint8Array): number | undefined;
  unregisterSpace(space: number): void;
  internTopic(bytes: Uint8Array): number | undefined;
  topicName(topic: number): string | undefined;
  /** Address and port; '' and 0 without a socket. */
  peerOf(connection: number): [string, number] | undefined;
  outputBytesOf(connection: number): number | undefined;
  /** 100 ms ticks since it was made. */
  tick(): number | undefined;
}

export interface NativeListening {
  /** @returns the listener's number or -errno, and the port. */
  listen(address: string, isV6: boolean, port: number, tag: number): [number, number] | undefined;
  /** @returns the listener's number or -errno. */
  listenUnix(path: string, mode: number, tag: number): number | undefined;
  closeListener(listener: number): void;
  /** Descriptors were freed: accept again without waiting for the next try. */
  retry(): void;
  close(): void;
}

export interface NativeBinding {
  readonly Reactor: new (config: ReactorConfig) => NativeReactor;
  readonly Acceptor: new (
    descriptors: Int32Array,
    counters: Float64Array,
    onAccepted: (tag: number, count: number) => void,
  ) => NativeListening;
  readonly layout: Readonly<Record<string, number>>;
  /** CRC-32C of the bytes, continuing from `seed` (0 at the start). */
  crc32c(bytes: Uint8Array, seed: number): number;
  /** The same without the processor's instruction. */
  crc32cByTable(bytes: Uint8Array, seed: number): number;
  /** Sets the soft limit of open descriptors to the hard one. @returns the limit. */
  raiseDescriptorLimit(): number;
  closeDescriptor(descriptor: number): void;
}

export interface NativeUnavailable {
  /** Why, as a sentence without its full stop. */
  readonly unavailable: string;
}

const BINARY = 'robustmq-napi8.node';
const FUNCTIONS = ['Reactor', 'Acceptor', 'crc32c', 'crc32cByTable', 'raiseDescriptorLimit', 'closeDescriptor'];

/** The addon, or why there is none. Loading it again gives the same. */
export function loadNative(): NativeBinding | NativeUnavailable {
  if (process.platform !== 'linux') return { unavailable: `The native data plane needs Linux, this is ${process.platform}` };
  const here = fileURLToPath(import.meta.url);
  const path = findBinary(dirname(here));
  if (path === null) return { unavailable: 'The native data plane is not built: run `node native-bindings/build.mjs`' };
  let loaded: unknown;
  try {
    loaded = createRequire(here)(path);
  } catch (error) {
    return { unavailable: `The native data plane does not load: ${error instanceof Error ? error.message : String(error)}` };
  }
  return isBinding(loaded) ? loaded : { unavailable: `The native data plane at ${path} is another version` };
}

/** @throws BrokerError if a number that TypeScript uses is another one in C++, or missing there. */
export function checkLayout(binding: NativeBinding, expected: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(expected)) {
    const native = binding.layout[name];
    if (native === value) continue;
    throw new BrokerError('RMQ-1007', `: ${name} is ${value} in TypeScript and ${native ?? 'missing'} in the native binary`);
  }
}

/** The compiled tree may stand at any depth below the repository (dist, a test's own folder). */
function findBinary(from: string): string | null {
  for (let folder = from; ; folder = dirname(folder)) {
    const path = join(folder, 'native-bindings', 'build', BINARY);
    if (existsSync(path)) return path;
    if (folder === dirname(folder)) return null;
  }
}

function isBinding(value: unknown): value is NativeBinding {
  if (typeof value !== 'object' || value === null) return false;
  return FUNCTIONS.every((name) => typeof Reflect.get(value, name) === 'function') && typeof Reflect.get(value, 'layout') === 'object';
}
