import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from '../resilience/deadline.js';
import { settingsOf, TestCluster } from './test-cluster.js';
import { Writers } from './writers.js';

/** CLUSTER_KILLS=20 is what .ci/run does. */
const KILLS = Number(process.env.CLUSTER_KILLS ?? 2);
const WRITERS = 16;
const NEXT_WRITE_MS_MAX = 4000;

test(`cluster: the leader is killed ${KILLS} times under load, the next write is accepted in time, and nothing acknowledged is lost`, {
  timeout: 60_000 + KILLS * 15_000,
}, async (context) => {
  const cluster = await TestCluster.start(context);
  const writers = new Writers(cluster.client(), WRITERS);
  const gapsMs: number[] = [];
  for (let kill = 0; kill < KILLS; kill += 1) {
    const before = writers.acknowledged.length;
    await eventually('the load runs', () => writers.acknowledged.length > before + 100, 10_000);
    const leader = await cluster.leader();
    const killedMs = performance.now();
    await leader.signal('SIGKILL');
    await eventually('a write that began after the kill is accepted', () => writers.lastSentMs > killedMs, 15_000);
    gapsMs.push(performance.now() - killedMs);
    leader.start();
    await leader.ready();
  }
  await writers.stop();
  gapsMs.sort((a, b) => a - b);
  const worst = gapsMs[gapsMs.length - 1];
  context.diagnostic(
    `${writers.acknowledged.length} acknowledged; next accepted write: median ${gapsMs[gapsMs.length >> 1].toFixed(0)} ms, worst ${worst.toFixed(0)} ms`,
  );
  assert.deepEqual(writers.failures, [], 'a client that tries again notices nothing');
  for (const node of cluster.nodes) {
    const client = cluster.client(node);
    let missing: string[] = [];
    await eventually(
      `${node.name} has all that was acknowledged`,
      async () => {
        const settings = await settingsOf(client);
        missing = writers.acknowledged.filter((key) => !settings.has(key));
        return missing.length === 0;
      },
      10_000,
    );
  }
  assert.ok(worst <= NEXT_WRITE_MS_MAX, `the next write was accepted after ${worst.toFixed(0)} ms`);
});
