import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { status as callStatus } from '@grpc/grpc-js';
import { SILENT_LOGGER } from '../../src/base/logger.js';
import { MqttService } from '../../src/metadata/grpc/generated/robustmq/v1/mqtt.js';
import { startByRoles } from '../../src/runtime/start.js';
import { SETTINGS_SCHEMA } from '../../src/settings/schema.js';
import { openClient } from '../metadata/grpc/public-client.js';
import { failureOf } from '../metadata/grpc/raw-calls.js';

test('roles: a node with meta alone keeps the metadata, and serves no clients', async (context) => {
  const directory = mkdtempSync(join(tmpdir(), 'robustmq-roles-'));
  context.after(() => rmSync(directory, { recursive: true, force: true }));
  const settings = SETTINGS_SCHEMA.parse({ data_path: directory, roles: ['meta'], grpc: { port: 0 }, http: { port: 0 } });
  const node = await startByRoles(settings, SILENT_LOGGER);
  try {
    assert.deepEqual([node.listeners, node.shardCount], [[], 0]);
    assert.match(node.grpcAddress, /^127\.0\.0\.1:\d+$/);
    const status = await node.query({ verb: 'cluster-status' });
    assert.ok('role' in status && 'voters' in status);
    assert.deepEqual([status.role, status.voters], ['leader', [1]]);
    await assert.rejects(node.query({ verb: 'stream-list' }), /RMQ-1024 .*role meta alone/);
    const asked = await failureOf(openClient(context, node.grpcAddress), MqttService.listTraces, { pageSize: 0, pageToken: '' });
    assert.deepEqual([asked.status, asked.code], [callStatus.UNAVAILABLE, 'RMQ-1024']);
  } finally {
    await node.stop();
  }
});
