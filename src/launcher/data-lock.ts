import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { BrokerError, systemCodeOf } from '../base/errors.js';

/*
  One broker per data directory.

  The lock is a listening socket in Linux's abstract namespace, named by device and inode of the directory:

    \0robustmq-data-<device>-<inode>

  Binding it is atomic, the kernel gives it back when the process ends in whatever way (kill -9 included), nothing stays behind that
  could be stale, and two paths to one directory are one lock. Node has no flock. Who wants to know when the broker has gone
  connects and waits for the connection to end. What the abstract namespace does not see is a broker in another network namespace
  (a container with the same volume); the control socket, which is a file in the directory, covers that: see `control-server.ts`.

  The pid file is for people and messages. Nothing is decided by it.
*/

export interface DataLock {
  /** Gives the lock back and removes the pid file. */
  release(): void;
}

/** Makes the directory if it is not there, and takes its lock. Throws RMQ-1005 or, naming the pid of the owner, RMQ-1004. */
export async function lockDataDirectory(dataPath: string): Promise<DataLock> {
  makeDataDirectory(dataPath);
  const waiting = new Set<Socket>();
  const server = createServer((socket) => {
    waiting.add(socket);
    socket.unref();
    socket.on('close', () => waiting.delete(socket));
    socket.on('error', () => socket.destroy()); // It was only waiting; its going is no event.
  });
  server.maxConnections = 64;
  await listenOn(server, dataPath);
  server.unref();
  writePidFile(dataPath);
  return {
    release: () => {
      rmSync(pidPathOf(dataPath), { force: true });
      server.close();
      for (const socket of waiting) socket.destroy();
    },
  };
}

/**
 * Waits until nobody has the lock. It follows the end of the owner's process by a connection, without asking again and again.
 * @returns false if the owner still has it after `timeoutMs`.
 */
export async function waitForUnlock(dataPath: string, timeoutMs: number): Promise<boolean> {
  const name = lockNameOf(dataPath);
  if (name === null) return true;
  const deadlineMs = performance.now() + timeoutMs;
  // A process that ends closes its descriptors in no particular order: only a refused connection says that the name is free.
  for (;;) {
    const leftMs = deadlineMs - performance.now();
    if (leftMs <= 0) return false;
    if ((await watchOwner(name, leftMs)) === 'nobody') return true;
  }
}

export async function isLocked(dataPath: string): Promise<boolean> {
  const name = lockNameOf(dataPath);
  return name !== null && (await watchOwner(name, 0)) !== 'nobody';
}

/** Connects to the owner and stays until it ends or the time is up. */
function watchOwner(name: string, timeoutMs: number): Promise<'nobody' | 'ended' | 'stays'> {
  return new Promise((resolve) => {
    let timer: NodeJS.Timeout | undefined;
    const socket = connect(name, () => {
      timer = setTimeout(() => {
        resolve('stays');
        socket.destroy();
      }, timeoutMs);
    });
    socket.resume();
    socket.on('error', (error) => resolve(systemCodeOf(error) === 'ECONNREFUSED' ? 'nobody' : 'ended'));
    socket.on('close', () => {
      clearTimeout(timer);
      resolve('ended'); // Without effect if it was settled before.
    });
  });
}

/** Pid of the broker that last took the lock; null if unknown. */
export function readPid(dataPath: string): number | null {
  try {
    const pid = Number(readFileSync(pidPathOf(dataPath), 'utf8').trim());
    return Number.isInteger(pid) && pid > 0 ? pid : null;
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return null;
    throw new BrokerError('RMQ-1005', `${dataPath}: its pid file cannot be read (${systemCodeOf(error)})`, { cause: error });
  }
}

/** Throws RMQ-1005 if it cannot be made. */
export function makeDataDirectory(dataPath: string): void {
  try {
    mkdirSync(dataPath, { recursive: true, mode: 0o750 });
  } catch (error) {
    throw new BrokerError('RMQ-1005', `${dataPath}: ${systemCodeOf(error)}`, { cause: error });
  }
}

function pidPathOf(dataPath: string): string {
  return join(dataPath, 'server.pid');
}

function writePidFile(dataPath: string): void {
  try {
    writeFileSync(pidPathOf(dataPath), `${process.pid}\n`);
  } catch (error) {
    throw new BrokerError('RMQ-1005', `${dataPath}: ${systemCodeOf(error)}`, { cause: error });
  }
}

/** @returns null if there is no such directory. */
function lockNameOf(dataPath: string): string | null {
  const stats = statSync(dataPath, { bigint: true, throwIfNoEntry: false });
  return stats === undefined ? null : `\0robustmq-data-${stats.dev}-${stats.ino}`;
}

function listenOn(server: Server, dataPath: string): Promise<void> {
  const name = lockNameOf(dataPath);
  return new Promise((resolve, reject) => {
    server.on('error', (error) => {
      if (systemCodeOf(error) === 'EADDRINUSE') reject(inUse(dataPath));
      else reject(new BrokerError('RMQ-1005', `${dataPath}: it cannot be locked (${systemCodeOf(error)})`, { cause: error }));
    });
    server.listen(name ?? '', () => resolve());
  });
}

/** RMQ-1004 for a directory that another broker has. */
export function inUse(dataPath: string): BrokerError {
  const pid = readPid(dataPath);
  return new BrokerError('RMQ-1004', `(${dataPath}, by ${pid === null ? 'another broker' : `the broker with pid ${pid}`})`);
}
