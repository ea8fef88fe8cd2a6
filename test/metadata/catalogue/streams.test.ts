import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CATCH_ALL, RETAINED, type StreamDefinition } from '../../../src/broker/streams/definition.js';
import { type JournalShape, MEMORY_STREAMS_FROM as MEMORY_STREAMS_OF_JOURNAL } from '../../../src/journal/placement.js';
import type { Command, RefusalCode } from '../../../src/metadata/catalogue/commands.js';
import {
  MEMORY_STREAMS_FROM,
  NO_QUOTAS,
  type OffsetPosition,
  type StreamWish,
  TENANT_DEFAULT,
} from '../../../src/metadata/catalogue/resources.js';
import { Machine, SAMPLES, streamWish } from './samples.js';

const T = TENANT_DEFAULT;
const MEMORY: Partial<StreamWish> = { storage: 'memory', settings: { ...streamWish('x').settings, flush: 'none' } };

const create = (name: string, changes: Partial<StreamWish> = {}): Command => ({ kind: 'create-stream', stream: streamWish(name, changes) });
const change = (name: string, changes: Partial<StreamWish>): Command => ({
  kind: 'change-stream',
  stream: streamWish(name, changes),
  expected: null,
});
const remove = (name: string): Command => ({ kind: 'delete-stream', key: { tenant: T, name }, expected: null });
const commit = (offsets: readonly Partial<OffsetPosition>[], generation = 0, group = 'g'): Command => ({
  kind: 'commit-offsets',
  tenant: T,
  group,
  generation,
  offsets: offsets.map((one) => ({ stream: 1, partition: 0, offset: 0, leaderEpoch: -1, metadata: '', ...one })),
});

function refusals(machine: Machine, cases: readonly (readonly [Command, RefusalCode, RegExp])[]): void {
  const before = machine.snapshot().slice(1); // Without the head, which has the index.
  for (const [command, code, detail] of cases) {
    const outcome = machine.refuse(command);
    assert.deepEqual([outcome.code, detail.test(outcome.detail)], [code, true], outcome.detail);
  }
  assert.deepEqual(machine.snapshot().slice(1), before, 'refused commands change nothing');
}

test('streams: what the catalogue holds is what broker and journal take', () => {
  const machine = new Machine();
  machine.accept(create('a'));
  const found = machine.catalogue.reader.get('stream', { tenant: T, name: 'a' });
  assert.ok(found !== null);
  const definition: StreamDefinition = found;
  const shape: JournalShape = SAMPLES['put-shape'].value;
  assert.deepEqual([definition.id, shape.groups], [1, 16]);
  assert.equal(MEMORY_STREAMS_FROM, MEMORY_STREAMS_OF_JOURNAL);
  for (const name of [CATCH_ALL, RETAINED]) machine.accept(create(name, { origin: 'system' }));
});

test('streams: numbers grow, those in memory have their own, and none is used again', () => {
  const machine = new Machine();
  assert.equal(machine.accept(create('a')).id, 1);
  assert.equal(machine.accept(create('m', MEMORY)).id, MEMORY_STREAMS_FROM);
  assert.equal(machine.accept(create('b')).id, 2);
  assert.equal(machine.accept(remove('b')).id, 2);
  assert.equal(machine.accept(remove('m')).id, MEMORY_STREAMS_FROM);
  assert.equal(machine.accept(create('b')).id, 3);
  assert.equal(machine.accept(create('m', MEMORY)).id, MEMORY_STREAMS_FROM + 1);
  assert.deepEqual(machine.catalogue.reader.deletedStreams, [2, MEMORY_STREAMS_FROM]);
  assert.equal(machine.catalogue.reader.streamOfId(2), null);
  assert.equal(machine.catalogue.reader.streamOfId(3)?.name, 'b');
});

