import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Command, CommandKind, PlainKind, RefusalCode } from '../../../src/metadata/catalogue/commands.js';
import { capturedRecords, encodeState } from '../../../src/metadata/catalogue/full-state.js';
import { MEMORY_STREAMS_FROM, NO_QUOTAS, TENANT_DEFAULT } from '../../../src/metadata/catalogue/resources.js';
import { ALL_SAMPLES, Machine, PUT_SAMPLES, SAMPLES, streamWish } from './samples.js';

const T = TENANT_DEFAULT;

function refusals(machine: Machine, cases: readonly (readonly [Command, RefusalCode, RegExp])[]): void {
  const { revision } = machine.catalogue.reader;
  const before = machine.catalogue.reader.counts();
  for (const [command, code, detail] of cases) {
    const outcome = machine.refuse(command);
    assert.equal(outcome.code, code, `${JSON.stringify(command)}: ${outcome.detail}`);
    assert.match(outcome.detail, detail);
  }
  assert.equal(machine.catalogue.reader.revision, revision, 'refused commands have no revision');
  assert.deepEqual(machine.catalogue.reader.counts(), before);
}

test('rules: a command of each kind is accepted in its turn, and each has a revision of its own', () => {
  const machine = new Machine();
  let revision = 1;
  for (const command of ALL_SAMPLES) {
    if (command.kind === 'import') continue;
    revision += 1;
    assert.equal(machine.accept(command).revision, revision, command.kind);
  }
  const left = Object.entries(machine.catalogue.reader.counts()).filter(([, count]) => count > 0);
  assert.deepEqual(left, [
    ['cluster', 1],
    ['node', 1],
    ['tenant', 1],
    ['deleted-stream', 1],
    ['schema-subject', 1],
  ]);
});

test('rules: compare-and-set holds for every kind that has it', () => {
  const machine = new Machine();
  machine.applyBatch(PUT_SAMPLES.map((command) => ({ command, requestId: null })));
  const { revision } = machine.catalogue.reader;
  const withoutRecord: readonly CommandKind[] = ['put-schema']; // Compares the subject, which the sample already expects not to be there.
  for (const command of ALL_SAMPLES) {
    if (!('expected' in command) || withoutRecord.includes(command.kind)) continue;
    const stale = machine.refuse({ ...command, expected: revision + 1000 });
    assert.equal(stale.code, 'conflict', `${command.kind}: ${stale.detail}`);
    assert.ok(stale.currentRevision > 1 && stale.currentRevision <= revision);
    assert.equal(machine.refuse({ ...command, expected: 0 }).code, 'exists', command.kind);
  }
  assert.equal(machine.catalogue.reader.revision, revision);
  for (const command of ALL_SAMPLES.toReversed()) {
    if (!('expected' in command) || !/^(delete|unplace|remove)/.test(command.kind)) continue;
    const { currentRevision } = machine.refuse({ ...command, expected: 0 });
    if (command.kind === 'delete-tenant' || command.kind === 'remove-node') continue;
    machine.accept({ ...command, expected: currentRevision });
    assert.equal(machine.refuse({ ...command, expected: currentRevision }).code, 'not-found', command.kind);
  }
});

test('rules: a record that must be there and is not is told apart from one that changed', () => {
  const machine = new Machine();
  refusals(machine, [
    [{ ...SAMPLES['put-user'], expected: 5 }, 'not-found', /not there/],
    [SAMPLES['delete-user'], 'not-found', /not there/],
    [SAMPLES['change-cluster'], 'not-found', /no cluster/],
    [SAMPLES['change-stream'], 'not-found', /no stream "events"/],
    [SAMPLES['delete-group'], 'not-found', /no group "billing"/],
    [SAMPLES['delete-schema'], 'not-found', /no version 1/],
    [SAMPLES['unplace-group'], 'not-found', /has no place/],
  ]);
});

test('rules: nothing is put into a tenant that is not there', () => {
  const machine = new Machine();
  const strange = { tenant: 'nobody' };
  const plain: readonly Command[] = [
    { ...SAMPLES['put-user'], value: { ...SAMPLES['put-user'].value, ...strange } },
    { ...SAMPLES['put-acl-rule'], value: { ...SAMPLES['put-acl-rule'].value, ...strange } },
    { ...SAMPLES['put-ban'], value: { ...SAMPLES['put-ban'].value, ...strange } },
    { ...SAMPLES['put-retained-settings'], value: { ...SAMPLES['put-retained-settings'].value, ...strange } },
    { ...SAMPLES['put-auto-subscription'], value: { ...SAMPLES['put-auto-subscription'].value, ...strange } },
    { ...SAMPLES['put-topic-rewrite'], value: { ...SAMPLES['put-topic-rewrite'].value, ...strange } },
    { ...SAMPLES['put-connector'], value: { ...SAMPLES['put-connector'].value, ...strange } },
    { ...SAMPLES['put-rule'], value: { ...SAMPLES['put-rule'].value, ...strange } },
    { ...SAMPLES['put-schema'], schema: { ...SAMPLES['put-schema'].schema, ...strange } },
    { ...SAMPLES['commit-offsets'], ...strange },
    { kind: 'create-stream', stream: streamWish('s', strange) },
  ];
  refusals(
    machine,
    plain.map((command) => [command, 'not-found', /no tenant "nobody"/]),
  );
});

