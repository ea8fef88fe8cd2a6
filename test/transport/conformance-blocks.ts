import assert from 'node:assert/strict';
import { test } from 'node:test';
import mqttPacket from 'mqtt-packet';
import { type BlockShape, COUNTER, EVENT, SPACE_ARENA, SPACE_REGISTERED_FIRST } from '../../src/transport/ports.js';
import { acknowledgement, publish } from './mqtt-bytes.js';
import { Probe } from './probe.js';
import { type CreateUnderTest, withTransport } from './under-test.js';

const PAYLOADS = ['', 'short', 'p'.repeat(119), 'p'.repeat(123), 'p'.repeat(125), 'p'.repeat(16_379)];
const SHAPES: readonly BlockShape[] = ([4, 5] as const).flatMap((version) =>
  ([0, 1, 2] as const).flatMap((qos) => ([0, 1] as const).map((retain): BlockShape => ({ version, qos, retain, duplicate: 0 }))),
);
/** Message expiry 30 s, topic alias 7, user property k=v, subscription identifier 300 (as only a server sends it), content type x. */
const EXPIRY = [0x02, 0, 0, 0, 30];
const USER = [0x26, 0, 1, 0x6b, 0, 1, 0x76];
const CONTENT = [0x03, 0, 1, 0x78];
const ALL_PROPERTIES = Buffer.from([...EXPIRY, 0x23, 0, 7, ...USER, 0x0b, 0xac, 0x02, ...CONTENT]);
const KEPT_PROPERTIES = Buffer.from([...EXPIRY, ...USER, ...CONTENT]);
const IDENTIFIERS = Buffer.from([0x0b, 0x05, 0x0b, 0xac, 0x02]);

/** [what, source frame, its version, shape, identifiers, firstPacketId, expected]. */
const GOLDEN: readonly (readonly [string, string, 4 | 5, BlockShape, string, string])[] = [
  ['v4 QoS 0 as it is', '300500016170 71', 4, { version: 4, qos: 0, retain: 0, duplicate: 0 }, '', '300500016170 71'],
  ['v4 QoS 1 to v4 QoS 0 drops the id', '3b0700016112347071', 4, { version: 4, qos: 0, retain: 0, duplicate: 0 }, '', '3005000161 7071'],
  ['v4 QoS 1 to v4 QoS 1 retained', '32070001611234 7071', 4, { version: 4, qos: 1, retain: 1, duplicate: 0 }, '', '33070001610009 7071'],
  [
    'v4 QoS 2 to v5 QoS 1, sent again',
    '3407000161 1234 7071',
    4,
    { version: 5, qos: 1, retain: 0, duplicate: 1 },
    '',
    '3a080001610009007071',
  ],
  [
    'v4 QoS 0 to v5 with identifiers',
    '3005000161 7071',
    4,
    { version: 5, qos: 0, retain: 0, duplicate: 0 },
    '0b05',
    '30080001610 20b057071',
  ],
  ['v5 to v4 strips properties', '3008000161 020101 7071', 5, { version: 4, qos: 0, retain: 0, duplicate: 0 }, '', '3005000161 7071'],
  ['v5 to v5 keeps properties', '3008000161 020101 7071', 5, { version: 5, qos: 0, retain: 0, duplicate: 0 }, '', '3008000161 020101 7071'],
  ['v5 to v5 loses the alias', '3009000161 03230001 7071', 5, { version: 5, qos: 0, retain: 0, duplicate: 0 }, '', '3006000161 00 7071'],
  [
    'v5 identifiers come first',
    '3008000161 020101 7071',
    5,
    { version: 5, qos: 0, retain: 0, duplicate: 0 },
    '0b05',
    '300a000161 040b050101 7071',
  ],
];

