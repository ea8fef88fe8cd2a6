import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { hasLanes, openShape } from '../../src/runtime/journal-shape.js';
import { readLegacyStreams, setLegacyStreamsAside } from '../../src/runtime/legacy-streams.js';
import { STREAM_SCHEMA, type StreamSettings } from '../../src/settings/journal-schema.js';
import { SETTINGS_SCHEMA } from '../../src/settings/schema.js';
import { OneCatalogue } from './one-catalogue.js';

const root = mkdtempSync(join(tmpdir(), 'robustmq-catalogue-'));
after(() => rmSync(root, { recursive: true }));

function stream(given: Readonly<Record<string, unknown>>): StreamSettings {
  return STREAM_SCHEMA.parse(given);
}

test('streams: one that a command made is in every copy, and its number is not used again', async () => {
  const { streams, copy } = new OneCatalogue();
  const told: unknown[] = [];
  copy.onStreams = (all, deleted) => told.push([all.map(({ name }) => name), deleted]);
  const made = await streams.create(stream({ name: 'orders', partitions: 3, filters: ['a/#'] }));
  assert.deepEqual([made.id, made.origin, made.partitions], [3, 'command', 3]);
  assert.equal((await streams.delete('orders')).id, 3);
  assert.equal((await streams.create(stream({ name: 'orders' }))).id, 4);
  assert.deepEqual(copy.deleted, [3], 'shards that were down learn of it');
  assert.deepEqual(told, [
    [['mqtt', 'mqtt.retained', 'orders'], []],
    [['mqtt', 'mqtt.retained'], [3]],
    [['mqtt', 'mqtt.retained', 'orders'], []],
  ]);
});

test('streams: what cannot be made or deleted is refused, and nothing changes', async () => {
  const { streams, copy, deltas } = new OneCatalogue();
  await streams.takeSettings([stream({ name: 'configured' })]);
  const before = deltas.length;
  await assert.rejects(streams.create(stream({ name: 'mqtt' })), /RMQ-1022 .*there is one of this name already/);
  await assert.rejects(streams.create(stream({ name: 'x', filters: ['a/#/b'] })), /RMQ-1022 .*no topic filter/);
  await assert.rejects(streams.create(stream({ name: 'x', key: '{level}' })), /RMQ-1022 .*key/);
  await assert.rejects(streams.create(stream({ name: 'x', storage: 'memory' })), /RMQ-1022 .*nothing to flush/);
  await assert.rejects(streams.delete('mqtt'), /RMQ-1022 .*of the system/);
  await assert.rejects(streams.delete('configured'), /RMQ-1022 .*the settings name it/);
  await assert.rejects(streams.delete('x'), /RMQ-1023 not found \(stream "x"\)/);
  assert.equal(deltas.length, before);
  assert.equal(copy.streams.length, 3);
});

test('streams: settings that say the same again change nothing, and a stream that they name no more stays without topics', async () => {
  const { streams, copy, deltas } = new OneCatalogue();
  const wanted = stream({ name: 'configured', filters: ['a/#'], partitions: 2 });
  await streams.takeSettings([wanted]);
  const before = deltas.length;
  await streams.takeSettings([wanted]);
  assert.equal(deltas.length, before);
  await assert.rejects(streams.takeSettings([{ ...wanted, partitions: 1 }]), /RMQ-1022 .*cannot become fewer/);
  await streams.takeSettings([]);
  const found = copy.find('configured');
  assert.deepEqual([found?.origin, found?.filters], ['command', []]);
});

test('legacy: streams of a directory without a catalogue keep their numbers, and the file is set aside', async () => {
  const path = join(root, 'legacy');
  const settings = SETTINGS_SCHEMA.parse({ data_path: path, runtime: { shards: 3 } });
  assert.equal(readLegacyStreams(path), null);
  openShape(settings, null);
  const base = { partitions: 4, storage: 'lmdb', filters: [], key: '{topic}', takesQos0: false };
  const rest = { flush: 'commit', retention: { timeMs: 1, bytes: 2, records: 3 }, tombstoneMs: 0 };
  const streams = [
    { ...base, id: 1, name: 'mqtt', settings: { ...rest, isCompacted: false }, origin: 'system' },
    { ...base, id: 2, name: 'mqtt.retained', settings: { ...rest, isCompacted: true }, origin: 'system' },
    { ...base, id: 5, name: 'orders', settings: { ...rest, isCompacted: false }, origin: 'command' },
  ];
  const shape = { groups: 8, groupLanes: 1, lanes: 2 };
  const file = { format: 1, shape, nextId: 7, nextMemoryId: 0x4000_0000, streams, deleted: [3, 4, 6] };
  writeFileSync(join(path, 'streams.json'), JSON.stringify(file));
  const legacy = readLegacyStreams(path);
  assert.ok(legacy !== null);
  const one = new OneCatalogue(legacy);
  assert.deepEqual(
    one.copy.streams.map(({ id, name }) => [id, name]),
    [
      [1, 'mqtt'],
      [2, 'mqtt.retained'],
      [5, 'orders'],
    ],
  );
  assert.deepEqual(one.copy.deleted, [3, 4, 6]);
  assert.equal((await one.streams.create(stream({ name: 'next' }))).id, 7);
  setLegacyStreamsAside(path);
  assert.equal(readLegacyStreams(path), null);
  assert.ok(existsSync(join(path, 'streams.json.imported')));
});

test('shape: it stays as it was made but for more lanes', () => {
  const path = join(root, 'shape');
  const at = (shards: number) => SETTINGS_SCHEMA.parse({ data_path: path, runtime: { shards } });
  assert.deepEqual(openShape(at(2), null), { groups: 16, groupLanes: 2, lanes: 2 });
  assert.deepEqual(openShape(at(4), null), { groups: 16, groupLanes: 2, lanes: 4 });
  assert.deepEqual(openShape(at(1), null), { groups: 16, groupLanes: 2, lanes: 4 });
  assert.equal(hasLanes(path), false);
  const other = join(root, 'shape-of-legacy');
  const settings = SETTINGS_SCHEMA.parse({ data_path: other, runtime: { shards: 2 } });
  assert.deepEqual(openShape(settings, { groups: 4, groupLanes: 1, lanes: 1 }), { groups: 4, groupLanes: 1, lanes: 2 });
  assert.deepEqual(openShape(settings, null), { groups: 4, groupLanes: 1, lanes: 2 }, 'it was written down');
});