test('tenants: one with something in it cannot be deleted, and says what; the default one never', () => {
  const machine = new Machine();
  const acme = { tenant: 'acme' };
  machine.accept(SAMPLES['put-tenant']);
  machine.accept({ ...SAMPLES['put-user'], value: { ...SAMPLES['put-user'].value, ...acme } });
  machine.accept({ ...SAMPLES['put-user'], value: { ...SAMPLES['put-user'].value, ...acme, name: 'second' } });
  machine.accept({ ...SAMPLES['put-schema'], schema: { ...SAMPLES['put-schema'].schema, ...acme } });
  machine.accept({ ...SAMPLES['put-retained-settings'], value: { ...SAMPLES['put-retained-settings'].value, ...acme } });
  refusals(machine, [
    [SAMPLES['delete-tenant'], 'in-use', /: user 2, retained-settings 1, schema 1$/],
    [{ kind: 'delete-tenant', key: { name: T }, expected: null }, 'in-use', /always there/],
    [{ kind: 'delete-tenant', key: { name: 'x' }, expected: null }, 'not-found', /no tenant "x"/],
  ]);
  for (const name of [SAMPLES['put-user'].value.name, 'second'])
    machine.accept({ kind: 'delete-user', key: { ...acme, name }, expected: null });
  machine.accept({ kind: 'delete-schema', key: { ...acme, name: 'temperature', version: 1 }, expected: null });
  machine.accept({ kind: 'delete-retained-settings', key: acme, expected: null });
  machine.accept(SAMPLES['delete-tenant']);
  assert.equal(machine.catalogue.reader.count('schema-subject'), 0);
  machine.accept({ ...SAMPLES['put-tenant'], value: { name: T, quotas: { ...NO_QUOTAS, streams: 1 }, comment: '' }, expected: 1 });
});

test('nodes: numbers and UUIDs are never used again, and removal is for good', () => {
  const machine = new Machine();
  const register = (uuid: string): Command => ({ ...SAMPLES['register-node'], id: 0, uuid });
  assert.equal(machine.accept(register('u1')).id, 1);
  assert.equal(machine.accept(register('u2')).id, 2);
  const { revision } = machine.catalogue.reader;
  assert.deepEqual(machine.accept(register('u1')), { isOk: true, revision, id: 1 }, 'a node that asks again has its number');
  machine.accept({ kind: 'put-setting', value: { scope: 2, key: 'k', value: '1' }, expected: null });
  machine.accept({ kind: 'put-setting', value: { scope: 0, key: 'k', value: '1' }, expected: null });
  machine.accept({ kind: 'remove-node', id: 2, expected: null });
  assert.equal(machine.catalogue.reader.get('node', { id: 2 })?.state, 'removed');
  assert.deepEqual(
    machine.catalogue.reader.list('setting', { limit: 9 }).map(({ scope }) => scope),
    [0],
    'what was set for it alone is gone',
  );
  machine.accept({ ...SAMPLES['change-node'], id: 1 });
  refusals(machine, [
    [register('u2'), 'in-use', /node 2 with this UUID was removed/],
    [{ kind: 'remove-node', id: 2, expected: null }, 'not-found', /no node 2/],
    [{ ...SAMPLES['change-node'], id: 2 }, 'not-found', /no node 2/],
    [{ ...SAMPLES['change-node'], state: 'joining' }, 'invalid', /it is active/],
    [{ ...SAMPLES['change-node'], roles: ['meta', 'meta'] }, 'invalid', /named twice/],
    [{ kind: 'put-setting', value: { scope: 2, key: 'k', value: '1' }, expected: null }, 'not-found', /no node 2/],
  ]);
  assert.equal(machine.accept(register('u3')).id, 3);
});

