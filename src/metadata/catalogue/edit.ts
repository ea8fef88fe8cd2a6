import type { Accepted, Expected, RefusalCode, Refused } from './commands.js';
import { RECORDS_MAX } from './limits.js';
import { type Change, type ChangeOf, ResourceTables } from './resource-tables.js';
import {
  MEMORY_STREAMS_FROM,
  NO_QUOTAS,
  type ResourceKey,
  type ResourceKind,
  type ResourceRecord,
  type Revised,
  TENANT_DEFAULT,
  type ValueByKind,
} from './resources.js';

/** What the state has beside its records. Each is the next to be given out. */
export interface Counters {
  nodeIdNext: number;
  streamIdNext: number;
  memoryStreamIdNext: number;
}

/**
 * What a rule sees of the state, and by which it changes it: first it looks at everything that could be wrong, then it puts and deletes, then
 * it accepts. What it put has the revision that the command has when it is accepted.
 */
export class Edit {
  readonly tables: ResourceTables;
  counters: Counters = { nodeIdNext: 1, streamIdNext: 1, memoryStreamIdNext: MEMORY_STREAMS_FROM };
  /** By the clock of the leaders, and never going back. */
  atMs = 0;
  /** Of all commands so far. A rule that refuses leaves it as it was. */
  changeCount = 0;
  /** Whether `takeChanges` is called after each batch. */
  keepsChanges = false;
  #changes: Change[] = [];

  constructor(tables: ResourceTables) {
    this.tables = tables;
  }

  /** Takes over the state of another one, which is not used any more. Readers of `tables` stay with them. */
  become(other: Edit): void {
    this.tables.become(other.tables);
    this.counters = other.counters;
    this.atMs = other.atMs;
  }

  /** Since the last time. */
  takeChanges(): readonly Change[] {
    const changes = this.#changes;
    this.#changes = [];
    return changes;
  }

  put<K extends ResourceKind>(kind: K, value: ValueByKind[K]): void {
    const record: ResourceRecord<K> = { ...value, revision: this.tables.revision + 1 };
    this.tables.put(kind, record);
    this.#note({ kind, key: record, record });
  }

  delete<K extends ResourceKind>(kind: K, key: ResourceKey<K>): void {
    this.tables.delete(kind, key);
    this.#note({ kind, key, record: null });
  }

  /** @param id that was allocated. */
  accept(id = 0): Accepted {
    this.tables.revision += 1;
    return { isOk: true, revision: this.tables.revision, id };
  }

  /** The command asks for what is already so. */
  acceptUnchanged(id = 0): Accepted {
    return { isOk: true, revision: this.tables.revision, id };
  }

  /** @returns null if the tenant is there. */
  faultOfTenant(name: string): Refused | null {
    if (this.tables.get('tenant', { name }) !== null) return null;
    return refuse('not-found', `there is no tenant "${name}"`);
  }

  /** @returns null if there is room for `added` more records. */
  faultOfCount(kind: ResourceKind, added: number): Refused | null {
    const max = RECORDS_MAX[kind];
    if (this.tables.count(kind) + added <= max) return null;
    return refuse('limit', `there are at most ${max} records of the kind ${kind}`);
  }

  #note<K extends ResourceKind>(change: ChangeOf<K>): void {
    this.changeCount += 1;
    if (this.keepsChanges) this.#changes.push(change as Change); // The union is of all K.
  }
}

export function refuse(code: RefusalCode, detail: string, currentRevision = 0): Refused {
  return { isOk: false, code, detail, currentRevision };
}

/** Compare-and-set. @returns null if `current` is what was expected. */
export function faultOfExpected(current: Revised | null, expected: Expected): Refused | null {
  if (expected === null) return null;
  if (current === null) return expected === 0 ? null : refuse('not-found', 'it is not there');
  if (expected === 0) return refuse('exists', 'it is there already', current.revision);
  if (current.revision === expected) return null;
  return refuse('conflict', `it has revision ${current.revision}, not ${expected}`, current.revision);
}

/** Of a catalogue in which nobody wrote anything. */
export function firstTables(): ResourceTables {
  const tables = new ResourceTables();
  tables.revision = 1;
  tables.put('tenant', { name: TENANT_DEFAULT, quotas: NO_QUOTAS, comment: '', revision: tables.revision });
  return tables;
}
