import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { SILENT_LOGGER } from '../../src/base/logger.js';
import { startNode } from '../../src/runtime/node.js';
import type { BridgeSettings } from '../../src/settings/bridge-schema.js';
import { SETTINGS_SCHEMA } from '../../src/settings/schema.js';
import { eventually } from '../resilience/deadline.js';
import { connectClient, connectInbox, startBroker, urlOf } from './running-broker.js';

/** A broker with bridges, on a data directory of its own. */
async function startBridged(context: TestContext, bridges: readonly Partial<BridgeSettings>[], shards = 2) {
  const dataPath = mkdtempSync(join(tmpdir(), 'robustmq-bridge-'));
  const quick = bridges.map((bridge) => ({ reconnect_min: '100ms', reconnect_max: '200ms', ...bridge }));
  const settings = SETTINGS_SCHEMA.parse({
    data_path: dataPath,
    runtime: { shards },
    mqtt: { tcp: { port: 0 }, tls: { port: 0 }, ws: { enabled: false }, wss: { enabled: false }, bridges: quick },
    grpc: { port: 0 },
    http: { port: 0 },
  });
  const node = await startNode(settings, SILENT_LOGGER);
  context.after(async () => {
    await node.stop();
    rmSync(dataPath, { recursive: true, force: true });
  });
  return node;
}

/** Something between the bridge and the other broker that can be cut. */
class Cable {
  readonly #sockets: Set<Socket> = new Set();
  readonly #target: number;
  isCut = false;