test('nodes: there are at most 10,000, with those that were removed', () => {
  const machine = new Machine();
  const { kind: _kind, id: _id, ...wish } = SAMPLES['register-node'];
  const nodes = Array.from({ length: 9999 }, (_, at) => {
    const state = at % 2 === 0 ? ('active' as const) : ('removed' as const);
    return { ...wish, id: at + 1, uuid: `u${at + 1}`, state, joinedAtMs: 0, revision: at + 2 };
  });
  const head = { revision: 10_000, index: 1, atMs: 0, nodeIdNext: 10_000, streamIdNext: 1, memoryStreamIdNext: MEMORY_STREAMS_FROM };
  machine.catalogue.restore(encodeState({ head, records: [capturedRecords('node', nodes)], requests: [] }));
  machine.index = 1;
  const register = (uuid: string): Command => ({ ...SAMPLES['register-node'], id: 0, uuid });
  assert.equal(machine.accept(register('new')).id, 10_000);
  refusals(machine, [[register('newer'), 'limit', /at most 10000 records of the kind node/]]);
  assert.equal(machine.accept(register('u1')).id, 1);
});

test('nodes: a first voter registers with the number it has, and another disk does not get it', () => {
  const machine = new Machine();
  const register = (uuid: string, id: number): Command => ({ ...SAMPLES['register-node'], uuid, id });
  machine.accept({ ...SAMPLES['initialise-cluster'], firstVoters: 3 });
  assert.equal(machine.accept(register('u3', 3)).id, 3);
  assert.equal(machine.accept(register('u3', 3)).id, 3, 'again is well');
  assert.equal(machine.accept(register('new', 0)).id, 4, 'numbers that are allocated come after those of first voters');
  assert.equal(machine.accept(register('u1', 1)).id, 1);
  refusals(machine, [
    [register('wiped', 3), 'in-use', /node 3 is another one/],
    [register('u9', 9), 'invalid', /no first voter/],
  ]);
});

test('cluster: it is initialised once, and again with the same id changes nothing', () => {
  const machine = new Machine();
  const first = machine.accept(SAMPLES['initialise-cluster']);
  assert.deepEqual(machine.accept(SAMPLES['initialise-cluster']), first);
  refusals(machine, [[{ ...SAMPLES['initialise-cluster'], id: 'other' }, 'exists', /this is the cluster/]]);
  machine.accept(SAMPLES['change-cluster']);
  const cluster = machine.catalogue.reader.get('cluster', {});
  assert.deepEqual([cluster?.id, cluster?.name, cluster?.createdAtMs], [SAMPLES['initialise-cluster'].id, 'plant 2', machine.atMs]);
});

test('placement: the shape stays but for its lanes, and replicas are nodes that are there', () => {
  const machine = new Machine();
  const place = (group: number, replicas: readonly number[], leader = 0): Command => ({
    kind: 'place-group',
    value: { group, replicas, leader },
    expected: null,
  });
  const shape = (groups: number, groupLanes: number, lanes: number): Command => ({
    kind: 'put-shape',
    value: { node: 1, groups, groupLanes, lanes },
    expected: null,
  });
  refusals(machine, [
    [place(0, [1]), 'not-found', /no node 1/],
    [shape(16, 2, 2), 'not-found', /no node 1/],
  ]);
  machine.accept({ ...SAMPLES['register-node'], id: 0 });
  refusals(machine, [
    [place(0, [1]), 'not-found', /no group 0/],
    [shape(0, 1, 1), 'invalid', /groups is 0/],
    [shape(16, 4, 3), 'invalid', /lanes is 3/],
  ]);
  machine.accept(shape(16, 2, 2));
  machine.accept(shape(16, 2, 4));
  for (const group of [0, 15, 0x4000, 0x400f, 0x8003]) machine.accept(place(group, [1], 1));
  refusals(machine, [
    [shape(17, 2, 4), 'invalid', /stay as they are/],
    [shape(16, 2, 3), 'invalid', /cannot become fewer/],
    [place(16, [1]), 'not-found', /no group 16/],
    [place(0x4010, [1]), 'not-found', /no group/],
    [place(0x8004, [1]), 'not-found', /no group/],
    [place(0, []), 'invalid', /1 to 15/],
    [place(0, [1, 1]), 'invalid', /named twice/],
    [place(0, [1, 2]), 'not-found', /no node 2/],
    [place(0, [1], 2), 'invalid', /none of the replicas/],
    [SAMPLES['remove-node'], 'in-use', /group 0 of the journal/],
  ]);
});