export function blockConformance(name: string, create: CreateUnderTest): void {
  test(`${name}: blocks have these bytes`, async () => {
    await withTransport(create, {}, async ({ transport }) => {
      const probe = new Probe(transport);
      for (const [what, source, version, shape, identifiers, expected] of GOLDEN) {
        const peer = probe.open();
        const bytes = hex(source);
        const block = transport.commands.buildBlockCopy(
          bytes,
          0,
          bytes.length,
          1,
          version,
          shape,
          identifiers === '' ? null : hex(identifiers),
        );
        transport.commands.sendBlock(peer.connection, block, 9);
        transport.submit();
        await probe.until(() => peer.output.length > 0, what);
        assert.equal(peer.output.toString('hex'), hex(expected).toString('hex'), what);
      }
    });
  });

  for (const sourceVersion of [4, 5] as const) {
    test(`${name}: runs of MQTT ${sourceVersion} become every version, QoS and retain, from arena, space and copy`, async () => {
      await withTransport(create, {}, async (underTest) => {
        const probe = new Probe(underTest.transport);
        for (const shape of SHAPES) {
          for (const identifiers of [null, IDENTIFIERS]) await checkShape(probe, sourceVersion, shape, identifiers);
        }
      });
    });
  }

  test(`${name}: properties keep bytes and order, without alias and identifiers`, async () => {
    await withTransport(create, {}, async ({ transport }) => {
      const probe = new Probe(transport);
      const source = publish({ topic: 'a/b', payload: 'p', qos: 2, packetId: 77, version: 5, properties: ALL_PROPERTIES });
      const long = Buffer.concat([KEPT_PROPERTIES, Buffer.from([0x08, 0, 200]), Buffer.alloc(200, 0x72)]);
      const longSource = publish({ topic: 'a/b', payload: 'p', version: 5, properties: long });
      const cases: [Buffer, BlockShape, Buffer | null, Buffer][] = [
        [
          source,
          { version: 5, qos: 0, retain: 1, duplicate: 0 },
          null,
          publish({ topic: 'a/b', payload: 'p', retain: 1, version: 5, properties: KEPT_PROPERTIES }),
        ],
        [
          source,
          { version: 5, qos: 1, retain: 0, duplicate: 0 },
          IDENTIFIERS,
          publish({
            topic: 'a/b',
            payload: 'p',
            qos: 1,
            packetId: 9,
            version: 5,
            properties: Buffer.concat([IDENTIFIERS, KEPT_PROPERTIES]),
          }),
        ],
        [
          source,
          { version: 4, qos: 2, retain: 0, duplicate: 1 },
          IDENTIFIERS,
          publish({ topic: 'a/b', payload: 'p', qos: 2, packetId: 9, duplicate: 1 }),
        ],
        [
          longSource,
          { version: 5, qos: 0, retain: 0, duplicate: 0 },
          IDENTIFIERS,
          publish({ topic: 'a/b', payload: 'p', version: 5, properties: Buffer.concat([IDENTIFIERS, long]) }),
        ],
      ];
      for (const [bytes, shape, identifiers, expected] of cases) {
        const peer = probe.open();
        const block = transport.commands.buildBlockCopy(bytes, 0, bytes.length, 1, 5, shape, identifiers);
        transport.commands.sendBlock(peer.connection, block, 9);
        transport.submit();
        await probe.until(() => peer.output.length > 0, 'output');
        assert.equal(peer.output.toString('hex'), expected.toString('hex'));
      }
    });
  });

  test(`${name}: packet ids run on past 65535 to 1, per receiver`, async () => {
    await withTransport(create, {}, async ({ transport }) => {
      const probe = new Probe(transport);
      const [a, b] = [probe.open(), probe.open()];
      const source = Buffer.concat([0, 1, 2].map((i) => publish({ topic: 't', payload: `m${i}` })));
      const withQos = Buffer.concat([0, 1, 2].map((i) => publish({ topic: 't', payload: `m${i}`, qos: 1, packetId: 100 + i })));
      const block = transport.commands.buildBlockCopy(
        withQos,
        0,
        withQos.length,
        3,
        4,
        { version: 4, qos: 1, retain: 0, duplicate: 0 },
        null,
      );
      const plain = transport.commands.buildBlockCopy(
        source,
        0,
        source.length,
        3,
        4,
        { version: 4, qos: 0, retain: 0, duplicate: 0 },
        null,
      );
      transport.commands.sendBlock(a.connection, block, 65534);
      transport.commands.sendBlock(b.connection, plain, 0);
      transport.commands.sendBlock(b.connection, block, 1);
      transport.submit();
      await probe.until(() => a.output.length > 0 && b.output.length > source.length, 'both outputs');
      const numbered = (ids: number[]): Buffer =>
        Buffer.concat(ids.map((packetId, i) => publish({ topic: 't', payload: `m${i}`, qos: 1, packetId })));
      assert.equal(a.output.toString('hex'), numbered([65534, 65535, 1]).toString('hex'));
      assert.equal(b.output.toString('hex'), Buffer.concat([source, numbered([1, 2, 3])]).toString('hex'));
      assert.ok(transport.counters[COUNTER.framesOut] >= 9);
    });
  });

  acknowledgementConformance(name, create);
}

