import assert from 'node:assert/strict';
import { test } from 'node:test';
import { COUNTER, EVENT, FAULT, FRAMING } from '../../src/transport/ports.js';
import { acknowledgement, CONNECT, frame, PINGREQ, publish, SUBSCRIBE, u16, varint } from './mqtt-bytes.js';
import { flatten, Probe } from './probe.js';
import { type CreateUnderTest, withTransport } from './under-test.js';

const STREAM = Buffer.concat([
  publish({ topic: 'a/b', payload: 'one' }),
  publish({ topic: 'a/b', payload: 'two' }),
  publish({ topic: 'a/b', payload: 'x'.repeat(130), qos: 1, packetId: 7 }),
  acknowledgement(0x40, 1),
  acknowledgement(0x40, 2),
  acknowledgement(0x62, 300),
  PINGREQ,
  SUBSCRIBE,
  publish({ topic: 'ü', payload: '', qos: 2, packetId: 65535, retain: 1 }),
]);

const STREAM_LINES = [
  `publish 4 a/b ${publish({ topic: 'a/b', payload: 'one' }).toString('hex')}`,
  `publish 4 a/b ${publish({ topic: 'a/b', payload: 'two' }).toString('hex')}`,
  `publish 4 a/b ${publish({ topic: 'a/b', payload: 'x'.repeat(130), qos: 1, packetId: 7 }).toString('hex')}`,
  'ack 40 1',
  'ack 40 2',
  'ack 62 300',
  'ping',
  `frame 2 82 ${SUBSCRIBE.toString('hex')}`,
  `publish 4 ü ${publish({ topic: 'ü', payload: '', qos: 2, packetId: 65535, retain: 1 }).toString('hex')}`,
];

/** [what, bytes, faults]; two faults are alternatives where the port leaves it open. */
const FAULTS: readonly (readonly [string, Buffer, readonly number[]])[] = [
  ['a remaining length of five bytes', Buffer.from([0x30, 0x80, 0x80, 0x80, 0x80, 0x01]), [FAULT.badLength]],
  ['a remaining length that is not minimal', Buffer.from([0xc0, 0x80, 0x00]), [FAULT.badLength]],
  ['a frame longer than the limit', Buffer.concat([Buffer.from([0x30]), varint(5000)]), [FAULT.tooLarge]],
  ['QoS 3', frame(0x36, u16(1), Buffer.from('t'), u16(1), Buffer.from([0])), [FAULT.badPublish]],
  ['DUP with QoS 0', frame(0x38, u16(1), Buffer.from('t'), Buffer.from([0])), [FAULT.badPublish]],
  ['packet id 0', frame(0x32, u16(1), Buffer.from('t'), u16(0), Buffer.from([0])), [FAULT.badPublish]],
  ['a topic longer than the body', frame(0x30, u16(9), Buffer.from('t')), [FAULT.badPublish]],
  ['a body without a topic length', frame(0x30, Buffer.from([0])), [FAULT.badPublish]],
  ['a body that ends in the packet id', frame(0x32, u16(1), Buffer.from('t'), Buffer.from([1])), [FAULT.badPublish]],
  ['a wildcard #', publish({ topic: 'a/#' }), [FAULT.badTopicName, FAULT.badPublish]],
  ['a wildcard +', publish({ topic: 'a/+/b' }), [FAULT.badTopicName, FAULT.badPublish]],
  ['U+0000 in the topic', publish({ topic: 'a\u0000b' }), [FAULT.badPublish, FAULT.badTopicName]],
  ['a lone continuation byte', publish({ topic: Buffer.from([0x61, 0x80]) }), [FAULT.badPublish]],
  ['an overlong encoding', publish({ topic: Buffer.from([0xc0, 0xaf]) }), [FAULT.badPublish]],
  ['a surrogate', publish({ topic: Buffer.from([0xed, 0xa0, 0x80]) }), [FAULT.badPublish]],
  ['a code point above U+10FFFF', publish({ topic: Buffer.from([0xf4, 0x90, 0x80, 0x80]) }), [FAULT.badPublish]],
  ['a sequence cut short', publish({ topic: Buffer.from([0xe2, 0x82]) }), [FAULT.badPublish]],
  ['an empty topic in MQTT 3.1.1', publish({ topic: '', payload: 'p' }), [FAULT.badPublish, FAULT.badTopicName]],
];

