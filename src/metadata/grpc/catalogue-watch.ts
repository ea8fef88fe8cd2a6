import type { ServerWritableStream } from '@grpc/grpc-js';
import type { ChangesDelta } from '../catalogue/delta.js';
import { TENANT_KINDS } from '../catalogue/keys.js';
import { RESOURCE_KINDS, recordBytesMax } from '../catalogue/record-forms.js';
import type { Change } from '../catalogue/resource-tables.js';
import type { ResourceKind } from '../catalogue/resources.js';
import type { ChangeHistory } from './change-history.js';
import { requestOf } from './checked-definition.js';
import type { Change as ChangeMessage, WatchRequest, WatchResponse } from './generated/robustmq/v1/catalogue.js';
import { keyToWire } from './key-conversion.js';
import { PAGE_BYTES_MAX, readPage } from './pages.js';
import type { MetadataAccess } from './ports.js';
import { kindFromWire, recordToWire } from './resource-conversion.js';

/** What is told of a key beside it. */
const KEY_BYTES = 256;

export type WatchCall = ServerWritableStream<WatchRequest, WatchResponse>;

/** null: it follows changes. Else it sends everything, and is at this page of this kind. */
type Everything = { kindAt: number; pageToken: string } | null;

/*
  One watcher. It reads from the history what it has not sent yet, as fast as its client takes it.

    everything: page by page, kind by kind          changes: from #revision on
      a change of a record that was sent already       fell out of the history ---+
      comes again afterwards; one that was not yet                                |
      is sent as it is then                        <------------------------------+
*/
export class CatalogueWatch {
  readonly #call: WatchCall;
  readonly #access: MetadataAccess;
  readonly #history: ChangeHistory;
  readonly #kinds: readonly ResourceKind[];
  readonly #tenant: string;
  #everything: Everything = null;
  /** All changes up to it were sent, or are in the pages that are being sent. */
  #revision: number;
  #epoch: number;
  /** A delta that is too large for one response, and how much of it was sent. */
  #delta: ChangesDelta | null = null;
  #deltaAt = 0;
  #isBlocked = false;

  /** @throws CallFailure */
  constructor(call: WatchCall, access: MetadataAccess, history: ChangeHistory) {
    const { kinds, tenant, startRevision } = requestOf<WatchRequest>(call.request);
    this.#call = call;
    this.#access = access;
    this.#history = history;
    this.#kinds = kinds.length === 0 ? RESOURCE_KINDS : [...new Set(kinds.map(kindFromWire))];
    this.#tenant = tenant;
    this.#revision = startRevision ?? history.revision;
    this.#epoch = history.epoch;
    const unlisten = history.onAdd(() => this.#pump());
    call.on('cancelled', unlisten);
    call.on('close', unlisten);
    call.on('drain', () => this.#unblock());
    if (startRevision === undefined) this.#begin();
    else if (startRevision >= history.from) this.#write({ isReset: false, isComplete: true, changes: [], revision: startRevision });
    this.#pump();
  }

  #unblock(): void {
    this.#isBlocked = false;
    this.#pump();
  }

  #pump(): void {
    while (!this.#isBlocked && this.#call.writable) {
      if (this.#epoch !== this.#history.epoch) this.#begin();
      else if (this.#everything !== null) this.#sendPage(this.#everything);
      else if (this.#delta === null && this.#revision < this.#history.from) this.#begin();
      else if (!this.#sendChanges()) return;
    }
  }

  #begin(): void {
    this.#revision = this.#history.revision;
    this.#epoch = this.#history.epoch;
    this.#delta = null;
    this.#deltaAt = 0;
    this.#everything = { kindAt: 0, pageToken: '' };
    this.#write({ isReset: true, isComplete: false, changes: [], revision: 0 });
  }

  #sendPage(place: NonNullable<Everything>): void {
    if (place.kindAt === this.#kinds.length) {
      this.#everything = null;
      this.#write({ isReset: false, isComplete: true, changes: [], revision: this.#revision });
      return;
    }
    const kind = this.#kinds[place.kindAt];
    const page = readPage(this.#access.reader, kind, { tenant: this.#tenant, prefix: '', pageSize: 0, pageToken: place.pageToken });
    place.pageToken = page.nextPageToken;
    if (page.nextPageToken === '') place.kindAt += 1;
    if (page.records.length === 0) return;
    const changes = page.records.map((record): ChangeMessage => ({ change: { $case: 'put', value: recordToWire(kind, record) } }));
    this.#write({ isReset: false, isComplete: false, changes, revision: 0 });
    if (this.#isBlocked) return;
    this.#isBlocked = true;
    setImmediate(() => this.#unblock()); // Others on this thread come between two pages.
  }

  /** @returns false: there is nothing to send. */
  #sendChanges(): boolean {
    const delta = this.#delta ?? this.#history.after(this.#revision);
    if (delta === null) return false;
    const messages: ChangeMessage[] = [];
    let bytes = 0;
    let at = this.#deltaAt;
    for (; at < delta.changes.length && bytes < PAGE_BYTES_MAX; at += 1) {
      const change = delta.changes[at];
      if (!this.#wants(change)) continue;
      messages.push(changeToWire(change));
      bytes += change.record === null ? KEY_BYTES : recordBytesMax(change.kind, change.record);
    }
    const isWhole = at === delta.changes.length;
    this.#delta = isWhole ? null : delta;
    this.#deltaAt = isWhole ? 0 : at;
    if (isWhole) this.#revision = delta.revision;
    if (messages.length > 0) this.#write({ isReset: false, isComplete: false, changes: messages, revision: isWhole ? delta.revision : 0 });
    return true;
  }

  #wants({ kind, key }: Change): boolean {
    if (!this.#kinds.includes(kind)) return false;
    return this.#tenant === '' || !TENANT_KINDS.includes(kind) || ('tenant' in key && key.tenant === this.#tenant);
  }

  #write(response: WatchResponse): void {
    this.#isBlocked = !this.#call.write(response);
  }
}

function changeToWire(change: Change): ChangeMessage {
  if (change.record === null) return { change: { $case: 'deleted', value: keyToWire(change.kind, change.key) } };
  return { change: { $case: 'put', value: recordToWire(change.kind, change.record) } };
}
