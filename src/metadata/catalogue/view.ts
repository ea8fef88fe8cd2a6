import type { CatalogueReader } from '../ports.js';
import type { ChangesDelta } from './delta.js';
import { decodeDelta } from './delta-codec.js';
import { decodeState } from './full-state.js';
import { type Change, type ChangeOf, ResourceTables } from './resource-tables.js';
import type { ResourceKind, ResourceRecord } from './resources.js';

/** One record, or 'reset': all of the kind may be different. */
export type ViewChange<K extends ResourceKind> = ChangeOf<K> | 'reset';
export type ViewListener<K extends ResourceKind> = (change: ViewChange<K>) => void;

/**
 * The catalogue, or some kinds of it, on another thread: begins with all of it (`load`), then follows by deltas. It is never newer than the
 * catalogue, and always what that was after some batch.
 */
export class CatalogueView {
  readonly #tables = new ResourceTables();
  readonly #listeners = new Map<ResourceKind, Set<(change: Change | 'reset') => void>>();
  #isLoaded = false;

  get reader(): CatalogueReader {
    return this.#tables;
  }

  /** False: it waits for `load`, at the start and after a gap or a reset. What it showed last is still there to be read. */
  get isLoaded(): boolean {
    return this.#isLoaded;
  }

  /** @param chunks of `Catalogue.encodeFull`. @throws WireViolation, NewerVersion: then nothing changes. */
  load(chunks: Iterable<Uint8Array>): void {
    const tables = new ResourceTables();
    decodeState(chunks, {
      onHead({ revision, index }) {
        tables.revision = revision;
        tables.index = index;
      },
      onRecord: <K extends ResourceKind>(kind: K, record: ResourceRecord<K>) => tables.put(kind, record),
      onRequest: () => undefined, // Only whoever applies commands needs them.
    });
    this.#tables.become(tables);
    this.#isLoaded = true;
    for (const listeners of this.#listeners.values()) for (const listener of listeners) listener('reset');
  }

  /**
   * @returns gap: a delta is missing, or the catalogue was replaced; `load` is wanted. stale: it is older than what was loaded, which is well
   * if it was under way at the time.
   */
  apply(bytes: Uint8Array): 'applied' | 'stale' | 'gap' {
    const delta = decodeDelta(bytes);
    const tables = this.#tables;
    if (delta.type === 'changes' && this.#isLoaded && delta.revision <= tables.revision) return 'stale';
    if (delta.type === 'reset' || !this.#isLoaded || delta.previousRevision !== tables.revision) {
      this.#isLoaded = false;
      return 'gap';
    }
    this.#follow(delta);
    return 'applied';
  }

  /** Called for each change of the kind after all of its batch are made. @returns what ends it. */
  onChange<K extends ResourceKind>(kind: K, listener: ViewListener<K>): () => void {
    const listeners = this.#listeners.get(kind) ?? new Set();
    this.#listeners.set(kind, listeners);
    const tell = (change: Change | 'reset'): void => listener(change as ViewChange<K>); // The set hears of this kind alone.
    listeners.add(tell);
    return () => listeners.delete(tell);
  }

  #follow({ changes, revision, index }: ChangesDelta): void {
    const tables = this.#tables;
    for (const change of changes) this.#make(change.kind, change);
    tables.revision = revision;
    tables.index = index;
    for (const change of changes) for (const tell of this.#listeners.get(change.kind) ?? []) tell(change);
  }

  #make<K extends ResourceKind>(kind: K, { key, record }: ChangeOf<K>): void {
    if (record === null) this.#tables.delete(kind, key);
    else this.#tables.put(kind, record);
  }
}