export function cuttingConformance(name: string, create: CreateUnderTest): void {
  test(`${name}: what is sliced out of the arena is a copy`, async () => {
    await withTransport(create, {}, async ({ transport }) => {
      const slice = transport.arena.slice(0, 4);
      transport.arena[0] = slice[0] ^ 0xff;
      assert.notEqual(slice[0], transport.arena[0]);
    });
  });

  test(`${name}: a stream cut at every byte gives the same frames`, async () => {
    await withTransport(create, {}, async ({ transport }) => {
      const probe = new Probe(transport);
      for (let split = 0; split <= STREAM.length; split += 1) {
        const peer = probe.open();
        peer.push(STREAM.subarray(0, split));
        await probe.settle();
        peer.push(STREAM.subarray(split));
        await probe.until(() => lines(probe, peer.connection).length >= STREAM_LINES.length, `all frames, split at ${split}`);
        assert.deepEqual(lines(probe, peer.connection), STREAM_LINES);
        await retire(probe, peer.connection);
      }
    });
  });

  test(`${name}: a stream that comes byte by byte gives the same frames`, async () => {
    await withTransport(create, {}, async ({ transport }) => {
      const probe = new Probe(transport);
      const peer = probe.open();
      for (const byte of STREAM) {
        peer.push(Buffer.from([byte]));
        await probe.settle();
      }
      assert.deepEqual(lines(probe, peer.connection), STREAM_LINES);
    });
  });

  test(`${name}: a frame near the limit that comes in pieces is one row`, async () => {
    await withTransport(create, {}, async ({ transport }) => {
      const probe = new Probe(transport);
      const peer = probe.open({ frameBytesMax: 1 << 20 });
      const bytes = publish({ topic: 'big', payload: Buffer.alloc(1_000_000, 7) });
      for (let at = 0; at < bytes.length; at += 50_000) {
        if (!peer.push(bytes.subarray(at, at + 50_000))) await probe.until(() => peer.readableCalls > 0, 'readable');
        await probe.settle();
      }
      const row = await probe.untilRow(peer.connection, EVENT.publish);
      assert.ok(row.bytes.equals(bytes));
      assert.equal(row.header, 4);
    });
  });

  runConformance(name, create);
  gateConformance(name, create);
  faultConformance(name, create);
  framingConformance(name, create);
}

function runConformance(name: string, create: CreateUnderTest): void {
  test(`${name}: PUBLISH frames of one topic and first byte are one run, told apart by either`, async () => {
    await withTransport(create, {}, async ({ transport }) => {
      const probe = new Probe(transport);
      const peer = probe.open();
      const one = publish({ topic: 'run', payload: 'abc' });
      const long = publish({ topic: 'run', payload: 'y'.repeat(300) });
      const other = publish({ topic: 'nur', payload: 'abc' });
      const qos1 = publish({ topic: 'nur', payload: 'abc', qos: 1, packetId: 3 });
      peer.push(Buffer.concat([one, long, one, other, qos1]));
      await probe.untilRow(peer.connection, EVENT.publish, 3);
      const [first, second, third] = probe.rowsOf(peer.connection);
      assert.deepEqual([first.count, first.length, first.header, first.extra], [3, one.length * 2 + long.length, 2, 0x30 | (3 << 8)]);
      assert.ok(first.bytes.equals(Buffer.concat([one, long, one])));
      assert.deepEqual([second.count, third.count, third.extra], [1, 1, 0x32 | (3 << 8)]);
      assert.notEqual(first.number, second.number);
      assert.equal(second.number, third.number);
    });
  });

  test(`${name}: acknowledgements with consecutive ids are one run, also from 65535 to 1`, async () => {
    await withTransport(create, {}, async ({ transport }) => {
      const probe = new Probe(transport);
      const peer = probe.open();
      const ids = [65534, 65535, 1, 2, 4];
      peer.push(Buffer.concat([...ids.map((id) => acknowledgement(0x40, id)), acknowledgement(0x50, 5), acknowledgement(0x70, 6)]));
      await probe.untilRow(peer.connection, EVENT.acks, 4);
      const rows = probe.rowsOf(peer.connection).map((row) => [row.extra, row.number, row.count]);
      assert.deepEqual(rows, [
        [0x40, 65534, 4],
        [0x40, 4, 1],
        [0x50, 5, 1],
        [0x70, 6, 1],
      ]);
    });
  });

  test(`${name}: acknowledgements with a reason code and wrong flags are plain frames`, async () => {
    await withTransport(create, {}, async ({ transport }) => {
      const probe = new Probe(transport);
      const peer = probe.open({}, 5);
      const frames = [frame(0x40, u16(1), Buffer.from([0x10])), frame(0x60, u16(1)), frame(0xc0, Buffer.from([1])), frame(0x41, u16(1))];
      peer.push(Buffer.concat(frames));
      await probe.untilRow(peer.connection, EVENT.frame, frames.length);
      assert.deepEqual(
        lines(probe, peer.connection),
        frames.map((bytes) => `frame 2 ${bytes[0].toString(16)} ${bytes.toString('hex')}`),
      );
    });
  });

  test(`${name}: an MQTT 5 PUBLISH with properties or without a topic stands alone`, async () => {
    await withTransport(create, {}, async ({ transport }) => {
      const probe = new Probe(transport);
      const peer = probe.open({}, 5);
      const plain = publish({ topic: 't', payload: 'p', version: 5 });
      const rich = publish({ topic: 't', payload: 'p', version: 5, properties: Buffer.from([0x01, 0x01]) });
      const alias = publish({ topic: '', payload: 'p', version: 5, properties: Buffer.from([0x23, 0, 1]) });
      peer.push(Buffer.concat([plain, plain, rich, rich, alias]));
      await probe.untilRow(peer.connection, EVENT.publishProperties, 3);
      const rows = probe.rowsOf(peer.connection);
      assert.deepEqual(
        rows.map((row) => [row.kind, row.count]),
        [
          [EVENT.publish, 2],
          [EVENT.publishProperties, 1],
          [EVENT.publishProperties, 1],
          [EVENT.publishProperties, 1],
        ],
      );
      assert.deepEqual([rows[1].number, rows[3].number], [rows[0].number, -1]);
      assert.ok(rows[3].bytes.equals(alias));
    });
  });
}

