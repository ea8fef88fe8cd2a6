import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Command } from '../../../src/metadata/catalogue/commands.js';
import { decodeDelta, encodeDelta } from '../../../src/metadata/catalogue/delta-codec.js';
import { RESOURCE_KINDS } from '../../../src/metadata/catalogue/record-forms.js';
import { type ResourceKind, TENANT_DEFAULT } from '../../../src/metadata/catalogue/resources.js';
import { CatalogueView, type ViewChange } from '../../../src/metadata/catalogue/view.js';
import type { CatalogueReader } from '../../../src/metadata/ports.js';
import { WireViolation } from '../../../src/wire/violation.js';
import { ALL_SAMPLES, Machine, PUT_SAMPLES, SAMPLES } from './samples.js';

const T = TENANT_DEFAULT;

function contentOf(reader: CatalogueReader, kinds: readonly ResourceKind[]): unknown {
  return { revision: reader.revision, records: kinds.map((kind) => reader.list(kind, { limit: 1000 })) };
}

function userCommand(name: string, tenant = T): Command {
  return { kind: 'put-user', value: { tenant, name, passwordHash: '', isSuperuser: false, comment: '', scram: [] }, expected: null };
}

test('view: follows the catalogue command by command, and is the same', () => {
  const machine = new Machine();
  const view = new CatalogueView();
  view.load(machine.catalogue.encodeFull(RESOURCE_KINDS));
  for (const command of ALL_SAMPLES) {
    if (command.kind === 'import') continue;
    machine.accept(command);
    const delta = machine.deltas[machine.deltas.length - 1];
    const bytes = encodeDelta(delta, null);
    assert.deepEqual(encodeDelta(decodeDelta(bytes), null), bytes);
    assert.equal(view.apply(bytes), 'applied');
    assert.deepEqual(contentOf(view.reader, RESOURCE_KINDS), contentOf(machine.catalogue.reader, RESOURCE_KINDS), command.kind);
    assert.equal(view.reader.index, machine.index);
  }
});

test('view: one that was loaded later is the same as one that followed from the start', () => {
  const machine = new Machine();
  machine.applyBatch(PUT_SAMPLES.map((command) => ({ command, requestId: null })));
  const view = new CatalogueView();
  assert.equal(view.apply(encodeDelta(machine.deltas[0], null)), 'gap', 'nothing was loaded yet');
  view.load(machine.catalogue.encodeFull(RESOURCE_KINDS));
  assert.equal(view.apply(encodeDelta(machine.deltas[0], null)), 'stale', 'it is in what was loaded');
  assert.deepEqual(contentOf(view.reader, RESOURCE_KINDS), contentOf(machine.catalogue.reader, RESOURCE_KINDS));
  assert.deepEqual(view.reader.counts(), machine.catalogue.reader.counts());
});

test('view: of some kinds gets no others, and misses none of its own', () => {
  const kinds: readonly ResourceKind[] = ['user', 'stream'];
  const machine = new Machine();
  machine.accept({ ...SAMPLES['create-stream'], stream: SAMPLES['change-stream'].stream });
  machine.accept(SAMPLES['put-tenant']);
  const view = new CatalogueView();
  view.load(machine.catalogue.encodeFull(kinds));
  assert.equal(view.reader.count('tenant'), 0);
  const commit = machine.accept(SAMPLES['commit-offsets']);
  machine.accept(userCommand('a'));
  for (const delta of machine.deltas.slice(2)) {
    const bytes = encodeDelta(delta, new Set(kinds));
    if (delta.revision === commit.revision) assert.ok(bytes.length < 10, 'offsets are left out');
    assert.equal(view.apply(bytes), 'applied');
  }
  assert.deepEqual(contentOf(view.reader, kinds), contentOf(machine.catalogue.reader, kinds));
  assert.equal(view.reader.count('offset'), 0);
});