  private constructor(server: Server, target: number) {
    this.#target = target;
    server.on('connection', (socket) => this.#join(socket));
  }

  static async to(context: TestContext, url: string): Promise<{ cable: Cable; url: string }> {
    const server = createServer();
    const cable = new Cable(server, Number(new URL(url).port));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    context.after(() => {
      cable.cut();
      server.close();
    });
    const address = server.address();
    assert.ok(address !== null && typeof address === 'object');
    return { cable, url: `mqtt://127.0.0.1:${address.port}` };
  }

  cut(): void {
    this.isCut = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  mend(): void {
    this.isCut = false;
  }

  #join(socket: Socket): void {
    if (this.isCut) {
      socket.destroy();
      return;
    }
    const other = connect(this.#target, '127.0.0.1');
    for (const end of [socket, other]) {
      this.#sockets.add(end);
      end.on('error', () => {});
      end.on('close', () => {
        this.#sockets.delete(end);
        socket.destroy();
        other.destroy();
      });
    }
    socket.pipe(other);
    other.pipe(socket);
  }
}

test('bridge: messages go out and come in under their prefixes, and none goes in a circle', async (context) => {
  const remote = await startBroker(context, 'runtime.shards=1');
  const topics = [
    { direction: 'both', filter: 'shared/#', qos: 1, local_prefix: '', remote_prefix: '' },
    { direction: 'out', filter: 'sensor/#', qos: 1, local_prefix: 'here/', remote_prefix: 'there/' },
    { direction: 'in', filter: 'cmd/#', qos: 1, local_prefix: 'from/', remote_prefix: '' },
  ] as BridgeSettings['topics'];
  const local = await startBridged(context, [{ name: 'b', url: urlOf(remote), topics }]);
  const { client: here, inbox: heardHere } = await connectInbox(context, urlOf(local), { protocolVersion: 5 });
  const { client: there, inbox: heardThere } = await connectInbox(context, urlOf(remote), { protocolVersion: 5 });
  await here.subscribeAsync(['from/#', 'shared/#'], { qos: 1 });
  await there.subscribeAsync(['there/#', 'shared/#'], { qos: 1 });
  await eventually('the bridge carries', async () => {
    await here.publishAsync('here/sensor/1', 'warm-up', { qos: 1 });
    return heardThere.messages.length > 0;
  });
  await here.publishAsync('here/sensor/2', 'out', { qos: 1, properties: { userProperties: { k: 'v' }, contentType: 'text' } });
  await there.publishAsync('cmd/go', 'in', { qos: 1 });
  await here.publishAsync('shared/a', 'from here', { qos: 1 });
  await there.publishAsync('shared/b', 'from there', { qos: 1 });
  await here.publishAsync('here/sensor/2', 'end', { qos: 1 });
  await there.publishAsync('cmd/go', 'end', { qos: 1 });
  const textOf = ({ messages }: typeof heardHere): string[] =>
    messages.map(({ topic, payload }) => `${topic} ${payload}`).filter((text) => !text.includes('warm-up'));
  await eventually(
    'all has come',
    () => textOf(heardHere).includes('from/cmd/go end') && textOf(heardThere).includes('there/sensor/2 end'),
  );
  assert.deepEqual(textOf(heardHere).sort(), ['from/cmd/go end', 'from/cmd/go in', 'shared/a from here', 'shared/b from there']);
  assert.deepEqual(textOf(heardThere).sort(), ['shared/a from here', 'shared/b from there', 'there/sensor/2 end', 'there/sensor/2 out']);
  const carried = heardThere.messages.find(({ payload }) => payload === 'out');
  assert.equal(carried?.properties.contentType, 'text');
  assert.match(JSON.stringify(carried?.properties.userProperties), /"k":"v"/, 'properties go along');
});

test('bridge: what comes back through a third broker is dropped, and counted nowhere as new', async (context) => {
  const [b, c] = [await startBroker(context, 'runtime.shards=1'), await startBroker(context, 'runtime.shards=1')];
  const topics = [{ direction: 'both', filter: '#', qos: 1, local_prefix: '', remote_prefix: '' }] as BridgeSettings['topics'];
  // a <-> b, a <-> c and, by a bridge of d, b <-> c: a ring of four.
  const a = await startBridged(context, [
    { name: 'ab', url: urlOf(b), topics },
    { name: 'ac', url: urlOf(c), topics },
  ]);
  await startBridged(context, [
    { name: 'db', url: urlOf(b), topics },
    { name: 'dc', url: urlOf(c), topics },
  ]);
  const { client, inbox } = await connectInbox(context, urlOf(a), { protocolVersion: 5 });
  const { inbox: far, client: listener } = await connectInbox(context, urlOf(c), { protocolVersion: 5 });
  await client.subscribeAsync('#', { qos: 1 });
  await listener.subscribeAsync('#', { qos: 1 });
  await eventually('the ring is closed', async () => {
    await client.publishAsync('t', 'warm-up', { qos: 1 });
    return far.messages.length > 1;
  });
  await client.publishAsync('t', 'once', { qos: 1 });
  for (let i = 0; i < 20; i += 1) await client.publishAsync('t', `after ${i}`, { qos: 1 });
  await eventually('the last one has gone round', () => far.messages.filter(({ payload }) => payload === 'after 19').length >= 1);
  await client.publishAsync('t', 'end', { qos: 1 });
  await eventually('the end has come', () => inbox.messages.some(({ payload }) => payload === 'end'));
  const heard = inbox.messages.filter(({ payload }) => payload === 'once').length;
  assert.ok(heard <= 2, `its own broker gave it once, and d once more at most: ${heard}`);
});

test('bridge: what the other side does not take meanwhile waits here, and nothing is lost', async (context) => {
  const remote = await startBroker(context, 'runtime.shards=1');
  const { cable, url } = await Cable.to(context, urlOf(remote));
  const topics = [
    { direction: 'out', filter: 'out/#', qos: 1, local_prefix: '', remote_prefix: '' },
    { direction: 'in', filter: 'in/#', qos: 1, local_prefix: '', remote_prefix: '' },
  ] as BridgeSettings['topics'];
  const local = await startBridged(context, [{ name: 'b', url, inflight: 10, topics }]);
  const here = await connectInbox(context, urlOf(local), { protocolVersion: 5 });
  const there = await connectInbox(context, urlOf(remote), { protocolVersion: 5 });
  await here.client.subscribeAsync('in/#', { qos: 1 });
  await there.client.subscribeAsync('out/#', { qos: 1 });
  await eventually('the bridge carries', async () => {
    await here.client.publishAsync('out/w', 'warm-up', { qos: 1 });
    await there.client.publishAsync('in/w', 'warm-up', { qos: 1 });
    return here.inbox.messages.length > 0 && there.inbox.messages.length > 0;
  });
  const wanted: string[] = [];
  for (let round = 0; round < 6; round += 1) {
    if (round % 2 === 1) cable.cut();
    for (let i = 0; i < 50; i += 1) {
      const payload = `${round}.${i}`;
      wanted.push(payload);
      await Promise.all([here.client.publishAsync('out/m', payload, { qos: 1 }), there.client.publishAsync('in/m', payload, { qos: 1 })]);
      if (i === 25 && round % 2 === 0) cable.cut();
      if (i === 30) cable.mend();
    }
  }
  const missingIn = (inbox: typeof here.inbox): string[] => {
    const seen = new Set(inbox.messages.map(({ payload }) => payload));
    return wanted.filter((payload) => !seen.has(payload));
  };
  await eventually('all has come on both sides', () => missingIn(here.inbox).length + missingIn(there.inbox).length === 0, 20_000).catch(
    () => {},
  );
  assert.deepEqual([missingIn(here.inbox), missingIn(there.inbox)], [[], []]);
});

const hasMosquitto = spawnSync('sh', ['-c', 'command -v mosquitto || test -x /usr/sbin/mosquitto']).status === 0;

test('bridge: to Mosquitto, with MQTT 3.1.1 and 5', { skip: hasMosquitto ? false : 'mosquitto is not installed' }, async (context) => {
  const directory = mkdtempSync(join(tmpdir(), 'robustmq-mosquitto-'));
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  assert.ok(address !== null && typeof address === 'object');
  const { port } = address;
  probe.close();
  writeFileSync(join(directory, 'mosquitto.conf'), `listener ${port} 127.0.0.1\nallow_anonymous true\n`);
  const mosquitto: ChildProcess = spawn('mosquitto', ['-c', join(directory, 'mosquitto.conf')], {
    stdio: 'ignore',
    env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` },
  });
  context.after(() => {
    mosquitto.kill('SIGKILL');
    rmSync(directory, { recursive: true, force: true });
  });
  const url = `mqtt://127.0.0.1:${port}`;
  const topics = (prefix: string) =>
    [
      { direction: 'out', filter: 'o/#', qos: 1, local_prefix: '', remote_prefix: prefix },
      { direction: 'in', filter: 'i/#', qos: 1, local_prefix: prefix, remote_prefix: '' },
    ] as BridgeSettings['topics'];
  const local = await startBridged(context, [
    { name: 'three', url, version: 4, topics: topics('v3/') },
    { name: 'five', url, version: 5, topics: topics('v5/') },
  ]);
  const here = await connectInbox(context, urlOf(local));
  await eventually(
    'mosquitto listens',
    () =>
      connectClient(context, url).then(
        () => true,
        () => false,
      ),
    10_000,
  );
  const there = await connectInbox(context, url);
  await here.client.subscribeAsync(['v3/#', 'v5/#'], { qos: 1 });
  await there.client.subscribeAsync(['v3/#', 'v5/#'], { qos: 1 });
  await eventually(
    'both bridges carry both ways',
    async () => {
      await here.client.publishAsync('o/1', 'x', { qos: 1 });
      await there.client.publishAsync('i/1', 'y', { qos: 1 });
      const topicsOf = ({ messages }: typeof here.inbox): Set<string> => new Set(messages.map(({ topic }) => topic));
      return topicsOf(there.inbox).size === 2 && topicsOf(here.inbox).size === 2;
    },
    15_000,
  );
  assert.deepEqual([...new Set(there.inbox.messages.map(({ topic }) => topic))].sort(), ['v3/o/1', 'v5/o/1']);
  assert.deepEqual([...new Set(here.inbox.messages.map(({ topic }) => topic))].sort(), ['v3/i/1', 'v5/i/1']);
});
