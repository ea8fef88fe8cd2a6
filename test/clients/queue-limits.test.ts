import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { RawClient } from './raw-client.js';
import { startBroker, urlOf } from './running-broker.js';

const MESSAGES = 250;
const TOPICS = 5;
const QUEUE_MESSAGES_MAX = 100;

/** A session that was away while `MESSAGES` were published to its filter, and what it got when it came back. */
async function heardAfter(context: TestContext, filter: string, ...settings: string[]): Promise<number[]> {
  const broker = await startBroker(context, 'runtime.shards=2', ...settings);
  const url = urlOf(broker);
  const options = { clientId: 'away', clean: false };
  const first = await RawClient.connect(context, url, options, 4);
  await first.subscribe(filter, 1);
  first.say({ cmd: 'disconnect' });
  await first.closed();
  const publisher = await RawClient.connect(context, url, {}, 4);
  for (let i = 0; i < MESSAGES; i += 1)
    publisher.say({
      cmd: 'publish',
      topic: `queue/${i % TOPICS}`,
      payload: String(i),
      qos: 1,
      messageId: i + 1,
      dup: false,
      retain: false,
    });
  await publisher.until(() => publisher.count('puback') === MESSAGES, 'all are acknowledged');
  const back = await RawClient.connect(context, url, options, 4);
  for (let topic = 0; topic < TOPICS; topic += 1)
    publisher.say({ cmd: 'publish', topic: `queue/${topic}`, payload: 'last', qos: 1, messageId: 900 + topic, dup: false, retain: false });
  const heard: number[] = [];
  let lasts = 0;
  const take = (packet: RawClient['packets'][number]): void => {
    if (packet.cmd !== 'publish') return;
    back.say({ cmd: 'puback', messageId: packet.messageId as number });
    if (packet.payload.toString() === 'last') lasts += 1;
    else heard.push(Number(packet.payload.toString()));
  };
  for (const packet of back.packets) take(packet);
  back.onPacket = take;
  await back.until(() => lasts === (filter.endsWith('#') ? TOPICS : 1), 'the last message of each topic');
  back.say({ cmd: 'pingreq' });
  await back.hear('pingresp');
  return heard;
}

const LIMIT = `mqtt.queue_messages_max=${QUEUE_MESSAGES_MAX}`;

test('queue limits: a session that was away gets the newest messages that its queue has room for', async (context) => {
  const heard = await heardAfter(context, 'queue/3', 'mqtt.queue_messages_max=20');
  assert.deepEqual(
    heard,
    Array.from({ length: 20 }, (_, i) => 5 * (30 + i) + 3),
  );
});

test('queue limits: or the oldest, if the newest are dropped', async (context) => {
  const heard = await heardAfter(context, 'queue/3', 'mqtt.queue_messages_max=20', 'mqtt.queue_overflow=drop-newest');
  assert.deepEqual(
    heard,
    Array.from({ length: 20 }, (_, i) => 5 * i + 3),
  );
});

test('queue limits: over several logs each gives its share, and no more than the limit come', async (context) => {
  const heard = await heardAfter(context, 'queue/#', LIMIT);
  assert.equal(heard.length, QUEUE_MESSAGES_MAX);
  for (let topic = 0; topic < 5; topic += 1) {
    const own = heard.filter((number) => number % 5 === topic);
    assert.ok(own.length >= 15 && own.length <= 25, `topic ${topic}: ${own.length}`);
    assert.deepEqual(
      own,
      [...own].sort((a, b) => a - b),
    );
    assert.equal(own[own.length - 1], MESSAGES - 5 + topic, 'the newest are there');
  }
});

test('queue limits: bytes count too', async (context) => {
  const heard = await heardAfter(context, 'queue/3', 'mqtt.queue_bytes_max=200');
  assert.ok(heard.length >= 15 && heard.length <= 25, `${heard.length} of about 10 bytes each`);
});
