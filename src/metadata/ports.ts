import type { ResourceKey, ResourceKind, ResourceRecord } from './catalogue/resources.js';

/** What is asked of a list. Order is by key text (catalogue/keys.ts). */
export interface ListQuery {
  /** Only of this tenant. No effect on kinds that belong to none. */
  readonly tenant?: string;
  /** Only names that begin so; for kinds without names, the first part of the key that is not the tenant. */
  readonly prefix?: string;
  /** Key text of the last one that was seen: `keyText(kind, record)`. */
  readonly after?: string;
  readonly limit: number;
}

/** The catalogue, or a copy of it on another thread. Records never change; they are replaced. */
export interface CatalogueReader {
  /** Of the newest command that is in it. */
  readonly revision: number;
  /** Of the newest entry of the log that is in it. */
  readonly index: number;
  get<K extends ResourceKind>(kind: K, key: ResourceKey<K>): ResourceRecord<K> | null;
  list<K extends ResourceKind>(kind: K, query: ListQuery): ResourceRecord<K>[];
  count(kind: ResourceKind): number;
  counts(): Readonly<Record<ResourceKind, number>>;
  streamOfId(id: number): ResourceRecord<'stream'> | null;
  /** Numbers of streams that are no more. */
  readonly deletedStreams: readonly number[];
}
