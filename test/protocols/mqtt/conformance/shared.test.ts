import assert from 'node:assert/strict';
import { frame, props, text, u16 } from './frame.js';
import type { Peer } from './peer.js';
import { startProving } from './prove.js';

/* Shared subscriptions: §4.8.2. MQTT 3 clients may use them too, though no statement binds us there. */

const prove = startProving();

prove(
  '5.0 MQTT-4.8.2-1 MQTT-4.8.2-2 | 3.1.1 MQTT-4.8.0-1: shared filters without a group, with wildcards in it, or without a filter behind it, end the connection',
  async (stage) => {
    const properties = stage.version === 5 ? [props()] : [];
    for (const filter of [
      '$share//a',
      '$share/a+b/x',
      '$share/a#/x',
      '$share/+/x',
      '$share/g',
      '$share/g/',
      '$share/',
      '$share/g/a#',
      '$share/g/#/a',
    ]) {
      const peer = await stage.connect();
      peer.send(frame(0x82, u16(1), ...properties, text(filter), 1));
      if (stage.version === 5) {
        const { reasonCode } = await peer.hear('disconnect');
        assert.ok(reasonCode === 0x81 || reasonCode === 0x8f, filter);
      }
      await peer.close();
    }
  },
);

prove('5.0 MQTT-4.8.2-3 | 3.1.1: each message goes to one member of a group, with the QoS granted to that member', async (stage) => {
  const members = [await stage.connect(), await stage.connect()];
  for (const [i, member] of members.entries()) assert.equal(await member.subscribe(`$share/g/${stage.name('a')}`, { qos: i as 0 | 1 }), i);
  const publisher = await stage.connect();
  for (let i = 0; i < 10; i += 1) await publisher.publish(stage.name('a'), String(i), { qos: 2 });
  let count = 0;
  for (const [i, member] of members.entries()) {
    while (await member.hasMore()) {
      assert.equal((await member.message()).qos, i);
      count += 1;
    }
  }
  assert.equal(count, 10);
});

prove('5.0 | 3.1.1: two groups and a subscription of its own on one filter all get a message', async (stage) => {
  const peers: Peer[] = [];
  for (const filter of ['$share/g/', '$share/h/', ''].map((group) => `${group}${stage.name('a')}`)) {
    const peer = await stage.connect();
    await peer.subscribe(filter, { qos: 1 });
    peers.push(peer);
  }
  await (await stage.connect()).publish(stage.name('a'), 'x');
  for (const peer of peers) await peer.message();
});

prove('5.0 MQTT-4.8.2-4: a QoS 2 delivery that a member began is completed with it when it is back', async (stage) => {
  const filter = `$share/g/${stage.name('a')}`;
  const member = await stage.keep('member');
  await member.subscribe(filter, { qos: 2 });
  await (await stage.connect()).publish(stage.name('a'), 'x', { qos: 2 });
  const { messageId = 0 } = await member.hear('publish');
  const other = await stage.connect();
  await other.subscribe(filter, { qos: 2 });
  member.drop();
  const back = await stage.keep('member');
  await back.hear('publish', { messageId, dup: true });
  back.say({ cmd: 'pubrec', messageId });
  await back.hear('pubrel', { messageId });
  back.say({ cmd: 'pubcomp', messageId });
  await back.quiet();
  await other.quiet();
});

prove('5.0 MQTT-4.8.2-5: a QoS 2 delivery whose member ends its session goes to nobody else', async (stage) => {
  const filter = `$share/g/${stage.name('a')}`;
  const member = await stage.keep('member');
  await member.subscribe(filter, { qos: 2 });
  await (await stage.connect()).publish(stage.name('a'), 'x', { qos: 2 });
  await member.hear('publish', { qos: 2 });
  const other = await stage.connect();
  await other.subscribe(filter, { qos: 2 });
  await member.leave(0, 0);
  await other.quiet();
  await (await stage.connect()).publish(stage.name('a'), 'next', { qos: 2 });
  assert.equal((await other.message()).payload.toString(), 'next');
});

prove('5.0 MQTT-4.8.2-6: a message that a member refuses is given to no other', async (stage) => {
  const filter = `$share/g/${stage.name('a')}`;
  const member = await stage.connect();
  await member.subscribe(filter, { qos: 2 });
  const publisher = await stage.connect();
  await publisher.publish(stage.name('a'), 'one', { qos: 1 });
  await publisher.publish(stage.name('a'), 'two', { qos: 2 });
  const ids = [await member.hear('publish'), await member.hear('publish')].map(({ messageId }) => messageId as number);
  const other = await stage.connect();
  await other.subscribe(filter, { qos: 2 });
  member.say({ cmd: 'puback', messageId: ids[0], reasonCode: 0x80 }, { cmd: 'pubrec', messageId: ids[1], reasonCode: 0x97 });
  await member.quiet();
  await other.quiet();
  await member.leave();
  await other.quiet();
});

prove('5.0 MQTT-4.7.2-1: a shared filter that begins with a wildcard matches no topic that begins with $', async (stage) => {
  const member = await stage.connect();
  await member.subscribe('$share/dollar/#', { qos: 1 });
  await (await stage.connect()).publish(`$${stage.name('hidden')}/x`, 'x');
  await member.quiet();
});

prove('5.0 MQTT-3.10.4-1: a shared subscription ends by UNSUBSCRIBE of its whole filter, and leaves the plain one', async (stage) => {
  const peer = await stage.connect();
  await peer.subscribe(`$share/g/${stage.name('a')}`, { qos: 1 });
  await peer.subscribe(stage.name('a'), { qos: 1 });
  await peer.unsubscribe(`$share/g/${stage.name('a')}`);
  await (await stage.connect()).publish(stage.name('a'), 'x');
  await peer.message();
  await peer.quiet();
});
