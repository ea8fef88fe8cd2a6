import { assert } from '../../base/assert.js';
import type { StateMachine } from '../../raft/driver/ports.js';
import type { ConfigurationState, Entry, LogIndex } from '../../raft/messages.js';
import { WireViolation } from '../../wire/violation.js';
import type { CatalogueReader } from '../ports.js';
import { decodeBatch } from './command-codec.js';
import type { CommandEnvelope, CommandOutcome } from './commands.js';
import type { Delta } from './delta.js';
import { Edit, firstTables } from './edit.js';
import { type CapturedRecords, type CapturedState, capturedRecords, decodeState, encodeState, type StateHead } from './full-state.js';
import { REQUESTS_REMEMBERED } from './limits.js';
import { RESOURCE_KINDS } from './record-forms.js';
import { type AnsweredRequest, RequestMemory, requestText } from './request-memory.js';
import { ResourceTables } from './resource-tables.js';
import type { ResourceKind, ResourceRecord } from './resources.js';
import { applyCommand } from './rules.js';

export interface CatalogueOptions {
  /** Told what each batch changed, in order, while `isReporting`. Within `apply` and `restore`: it must not call back. */
  readonly onDelta: (delta: Delta) => void;
  /** Less only in tests: all nodes must remember the same. */
  readonly requestsRemembered?: number;
}

/**
 * What the cluster knows of itself, the same on every node. Entries of the log are batches of commands (command-codec.ts); rules judge them
 * (rules.ts). Nothing else decides: no clock, no settings, no order of a hash table.
 */
export class Catalogue implements StateMachine<readonly CommandOutcome[]> {
  readonly #edit = new Edit(firstTables());
  #requests: RequestMemory;
  readonly #onDelta: (delta: Delta) => void;
  readonly #requestsRemembered: number;

  constructor({ onDelta, requestsRemembered = REQUESTS_REMEMBERED }: CatalogueOptions) {
    this.#onDelta = onDelta;
    this.#requestsRemembered = requestsRemembered;
    this.#requests = new RequestMemory(requestsRemembered);
  }

  get reader(): CatalogueReader {
    return this.#edit.tables;
  }

  get isReporting(): boolean {
    return this.#edit.keepsChanges;
  }

  /** Off at first, so that a replay of the log costs nothing for readers that are not there yet. */
  set isReporting(value: boolean) {
    this.#edit.keepsChanges = value;
  }

  /** @returns an outcome for each command. @throws WireViolation, NewerVersion: then nothing was applied, and the node must not go on. */
  apply({ type, index, data }: Entry): readonly CommandOutcome[] {
    const edit = this.#edit;
    assert(type === 'normal', 'a configuration is no command');
    assert(index > edit.tables.index, 'entries are applied in their order, once');
    if (data.length === 0) {
      edit.tables.index = index;
      return [];
    }
    const { atMs, envelopes } = decodeBatch(data);
    const previousRevision = edit.tables.revision;
    edit.tables.index = index;
    edit.atMs = Math.max(edit.atMs, atMs);
    const outcomes: CommandOutcome[] = [];
    for (const envelope of envelopes) outcomes.push(this.#applyEnvelope(envelope));
    const { revision } = edit.tables;
    if (edit.keepsChanges && revision !== previousRevision)
      this.#onDelta({ type: 'changes', previousRevision, revision, index, changes: edit.takeChanges() });
    return outcomes;
  }

  /** Who votes is not the catalogue's business; it only knows how far the log is applied. */
  onConfiguration(_configuration: ConfigurationState, index: LogIndex): readonly CommandOutcome[] {
    const { tables } = this.#edit;
    tables.index = Math.max(tables.index, index);
    return [];
  }

  capture(): IterableIterator<Uint8Array> {
    return encodeState({ ...this.#captured(RESOURCE_KINDS), requests: this.#requests.capture() });
  }

  /** What a copy of these kinds begins with (view.ts); without the answered requests. */
  encodeFull(kinds: Iterable<ResourceKind>): IterableIterator<Uint8Array> {
    return encodeState({ ...this.#captured(kinds), requests: [] });
  }

  /** @throws WireViolation, NewerVersion: then the state is as it was. */
  restore(chunks: Iterable<Uint8Array>): void {
    const restored = new Edit(new ResourceTables());
    const requests = new RequestMemory(this.#requestsRemembered);
    decodeState(chunks, {
      onHead({ revision, index, atMs, nodeIdNext, streamIdNext, memoryStreamIdNext }: StateHead) {
        restored.tables.revision = revision;
        restored.tables.index = index;
        restored.atMs = atMs;
        restored.counters = { nodeIdNext, streamIdNext, memoryStreamIdNext };
      },
      onRecord: <K extends ResourceKind>(kind: K, record: ResourceRecord<K>) => restored.tables.put(kind, record),
      onRequest({ id, outcome }: AnsweredRequest) {
        if (requests.find(id) !== null) throw new WireViolation('a request was answered twice');
        requests.remember(id, outcome);
      },
    });
    const edit = this.#edit;
    edit.become(restored);
    this.#requests = requests;
    const { revision, index } = edit.tables;
    if (edit.keepsChanges) this.#onDelta({ type: 'reset', revision, index });
  }

  #applyEnvelope({ command, requestId }: CommandEnvelope): CommandOutcome {
    const id = requestId === null ? null : requestText(requestId);
    const known = id === null ? null : this.#requests.find(id);
    if (known !== null) return known;
    const edit = this.#edit;
    const before = edit.changeCount;
    const outcome = applyCommand(edit, command.kind, command);
    assert(outcome.isOk || edit.changeCount === before, 'a refused command changes nothing');
    if (id !== null) this.#requests.remember(id, outcome);
    return outcome;
  }

  #captured(kinds: Iterable<ResourceKind>): Omit<CapturedState, 'requests'> {
    const { tables, counters, atMs } = this.#edit;
    const wanted = new Set(kinds);
    const records: CapturedRecords[] = [];
    for (const kind of RESOURCE_KINDS) if (wanted.has(kind)) records.push(capturedRecords(kind, tables.capture(kind)));
    return { head: { revision: tables.revision, index: tables.index, atMs, ...counters }, records };
  }
}
