import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { NativeAcceptor } from '../../src/transport/native/native-acceptor.js';
import { NativeTransport } from '../../src/transport/native/native-transport.js';
import { COUNTER, EVENT } from '../../src/transport/ports.js';
import { publish } from './mqtt-bytes.js';
import { OPTIONS, Probe } from './probe.js';

const FRAME_BYTES_MAX = 1 << 20;

/** One socket on a native transport. */
async function withSocket(body: (probe: Probe, socket: Socket, connection: number) => Promise<void>): Promise<void> {
  const transport = NativeTransport.open({ connectionsMax: 4, topicsMax: 16, frameBytesMax: FRAME_BYTES_MAX });
  const probe = new Probe(transport);
  let connection = -1;
  const acceptor = NativeAcceptor.open((_tag, descriptors) => {
    connection = transport.adopt(descriptors[0], { ...OPTIONS, frameBytesMax: FRAME_BYTES_MAX });
    transport.commands.admit(connection, 4, FRAME_BYTES_MAX);
    transport.submit();
    probe.wake();
  });
  const socket = connect(acceptor.listen('127.0.0.1', 0, 0).port, '127.0.0.1').on('error', () => {});
  try {
    await probe.until(() => connection >= 0, 'a connection');
    await body(probe, socket, connection);
  } finally {
    socket.destroy();
    transport.close();
    acceptor.close();
  }
}

test('native transport: a long frame that trickles in comes out whole, and so does what follows it', async () => {
  await withSocket(async (probe, socket, connection) => {
    const long = publish({ topic: 'long', payload: 'l'.repeat(600_000) });
    const bytes = Buffer.concat([publish({ topic: 'a', payload: '1' }), long, publish({ topic: 'b', payload: '2' })]);
    socket.setNoDelay(true);
    for (let at = 0; at < bytes.length; at += 7001) {
      socket.write(bytes.subarray(at, at + 7001));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await probe.untilRow(connection, EVENT.publish, 3);
    const seen = Buffer.concat(probe.rowsOf(connection, EVENT.publish).map((row) => row.bytes));
    assert.ok(seen.equals(bytes));
  });
});

test('native transport: a reset while paused with held frames costs no turns, and all of it is told after the resume', async () => {
  await withSocket(async (probe, socket, connection) => {
    const { transport } = probe;
    const count = 20_000; // More rows than one batch has: topics alternate, so that frames do not run together.
    let hasPaused = false;
    probe.onRow = (row) => {
      if (row.connection !== connection || row.kind !== EVENT.publish || hasPaused) return;
      hasPaused = true;
      transport.commands.pauseReading(connection);
    };
    const pair = Buffer.concat([publish({ topic: 'a' }), publish({ topic: 'b' })]);
    socket.write(Buffer.concat(Array.from({ length: count / 2 }, () => pair)));
    await probe.until(() => hasPaused, 'the first frames');
    socket.resetAndDestroy();
    await once(socket, 'close');
    await probe.settle();
    const turns = transport.counters[COUNTER.turns];
    for (let i = 0; i < 50; i += 1) await new Promise((resolve) => setImmediate(resolve));
    assert.ok(transport.counters[COUNTER.turns] - turns < 5, 'the loop does not spin');
    transport.commands.resumeReading(connection);
    transport.submit();
    await probe.untilRow(connection, EVENT.closed);
    const frames = probe.rowsOf(connection, EVENT.publish).reduce((sum, row) => sum + row.count, 0);
    assert.ok(frames > 0 && frames <= count);
  });
});