function acknowledgementConformance(name: string, create: CreateUnderTest): void {
  test(`${name}: a run is acknowledged frame by frame, with a reason code if there is one`, async () => {
    await withTransport(create, {}, async ({ transport }) => {
      const probe = new Probe(transport);
      probe.onRow = (row) => {
        if (row.kind !== EVENT.publish) return;
        transport.commands.ackRun(row.connection, 0x40, 0, SPACE_ARENA, row.offset, row.count);
        transport.commands.ackRun(row.connection, 0x50, 0x10, SPACE_ARENA, row.offset, row.count);
      };
      const peer = probe.open();
      peer.push(
        Buffer.concat([7, 65535, 300].map((packetId) => publish({ topic: 't', payload: 'x'.repeat(packetId % 200), qos: 1, packetId }))),
      );
      const expected = Buffer.concat([
        ...[7, 65535, 300].map((id) => acknowledgement(0x40, id)),
        hex('5003000710'),
        hex('5003ffff10'),
        hex('5003012c10'),
      ]);
      await probe.until(() => peer.output.length >= expected.length, 'acknowledgements');
      assert.equal(peer.output.toString('hex'), expected.toString('hex'));
    });
  });

  test(`${name}: a range of acknowledgements wraps, and commands keep their order`, async () => {
    await withTransport(create, {}, async ({ transport }) => {
      const probe = new Probe(transport);
      const peer = probe.open();
      const copied = Buffer.from('copied');
      transport.commands.ackRange(peer.connection, 0x62, 65535, 2);
      transport.commands.sendCopy(peer.connection, copied);
      copied.fill(0);
      transport.commands.ack(peer.connection, 0x70, 258);
      transport.submit();
      const expected = Buffer.concat([
        acknowledgement(0x62, 65535),
        acknowledgement(0x62, 1),
        Buffer.from('copied'),
        acknowledgement(0x70, 258),
      ]);
      await probe.until(() => peer.output.length >= expected.length, 'output');
      assert.equal(peer.output.toString('hex'), expected.toString('hex'));
    });
  });

  test(`${name}: bytes of a shared space are sent and acknowledged`, async () => {
    await withTransport(create, {}, async ({ transport }) => {
      const probe = new Probe(transport);
      const peer = probe.open();
      const shared = new Uint8Array(new SharedArrayBuffer(4096), 64, 2048);
      const bytes = publish({ topic: 't', payload: 'shared', qos: 1, packetId: 513 });
      shared.set(bytes, 100);
      const space = transport.registerSpace(shared);
      assert.ok(space >= SPACE_REGISTERED_FIRST);
      transport.commands.send(peer.connection, space, 100, bytes.length);
      transport.commands.ackRun(peer.connection, 0x50, 0, space, 100, 1);
      const block = transport.commands.buildBlock(space, 100, bytes.length, 1, 4, { version: 5, qos: 1, retain: 0, duplicate: 0 }, null);
      transport.commands.sendBlock(peer.connection, block, 2);
      transport.submit();
      shared.fill(0);
      transport.unregisterSpace(space);
      const expected = Buffer.concat([
        bytes,
        acknowledgement(0x50, 513),
        publish({ topic: 't', payload: 'shared', qos: 1, packetId: 2, version: 5 }),
      ]);
      await probe.until(() => peer.output.length >= expected.length, 'output');
      assert.equal(peer.output.toString('hex'), expected.toString('hex'));
    });
  });

  test(`${name}: buffers that fill up inside a turn lose nothing and keep blocks good`, async () => {
    await withTransport(create, {}, async ({ transport }) => {
      const probe = new Probe(transport);
      const peer = probe.open({ outputBytesMax: 64 << 20, highMarkBytes: 64 << 20, lowMarkBytes: 1 << 20 });
      const message = publish({ topic: 't', payload: 'm' });
      const block = transport.commands.buildBlockCopy(
        message,
        0,
        message.length,
        1,
        4,
        { version: 4, qos: 0, retain: 0, duplicate: 0 },
        null,
      );
      const large = Buffer.alloc(60_000, 0x55);
      const expected: Buffer[] = [];
      for (let i = 0; i < 60; i += 1) {
        transport.commands.sendCopy(peer.connection, large);
        for (let k = 0; k < 300; k += 1) transport.commands.ack(peer.connection, 0x40, k + 1);
        transport.commands.sendBlock(peer.connection, block, 0);
        expected.push(large, ...Array.from({ length: 300 }, (_, k) => acknowledgement(0x40, k + 1)), message);
      }
      transport.submit();
      const whole = Buffer.concat(expected);
      await probe.until(() => peer.output.length >= whole.length, 'output');
      assert.ok(peer.output.equals(whole));
    });
  });
}