function gateConformance(name: string, create: CreateUnderTest): void {
  test(`${name}: a gated connection holds back what follows its first frame until it is admitted`, async () => {
    await withTransport(create, {}, async ({ transport }) => {
      const probe = new Probe(transport);
      const peer = probe.open({ gated: true }, 0);
      const after = publish({ topic: 'a', payload: 'p' });
      peer.push(Buffer.concat([CONNECT, after]));
      peer.push(PINGREQ);
      await probe.untilRow(peer.connection, EVENT.frame);
      await probe.settle();
      assert.deepEqual(lines(probe, peer.connection), [`frame 2 10 ${CONNECT.toString('hex')}`]);
      transport.commands.admit(peer.connection, 4, 4096);
      transport.submit();
      await probe.untilRow(peer.connection, EVENT.ping);
      assert.deepEqual(lines(probe, peer.connection).slice(1), [`publish 4 a ${after.toString('hex')}`, 'ping']);
    });
  });

  test(`${name}: admitted inside the turn of its CONNECT, with the new limit, it goes on by itself`, async () => {
    await withTransport(create, {}, async ({ transport }) => {
      const probe = new Probe(transport);
      probe.onRow = (row) => {
        if (row.kind === EVENT.frame && row.extra === 0x10) transport.commands.admit(row.connection, 5, 40);
      };
      const peer = probe.open({ gated: true }, 0);
      peer.push(
        Buffer.concat([
          CONNECT,
          publish({ topic: 'a', payload: 'p', version: 5 }),
          publish({ topic: 'a', payload: 'p'.repeat(40), version: 5 }),
        ]),
      );
      const fault = await probe.untilRow(peer.connection, EVENT.fault);
      assert.equal(fault.number, FAULT.tooLarge);
      assert.equal(probe.rowsOf(peer.connection, EVENT.publish).length, 1);
    });
  });

  test(`${name}: before it is admitted the first limit holds`, async () => {
    await withTransport(create, {}, async ({ transport }) => {
      const probe = new Probe(transport);
      const peer = probe.open({ gated: true, frameBytesMax: 100 }, 0);
      peer.push(Buffer.concat([Buffer.from([0x10]), varint(99)]));
      const fault = await probe.untilRow(peer.connection, EVENT.fault);
      assert.equal(fault.number, FAULT.tooLarge);
    });
  });
}

