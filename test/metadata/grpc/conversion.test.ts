import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keysOf } from '../../../src/metadata/catalogue/forms.js';
import { RESOURCE_KINDS, RESOURCE_NUMBERS } from '../../../src/metadata/catalogue/record-forms.js';
import { NO_QUOTAS, type ResourceKind, TENANT_DEFAULT, type ValueByKind } from '../../../src/metadata/catalogue/resources.js';
import {
  commandFromWire,
  commitFromWire,
  deleteFromWire,
  outcomeToWire,
  putFromWire,
} from '../../../src/metadata/grpc/command-conversion.js';
import { CallFailure } from '../../../src/metadata/grpc/error-status.js';
import { Command, Refusal } from '../../../src/metadata/grpc/generated/robustmq/v1/catalogue.js';
import { Key, Kind, Resource } from '../../../src/metadata/grpc/generated/robustmq/v1/resources.js';
import { keyFromWire, keyToWire } from '../../../src/metadata/grpc/key-conversion.js';
import { CASES, kindFromWire, kindOfCase, resourceFromWire, resourceToWire } from '../../../src/metadata/grpc/resource-conversion.js';
import { SAMPLES, streamWish, UUID } from '../catalogue/samples.js';

const T = TENANT_DEFAULT;

const VALUES: ValueByKind = {
  cluster: { id: UUID, name: 'plant', createdAtMs: 5, tokenHash: 'ff' },
  node: {
    id: 3,
    uuid: UUID,
    name: 'c',
    address: '[::1]:1228',
    roles: ['meta', 'broker', 'journal'],
    version: '0.1.0',
    state: 'removed',
    joinedAtMs: 2 ** 53 - 1,
  },
  tenant: { name: 'acme', quotas: { ...NO_QUOTAS, storageBytes: 2 ** 45 }, comment: 'Zürich' },
  user: SAMPLES['put-user'].value,
  'acl-rule': SAMPLES['put-acl-rule'].value,
  ban: SAMPLES['put-ban'].value,
  stream: { ...streamWish('events'), id: 0x4000_0000, storage: 'memory', origin: 'settings' },
  'deleted-stream': { id: 7, deletedAtMs: 9 },
  shape: { node: 1, groups: 16, groupLanes: 3, lanes: 4 },
  placement: { group: 0x4001, replicas: [1, 2, 3], leader: 2 },
  group: { tenant: T, name: 'billing', generation: 7 },
  offset: { tenant: T, group: 'billing', stream: 1, partition: 2, offset: 2 ** 40, leaderEpoch: -1, metadata: 'x', committedAtMs: 8 },
  'retained-settings': SAMPLES['put-retained-settings'].value,
  'auto-subscription': SAMPLES['put-auto-subscription'].value,
  'topic-rewrite': SAMPLES['put-topic-rewrite'].value,
  connector: SAMPLES['put-connector'].value,
  rule: SAMPLES['put-rule'].value,
  'schema-subject': { tenant: T, name: 'temperature', versionLast: 4 },
  schema: { tenant: T, name: 'temperature', type: 'avro', text: '{}', version: 4 },
  setting: { scope: 2, key: 'mqtt.output_high_mark', value: '1' },
};

function resourceTrip<K extends ResourceKind>(kind: K): unknown {
  const bytes = Resource.encode(resourceToWire(kind, VALUES[kind])).finish();
  return resourceFromWire(Resource.decode(bytes));
}

function keyTrip<K extends ResourceKind>(kind: K): unknown {
  const bytes = Key.encode(keyToWire(kind, VALUES[kind])).finish();
  return keyFromWire(Key.decode(bytes));
}

test('conversion: a resource of each kind is the same after its way over the wire', () => {
  for (const kind of RESOURCE_KINDS) assert.deepEqual(resourceTrip(kind), { kind, value: VALUES[kind] });
});

test('conversion: a record is also its key, and the key is the same after its way over the wire', () => {
  for (const kind of RESOURCE_KINDS) {
    const trip = keyTrip(kind);
    assert.ok(
      typeof trip === 'object' && trip !== null && 'kind' in trip && 'key' in trip && typeof trip.key === 'object' && trip.key !== null,
    );
    assert.equal(trip.kind, kind);
    for (const [name, value] of Object.entries(trip.key)) assert.deepEqual(Reflect.get(VALUES[kind], name), value, `${kind}.${name}`);
    assert.equal(Object.keys(trip.key).length > 0, kind !== 'cluster');
  }
});

