import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { StreamCatalogue } from '../../src/runtime/stream-catalogue.js';
import { STREAM_SCHEMA, type StreamSettings } from '../../src/settings/journal-schema.js';
import { SETTINGS_SCHEMA, type Settings } from '../../src/settings/schema.js';

const root = mkdtempSync(join(tmpdir(), 'robustmq-catalogue-'));
after(() => rmSync(root, { recursive: true }));
let directories = 0;

function settings(streams: readonly object[] = []): Settings {
  directories += 1;
  return SETTINGS_SCHEMA.parse({ data_path: join(root, String(directories)), streams });
}

function stream(given: Readonly<Record<string, unknown>>): StreamSettings {
  return STREAM_SCHEMA.parse(given);
}

test('catalogue: a stream that a command made is there after a start, and its number is not used again', () => {
  const at = settings();
  const made = StreamCatalogue.open(at).create(stream({ name: 'orders', partitions: 3, filters: ['a/#'] }));
  assert.deepEqual([made.id, made.origin, made.partitions], [3, 'command', 3]);
  const again = StreamCatalogue.open(at);
  assert.deepEqual(again.find('orders'), made);
  assert.equal(again.delete('orders').id, 3);
  assert.equal(again.create(stream({ name: 'orders' })).id, 4);
  assert.deepEqual(StreamCatalogue.open(at).deleted, [3], 'shards that were down learn of it');
});

test('catalogue: what cannot be made or deleted is refused, and the file stays as it was', () => {
  const at = settings([{ name: 'configured' }]);
  const catalogue = StreamCatalogue.open(at);
  const before = readFileSync(join(at.data_path, 'streams.json'), 'utf8');
  assert.throws(() => catalogue.create(stream({ name: 'mqtt' })), /RMQ-1022 .*there is one of this name already/);
  assert.throws(() => catalogue.create(stream({ name: 'x', filters: ['a/#/b'] })), /RMQ-1022 .*no topic filter/);
  assert.throws(() => catalogue.create(stream({ name: 'x', key: '{level}' })), /RMQ-1022 .*key/);
  assert.throws(() => catalogue.create(stream({ name: 'x', storage: 'memory' })), /RMQ-1022 .*nothing to flush/);
  assert.throws(() => catalogue.delete('mqtt'), /RMQ-1022 .*of the system/);
  assert.throws(() => catalogue.delete('configured'), /RMQ-1022 .*the settings name it/);
  assert.throws(() => catalogue.delete('x'), /RMQ-1023 not found \(stream "x"\)/);
  assert.equal(readFileSync(join(at.data_path, 'streams.json'), 'utf8'), before);
});

test('catalogue: a file without the list of deleted streams is an older one', () => {
  const at = settings();
  StreamCatalogue.open(at);
  const path = join(at.data_path, 'streams.json');
  const { deleted: _, ...older } = JSON.parse(readFileSync(path, 'utf8'));
  writeFileSync(path, JSON.stringify(older));
  assert.deepEqual(StreamCatalogue.open(at).deleted, []);
});
