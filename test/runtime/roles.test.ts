import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { SILENT_LOGGER } from '../../src/base/logger.js';
import { startByRoles } from '../../src/runtime/start.js';
import { SETTINGS_SCHEMA } from '../../src/settings/schema.js';

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
  } finally {
    await node.stop();
  }
});