test('streams: partitions never become fewer, the storage and the compaction of the system stay', () => {
  const machine = new Machine();
  const compacted = { ...streamWish('x').settings, isCompacted: true };
  machine.accept(create('a'));
  machine.accept(create('s', { origin: 'settings' }));
  machine.accept(create('mqtt.retained', { origin: 'system', settings: compacted }));
  machine.accept(change('a', { partitions: 9 }));
  refusals(machine, [
    [change('a', { partitions: 8 }), 'invalid', /it has 9 partitions, and they cannot become fewer/],
    [change('a', { ...MEMORY, partitions: 9 }), 'invalid', /its storage is lmdb, for good/],
    [change('a', { origin: 'system', partitions: 9 }), 'invalid', /none of the system/],
    [change('mqtt.retained', {}), 'invalid', /compacted/],
    [create('a'), 'exists', /a stream "a" already/],
    [create('z', { origin: 'system' }), 'invalid', /none of the system/],
    [remove('s'), 'in-use', /the settings name it/],
    [remove('mqtt.retained'), 'in-use', /one of the system/],
    [remove('z'), 'not-found', /no stream "z"/],
  ]);
  machine.accept(change('mqtt.retained', { settings: compacted, partitions: 32, origin: 'settings' }));
  assert.equal(machine.catalogue.reader.get('stream', { tenant: T, name: 'mqtt.retained' })?.origin, 'system');
  machine.accept(change('s', { origin: 'command', filters: [] }));
  machine.accept(remove('s'));
});

test('streams: names, keys, filters and settings that make no sense are refused', () => {
  const machine = new Machine();
  const { settings } = streamWish('x');
  refusals(machine, [
    [create(''), 'invalid', /no name for a stream/],
    [create('..'), 'invalid', /no name for a stream/],
    [create('a/b'), 'invalid', /no name for a stream/],
    [create('x'.repeat(250)), 'invalid', /no name for a stream/],
    [create('a', { partitions: 0 }), 'invalid', /partitions is 0/],
    [create('a', { partitions: 100_001 }), 'invalid', /partitions is 100001/],
    [create('a', { key: '{client}' }), 'invalid', /\{client\} is not known/],
    [create('a', { key: 'x}' }), 'invalid', /no partner/],
    [create('a', { key: 'x'.repeat(1025) }), 'limit', /key/],
    [create('a', { filters: ['ok', 'a#'] }), 'invalid', /"a#" is no topic filter/],
    [create('a', { filters: ['$share/g/a'] }), 'invalid', /shared/],
    [create('a', { filters: Array.from({ length: 10_001 }, () => 'a') }), 'limit', /10000 are allowed/],
    [create('a', { storage: 'memory' }), 'invalid', /nothing to flush/],
    [create('a', { settings: { ...settings, flush: 'none' } }), 'invalid', /needs storage "memory"/],
    [create('a', { settings: { ...settings, isCompacted: true }, key: 'same' }), 'invalid', /keeps one record/],
  ]);
});

test('streams: the quota of a tenant bounds them', () => {
  const machine = new Machine();
  machine.accept({ kind: 'put-tenant', value: { name: T, quotas: { ...NO_QUOTAS, streams: 2 }, comment: '' }, expected: null });
  machine.accept(create('a'));
  machine.accept(create('b'));
  refusals(machine, [[create('c'), 'limit', /may have 2 streams/]]);
  machine.accept(remove('a'));
  machine.accept(create('c'));
});

