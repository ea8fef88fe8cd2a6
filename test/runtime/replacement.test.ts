import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clientsOn, DEADLINE_MS, nextMessage, settingsFor, TRANSPORTS, until, withNode } from './running-node.js';

for (const transport of TRANSPORTS) {
  test(`node, ${transport}: a shard that dies comes back within 2 s, and another serves all the while`, {
    timeout: DEADLINE_MS,
  }, async () => {
    await withNode(settingsFor(transport, 2), async (node, log) => {
      const url = node.listeners[0].url;
      const [victim, survivor] = await clientsOn(node, url, [0, 1]);
      await survivor.subscribeAsync('s', { qos: 1 });
      const isGone = new Promise<void>((resolve) => victim.once('close', resolve));
      const beganMs = performance.now();
      node.terminateShard(0);
      await isGone;
      const got = nextMessage(survivor);
      await survivor.publishAsync('s', 'still here', { qos: 1 });
      assert.equal(await got, 's still here');
      await until('the death is seen', () => log.records.some((record) => record.event === 'shard.died'));
      await until('the shard serves again', () => node.isServing(0));
      assert.ok(performance.now() - beganMs < 2000, 'within 2 s');
      const died = log.records.find((record) => record.event === 'shard.died');
      assert.match(String(died?.fields.error), /RMQ-1013/);

      const [returned] = await clientsOn(node, url, [0]);
      const crossing = nextMessage(survivor);
      await returned.publishAsync('s', 'across', { qos: 1 });
      assert.equal(await crossing, 's across');
    });
  });
}

test('node: a shard that hangs is ended where it stands, with the process and the others alive', { timeout: DEADLINE_MS }, async () => {
  await withNode(
    settingsFor(TRANSPORTS[0], 2),
    async (node, log) => {
      const [survivor] = await clientsOn(node, node.listeners[0].url, [1]);
      node.terminateShard(0, 'hang');
      await survivor.subscribeAsync('never answered by the other', { qos: 0 }).catch(() => {});
      await until('the hung shard is ended', () => log.records.some((record) => record.event === 'shard.died'));
      await until('the shard serves again', () => node.isServing(0));
      const died = log.records.find((record) => record.event === 'shard.died');
      const error = died?.fields.error;
      assert.ok(error instanceof Error && error.cause instanceof Error);
      assert.match(error.cause.message, /runtime\/shard\.js/);
      const got = nextMessage(survivor);
      await survivor.subscribeAsync('t');
      await survivor.publishAsync('t', 'alive');
      assert.equal(await got, 't alive');
    },
    { silenceMsMax: 1000 },
  );
});
