import type { Command, CommandOutcome, Expected } from '../../../src/metadata/catalogue/commands.js';

/*
  A few kinds of commands, judged as simply as can be: one map for everything, keys that are JSON, no codec, no order. What it says must be what
  the catalogue says. Names of tenants, users and streams are from a small set, so that commands meet.
*/

interface Row {
  revision: number;
  readonly value: Readonly<Record<string, unknown>>;
}

type Verdict = Pick<CommandOutcome, 'isOk'> & { readonly code?: string; readonly id?: number };

const refused = (code: string): Verdict => ({ isOk: false, code });

export class NaiveCatalogue {
  readonly rows: Map<string, Row> = new Map([[JSON.stringify(['tenant', 'default']), { revision: 1, value: { name: 'default' } }]]);
  revision = 1;
  #streamIdNext = 1;

  apply(command: Command): Verdict {
    switch (command.kind) {
      case 'put-tenant':
        return this.#put(['tenant', command.value.name], { name: command.value.name }, command.expected);
      case 'delete-tenant':
        return this.#deleteTenant(command.key.name, command.expected);
      case 'put-user':
        if (!this.#has('tenant', command.value.tenant)) return refused('not-found');
        return this.#put(['user', command.value.tenant, command.value.name], { comment: command.value.comment }, command.expected);
      case 'delete-user':
        return this.#delete(['user', command.key.tenant, command.key.name], command.expected);
      case 'create-stream':
        return this.#createStream(command);
      case 'delete-stream':
        return this.#deleteStream(command);
      case 'commit-offsets':
        return this.#commit(command);
      case 'delete-group':
        return this.#deleteGroup(command);
      default:
        throw new Error(`the model does not know ${command.kind}`);
    }
  }

  count(kind: string): number {
    return this.#keysOf(kind).length;
  }

  #createStream({ stream: { tenant, name, partitions } }: Command<'create-stream'>): Verdict {
    if (!this.#has('tenant', tenant)) return refused('not-found');
    if (this.#has('stream', tenant, name)) return refused('exists');
    const id = this.#streamIdNext;
    this.#streamIdNext += 1;
    return { ...this.#put(['stream', tenant, name], { id, tenant, partitions }, null), id };
  }

  #deleteStream({ key, expected }: Command<'delete-stream'>): Verdict {
    const id = this.rows.get(JSON.stringify(['stream', key.tenant, key.name]))?.value.id;
    const verdict = this.#delete(['stream', key.tenant, key.name], expected);
    if (!verdict.isOk) return verdict;
    for (const text of this.#keysOf('offset')) if (JSON.parse(text)[3] === id) this.rows.delete(text);
    return { ...verdict, id: Number(id) };
  }

  #commit({ tenant, group, generation, offsets }: Command<'commit-offsets'>): Verdict {
    if (!this.#has('tenant', tenant)) return refused('not-found');
    const groupKey = JSON.stringify(['group', tenant, group]);
    const known = Number(this.rows.get(groupKey)?.value.generation ?? -1);
    if (generation > 0 && generation < known) return refused('conflict');
    for (const { stream, partition } of offsets) {
      const found = [...this.rows].find(([text, row]) => JSON.parse(text)[0] === 'stream' && row.value.id === stream)?.[1];
      if (found === undefined || found.value.tenant !== tenant) return refused('not-found');
      if (partition >= Number(found.value.partitions)) return refused('not-found');
    }
    this.revision += 1;
    if (generation > known) this.rows.set(groupKey, { revision: this.revision, value: { generation } });
    for (const { stream, partition, offset } of offsets)
      this.rows.set(JSON.stringify(['offset', tenant, group, stream, partition]), { revision: this.revision, value: { offset } });
    return { isOk: true, id: 0 };
  }

  #deleteGroup({ key, expected }: Command<'delete-group'>): Verdict {
    const verdict = this.#delete(['group', key.tenant, key.name], expected);
    if (!verdict.isOk) return verdict;
    for (const text of this.#keysOf('offset')) {
      const [, tenant, group] = JSON.parse(text);
      if (tenant === key.tenant && group === key.name) this.rows.delete(text);
    }
    return verdict;
  }

  #deleteTenant(name: string, expected: Expected): Verdict {
    const row = this.rows.get(JSON.stringify(['tenant', name]));
    if (row === undefined) return refused('not-found');
    const fault = faultOf(row, expected);
    if (fault !== null) return fault;
    const isUsed = [...this.rows.keys()].some((text) => JSON.parse(text)[0] !== 'tenant' && JSON.parse(text)[1] === name);
    if (name === 'default' || isUsed) return refused('in-use');
    return this.#delete(['tenant', name], expected);
  }

  #put(key: readonly unknown[], value: Row['value'], expected: Expected): Verdict {
    const text = JSON.stringify(key);
    const fault = faultOf(this.rows.get(text), expected);
    if (fault !== null) return fault;
    this.revision += 1;
    this.rows.set(text, { revision: this.revision, value });
    return { isOk: true, id: 0 };
  }

  #delete(key: readonly unknown[], expected: Expected): Verdict {
    const text = JSON.stringify(key);
    const row = this.rows.get(text);
    if (row === undefined) return refused('not-found');
    const fault = faultOf(row, expected);
    if (fault !== null) return fault;
    this.revision += 1;
    this.rows.delete(text);
    return { isOk: true, id: 0 };
  }

  #has(...key: readonly string[]): boolean {
    return this.rows.has(JSON.stringify(key));
  }

  #keysOf(kind: string): string[] {
    return [...this.rows.keys()].filter((text) => JSON.parse(text)[0] === kind);
  }
}

function faultOf(row: Row | undefined, expected: Expected): Verdict | null {
  if (expected === null) return null;
  if (row === undefined) return expected === 0 ? null : refused('not-found');
  if (expected === 0) return refused('exists');
  return row.revision === expected ? null : refused('conflict');
}
