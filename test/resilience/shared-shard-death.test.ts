import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { SILENT_LOGGER } from '../../src/base/logger.js';
import { startNode } from '../../src/runtime/node.js';
import { SETTINGS_SCHEMA } from '../../src/settings/schema.js';
import { Fleet } from '../durability/fleet.js';
import { countOf, seededRandom } from '../durability/run-options.js';
import { eventually, pass } from './deadline.js';

const SHARDS = 2;
const DEATHS = countOf('SHARD_DEATHS', 4);
const LIFE_MS = 400;
const BACK_MS_MAX = 20_000;

/* Shards die one after the other under the load of the kill loop, which has two shared subscriptions with members on both of them. */

test(`shard death: after ${DEATHS} of them no message of a shared subscription is lost, and none comes twice with QoS 2`, {
  timeout: 60_000 + DEATHS * 30_000,
}, async (context) => {
  const directory = mkdtempSync(join(tmpdir(), 'robustmq-shared-death-'));
  context.after(() => rmSync(directory, { recursive: true, force: true }));
  const settings = SETTINGS_SCHEMA.parse({
    data_path: directory,
    runtime: { shards: SHARDS },
    mqtt: {
      tcp: { port: 0 },
      tls: { port: 0 },
      ws: { enabled: false },
      wss: { enabled: false },
      queue_messages_max: 10_000_000,
      queue_bytes_max: '64GiB',
    },
    grpc: { port: 0 },
    http: { port: 0 },
  });
  const node = await startNode(settings, SILENT_LOGGER);
  context.after(() => node.stop());
  const { url } = node.listeners[0];
  const random = seededRandom();
  context.diagnostic(`seed ${random.seed}`);
  const fleet = new Fleet({ window: 64, fillerBytesMax: 500, perSecond: 300 }, random);
  context.after(() => fleet.drop());
  await fleet.open(url);
  for (let death = 0; death < DEATHS; death += 1) {
    fleet.run(url);
    await pass(LIFE_MS);
    node.terminateShard(death % SHARDS);
    await eventually('the shard is gone', () => !node.isServing(death % SHARDS), BACK_MS_MAX);
    await eventually('its successor serves', () => node.isServing(death % SHARDS), BACK_MS_MAX);
    fleet.drop();
    await fleet.reconnect(url, true);
  }
  await fleet.settle(url);
  const found = fleet.findings();
  context.diagnostic(JSON.stringify(found));
  for (const remark of fleet.remarks()) context.diagnostic(remark);
  assert.deepEqual([found.lost, found.duplicatesQos2, found.corrupt, found.sessionsLost], [0, 0, 0, 0]);
  assert.ok(found.accepted > DEATHS * 20, 'the load was worth it');
});
