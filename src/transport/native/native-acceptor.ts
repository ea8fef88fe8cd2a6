import { isIP } from 'node:net';
import { constants } from 'node:os';
import { BrokerError } from '../../base/errors.js';
import { loadNative, type NativeListening } from '../../native/door.js';
import { portOwner } from '../port-owner.js';
import { type Acceptor, COUNTERS_COUNT, type OnAccepted } from '../ports.js';

/** As many as Acceptor::batchMax. */
const BATCH_MAX = 256;

/** Accepts on the main thread and hands descriptors out: the listener's tag says to whom. */
export class NativeAcceptor implements Acceptor {
  readonly kind = 'native';
  readonly #listening: NativeListening;

  /**
   * @param onAccepted owns the descriptors it is given.
   * @param counters COUNTERS_COUNT cells; `acceptErrors` is raised here.
   */
  static open(onAccepted: OnAccepted, counters: Float64Array = new Float64Array(COUNTERS_COUNT)): NativeAcceptor {
    return new NativeAcceptor(onAccepted, counters);
  }

  private constructor(onAccepted: OnAccepted, counters: Float64Array) {
    const binding = loadNative();
    if ('unavailable' in binding) throw new BrokerError('RMQ-1008', `(${binding.unavailable})`);
    const descriptors = new Int32Array(BATCH_MAX);
    this.#listening = new binding.Acceptor(descriptors, counters, (tag, count) => onAccepted(tag, descriptors, count));
  }

  listen(host: string, port: number, tag: number): { readonly port: number; readonly listener: number } {
    const address = host === 'localhost' ? '127.0.0.1' : host;
    const [listener, bound] = this.#listening.listen(address, isIP(address) === 6, port, tag) ?? [-constants.errno.EBADF, port];
    if (listener >= 0) return { port: bound, listener };
    throw new BrokerError('RMQ-1003', `on ${host}:${port}: ${reasonOf(-listener, port)}`);
  }

  listenUnix(path: string, mode: number, tag: number): number {
    const listener = this.#listening.listenUnix(path, mode, tag) ?? -constants.errno.EBADF;
    if (listener >= 0) return listener;
    throw new BrokerError('RMQ-1003', `on ${path}: ${nameOf(-listener)}`);
  }

  /** It accepts by itself. */
  listeningDescriptorOf(_listener: number): number {
    return -1;
  }

  closeListener(listener: number): void {
    this.#listening.closeListener(listener);
  }

  /** Connections were closed: those that waited for a descriptor are accepted now. */
  retry(): void {
    this.#listening.retry();
  }

  close(): void {
    this.#listening.close();
  }
}

function reasonOf(errno: number, port: number): string {
  if (errno === constants.errno.EADDRINUSE) {
    const owner = portOwner(port);
    return owner === null ? 'the port is in use' : `in use by pid ${owner}`;
  }
  if (errno === constants.errno.EACCES) return 'this user may not use the port';
  if (errno === constants.errno.EADDRNOTAVAIL) return 'this machine does not have the address';
  if (errno === constants.errno.EINVAL) return 'this is not an address';
  return nameOf(errno);
}

function nameOf(errno: number): string {
  return Object.entries(constants.errno).find(([, value]) => value === errno)?.[0] ?? `errno ${errno}`;
}