test('conversion: kinds have the same numbers and cases in messages as in snapshots', () => {
  const names = Object.entries(Kind).filter(([, number]) => number !== Kind.UNSPECIFIED);
  assert.equal(names.length, RESOURCE_KINDS.length);
  for (const kind of keysOf(RESOURCE_NUMBERS)) {
    const name = kind.replaceAll('-', '_').toUpperCase();
    assert.deepEqual(
      names.find(([known]) => known === name),
      [name, RESOURCE_NUMBERS[kind]],
    );
    assert.equal(kindOfCase(CASES[kind]), kind);
  }
  assert.equal(kindFromWire(Kind.OFFSET), 'offset');
});

test('conversion: without a tenant the default one is meant', () => {
  const resource: Resource = { resource: { $case: 'rule', value: { tenant: '', name: 'hot', sql: 'x', actions: '[]', isEnabled: true } } };
  assert.deepEqual(resourceFromWire(resource).value, { tenant: T, name: 'hot', sql: 'x', actions: '[]', isEnabled: true });
  assert.deepEqual(keyFromWire({ key: { $case: 'user', value: { tenant: '', name: 'a' } } }), {
    kind: 'user',
    key: { tenant: T, name: 'a' },
  });
});

test('conversion: a word that nobody knows, or none, is refused with what is missing', () => {
  const ban = { tenant: T, kind: 0, value: 'x', untilMs: 0, reason: '', by: '' } as const;
  assert.throws(() => resourceFromWire({ resource: { $case: 'ban', value: ban } }), /the kind of a ban is missing or unknown/);
  assert.throws(() => resourceFromWire(undefined), CallFailure);
  assert.throws(() => keyFromWire({ key: undefined }), CallFailure);
  for (const number of [0, 21, -1, 1e9]) assert.throws(() => kindFromWire(number as Kind), CallFailure, String(number)); // As a decoder gives it.
});

test('conversion: each kind that can be put and deleted becomes its command, and no other does', () => {
  const putKinds: string[] = [];
  const deleteKinds: string[] = [];
  for (const kind of RESOURCE_KINDS) {
    try {
      putKinds.push(putFromWire(resourceToWire(kind, VALUES[kind]), 4).kind);
    } catch (error) {
      assert.match(String(error), new RegExp(`of the kind ${kind} cannot be put`));
    }
    try {
      deleteKinds.push(deleteFromWire(keyToWire(kind, VALUES[kind]), undefined).kind);
    } catch (error) {
      assert.match(String(error), new RegExp(`of the kind ${kind} cannot be deleted`));
    }
  }
  assert.deepEqual(putKinds, [
    'change-cluster',
    'put-tenant',
    'put-user',
    'put-acl-rule',
    'put-ban',
    'change-stream',
    'place-group',
    'put-retained-settings',
    'put-auto-subscription',
    'put-topic-rewrite',
    'put-connector',
    'put-rule',
    'put-schema',
    'put-setting',
  ]);
  assert.deepEqual(deleteKinds, [
    'delete-tenant',
    'delete-user',
    'delete-acl-rule',
    'delete-ban',
    'delete-stream',
    'unplace-group',
    'delete-group',
    'delete-retained-settings',
    'delete-auto-subscription',
    'delete-topic-rewrite',
    'delete-connector',
    'delete-rule',
    'delete-schema',
    'delete-setting',
  ]);
});

test('conversion: a stream that must not be there is created, and always by command', () => {
  const resource = resourceToWire('stream', VALUES.stream);
  const created = putFromWire(resource, 0);
  assert.ok(created.kind === 'create-stream' && created.stream.origin === 'command');
  const changed = putFromWire(resource, undefined);
  assert.ok(changed.kind === 'change-stream' && changed.stream.origin === 'settings' && changed.expected === null);
});

test('conversion: offsets whose leader epoch is not known have -1', () => {
  const position = { stream: 1, partition: 0, offset: 5, leaderEpoch: undefined, metadata: '' };
  const command = commitFromWire({ tenant: '', group: 'g', generation: 0, offsets: [position, { ...position, leaderEpoch: 3 }] });
  assert.ok(command.kind === 'commit-offsets');
  assert.deepEqual(
    command.offsets.map(({ leaderEpoch }) => leaderEpoch),
    [-1, 3],
  );
  assert.throws(() => commandFromWire(Command.decode(new Uint8Array(0))), /no command is given/);
});

test('conversion: a refusal says why, and the revision that is there', () => {
  assert.deepEqual(outcomeToWire({ isOk: true, revision: 9, id: 4 }), { refusal: Refusal.NONE, revision: 9, id: 4, detail: '' });
  const refused = outcomeToWire({ isOk: false, code: 'in-use', detail: 'why', currentRevision: 5 });
  assert.deepEqual(refused, { refusal: Refusal.IN_USE, revision: 5, id: 0, detail: 'why' });
});
