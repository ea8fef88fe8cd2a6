import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EVENT } from '../../src/transport/ports.js';
import { publish } from './mqtt-bytes.js';
import { Probe, type VirtualPeer } from './probe.js';
import { type CreateUnderTest, withTransport } from './under-test.js';

export function topicConformance(name: string, create: CreateUnderTest): void {
  test(`${name}: a topic has one number, however it comes in`, async () => {
    await withTransport(create, {}, async ({ transport }) => {
      const probe = new Probe(transport);
      const fromCode = transport.internTopic(Buffer.from('plant/été'));
      const peer = probe.open();
      assert.equal(await numberOf(probe, peer, 'plant/été'), fromCode);
      assert.equal(transport.topicName(fromCode), 'plant/été');
      assert.ok(fromCode >= 0 && fromCode < transport.topicsMax);
      assert.notEqual(await numberOf(probe, peer, 'plant/ete'), fromCode);
    });
  });

  test(`${name}: what is not a topic name has no number`, async () => {
    await withTransport(create, {}, async ({ transport }) => {
      new Probe(transport);
      for (const bytes of [
        Buffer.from(''),
        Buffer.from('a/+'),
        Buffer.from('#'),
        Buffer.from([0]),
        Buffer.from([0xff]),
        Buffer.from([0xed, 0xbf, 0xbf]),
      ]) {
        assert.equal(transport.internTopic(bytes), -1, bytes.toString('hex'));
      }
      for (const text of ['/', 'a//b', '$SYS/x', ' ', '\ufeff', '\uffff', '\u{10ffff}', 'x'.repeat(65535)]) {
        const topic = transport.internTopic(Buffer.from(text));
        assert.ok(topic >= 0, `${text.slice(0, 10)} is a topic name`);
        assert.equal(transport.topicName(topic), text);
      }
    });
  });

  test(`${name}: a full table evicts, and the generation of a number tells`, async () => {
    await withTransport(create, { topicsMax: 16 }, async ({ transport }) => {
      const probe = new Probe(transport);
      const peer = probe.open();
      const given = new Map<number, { name: string; generation: number }>();
      let evicted = 0;
      for (let i = 0; i < 200; i += 1) {
        const name = `topic/${i}`;
        const number = await numberOf(probe, peer, name);
        assert.equal(transport.topicName(number), name);
        const generation = transport.topicGenerations[number];
        const earlier = given.get(number);
        if (earlier !== undefined) {
          assert.notEqual(earlier.generation, generation, 'a number given again has another generation');
          evicted += 1;
        }
        given.set(number, { name, generation });
      }
      assert.ok(given.size <= 16);
      assert.ok(evicted >= 200 - 16);
    });
  });

  test(`${name}: more topics in one burst than the table holds: every row is right in its turn`, async () => {
    await withTransport(create, { topicsMax: 16 }, async ({ transport }) => {
      const probe = new Probe(transport);
      const peer = probe.open();
      const wrong: string[] = [];
      let met = 0;
      probe.onRow = (row) => {
        if (row.kind !== EVENT.publish) return;
        const said = row.bytes.subarray(4, 4 + (row.extra >> 8)).toString();
        if (transport.topicName(row.number) !== said) wrong.push(said);
        met += 1;
      };
      const names = Array.from({ length: 100 }, (_, i) => `burst/${i}`);
      peer.push(Buffer.concat(names.map((topic) => publish({ topic }))));
      await probe.until(() => met >= names.length, 'all rows');
      assert.deepEqual(wrong, []);
    });
  });
}

async function numberOf(probe: Probe, peer: VirtualPeer, topic: string): Promise<number> {
  const before = probe.rowsOf(peer.connection, EVENT.publish).length;
  peer.push(publish({ topic }));
  const row = await probe.untilRow(peer.connection, EVENT.publish, before + 1);
  return row.number;
}
