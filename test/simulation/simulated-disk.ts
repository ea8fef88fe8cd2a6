import { assert } from '../../src/base/assert.js';
import type { Random } from '../../src/base/random.js';
import type { Schedule } from './event-queue.js';

export type DiskFault = 'io' | 'full';

/** What the disk of a node answers when it is told to fail. */
export class DiskError extends Error {
  readonly fault: DiskFault;

  constructor(fault: DiskFault) {
    super(fault === 'io' ? 'the disk failed (EIO)' : 'the disk is full (ENOSPC)');
    this.fault = fault;
  }
}

export interface DiskOptions {
  /** What a disk writes whole or not at all: 512 or 4096. */
  readonly sectorBytes: number;
  readonly flushMs: number;
}

interface SimulatedFile {
  readonly name: string;
  bytes: Uint8Array;
  length: number;
  /** Before it everything survives a crash. Invariant: flushedLength <= length. */
  flushedLength: number;
}

interface NameChange {
  readonly kind: 'create' | 'remove';
  readonly file: SimulatedFile;
}

const FIRST_BYTES = 1024;

/*
  A disk behind a page cache. Files only grow at their ends.

      file     |  flushed: survives  |  written: a crash loses it, or keeps some of its sectors  |
      names    create a | create b | remove a       not flushed: a crash keeps the first few of them

  A flush is of the whole disk, and of what was written when it began. A node's process may end and leave all that was written to the
  kernel (`restart`), or the power fails (`crash`).
*/
export class SimulatedDisk {
  isFull = false;
  /** The next flush fails, and nobody knows what it wrote. */
  failsNextFlush = false;
  /** Added to each flush. */
  slowMs = 0;
  readonly #events: Schedule;
  readonly #random: Random;
  readonly #options: DiskOptions;
  #files = new Map<string, SimulatedFile>();
  #nameChanges: NameChange[] = [];
  /** Flushes of before a crash never end. */
  #life = 0;

  constructor(events: Schedule, random: Random, options: DiskOptions) {
    this.#events = events;
    this.#random = random;
    this.#options = options;
  }

  names(): string[] {
    return [...this.#files.keys()].sort();
  }

  /** @throws DiskError full: then nothing was written. */
  append(name: string, bytes: Uint8Array): void {
    if (this.isFull) throw new DiskError('full');
    const file = this.#files.get(name) ?? this.#create(name);
    const length = file.length + bytes.length;
    if (length > file.bytes.length) {
      const grown = new Uint8Array(2 * length);
      grown.set(file.bytes.subarray(0, file.length));
      file.bytes = grown;
    }
    file.bytes.set(bytes, file.length);
    file.length = length;
  }

  /** As the kernel has it, flushed or not. Valid until the next `append`. */
  read(name: string): Uint8Array {
    const file = this.#files.get(name);
    assert(file !== undefined, 'a file that is read is there');
    return file.bytes.subarray(0, file.length);
  }

  remove(name: string): void {
    const file = this.#files.get(name);
    assert(file !== undefined, 'a file that is removed is there');
    this.#files.delete(name);
    this.#nameChanges.push({ kind: 'remove', file });
  }

  flush(done: (error: DiskError | null) => void): void {
    const marks = [...this.#files.values()].map((file) => ({ file, length: file.length }));
    const changes = this.#nameChanges.length;
    const life = this.#life;
    const { flushMs } = this.#options;
    this.#events.after(flushMs * (0.5 + this.#random.nextFraction()) + this.slowMs, () => {
      if (life !== this.#life) return;
      if (this.failsNextFlush) {
        this.failsNextFlush = false;
        done(new DiskError('io'));
        return;
      }
      for (const { file, length } of marks) file.flushedLength = Math.max(file.flushedLength, length);
      this.#nameChanges.splice(0, changes);
      done(null);
    });
  }

  /** The process ended; what it wrote is with the kernel, and the kernel goes on. */
  restart(): void {
    this.#life += 1;
    this.#nameChanges = [];
    for (const file of this.#files.values()) file.flushedLength = file.length;
  }

  /** The power failed. */
  crash(): void {
    this.#life += 1;
    this.failsNextFlush = false;
    const kept = this.#random.below(this.#nameChanges.length + 1);
    for (const { kind, file } of this.#nameChanges.slice(kept).reverse()) {
      if (kind === 'create') this.#files.delete(file.name);
      else this.#files.set(file.name, file);
    }
    this.#nameChanges = [];
    for (const file of this.#files.values()) this.#loseUnflushed(file);
  }

  /** All of it is gone. */
  wipe(): void {
    this.#life += 1;
    this.#files = new Map();
    this.#nameChanges = [];
  }

  /** Some bits in `[from, to)` are not what was written. */
  rot(name: string, from: number, to: number): void {
    const bytes = this.read(name);
    assert(from < to && to <= bytes.length, 'what rots is there');
    const at = from + this.#random.below(to - from);
    bytes[at] ^= 1 + this.#random.below(255);
  }

  #create(name: string): SimulatedFile {
    const file: SimulatedFile = { name, bytes: new Uint8Array(FIRST_BYTES), length: 0, flushedLength: 0 };
    this.#files.set(name, file);
    this.#nameChanges.push({ kind: 'create', file });
    return file;
  }

  /** lost: the file is as it was flushed. prefix: some first sectors are there. torn: the length is right, and some sectors are zeros. kept: all. */
  #loseUnflushed(file: SimulatedFile): void {
    const { sectorBytes } = this.#options;
    const fate = this.#random.below(4);
    const { flushedLength, length } = file;
    if (fate === 0) file.length = flushedLength;
    else if (fate === 1) file.length = Math.min(length, this.#sectorEnd(flushedLength) + sectorBytes * this.#random.below(4));
    else if (fate === 2) {
      for (let from = flushedLength; from < length; from = this.#sectorEnd(from))
        if (this.#random.below(2) === 0) file.bytes.fill(0, from, Math.min(length, this.#sectorEnd(from)));
    }
    file.flushedLength = file.length;
  }

  #sectorEnd(at: number): number {
    const { sectorBytes } = this.#options;
    return (Math.floor(at / sectorBytes) + 1) * sectorBytes;
  }
}
