import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RecordingLogger } from '../../src/base/logger.js';
import { withConnectionsThatFit } from '../../src/runtime/descriptor-share.js';
import { SETTINGS_SCHEMA } from '../../src/settings/schema.js';

function fitted(connectionsMax: number, reserved: number, descriptors: number | null): { connections: number; said: string[] } {
  const log = new RecordingLogger();
  const settings = SETTINGS_SCHEMA.parse({ runtime: { descriptors_reserved: reserved }, mqtt: { connections_max: connectionsMax } });
  const { mqtt } = withConnectionsThatFit(settings, log, descriptors);
  return { connections: mqtt.connections_max, said: log.records.map(({ event }) => event) };
}

test('descriptor share: connections leave what is reserved, and what is lowered is said', () => {
  assert.deepEqual(fitted(1000, 128, 1024), { connections: 896, said: ['process.few-descriptors'] });
  assert.deepEqual(fitted(896, 128, 1024), { connections: 896, said: [] });
  assert.deepEqual(fitted(10, 128, 1024), { connections: 10, said: [] });
});

test('descriptor share: an unknown limit changes nothing, and a tiny one leaves one connection', () => {
  assert.deepEqual(fitted(1000, 128, null), { connections: 1000, said: [] });
  assert.deepEqual(fitted(1000, 128, 64), { connections: 1, said: ['process.few-descriptors'] });
});