/** One shape from a run of several lengths: checked against mqtt-packet's encoding of the same messages. */
async function checkShape(probe: Probe, sourceVersion: 4 | 5, shape: BlockShape, identifiers: Buffer | null): Promise<void> {
  const { transport } = probe;
  const sourceQos = shape.qos === 0 ? 1 : 2;
  const frames = PAYLOADS.map((payload, i) =>
    publish({ topic: 'grid/η', payload, qos: sourceQos, packetId: 40 + i, version: sourceVersion }),
  );
  const run = Buffer.concat(frames);
  const expected = Buffer.concat(
    PAYLOADS.map((payload, i) =>
      mqttPacket.generate(
        {
          cmd: 'publish',
          topic: 'grid/η',
          payload,
          qos: shape.qos,
          retain: shape.retain === 1,
          dup: false,
          ...(shape.qos > 0 ? { messageId: 900 + i } : {}),
          ...(shape.version === 5 && identifiers !== null ? { properties: { subscriptionIdentifier: [5, 300] as unknown as number } } : {}),
        },
        { protocolVersion: shape.version },
      ),
    ),
  );
  const peers = [probe.open({ frameBytesMax: 1 << 20 }, sourceVersion), probe.open(), probe.open()];
  const space = transport.registerSpace(run);
  transport.commands.sendBlock(
    peers[1].connection,
    transport.commands.buildBlock(space, 0, run.length, frames.length, sourceVersion, shape, identifiers),
    900,
  );
  transport.commands.sendBlock(
    peers[2].connection,
    transport.commands.buildBlockCopy(run, 0, run.length, frames.length, sourceVersion, shape, identifiers),
    900,
  );
  transport.submit();
  transport.unregisterSpace(space);
  probe.onRow = (row) => {
    if (row.connection !== peers[0].connection || row.kind !== EVENT.publish) return;
    const block = transport.commands.buildBlock(SPACE_ARENA, row.offset, row.length, row.count, sourceVersion, shape, identifiers);
    transport.commands.sendBlock(row.connection, block, 900);
  };
  peers[0].push(run);
  await probe.until(() => peers.every((peer) => peer.output.length >= expected.length), 'three outputs');
  for (const peer of peers) {
    assert.ok(
      peer.output.equals(expected),
      `from ${sourceVersion} to ${JSON.stringify(shape)}: ${peer.output.subarray(0, 40).toString('hex')} is not ${expected.subarray(0, 40).toString('hex')}`,
    );
    transport.commands.close(peer.connection, 0);
  }
  transport.submit();
  for (const peer of peers) {
    await probe.untilRow(peer.connection, EVENT.closed);
    transport.commands.release(peer.connection);
  }
  probe.seen.length = 0;
}

function hex(text: string): Buffer {
  return Buffer.from(text.replaceAll(' ', ''), 'hex');
}
