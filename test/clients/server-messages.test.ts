import assert from 'node:assert/strict';
import { test } from 'node:test';
import { closeOf, connectClient, connectInbox, type Received, startBroker, urlOf } from './running-broker.js';

/* What the server says under `$SYS`, seen by other people's clients. */

test('$SYS: who subscribes has the numbers at once, as retained, and again at each interval; `#` does not match them', async (context) => {
  const broker = await startBroker(context, 'runtime.shards=2', 'mqtt.sys_interval=1s', 'node.id=n7');
  const everything = await connectInbox(context, urlOf(broker));
  await everything.client.subscribeAsync('#');
  for (let i = 0; i < 4; i += 1) {
    const { client, inbox } = await connectInbox(context, urlOf(broker), { protocolVersion: 5 });
    await client.subscribeAsync('$SYS/broker/uptime');
    const [first, second] = await inbox.until(2, 20_000);
    assert.deepEqual([first.topic, first.retain, second.topic, second.retain], ['$SYS/broker/uptime', true, '$SYS/broker/uptime', false]);
    assert.match(second.payload, /^\d+ seconds$/);
  }
  const { client, inbox } = await connectInbox(context, urlOf(broker), { protocolVersion: 5 });
  await client.subscribeAsync('$SYS/brokers/+/stats/connections/count', { qos: 0, rh: 2 });
  const connected = await waitFor(inbox, ({ payload }) => payload === '6');
  assert.deepEqual(
    [connected.topic, connected.retain],
    ['$SYS/brokers/n7/stats/connections/count', false],
    'Retain Handling 2 gets nothing at once',
  );
  const refused = await client.publishAsync('$SYS/broker/uptime', 'forged', { qos: 1 }).then(
    () => 0,
    (error: { code: number }) => error.code,
  );
  assert.equal(refused, 0x87);
  assert.deepEqual(everything.inbox.messages, []);
});

test('$SYS: a subscription on any shard gets each value once an interval', async (context) => {
  const broker = await startBroker(context, 'runtime.shards=2', 'mqtt.sys_interval=1s');
  const inboxes = [];
  for (let i = 0; i < 4; i += 1) {
    const { client, inbox } = await connectInbox(context, urlOf(broker), { protocolVersion: 5 });
    await client.subscribeAsync('$SYS/brokers/+/uptime', { qos: 0, rh: 2 });
    inboxes.push(inbox);
  }
  for (const inbox of inboxes) {
    const seconds = (await inbox.until(3, 30_000)).map(({ payload }) => Number(payload));
    for (const [i, value] of seconds.entries()) assert.ok(i === 0 || value > seconds[i - 1], `each once: ${seconds}`);
  }
});

test('client events: who subscribes sees clients of all shards connect, subscribe, unsubscribe and go, as JSON', async (context) => {
  const broker = await startBroker(context, 'runtime.shards=2', 'node.id=n1');
  const { client, inbox } = await connectInbox(context, urlOf(broker));
  await client.subscribeAsync('$SYS/brokers/n1/clients/+/+');
  for (const clientId of ['dev-1', 'dev-2', 'a/b']) {
    inbox.messages.length = 0;
    const level = clientId.replace('/', '%2F');
    const device = await connectClient(context, urlOf(broker), {
      clientId,
      protocolVersion: 5,
      keepalive: 33,
      username: 'joe',
      password: 'x',
    });
    await device.subscribeAsync('t/+', { qos: 1 });
    await device.unsubscribeAsync('t/+');
    await device.endAsync();
    const events = (await waitForAll(inbox, level, 4)).map(({ topic, payload }) => [topic.split('/').at(-1), JSON.parse(payload)] as const);
    const [connected, subscribed, unsubscribed, disconnected] = events.map(([, body]) => body as Record<string, unknown>);
    assert.deepEqual(
      events.map(([kind]) => kind),
      ['connected', 'subscribed', 'unsubscribed', 'disconnected'],
    );
    assert.deepEqual(
      [connected['clientid'], connected['keepalive'], connected['proto_ver'], connected['ipaddress']],
      [clientId, 33, 5, '127.0.0.1'],
    );
    assert.deepEqual([subscribed['topic'], (subscribed['subopts'] as Record<string, unknown>)['qos']], ['t/+', 1]);
    assert.deepEqual([unsubscribed['topic'], disconnected['reason']], ['t/+', 'the client disconnected']);
  }
});

test('client events: why a connection ended is said, and nothing is said where they are off', async (context) => {
  const broker = await startBroker(context);
  const { client, inbox } = await connectInbox(context, urlOf(broker));
  await client.subscribeAsync('$SYS/brokers/+/clients/+/disconnected');
  const first = await connectClient(context, urlOf(broker), { clientId: 'twice' });
  const gone = closeOf(first);
  await connectClient(context, urlOf(broker), { clientId: 'twice' });
  await gone;
  const { payload } = (await inbox.until(1))[0];
  assert.equal((JSON.parse(payload) as Record<string, unknown>)['reason'], 'another connection took the session over');

  const silent = await startBroker(context, 'mqtt.client_events=false');
  const other = await connectInbox(context, urlOf(silent));
  await other.client.subscribeAsync(['$SYS/brokers/+/clients/+/+', 'end']);
  const device = await connectClient(context, urlOf(silent));
  await device.publishAsync('end', 'end', { qos: 1 });
  assert.deepEqual(
    (await other.inbox.until(1)).map(({ topic }) => topic),
    ['end'],
  );
});

test('alarms: a shard that died raises its alarm for whoever watches, and it is over after its time', async (context) => {
  const broker = await startBroker(context, 'runtime.shards=2', 'node.id=n1', 'alarms.event_stays=3s');
  const { client, inbox } = await connectInbox(context, urlOf(broker), { clientId: 'watcher' });
  await client.subscribeAsync('$SYS/brokers/n1/alarms/+');
  const mine = (broker as unknown as { connectionsOf(shard: number): number }).connectionsOf(0) > 0 ? 0 : 1;
  (broker as unknown as { terminateShard(shard: number): void }).terminateShard(1 - mine);
  const [activated, deactivated] = (await inbox.until(2, 30_000)).map(({ topic, payload }) => [topic, JSON.parse(payload)] as const);
  assert.equal(activated[0], '$SYS/brokers/n1/alarms/activate');
  assert.deepEqual([activated[1].name, activated[1].subject], ['shard-restarted', `shard ${1 - mine}`]);
  assert.equal(deactivated[0], '$SYS/brokers/n1/alarms/deactivate');
  assert.ok(deactivated[1].deactivated_at >= activated[1].activated_at + 3000);
});

async function waitFor(inbox: { readonly messages: Received[] }, isIt: (message: Received) => boolean): Promise<Received> {
  const deadline = Date.now() + 30_000;
  for (;;) {
    const found = inbox.messages.find(isIt);
    if (found !== undefined) return found;
    if (Date.now() > deadline) throw new Error(`not among ${JSON.stringify(inbox.messages)}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

async function waitForAll(inbox: { readonly messages: Received[] }, level: string, count: number): Promise<Received[]> {
  const ofClient = (): Received[] => inbox.messages.filter(({ topic }) => topic.split('/')[4] === level);
  await waitFor(inbox, () => ofClient().length >= count);
  return ofClient();
}
