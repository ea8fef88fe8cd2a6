import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SeededRandom } from '../../../src/base/random.js';
import type { Command, CommandEnvelope, Expected } from '../../../src/metadata/catalogue/commands.js';
import { encodeDelta } from '../../../src/metadata/catalogue/delta-codec.js';
import { RESOURCE_KINDS } from '../../../src/metadata/catalogue/record-forms.js';
import { NO_QUOTAS } from '../../../src/metadata/catalogue/resources.js';
import { CatalogueView } from '../../../src/metadata/catalogue/view.js';
import { NaiveCatalogue } from './naive-catalogue.js';
import { Machine, seedOf, streamWish } from './samples.js';

const HISTORIES = 30;
const BATCHES = 60;
const KINDS = ['user', 'tenant', 'stream', 'group', 'offset'] as const;

class CommandSource {
  readonly #random: SeededRandom;

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  /** @param revision of the catalogue: a guess at what a record has. */
  next(revision: number): Command {
    const random = this.#random;
    const tenant = this.#pick(['default', 'a', 'b']);
    const name = this.#pick(['x', 'y', 'z']);
    const expected: Expected = this.#pick([null, null, 0, revision, Math.max(1, revision - random.below(4))]);
    switch (random.below(9)) {
      case 0:
        return { kind: 'put-tenant', value: { name: tenant, quotas: NO_QUOTAS, comment: '' }, expected };
      case 1:
        return { kind: 'delete-tenant', key: { name: tenant }, expected };
      case 2:
      case 3:
        return {
          kind: 'put-user',
          value: { tenant, name, passwordHash: '', isSuperuser: false, comment: String(random.below(100)), scram: [] },
          expected,
        };
      case 4:
        return { kind: 'delete-user', key: { tenant, name }, expected };
      case 5:
        return { kind: 'create-stream', stream: streamWish(name, { tenant }) };
      case 6:
        return { kind: 'delete-stream', key: { tenant, name }, expected };
      case 7:
        return { kind: 'delete-group', key: { tenant, name }, expected };
      default:
        return this.#commit(tenant, name);
    }
  }

  #commit(tenant: string, group: string): Command {
    const random = this.#random;
    const offsets = Array.from({ length: 1 + random.below(3) }, () => ({
      stream: 1 + random.below(12),
      partition: random.below(5),
      offset: random.below(1000),
      leaderEpoch: -1,
      metadata: '',
    }));
    return { kind: 'commit-offsets', tenant, group, generation: random.below(5), offsets };
  }

  #pick<T>(values: readonly T[]): T {
    return values[this.#random.below(values.length)];
  }
}

function compareOutcomes(machine: Machine, model: NaiveCatalogue, envelopes: readonly CommandEnvelope[]): void {
  const before = machine.catalogue.reader.revision;
  let revision = before;
  const outcomes = machine.applyBatch(envelopes);
  for (const [at, outcome] of outcomes.entries()) {
    const { command } = envelopes[at];
    const verdict = model.apply(command);
    const seen = outcome.isOk ? { isOk: true, id: outcome.id } : { isOk: false, code: outcome.code };
    assert.deepEqual(seen, { ...verdict }, `${JSON.stringify(command)}: ${outcome.isOk ? '' : outcome.detail}`);
    if (outcome.isOk) revision += 1;
    if (outcome.isOk) assert.equal(outcome.revision, revision);
  }
  assert.equal(machine.catalogue.reader.revision, model.revision);
}

function compareRecords(machine: Machine, model: NaiveCatalogue): void {
  const { reader } = machine.catalogue;
  for (const kind of KINDS) assert.equal(reader.count(kind), model.count(kind), kind);
  for (const [text, { revision, value }] of model.rows) {
    const [kind, tenant, name, stream, partition] = JSON.parse(text);
    const record = kind === 'tenant' ? reader.get('tenant', { name: tenant }) : null;
    if (kind === 'tenant') assert.equal(record?.revision, revision);
    if (kind === 'user') {
      const user = reader.get('user', { tenant, name });
      assert.deepEqual([user?.revision, user?.comment], [revision, value.comment]);
    }
    if (kind === 'offset') {
      const offset = reader.get('offset', { tenant, group: name, stream, partition });
      assert.deepEqual([offset?.revision, offset?.offset], [revision, value.offset]);
    }
    if (kind === 'group') assert.equal(reader.get('group', { tenant, name })?.generation, value.generation);
  }
}

function contentOf(machine: { readonly reader: Machine['catalogue']['reader'] }): unknown {
  return RESOURCE_KINDS.map((kind) => machine.reader.list(kind, { limit: 10_000 }));
}

test('catalogue: random histories give what a naive model gives, on every node, and in every copy', () => {
  const seed = seedOf();
  const kindsSeen = new Set<string>();
  for (let history = 0; history < HISTORIES; history += 1) {
    const random = new SeededRandom(seed + history);
    const source = new CommandSource(random);
    const machine = new Machine();
    const model = new NaiveCatalogue();
    const view = new CatalogueView();
    let other = new Machine();
    view.load(machine.catalogue.encodeFull(RESOURCE_KINDS));
    for (let batch = 0; batch < BATCHES; batch += 1) {
      const revision = machine.catalogue.reader.revision;
      const commands = Array.from({ length: 1 + random.below(8) }, (_, at) => source.next(revision + at));
      compareOutcomes(
        machine,
        model,
        commands.map((command) => ({ command, requestId: null })),
      );
      other.applyData(machine.log[machine.log.length - 1]);
      for (const delta of machine.deltas.splice(0)) {
        assert.equal(view.apply(encodeDelta(delta, null)), 'applied');
        if (delta.type === 'changes')
          for (const { kind, record } of delta.changes) kindsSeen.add(`${kind} ${record === null ? 'gone' : ''}`);
      }
      if (random.below(10) === 0) {
        const snapshot = machine.snapshot();
        assert.deepEqual(other.snapshot(), snapshot);
        other = new Machine();
        other.catalogue.restore(snapshot);
        other.index = machine.index;
      }
    }
    compareRecords(machine, model);
    assert.deepEqual(other.snapshot(), machine.snapshot());
    assert.deepEqual(contentOf(view), contentOf(machine.catalogue));
  }
  for (const kind of KINDS) for (const end of ['', 'gone']) assert.ok(kindsSeen.has(`${kind} ${end}`), `histories have ${kind} ${end}`);
});
