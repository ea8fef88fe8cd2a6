import { openLmdbStore } from '../../storage/lmdb/lmdb-store.js';
import type { SegmentStore, StateTableStore, TableChange } from '../../storage/ports.js';
import { identityRow, type NodeIdentity, readIdentity } from './identity.js';
import { bootstrapRows, TableRaftStore } from './table-raft-store.js';
import { WriteQueue } from './write-queue.js';

/**
 * How a new directory becomes a node. first-voters: of a cluster that begins with these. joins: of one that is there, which sends everything.
 */
export type Founding =
  | { readonly kind: 'first-voters'; readonly identity: NodeIdentity; readonly voters: readonly number[] }
  | { readonly kind: 'joins'; readonly identity: NodeIdentity };

/** The directory `data_path/metadata`, open. */
export class MetadataStore {
  /** null: the directory is new, and `found` makes it a node. */
  identity: NodeIdentity | null;
  readonly queue: WriteQueue;
  readonly #store: SegmentStore;
  readonly #table: StateTableStore;

  /** @throws StoreError. */
  static open(directory: string, flushDeadlineMs: number): MetadataStore {
    return new MetadataStore(openLmdbStore({ directory, flushDeadlineMs }));
  }

  constructor(store: SegmentStore) {
    this.#store = store;
    this.#table = store.table;
    this.queue = new WriteQueue(this.#table);
    this.identity = readIdentity(this.#table);
  }

  /** @throws StoreError corrupt. */
  openLog(): TableRaftStore {
    return new TableRaftStore(this.#table, this.queue);
  }

  /** Identity and the beginning of the log, in one step. */
  async found(founding: Founding): Promise<void> {
    await this.#apply(rowsOf(founding));
    this.identity = founding.identity;
  }

  /** Becomes another node: what there was is gone, in the same step. Nothing else is written meanwhile. */
  async foundAnew(founding: Founding): Promise<void> {
    const rows: TableChange[] = [];
    this.#table.scan(new Uint8Array(0), (key) => {
      rows.push({ key: key.slice(), value: null });
      return true;
    });
    await this.#apply([...rows, ...rowsOf(founding)]);
    this.identity = founding.identity;
  }

  async close(): Promise<void> {
    this.queue.close();
    await this.#store.close();
  }

  #apply(rows: readonly TableChange[]): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#table.apply(rows, (error) => (error === null ? resolve() : reject(error)));
    });
  }
}

function rowsOf(founding: Founding): TableChange[] {
  const rows = [identityRow(founding.identity)];
  return founding.kind === 'joins' ? rows : [...rows, ...bootstrapRows(founding.voters)];
}
