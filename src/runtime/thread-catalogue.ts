import type { StreamDefinition } from '../broker/streams/definition.js';
import type { StreamId } from '../journal/ports.js';
import type { ResourceRecord } from '../metadata/catalogue/resources.js';
import { TENANT_DEFAULT } from '../metadata/catalogue/resources.js';
import { CatalogueView } from '../metadata/catalogue/view.js';
import type { CatalogueReader } from '../metadata/ports.js';

/** A tenant has fewer. */
const STREAMS_MAX = 1_000_000;

/** The catalogue on a thread of its own: a copy that follows by deltas, and what the broker makes of it. */
export class ThreadCatalogue {
  /** Streams changed: all there are, and those that were deleted since the last time. */
  onStreams: (streams: readonly StreamDefinition[], deleted: readonly StreamId[]) => void = () => {};
  readonly #view = new CatalogueView();
  #streams: readonly StreamDefinition[] = [];
  #deletedNow: StreamId[] = [];
  #hasNewStreams = false;

  constructor() {
    this.#view.onChange('stream', () => {
      this.#hasNewStreams = true;
    });
    this.#view.onChange('deleted-stream', (change) => {
      this.#hasNewStreams = true;
      if (change !== 'reset' && change.record !== null) this.#deletedNow.push(change.record.id);
    });
  }

  get reader(): CatalogueReader {
    return this.#view.reader;
  }

  get streams(): readonly StreamDefinition[] {
    return this.#streams;
  }

  /** Numbers of streams that are no more. */
  get deleted(): readonly StreamId[] {
    return this.reader.deletedStreams;
  }

  find(name: string): StreamDefinition | undefined {
    return this.#streams.find((stream) => stream.name === name);
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
    if (!this.#hasNewStreams) return;
    this.#hasNewStreams = false;
    const deleted = this.#deletedNow;
    this.#deletedNow = [];
    this.#streams = this.reader.list('stream', { tenant: TENANT_DEFAULT, limit: STREAMS_MAX }).map(definitionOf);
    this.onStreams(this.#streams, deleted);
  }
}

export function definitionOf({ tenant: _tenant, revision: _revision, ...definition }: ResourceRecord<'stream'>): StreamDefinition {
  return definition;
}