function faultConformance(name: string, create: CreateUnderTest): void {
  test(`${name}: what cannot be a frame is a fault after the rows before it, and nothing follows`, async () => {
    await withTransport(create, {}, async ({ transport }) => {
      const probe = new Probe(transport);
      for (const [what, bytes, faults] of FAULTS) {
        const peer = probe.open();
        peer.push(Buffer.concat([PINGREQ, publish({ topic: 'fine' }), bytes, PINGREQ]));
        peer.push(PINGREQ);
        const fault = await probe.untilRow(peer.connection, EVENT.fault);
        await probe.settle();
        assert.ok(faults.includes(fault.number), `${what}: fault ${fault.number}`);
        assert.deepEqual(
          probe.rowsOf(peer.connection).map((row) => row.kind),
          [EVENT.ping, EVENT.publish, EVENT.fault],
          what,
        );
        await retire(probe, peer.connection);
      }
    });
  });

  test(`${name}: a bad PUBLISH after good ones of the same topic does not join their run`, async () => {
    await withTransport(create, {}, async ({ transport }) => {
      const probe = new Probe(transport);
      const peer = probe.open();
      const good = publish({ topic: 't', qos: 1, packetId: 5 });
      peer.push(Buffer.concat([good, good, publish({ topic: 't', qos: 1, packetId: 0 })]));
      await probe.untilRow(peer.connection, EVENT.fault);
      assert.deepEqual(probe.rowsOf(peer.connection).map((row) => [row.kind, row.count])[0], [EVENT.publish, 2]);
    });
  });

  test(`${name}: an MQTT 5 PUBLISH that ends before its property length is a fault`, async () => {
    await withTransport(create, {}, async ({ transport }) => {
      const probe = new Probe(transport);
      const peer = probe.open({}, 5);
      peer.push(publish({ topic: 't', version: 4 }));
      const fault = await probe.untilRow(peer.connection, EVENT.fault);
      assert.equal(fault.number, FAULT.badPublish);
    });
  });

  test(`${name}: a frame of exactly the limit passes`, async () => {
    await withTransport(create, {}, async ({ transport }) => {
      const probe = new Probe(transport);
      const bytes = publish({ topic: 't', payload: 'p'.repeat(60) });
      const peer = probe.open({ frameBytesMax: bytes.length });
      peer.push(bytes);
      await probe.untilRow(peer.connection, EVENT.publish);
      peer.push(publish({ topic: 't', payload: 'p'.repeat(61) }));
      await probe.untilRow(peer.connection, EVENT.fault);
    });
  });
}

function framingConformance(name: string, create: CreateUnderTest): void {
  test(`${name}: u32be framing cuts by the length in front and refuses what is too long`, async () => {
    await withTransport(create, {}, async ({ transport }) => {
      const probe = new Probe(transport);
      const peer = probe.open({ framing: FRAMING.u32be, frameBytesMax: 100 });
      const bytes = Buffer.concat([Buffer.from([0, 0, 0, 3, 1, 2, 3]), Buffer.from([0, 0, 0, 1, 9])]);
      for (const byte of bytes) {
        peer.push(Buffer.from([byte]));
        await probe.settle();
      }
      assert.deepEqual(
        probe.rowsOf(peer.connection).map((row) => [row.kind, row.header, row.bytes.toString('hex')]),
        [
          [EVENT.frame, 4, '00000003010203'],
          [EVENT.frame, 4, '0000000109'],
        ],
      );
      peer.push(Buffer.from([0xff, 0, 0, 0]));
      const fault = await probe.untilRow(peer.connection, EVENT.fault);
      assert.equal(fault.number, FAULT.tooLarge);
    });
  });

  test(`${name}: raw framing hands on what comes; counters and activity move`, async () => {
    await withTransport(create, {}, async ({ transport }) => {
      const probe = new Probe(transport);
      const peer = probe.open({ framing: FRAMING.raw });
      peer.push(Buffer.from('hello'));
      const row = await probe.untilRow(peer.connection, EVENT.frame);
      assert.equal(row.bytes.toString(), 'hello');
      assert.ok(transport.counters[COUNTER.bytesIn] >= 5);
      assert.ok(transport.counters[COUNTER.framesIn] >= 1);
      assert.ok(transport.counters[COUNTER.turns] >= 1);
      assert.ok(transport.activity[peer.connection] <= transport.now());
    });
  });
}

function lines(probe: Probe, connection: number): string[] {
  return flatten(probe.rowsOf(connection), (topic) => probe.transport.topicName(topic));
}

/** Ends a connection and gives its number back, so that a long test stays inside the table. */
async function retire(probe: Probe, connection: number): Promise<void> {
  const before = probe.rowsOf(connection, EVENT.closed).length;
  probe.transport.commands.close(connection, 0);
  probe.transport.submit();
  await probe.untilRow(connection, EVENT.closed, before + 1);
  probe.transport.commands.release(connection);
  probe.transport.submit();
  const kept = probe.seen.filter((row) => row.connection !== connection);
  probe.seen.length = 0;
  probe.seen.push(...kept);
}
