import { mkdirSync, readdirSync, renameSync, statfsSync, statSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { open } from 'lmdb';
import { assert } from '../../base/assert.js';
import {
  type ReadableSegment,
  type SegmentId,
  type SegmentListing,
  type SegmentStore,
  type StateTableStore,
  type StoreDone,
  StoreError,
  type TableChange,
  type WritableSegment,
} from '../ports.js';
import { beginsWith } from '../sorted-rows.js';
import { checkLmdbFile } from './file-check.js';
import { SEALED_MARK } from './keys.js';
import { type Environment, LmdbSegment } from './lmdb-segment.js';
import { WriteLine } from './write-line.js';

/*
  A lane on disk: one LMDB environment a file, each with its lock file.

    <directory>
      segment-0000000001.mdb        sealed
      segment-0000000002.mdb        active
      table.mdb
      quarantine-0000000001-<why>.mdb

  Environments are classic LMDB: a transaction is durable when its commit returns, because the commit flushes and says if it could not. Written
  pages are never overwritten by the transaction that follows, so a torn write loses nothing that was acknowledged.
*/
const SEGMENT_FILE = /^segment-(\d+)\.mdb$/;
const QUARANTINE_FILE = /^quarantine-(\d+)-.*\.mdb$/;
const TABLE_FILE = 'table.mdb';
/** Address space, not memory: a map that never moves. */
const SEGMENT_MAP_BYTES = 2 ** 31;
const TABLE_MAP_BYTES = 2 ** 34;

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
  readonly table: StateTableStore;
  readonly #directory: string;
  readonly #line: WriteLine;
  readonly #tableEnvironment: Environment;
  readonly #open = new Map<SegmentId, OpenEnvironment>();
  readonly #closing = new Set<Promise<void>>();
  /** Sealed segments do not change any more. */
  readonly #sealedBytes = new Map<SegmentId, number>();
  #closed: Promise<void> | null = null;

  constructor({ directory, flushDeadlineMs }: LmdbStoreOptions) {
    this.#directory = directory;
    mkdirSync(directory, { recursive: true });
    this.#line = new WriteLine(flushDeadlineMs);
    const path = join(directory, TABLE_FILE);
    this.#tableEnvironment = openEnvironment(path, TABLE_MAP_BYTES);
    this.table = new LmdbTable(this.#tableEnvironment, this.#line);
  }

  list(): readonly SegmentListing[] {
    const listings: SegmentListing[] = [];
    for (const name of readdirSync(this.#directory)) {
      const segment = SEGMENT_FILE.exec(name);
      const quarantined = QUARANTINE_FILE.exec(name);
      if (segment !== null) {
        const id = Number(segment[1]);
        const isSealed = this.#isSealed(id);
        listings.push({ id, bytes: this.#sealedBytes.get(id) ?? sizeOf(this.#pathOf(id)), isSealed, isQuarantined: false });
      } else if (quarantined !== null) {
        const bytes = sizeOf(join(this.#directory, name));
        listings.push({ id: Number(quarantined[1]), bytes, isSealed: true, isQuarantined: true });
      }
    }
    return listings.sort((a, b) => a.id - b.id);
  }

  create(id: SegmentId): WritableSegment {
    assert(!this.#open.has(id), 'a segment is created once');
    return this.#openSegment(id);
  }

  reopen(id: SegmentId): WritableSegment {
    return this.#open.get(id)?.segment ?? this.#openSegment(id);
  }

  open(id: SegmentId): ReadableSegment {
    return this.reopen(id);
  }

  remove(id: SegmentId): void {
    this.#close(id);
    this.#sealedBytes.delete(id);
    for (const path of [this.#pathOf(id), `${this.#pathOf(id)}-lock`]) unlinkIfThere(path);
  }

  quarantine(id: SegmentId, why: string): void {
    this.#close(id);
    this.#sealedBytes.delete(id);
    const slug = why
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, '-')
      .slice(0, 60);
    const name = `quarantine-${String(id).padStart(10, '0')}-${slug}-${Date.now()}.mdb`;
    renameSync(this.#pathOf(id), join(this.#directory, name));
    unlinkIfThere(`${this.#pathOf(id)}-lock`);
  }

  freeBytes(): number {
    const { bavail, bsize } = statfsSync(this.#directory);
    return bavail * bsize;
  }

  close(): Promise<void> {
    this.#closed ??= this.#closeAll();
    return this.#closed;
  }

  async #closeAll(): Promise<void> {
    await this.#line.idle();
    this.#line.close();
    for (const id of [...this.#open.keys()]) this.#close(id);
    await Promise.all(this.#closing);
    await this.#tableEnvironment.close();
  }

  #isSealed(id: SegmentId): boolean {
    if (this.#sealedBytes.has(id)) return true;
    const open = this.#open.get(id);
    let isSealed: boolean;
    if (open !== undefined) isSealed = open.segment.isSealed;
    else {
      try {
        checkLmdbFile(this.#pathOf(id));
        const environment = openEnvironment(this.#pathOf(id), SEGMENT_MAP_BYTES);
        isSealed = environment.getBinary(SEALED_MARK) !== undefined;
        this.#track(environment.close());
      } catch {
        return true; // Whoever opens it will hear what is wrong.
      }
    }
    if (isSealed) this.#sealedBytes.set(id, sizeOf(this.#pathOf(id)));
    return isSealed;
  }

  #openSegment(id: SegmentId): LmdbSegment {
    const path = this.#pathOf(id);
    checkIfThere(path);
    const environment = openEnvironment(path, SEGMENT_MAP_BYTES);
    const segment = new LmdbSegment(
      id,
      environment,
      this.#line,
      () => sizeOf(path),
      () => this.#close(id),
    );
    this.#open.set(id, { environment, segment });
    return segment;
  }

  #close(id: SegmentId): void {
    const open = this.#open.get(id);
    if (open === undefined) return;
    this.#open.delete(id);
    this.#track(open.environment.close());
  }

  #track(closing: Promise<void>): void {
    const tracked = closing.catch(() => {}).finally(() => this.#closing.delete(tracked));
    this.#closing.add(tracked);
  }

  #pathOf(id: SegmentId): string {
    return join(this.#directory, `segment-${String(id).padStart(10, '0')}.mdb`);
  }
}

class LmdbTable implements StateTableStore {
  readonly #environment: Environment;
  readonly #line: WriteLine;

  constructor(environment: Environment, line: WriteLine) {
    this.#environment = environment;
    this.#line = line;
  }

  get(key: Uint8Array): Uint8Array | null {
    return this.#environment.getBinary(bufferOf(key)) ?? null;
  }

  scan(prefix: Uint8Array, visit: (key: Uint8Array, value: Uint8Array) => boolean): void {
    for (const { key, value } of this.#environment.getRange({ start: bufferOf(prefix) }))
      if (!beginsWith(key, prefix) || !visit(key, value)) return;
  }

  apply(changes: readonly TableChange[], done: StoreDone): void {
    const environment = this.#environment;
    this.#line.push(
      () =>
        environment.batch(() => {
          for (const { key, value } of changes) {
            if (value === null) environment.remove(bufferOf(key));
            else environment.put(bufferOf(key), bufferOf(value));
          }
        }),
      done,
    );
  }
}

/** @throws StoreError corrupt. */
function openEnvironment(path: string, mapSize: number): Environment {
  checkIfThere(path);
  try {
    return open<Buffer, Buffer>({
      path,
      noSubdir: true,
      encoding: 'binary',
      keyEncoding: 'binary',
      compression: false,
      cache: false,
      mapSize,
      overlappingSync: false,
      maxDbs: 1,
    });
  } catch (cause) {
    throw new StoreError('corrupt', `LMDB cannot open ${path}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

/** LMDB maps what it opens: a file that is shorter than it says would end the process. */
function checkIfThere(path: string): void {
  if (statSync(path, { throwIfNoEntry: false }) !== undefined) checkLmdbFile(path);
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

function unlinkIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