test('schemas: versions go on after the newest was deleted, and never change', () => {
  const machine = new Machine();
  const put = { ...SAMPLES['put-schema'], expected: null };
  assert.equal(machine.accept(put).id, 1);
  const second = machine.accept(put);
  assert.equal(second.id, 2);
  machine.accept({ kind: 'delete-schema', key: { tenant: T, name: 'temperature', version: 2 }, expected: second.revision });
  assert.equal(machine.accept(put).id, 3);
  const subject = machine.catalogue.reader.get('schema-subject', { tenant: T, name: 'temperature' });
  assert.equal(subject?.versionLast, 3);
  assert.equal(machine.accept({ ...put, expected: subject?.revision ?? 0 }).id, 4);
  refusals(machine, [
    [{ ...put, expected: subject?.revision ?? 0 }, 'conflict', /it has revision/],
    [{ ...put, schema: { ...put.schema, text: '{' } }, 'invalid', /no JSON/],
    [{ ...put, schema: { ...put.schema, text: '' } }, 'invalid', /empty/],
    [{ ...put, schema: { ...put.schema, type: 'protobuf', text: 'x'.repeat(65_537) } }, 'limit', /65536 are allowed/],
  ]);
});

test('rules: fields that are too long, empty or malformed are refused, each with its name', () => {
  const machine = new Machine();
  const user = (changes: object): Command => ({ ...SAMPLES['put-user'], value: { ...SAMPLES['put-user'].value, ...changes } });
  const acl = (changes: object): Command => ({ ...SAMPLES['put-acl-rule'], value: { ...SAMPLES['put-acl-rule'].value, ...changes } });
  const connector = (settings: string): Command => ({
    ...SAMPLES['put-connector'],
    value: { ...SAMPLES['put-connector'].value, settings },
  });
  const subscription = (changes: object): Command => ({
    ...SAMPLES['put-auto-subscription'],
    value: { ...SAMPLES['put-auto-subscription'].value, ...changes },
  });
  refusals(machine, [
    [user({ name: '' }), 'invalid', /name is empty/],
    [user({ name: 'a\u0000b' }), 'invalid', /name has a control character/],
    [user({ name: 'x'.repeat(256) }), 'limit', /name has 256 characters; 255 are allowed/],
    [user({ comment: 'x'.repeat(1025) }), 'limit', /comment/],
    [user({ passwordHash: 'x'.repeat(1025) }), 'limit', /passwordHash/],
    [acl({ filter: 'a/#/b' }), 'invalid', /no topic filter/],
    [acl({ filter: '' }), 'invalid', /no topic filter/],
    [acl({ filter: 'x'.repeat(65_536) }), 'limit', /filter/],
    [acl({ actions: [] }), 'invalid', /actions/],
    [acl({ qos: [1, 1] }), 'invalid', /qos: one is named twice/],
    [acl({ qos: [3] }), 'invalid', /qos is 3/],
    [acl({ principal: { kind: 'any', value: 'x' } }), 'invalid', /principal/],
    [acl({ principal: { kind: 'user', value: '' } }), 'invalid', /principal is empty/],
    [connector('{"a":}'), 'invalid', /settings is no JSON/],
    [connector(JSON.stringify('x'.repeat(65_535))), 'limit', /settings has 65537/],
    [subscription({ qos: 3 }), 'invalid', /qos is 3/],
    [subscription({ retainHandling: 3 }), 'invalid', /retainHandling is 3/],
  ]);
  machine.accept(user({ name: 'x'.repeat(255), comment: 'x'.repeat(1024) }));
  machine.accept(connector(JSON.stringify('x'.repeat(65_534))));
  machine.accept(acl({ principal: { kind: 'any', value: '' }, qos: [] }));
});

test('lists: go on after the last one, stay in their tenant and prefix, and give nothing twice', () => {
  const machine = new Machine();
  machine.accept(SAMPLES['put-tenant']);
  const kind: PlainKind = 'user';
  for (const tenant of [T, 'acme'])
    for (const name of ['b', 'a', 'ab', 'c', 'aa'])
      machine.accept({ ...SAMPLES['put-user'], value: { ...SAMPLES['put-user'].value, tenant, name } });
  const { reader } = machine.catalogue;
  const names = (query: object, limit = 10): string[] =>
    reader.list(kind, { ...query, limit }).map(({ tenant, name }) => `${tenant}/${name}`);
  assert.deepEqual(names({ tenant: T }), ['default/a', 'default/aa', 'default/ab', 'default/b', 'default/c']);
  assert.deepEqual(names({ tenant: 'acme', prefix: 'a' }, 2), ['acme/a', 'acme/aa']);
  assert.deepEqual(names({ tenant: 'acme', prefix: 'a', after: 'acme\u0000aa' }), ['acme/ab']);
  assert.deepEqual(names({ after: 'acme\u0000b' }, 2), ['acme/c', 'default/a']);
  assert.deepEqual(names({ tenant: 'acme', after: 'default\u0000a' }), []);
  assert.deepEqual(names({ tenant: 'none' }), []);
  assert.deepEqual(names({}, 0), []);
});
