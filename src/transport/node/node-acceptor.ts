import { chmodSync } from 'node:fs';
import net from 'node:net';
import { constants } from 'node:os';
import { getSystemErrorName } from 'node:util';
import { assert } from '../../base/assert.js';
import { BrokerError } from '../../base/errors.js';
import { portOwner } from '../port-owner.js';
import type { Acceptor } from '../ports.js';
import { isSameSocket, socketInode } from './descriptor.js';

/** The part we need of the handle that node:net makes for a bound, not yet listening socket. */
interface BoundHandle {
  readonly fd: number;
  close(): void;
  unref(): void;
  getsockname?(out: { port?: number }): number;
}

interface Bound {
  readonly handle: BoundHandle;
  readonly inode: string;
  readonly tag: number;
}

/**
 * Binds on the main thread and lends the descriptor to the shards: each of them listens on it, the kernel deals the
 * connections out. The main thread itself never accepts, so it holds a bound handle and no server.
 *
 * The descriptor is one for the whole process: when a shard ends, its thread closes it under the others. After the death
 * of a shard, `closeListener` and `listen` again, and have every shard accept from the new one.
 */
export class NodeAcceptor implements Acceptor {
  readonly kind = 'node';
  readonly #bound: (Bound | null)[] = [];

  listen(host: string, port: number, tag: number): { readonly port: number; readonly listener: number } {
    const handle = bindHandle(host, port);
    handle.unref();
    const name: { port?: number } = {};
    assert(handle.getsockname !== undefined, 'a TCP handle has a name');
    const failed = handle.getsockname(name); // libuv keeps EADDRINUSE of the bind until somebody asks.
    if (failed !== 0) {
      handle.close();
      throw new BrokerError('RMQ-1003', `on ${host}:${port}: ${describe(failed, port)}`);
    }
    assert(name.port !== undefined, 'a bound socket has a port');
    this.#bound.push({ handle, inode: socketInode(handle.fd), tag });
    return { port: name.port, listener: this.#bound.length - 1 };
  }

  listenUnix(path: string, mode: number, tag: number): number {
    const handle = bindUnix(path);
    handle.unref();
    chmodSync(path, mode); // Nobody connects before a shard listens.
    this.#bound.push({ handle, inode: socketInode(handle.fd), tag });
    return this.#bound.length - 1;
  }

  listeningDescriptorOf(listener: number): number {
    const bound = this.#bound[listener];
    assert(bound !== undefined && bound !== null, 'the listener is open');
    return bound.handle.fd;
  }

  closeListener(listener: number): void {
    const bound = this.#bound[listener] ?? null;
    this.#bound[listener] = null;
    if (bound !== null && isSameSocket(bound.handle.fd, bound.inode)) bound.handle.close();
  }

  close(): void {
    for (let listener = 0; listener < this.#bound.length; listener += 1) this.closeListener(listener);
  }
}

/**
 * Binds as node:cluster does it, through node:net's own door for that: a server would start to accept on this thread.
 * The bind is exclusive, a port that another process listens on is refused.
 */
function bindHandle(host: string, port: number): BoundHandle {
  const create = handleMaker();
  const address = host === 'localhost' ? '127.0.0.1' : host;
  const handle = create(address, port, net.isIPv6(address) ? 6 : 4);
  if (typeof handle === 'number') throw new BrokerError('RMQ-1003', `on ${host}:${port}: ${describe(handle, port)}`);
  assert(isBoundHandle(handle), 'node:net gives a handle');
  return handle;
}

function bindUnix(path: string): BoundHandle {
  const handle = handleMaker()(path, -1, -1);
  if (typeof handle === 'number') throw new BrokerError('RMQ-1003', `on ${path}: ${getSystemErrorName(handle)}`);
  assert(isBoundHandle(handle), 'node:net gives a handle');
  return handle;
}

function handleMaker(): (address: string, port: number, family: number) => unknown {
  const create: unknown = Reflect.get(net, '_createServerHandle');
  if (typeof create !== 'function') throw new BrokerError('RMQ-1006', 'by the node transport: node:net has no _createServerHandle');
  return (address, port, family) => create(address, port, family);
}

/** @param errno negative, as libuv gives it. */
function describe(errno: number, port: number): string {
  const { EADDRINUSE, EACCES, EADDRNOTAVAIL } = constants.errno;
  if (errno === -EADDRINUSE) {
    const owner = portOwner(port);
    return owner === null ? 'in use' : `in use by pid ${owner}`;
  }
  if (errno === -EACCES) return 'this user may not use the port';
  return errno === -EADDRNOTAVAIL ? 'this machine does not have the address' : `errno ${-errno}`;
}

function isBoundHandle(value: unknown): value is BoundHandle {
  if (typeof value !== 'object' || value === null) return false;
  return ['close', 'unref'].every((name) => typeof Reflect.get(value, name) === 'function') && typeof Reflect.get(value, 'fd') === 'number';
}
