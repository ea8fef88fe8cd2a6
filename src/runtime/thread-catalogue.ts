import type { StreamDefinition } from '../broker/streams/definition.js';
import type { StreamId } from '../journal/ports.js';
import type { ResourceKind, ResourceRecord } from '../metadata/catalogue/resources.js';
import { TENANT_DEFAULT } from '../metadata/catalogue/resources.js';
import { CatalogueView, type ViewListener } from '../metadata/catalogue/view.js';
import type { CatalogueReader } from '../metadata/ports.js';

/** There are fewer: metadata/catalogue/limits.ts. */
const STREAMS_MAX = 1_000_000;
const TENANTS_MAX = 1_000_000;
const RULES_MAX = 1_000_000;

/** The catalogue on a thread of its own: a copy that follows by deltas, and what the broker makes of it. */
export class ThreadCatalogue {
  /** Streams changed: all there are, and those that were deleted since the last time. */
  onStreams: (streams: readonly StreamDefinition[], deleted: readonly StreamId[]) => void = () => {};
  /** A tenant came, changed or went. */
  onTenants: () => void = () => {};
  /** Rules of access or bans changed, after each of them was told to those that follow. */
  onAccess: () => void = () => {};
  /** Rules of topic rewrite changed, or auto-subscriptions. */
  onMqttRules: () => void = () => {};
  readonly #view = new CatalogueView();
  #streams: readonly StreamDefinition[] = [];
  #deletedNow: StreamId[] = [];
  #hasNewStreams = false;
  #hasNewTenants = false;
  #hasNewAccess = false;
  #hasNewMqttRules = false;

  constructor() {
    this.#view.onChange('stream', () => {
      this.#hasNewStreams = true;
    });
    this.#view.onChange('tenant', () => {
      this.#hasNewTenants = true;
    });
    for (const kind of ['acl-rule', 'ban'] as const)
      this.#view.onChange(kind, () => {
        this.#hasNewAccess = true;
      });
    for (const kind of ['topic-rewrite', 'auto-subscription'] as const)
      this.#view.onChange(kind, () => {
        this.#hasNewMqttRules = true;
      });
    this.#view.onChange('deleted-stream', (change) => {
      this.#hasNewStreams = true;
      if (change !== 'reset' && change.record !== null) this.#deletedNow.push(change.record.id);
    });
  }

  get reader(): CatalogueReader {
    return this.#view.reader;
  }

  /** Of all tenants. */
  get streams(): readonly StreamDefinition[] {
    return this.#streams;
  }

  /** Names. */
  get tenants(): readonly string[] {
    return this.reader.list('tenant', { limit: TENANTS_MAX }).map(({ name }) => name);
  }

  get topicRewrites(): readonly ResourceRecord<'topic-rewrite'>[] {
    return this.reader.list('topic-rewrite', { limit: RULES_MAX });
  }

  get autoSubscriptions(): readonly ResourceRecord<'auto-subscription'>[] {
    return this.reader.list('auto-subscription', { limit: RULES_MAX });
  }

  /** Numbers of streams that are no more. */
  get deleted(): readonly StreamId[] {
    return this.reader.deletedStreams;
  }

  /** Of the default tenant. */
  find(name: string): StreamDefinition | undefined {
    return this.#streams.find((stream) => stream.name === name && stream.tenant === TENANT_DEFAULT);
  }

  /** Hears of each change of the kind. */
  follow<K extends ResourceKind>(kind: K, listener: ViewListener<K>): void {
    this.#view.onChange(kind, listener);
  }

  /** All of it. */
  load(chunks: readonly Uint8Array[]): void {
    this.#view.load(chunks);
    this.#deletedNow = [...this.reader.deletedStreams]; // Some may have gone while nobody told.
    this.#maybeTell();
  }

  /** What changed. */
  apply(delta: Uint8Array): void {
    this.#view.apply(delta); // After a gap the whole comes: whoever sends deltas sees to that.
    this.#maybeTell();
  }

  #maybeTell(): void {
    if (this.#hasNewStreams) this.#tellStreams();
    if (this.#hasNewTenants) {
      this.#hasNewTenants = false;
      this.onTenants();
    }
    if (this.#hasNewMqttRules) {
      this.#hasNewMqttRules = false;
      this.onMqttRules();
    }
    if (!this.#hasNewAccess) return;
    this.#hasNewAccess = false;
    this.onAccess();
  }

  #tellStreams(): void {
    this.#hasNewStreams = false;
    const deleted = this.#deletedNow;
    this.#deletedNow = [];
    this.#streams = this.reader.list('stream', { limit: STREAMS_MAX }).map(definitionOf);
    this.onStreams(this.#streams, deleted);
  }
}

export function definitionOf({ revision: _revision, ...definition }: ResourceRecord<'stream'>): StreamDefinition {
  return definition;
}
