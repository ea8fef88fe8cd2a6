import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RecordingLogger, SILENT_LOGGER } from '../../src/base/logger.js';

test('logger: a child keeps the fields of its parent and shares its records', () => {
  const log = new RecordingLogger();
  log.child({ shard: 1 }).child({ connection: 7 }).warn('connection.slow', 'output waits', { bytes: 10 });
  assert.deepEqual(log.records, [
    { level: 'warn', event: 'connection.slow', sentence: 'output waits', fields: { shard: 1, connection: 7, bytes: 10 } },
  ]);
});

test('logger: the silent one takes everything and has no level enabled', () => {
  SILENT_LOGGER.child({ a: 1 }).fatal('a.b', 'nobody hears this');
  assert.equal(SILENT_LOGGER.isEnabled('fatal'), false);
});