test('import: takes over numbers, counters and what was deleted, once', () => {
  const machine = new Machine();
  const { tenant: _tenant, ...stream } = streamWish('mqtt', { origin: 'system' });
  const { tenant: _other, ...memory } = streamWish('fast', MEMORY);
  const command: Command<'import'> = {
    ...SAMPLES.import,
    streamIdNext: 9,
    memoryStreamIdNext: MEMORY_STREAMS_FROM + 2,
    streams: [
      { ...stream, id: 1 },
      { ...memory, id: MEMORY_STREAMS_FROM + 1 },
    ],
    deleted: [7, MEMORY_STREAMS_FROM],
  };
  const twice = [...command.streams, { ...stream, id: 2 }];
  refusals(machine, [
    [{ ...command, streamIdNext: 1 }, 'invalid', /not given out yet/],
    [{ ...command, memoryStreamIdNext: 5 }, 'invalid', /out of its range/],
    [{ ...command, deleted: [1] }, 'invalid', /the same number/],
    [{ ...command, deleted: [0] }, 'invalid', /not given out yet/],
    [{ ...command, streams: twice }, 'invalid', /the same name/],
    [{ ...command, streams: [{ ...memory, id: 2 }] }, 'invalid', /of the other storage/],
    [{ ...command, streams: [{ ...stream, id: 2, name: '?' }] }, 'invalid', /no name for a stream/],
  ]);
  machine.accept(command);
  refusals(machine, [[command, 'exists', /streams already/]]);
  const { reader } = machine.catalogue;
  assert.deepEqual(reader.get('stream', { tenant: T, name: 'mqtt' }), { ...stream, id: 1, tenant: T, revision: 2 });
  assert.deepEqual(reader.deletedStreams, [7, MEMORY_STREAMS_FROM]);
  assert.equal(machine.accept(create('next')).id, 9);
  assert.equal(machine.accept(create('next-fast', MEMORY)).id, MEMORY_STREAMS_FROM + 2);
});

test('offsets: all of a commit or nothing, and only of streams and partitions that are there', () => {
  const machine = new Machine();
  machine.accept(create('a'));
  machine.accept({ kind: 'put-tenant', value: { name: 'other', quotas: NO_QUOTAS, comment: '' }, expected: null });
  machine.accept(create('theirs', { tenant: 'other' }));
  refusals(machine, [
    [commit([]), 'invalid', /there is none/],
    [commit([{}, { stream: 3 }]), 'not-found', /no stream with the number 3/],
    [commit([{ stream: 2 }]), 'not-found', /the tenant has no stream/],
    [commit([{}, { partition: 4 }]), 'not-found', /no partition 4/],
    [commit([{ metadata: 'x'.repeat(4097) }]), 'limit', /metadata/],
    [commit(Array.from({ length: 10_001 }, () => ({}))), 'limit', /at most 10000/],
    [commit([{}], 0, ''), 'invalid', /group is empty/],
  ]);
  machine.accept(commit([{ offset: 5 }, { partition: 3, offset: 7, leaderEpoch: 2, metadata: 'm' }]));
  assert.deepEqual(machine.catalogue.reader.list('offset', { tenant: T, prefix: 'g', limit: 9 }), [
    { tenant: T, group: 'g', stream: 1, partition: 0, offset: 5, leaderEpoch: -1, metadata: '', committedAtMs: machine.atMs, revision: 5 },
    { tenant: T, group: 'g', stream: 1, partition: 3, offset: 7, leaderEpoch: 2, metadata: 'm', committedAtMs: machine.atMs, revision: 5 },
  ]);
});

test('offsets: an older generation of a group cannot commit over a newer one', () => {
  const machine = new Machine();
  machine.accept(create('a'));
  machine.accept(commit([{ offset: 1 }], 3));
  machine.accept(commit([{ offset: 2 }], 3));
  machine.accept(commit([{ offset: 3 }], 4));
  refusals(machine, [[commit([{ offset: 4 }], 3), 'conflict', /generation 4/]]);
  machine.accept(commit([{ offset: 5 }]));
  assert.equal(machine.catalogue.reader.get('group', { tenant: T, name: 'g' })?.generation, 4);
  assert.equal(machine.catalogue.reader.get('offset', { tenant: T, group: 'g', stream: 1, partition: 0 })?.offset, 5);
});

test('offsets: go with their group and with their stream', () => {
  const machine = new Machine();
  machine.accept(create('a'));
  machine.accept(create('b'));
  for (const group of ['g', 'gg']) machine.accept(commit([{ stream: 1 }, { stream: 2 }], 1, group));
  machine.accept({ kind: 'delete-group', key: { tenant: T, name: 'g' }, expected: null });
  const { reader } = machine.catalogue;
  const left = (): string[] => reader.list('offset', { limit: 9 }).map(({ group, stream }) => `${group} ${stream}`);
  assert.deepEqual(left(), ['gg 1', 'gg 2']);
  machine.accept(remove('a'));
  assert.deepEqual(left(), ['gg 2']);
  assert.equal(reader.count('group'), 1);
});