test('view: a missing delta is a gap until everything is loaded again', () => {
  const machine = new Machine();
  const view = new CatalogueView();
  view.load(machine.catalogue.encodeFull(RESOURCE_KINDS));
  for (const name of ['a', 'b', 'c']) machine.accept(userCommand(name));
  const [first, , third] = machine.deltas.map((delta) => encodeDelta(delta, null));
  assert.equal(view.apply(first), 'applied');
  assert.equal(view.apply(third), 'gap');
  assert.equal(view.isLoaded, false);
  assert.equal(view.reader.count('user'), 1, 'it still shows what it knew');
  view.load(machine.catalogue.encodeFull(RESOURCE_KINDS));
  assert.ok(view.isLoaded);
  assert.deepEqual(contentOf(view.reader, RESOURCE_KINDS), contentOf(machine.catalogue.reader, RESOURCE_KINDS));
});

test('view: a restored catalogue tells its views to begin again', () => {
  const source = new Machine();
  source.accept(userCommand('new'));
  const machine = new Machine();
  const view = new CatalogueView();
  view.load(machine.catalogue.encodeFull(RESOURCE_KINDS));
  machine.catalogue.restore(source.snapshot());
  assert.deepEqual(machine.deltas, [{ type: 'reset', revision: 2, index: 1 }]);
  const bytes = encodeDelta(machine.deltas[0], null);
  assert.deepEqual(decodeDelta(bytes), machine.deltas[0]);
  assert.equal(view.apply(bytes), 'gap');
});

test('view: listeners hear of their kind alone, when all of the batch is there', () => {
  const machine = new Machine();
  const view = new CatalogueView();
  view.load(machine.catalogue.encodeFull(RESOURCE_KINDS));
  const heard: (string | null)[] = [];
  const end = view.onChange('user', (change: ViewChange<'user'>) => {
    heard.push(change === 'reset' ? 'reset' : (change.record?.name ?? `-${change.key.name}`));
    assert.equal(view.reader.revision, machine.catalogue.reader.revision);
  });
  const follow = (...commands: readonly Command[]): void => {
    machine.applyBatch(commands.map((command) => ({ command, requestId: null })));
    view.apply(encodeDelta(machine.deltas[machine.deltas.length - 1], null));
  };
  follow(userCommand('a'), SAMPLES['create-stream'], userCommand('b'));
  follow({ kind: 'delete-user', key: { tenant: T, name: 'a' }, expected: null });
  view.load(machine.catalogue.encodeFull(RESOURCE_KINDS));
  end();
  follow(userCommand('c'));
  assert.deepEqual(heard, ['a', 'b', '-a', 'reset']);
});

test('deltas: nothing is told while a log is replayed, nor of batches that change nothing', () => {
  const machine = new Machine();
  machine.catalogue.isReporting = false;
  machine.accept(userCommand('a'));
  machine.catalogue.isReporting = true;
  machine.refuse({ ...SAMPLES['put-user'], expected: 99 });
  assert.equal(machine.deltas.length, 0);
  machine.accept(userCommand('b'));
  assert.deepEqual(
    machine.deltas.map((delta) => delta.type === 'changes' && [delta.previousRevision, delta.revision, delta.index, delta.changes.length]),
    [[2, 3, 3, 1]],
  );
});

test('deltas: golden bytes of this version and of an earlier one', () => {
  const machine = new Machine();
  machine.applyBatch(
    [userCommand('a'), { kind: 'delete-user', key: { tenant: T, name: 'a' }, expected: null } as const].map((command) => ({
      command,
      requestId: null,
    })),
  );
  const bytes = encodeDelta(machine.deltas[0], null);
  // Changes, to revision 3, entry 1, from revision 1; user there: 6 fields, revision 2; user gone: 2 fields.
  assert.equal(Buffer.from(bytes).toString('hex'), '01030101' + '0401060764656661756c74016100000000' + '02' + '0400020764656661756c740161');
  const earlier = '01030101' + '0401050764656661756c740161000000' + '02' + '0400020764656661756c740161';
  assert.deepEqual(decodeDelta(Buffer.from(earlier, 'hex')), decodeDelta(bytes));
  for (let length = 0; length < bytes.length; length += 1) {
    try {
      decodeDelta(bytes.subarray(0, length));
    } catch (error) {
      assert.ok(error instanceof WireViolation);
    }
  }
});
