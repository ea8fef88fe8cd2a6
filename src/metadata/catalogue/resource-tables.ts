import type { CatalogueReader, ListQuery } from '../ports.js';
import { keyRange, keyText, listPrefix } from './keys.js';
import { RESOURCE_KINDS } from './record-forms.js';
import { ResourceTable } from './resource-table.js';
import type { ResourceKey, ResourceKind, ResourceRecord } from './resources.js';

type Tables = { readonly [K in ResourceKind]: ResourceTable<ResourceRecord<K>> };

/** One record that another took the place of, or that is gone: then `record` is null. */
export interface ChangeOf<K extends ResourceKind> {
  readonly kind: K;
  readonly key: ResourceKey<K>;
  readonly record: ResourceRecord<K> | null;
}

/** The union of all. */
export type Change = { readonly [K in ResourceKind]: ChangeOf<K> }[ResourceKind];

/** All records of the catalogue, or of a copy. It judges nothing: rules do. */
export class ResourceTables implements CatalogueReader {
  #tables = emptyTables();
  #streamsById = new Map<number, ResourceRecord<'stream'>>();
  revision = 0;
  index = 0;

  get<K extends ResourceKind>(kind: K, key: ResourceKey<K>): ResourceRecord<K> | null {
    return this.#tables[kind].get(keyText(kind, key));
  }

  list<K extends ResourceKind>(kind: K, { tenant, prefix = '', after, limit }: ListQuery): ResourceRecord<K>[] {
    const records: ResourceRecord<K>[] = [];
    if (limit <= 0) return records;
    const start = listPrefix(kind, tenant, prefix);
    const from = after !== undefined && after > start ? after : start;
    this.#tables[kind].scan(from, (record, key) => {
      if (!key.startsWith(start)) return false;
      if (key !== after) records.push(record);
      return records.length < limit;
    });
    return records;
  }

  count(kind: ResourceKind): number {
    return this.#tables[kind].size;
  }

  counts(): Readonly<Record<ResourceKind, number>> {
    const counts: Partial<Record<ResourceKind, number>> = {};
    for (const kind of RESOURCE_KINDS) counts[kind] = this.#tables[kind].size;
    return counts as Record<ResourceKind, number>; // RESOURCE_KINDS has all of them.
  }

  streamOfId(id: number): ResourceRecord<'stream'> | null {
    return this.#streamsById.get(id) ?? null;
  }

  get deletedStreams(): readonly number[] {
    return this.#tables['deleted-stream'].capture().map(({ id }) => id);
  }

  /** Records of a tenant. */
  countIn(kind: ResourceKind, tenant: string): number {
    const { from, to } = keyRange(tenant);
    return this.#tables[kind].countBetween(from, to);
  }

  /** Records whose keys are in the range, in order. */
  between<K extends ResourceKind>(kind: K, { from, to }: { readonly from: string; readonly to: string }): ResourceRecord<K>[] {
    const records: ResourceRecord<K>[] = [];
    this.#tables[kind].scan(from, (record, key) => key < to && records.push(record) > 0);
    return records;
  }

  /** All records of a kind as they are now, in the order in which their keys came. */
  capture<K extends ResourceKind>(kind: K): ResourceRecord<K>[] {
    return this.#tables[kind].capture();
  }

  put<K extends ResourceKind>(kind: K, record: ResourceRecord<K>): void {
    const key = keyText(kind, record);
    this.#tables[kind].set(key, record);
    const stream = kind === 'stream' ? this.#tables.stream.get(key) : null;
    if (stream !== null) this.#streamsById.set(stream.id, stream);
  }

  delete<K extends ResourceKind>(kind: K, key: ResourceKey<K>): void {
    const text = keyText(kind, key);
    const stream = kind === 'stream' ? this.#tables.stream.get(text) : null;
    if (stream !== null) this.#streamsById.delete(stream.id);
    this.#tables[kind].delete(text);
  }

  /** Takes over everything of another one, which is not used any more. */
  become(other: ResourceTables): void {
    this.#tables = other.#tables;
    this.#streamsById = other.#streamsById;
    this.revision = other.revision;
    this.index = other.index;
  }
}

function emptyTables(): Tables {
  return {
    cluster: new ResourceTable(),
    node: new ResourceTable(),
    tenant: new ResourceTable(),
    user: new ResourceTable(),
    'acl-rule': new ResourceTable(),
    ban: new ResourceTable(),
    stream: new ResourceTable(),
    'deleted-stream': new ResourceTable(),
    shape: new ResourceTable(),
    placement: new ResourceTable(),
    group: new ResourceTable(),
    offset: new ResourceTable(),
    'retained-settings': new ResourceTable(),
    'auto-subscription': new ResourceTable(),
    'topic-rewrite': new ResourceTable(),
    connector: new ResourceTable(),
    rule: new ResourceTable(),
    'schema-subject': new ResourceTable(),
    schema: new ResourceTable(),
    setting: new ResourceTable(),
  };
}
