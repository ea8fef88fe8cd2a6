import { mkdirSync, readdirSync, renameSync, statfsSync, statSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { assert } from '../../base/assert.js';
import {
  type ReadableSegment,
  type SegmentId,
  type SegmentListing,
  type SegmentStore,
  StoreError,
  type WritableSegment,
} from '../ports.js';
import { type Environment, openEnvironment } from './environment.js';
import { checkLmdbFile, type FileRole, isSealedFile } from './file-check.js';
import { corrupt } from './file-meta.js';
import { decodeSums } from './file-sums.js';
import { GrowingFile } from './growing-file.js';
import { segmentOfSums, sumsKey } from './keys.js';
import { LmdbSegment } from './lmdb-segment.js';
import { LmdbTable } from './lmdb-table.js';
import { QUARANTINE_FILE, quarantineName, SEGMENT_FILE, segmentName, TABLE_FILE } from './names.js';
import { SealedSums } from './sealed-sums.js';
import { WriteLine } from './write-line.js';

/*
  A lane on disk: one LMDB environment a file, each with its lock file.

    <directory>
      segment-0000000001.mdb        sealed
      segment-0000000002.mdb        active
      table.mdb                     and the sums of sealed segments
      quarantine-0000000001-<why>.mdb

  Environments are classic LMDB: a transaction is durable when its commit returns, because the commit flushes and says if it could not. Written
  pages are never overwritten by the transaction that follows, so a torn write loses nothing that was acknowledged.
*/
/** Address space, not memory: a map that never moves. */
const SEGMENT_MAP_BYTES = 2 ** 31;
const TABLE_MAP_BYTES = 2 ** 34;
/** A new segment takes a few pages, and is of no use without room for an entry. */
const SEGMENT_BYTES_MIN = 2 ** 17;

export interface LmdbStoreOptions {
  readonly directory: string;
  /** A write that is not flushed by then is taken for one that never will be. */
  readonly flushDeadlineMs: number;
}

interface OpenEnvironment {
  readonly environment: Environment;
  readonly segment: LmdbSegment;
}

/** Opens a lane's directory, or makes it. Only one process may have it open. @throws StoreError. */
export function openLmdbStore(options: LmdbStoreOptions): SegmentStore {
  return new LmdbStore(options);
}

class LmdbStore implements SegmentStore {
  readonly kind = 'lmdb';
  readonly table: LmdbTable;
  readonly #directory: string;
  /** Files of the directory: to ask it would take a descriptor, of which clients may leave none. */
  readonly #names: Set<string>;
  readonly #line: WriteLine;
  readonly #tableEnvironment: Environment;
  readonly #open = new Map<SegmentId, OpenEnvironment>();
  readonly #closing = new Set<Promise<void>>();
  /** Sealed segments do not change any more. */
  readonly #sealedBytes = new Map<SegmentId, number>();
  /** Sealed segments that were checked since the process started: they are opened again without. */
  readonly #checked = new Set<SegmentId>();
  readonly #sums: SealedSums;
  #closed: Promise<void> | null = null;

  constructor({ directory, flushDeadlineMs }: LmdbStoreOptions) {
    this.#directory = directory;
    mkdirSync(directory, { recursive: true });
    this.#names = new Set(readdirSync(directory));
    this.#line = new WriteLine({ deadlineMs: flushDeadlineMs, hasRoom: (bytes) => freeBytesOf(directory) >= bytes });
    const path = join(directory, TABLE_FILE);
    checkIfThere(path, 'table');
    this.#tableEnvironment = openEnvironment(path, TABLE_MAP_BYTES);
    const table = new LmdbTable(new GrowingFile(path), this.#tableEnvironment, this.#line);
    this.table = table;
    this.#sums = new SealedSums({
      known: table.ownRows().map(([key, value]) => [segmentOfSums(key), decodeSums(value)?.bytes ?? 0] as const),
      pathOf: (id) => this.#pathOf(id),
      store: (id, sums) => new Promise((resolve) => table.applyOwn(sumsKey(id), sums, (error) => resolve(error === null))),
    });
  }

  list(): readonly SegmentListing[] {
    const listings: SegmentListing[] = [];
    for (const name of this.#names) {
      const segment = SEGMENT_FILE.exec(name);
      const quarantined = QUARANTINE_FILE.exec(name);
      if (segment !== null) {
        const id = Number(segment[1]);
        const isSealed = this.#isSealed(id);
        if (isSealed) this.#sums.want(id);
        listings.push({ id, bytes: this.#sealedBytes.get(id) ?? sizeOf(this.#pathOf(id)), isSealed, isQuarantined: false });
      } else if (quarantined !== null) {
        const bytes = sizeOf(join(this.#directory, name));
        listings.push({ id: Number(quarantined[1]), bytes, isSealed: true, isQuarantined: true });
      }
    }
    return listings.sort((a, b) => a.id - b.id);
  }

  create(id: SegmentId): WritableSegment {
    this.#mustBeOpen();
    assert(Number.isSafeInteger(id) && id >= 1, 'a segment id counts from 1');
    assert(!isThere(this.#pathOf(id)), 'a segment id is not reused');
    if (this.freeBytes() < SEGMENT_BYTES_MIN) throw new StoreError('disk-full', 'the disk has no room for a segment');
    const segment = this.#openSegment(id);
    this.#names.add(segmentName(id));
    return segment;
  }

  reopen(id: SegmentId): WritableSegment {
    const segment = this.#find(id);
    assert(!segment.isSealed, 'a sealed segment is not written any more');
    return segment;
  }

  open(id: SegmentId): ReadableSegment {
    return this.#find(id);
  }

  remove(id: SegmentId): void {
    this.#mustBeOpen();
    this.#forget(id);
    this.#names.delete(segmentName(id));
    for (const path of [this.#pathOf(id), `${this.#pathOf(id)}-lock`]) unlinkIfThere(path);
    // If it stays there, on a full disk, nothing comes of it: ids are not reused.
    if (this.#sums.has(id)) this.table.applyOwn(sumsKey(id), null, () => {});
    this.#sums.forget(id);
  }

  quarantine(id: SegmentId, why: string): void {
    this.#mustBeOpen();
    this.#forget(id);
    this.#sums.forget(id);
    const name = quarantineName(id, why, Date.now());
    renameSync(this.#pathOf(id), join(this.#directory, name));
    this.#names.delete(segmentName(id));
    this.#names.add(name);
    unlinkIfThere(`${this.#pathOf(id)}-lock`);
  }

  freeBytes(): number {
    try {
      return freeBytesOf(this.#directory);
    } catch {
      return 0; // It is gone: the next write says so.
    }
  }

  close(): Promise<void> {
    this.#closed ??= this.#closeAll();
    return this.#closed;
  }

  async #closeAll(): Promise<void> {
    await this.#sums.close();
    await this.#line.idle();
    this.#line.close();
    for (const id of [...this.#open.keys()]) this.#close(id);
    await Promise.all(this.#closing);
    await this.#tableEnvironment.close();
  }

  #isSealed(id: SegmentId): boolean {
    // A sealed file that was cut to nothing would else look new.
    if (this.#sealedBytes.has(id) || this.#sums.has(id)) return true;
    let isSealed: boolean;
    try {
      isSealed = this.#open.get(id)?.segment.isSealed ?? isSealedFile(this.#pathOf(id));
    } catch {
      return true; // Whoever opens it will hear what is wrong.
    }
    if (isSealed) this.#sealedBytes.set(id, sizeOf(this.#pathOf(id)));
    return isSealed;
  }

  #find(id: SegmentId): LmdbSegment {
    this.#mustBeOpen();
    const open = this.#open.get(id);
    if (open !== undefined) return open.segment;
    const path = this.#pathOf(id);
    if (!isThere(path)) throw new StoreError('corrupt', `there is no segment ${path}`);
    const sealedBytes = this.#sums.bytesOf(id);
    if (sealedBytes !== undefined && sizeOf(path) !== sealedBytes)
      throw corrupt(path, `was sealed with ${sealedBytes} bytes and has ${sizeOf(path)}`);
    return this.#openSegment(id);
  }

  #openSegment(id: SegmentId): LmdbSegment {
    const path = this.#pathOf(id);
    if (!this.#checked.has(id)) checkIfThere(path, 'segment');
    const environment = openEnvironment(path, SEGMENT_MAP_BYTES);
    const segment = new LmdbSegment({
      id,
      file: new GrowingFile(path),
      environment,
      line: this.#line,
      onSealed: () => this.#sums.want(id),
      onClosed: () => this.#close(id),
    });
    if (segment.isSealed) this.#checked.add(id);
    this.#open.set(id, { environment, segment });
    return segment;
  }

  #mustBeOpen(): void {
    if (this.#closed !== null) throw new StoreError('closed', 'the store is closed');
  }

  #forget(id: SegmentId): void {
    this.#close(id);
    this.#sealedBytes.delete(id);
    this.#checked.delete(id);
  }

  #close(id: SegmentId): void {
    const open = this.#open.get(id);
    if (open === undefined) return;
    this.#open.delete(id);
    open.segment.markClosed();
    this.#track(open.environment.close());
  }

  #track(closing: Promise<void>): void {
    const tracked = closing.catch(() => {}).finally(() => this.#closing.delete(tracked));
    this.#closing.add(tracked);
  }

  #pathOf(id: SegmentId): string {
    return join(this.#directory, segmentName(id));
  }
}

/** LMDB maps what it opens, and believes it. @throws StoreError corrupt. */
function checkIfThere(path: string, role: FileRole): void {
  if (isThere(path)) checkLmdbFile(path, role);
}

function isThere(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

function freeBytesOf(directory: string): number {
  const { bavail, bsize } = statfsSync(directory);
  return bavail * bsize;
}

function unlinkIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
