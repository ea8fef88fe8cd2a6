import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { CLOSE, COUNTER, EVENT, FRAMING, SPACE_ARENA } from '../../src/transport/ports.js';
import { PINGREQ, publish } from './mqtt-bytes.js';
import { OPTIONS, Probe } from './probe.js';
import { type CreateUnderTest, type UnderTest, withTransport } from './under-test.js';

const MIB = 1 << 20;

export function socketConformance(name: string, create: CreateUnderTest): void {
  test(`${name}: a socket is adopted, answered inside the turn and known by its address`, async () => {
    await withTransport(create, {}, async (underTest) => {
      const meeting = await Meeting.open(underTest);
      const { socket, connection } = await meeting.dial();
      const { transport } = underTest;
      meeting.probe.onRow = (row) => {
        if (row.kind === EVENT.publish) transport.commands.send(row.connection, SPACE_ARENA, row.offset, row.length);
      };
      const message = publish({ topic: 'echo', payload: 'e'.repeat(1000) });
      socket.write(message);
      assert.ok((await meeting.read(socket, message.length)).equals(message));
      const peer = transport.peerOf(connection);
      assert.equal(peer.port, socket.localPort);
      assert.ok(peer.address.endsWith('127.0.0.1'));
      assert.ok(transport.counters[COUNTER.bytesIn] >= message.length);
      assert.ok(transport.counters[COUNTER.bytesOut] >= message.length);
      assert.ok(transport.counters[COUNTER.writes] >= 1);
    });
  });

  test(`${name}: a peer that says goodbye is closed byPeer, after what it sent`, async () => {
    await withTransport(create, {}, async (underTest) => {
      const meeting = await Meeting.open(underTest);
      const { socket, connection } = await meeting.dial();
      socket.end(Buffer.concat([publish({ topic: 'a', payload: 'last' }), PINGREQ]));
      const closed = await meeting.probe.untilRow(connection, EVENT.closed);
      assert.equal(closed.number, CLOSE.byPeer);
      assert.deepEqual(
        meeting.probe.rowsOf(connection).map((row) => row.kind),
        [EVENT.publish, EVENT.ping, EVENT.closed],
      );
    });
  });

  test(`${name}: the last bytes arrive though the peer is still sending`, async () => {
    await withTransport(create, {}, async (underTest) => {
      const meeting = await Meeting.open(underTest);
      const { transport } = underTest;
      for (let round = 0; round < 5; round += 1) {
        const { socket, connection } = await meeting.dial();
        meeting.probe.onRow = (row) => {
          if (row.connection !== connection || row.kind !== EVENT.ping) return;
          transport.commands.sendCopy(connection, Buffer.alloc(300_000, 0x42));
          transport.commands.close(connection, 2000);
        };
        socket.write(PINGREQ);
        for (let i = 0; i < 20; i += 1) socket.write(publish({ topic: 'noise', payload: 'n'.repeat(4000) }));
        const all = await meeting.readToEnd(socket);
        assert.equal(all.length, 300_000);
        socket.destroy();
        const closed = await meeting.probe.untilRow(connection, EVENT.closed);
        assert.equal(closed.number, CLOSE.byUs);
      }
    });
  });

  test(`${name}: a lingering connection whose peer never goes is closed after its time`, async () => {
    await withTransport(create, {}, async (underTest) => {
      const meeting = await Meeting.open(underTest);
      const { connection } = await meeting.dial(true);
      underTest.transport.commands.close(connection, 100);
      underTest.transport.submit();
      const closed = await meeting.probe.untilRow(connection, EVENT.closed);
      assert.equal(closed.number, CLOSE.byUs);
    });
  });

  test(`${name}: a reset is closed as an error or as gone`, async () => {
    await withTransport(create, {}, async (underTest) => {
      const meeting = await Meeting.open(underTest);
      const { socket, connection } = await meeting.dial();
      socket.resetAndDestroy();
      const closed = await meeting.probe.untilRow(connection, EVENT.closed);
      assert.ok(closed.number === CLOSE.error || closed.number === CLOSE.byPeer);
    });
  });

  pressureOnSockets(name, create);
  connectConformance(name, create);
}

function pressureOnSockets(name: string, create: CreateUnderTest): void {
  test(`${name}: a socket that does not read is congested, then relieved when it reads, and misses nothing`, async () => {
    await withTransport(create, {}, async (underTest) => {
      const meeting = await Meeting.open(underTest, { outputBytesMax: 64 * MIB });
      const { socket, connection } = await meeting.dial();
      socket.pause();
      const total = 24 * MIB;
      const piece = Buffer.alloc(MIB);
      for (let sent = 0; sent < total; sent += piece.length) {
        piece.fill(sent / MIB);
        underTest.transport.commands.sendCopy(connection, piece);
        underTest.transport.submit();
      }
      await meeting.probe.untilRow(connection, EVENT.congested);
      assert.ok(underTest.transport.outputBytesOf(connection) > OPTIONS.highMarkBytes);
      const all = await meeting.read(socket, total);
      for (let i = 0; i < total; i += MIB / 2) assert.equal(all[i], Math.floor(i / MIB));
      await meeting.probe.untilRow(connection, EVENT.relieved);
      assert.equal(underTest.transport.outputBytesOf(connection), 0);
    });
  });

  test(`${name}: a socket that never reads is closed at its budget`, async () => {
    await withTransport(create, {}, async (underTest) => {
      const meeting = await Meeting.open(underTest, { outputBytesMax: 2 * MIB });
      const { socket, connection } = await meeting.dial();
      socket.pause();
      for (let i = 0; i < 40 && meeting.probe.rowsOf(connection, EVENT.closed).length === 0; i += 1) {
        underTest.transport.commands.sendCopy(connection, Buffer.alloc(MIB));
        underTest.transport.submit();
        await meeting.probe.settle();
      }
      const closed = await meeting.probe.untilRow(connection, EVENT.closed);
      assert.equal(closed.number, CLOSE.budget);
    });
  });

  test(`${name}: a paused socket pushes back on its peer, and goes on when resumed`, async () => {
    await withTransport(create, {}, async (underTest) => {
      const meeting = await Meeting.open(underTest);
      const { socket, connection } = await meeting.dial();
      underTest.transport.commands.pauseReading(connection);
      underTest.transport.submit();
      const message = publish({ topic: 't', payload: 'm'.repeat(4000) });
      const count = 5000;
      for (let i = 0; i < count; i += 1) socket.write(message);
      await meeting.probe.settle();
      assert.equal(meeting.frames(connection), 0);
      underTest.transport.commands.resumeReading(connection);
      underTest.transport.submit();
      await meeting.probe.until(() => meeting.frames(connection) === count, 'every message');
    });
  });

  test(`${name}: a full table refuses the next socket and keeps the others`, async () => {
    await withTransport(create, { connectionsMax: 2 }, async (underTest) => {
      const meeting = await Meeting.open(underTest);
      const first = await meeting.dial();
      await meeting.dial();
      const third = connect(meeting.port, '127.0.0.1');
      third.on('error', () => {});
      third.resume();
      await once(third, 'close');
      assert.deepEqual(meeting.adopted.slice(2), [-1]);
      first.socket.write(PINGREQ);
      await meeting.probe.untilRow(first.connection, EVENT.ping);
    });
  });
}

function connectConformance(name: string, create: CreateUnderTest): void {
  test(`${name}: an outgoing connection says connected, then carries frames both ways`, async () => {
    await withTransport(create, {}, async ({ transport }) => {
      const probe = new Probe(transport);
      const server = createServer((socket) => {
        socket.on('error', () => {});
        socket.pipe(socket);
      });
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      const address = server.address();
      assert.ok(address !== null && typeof address === 'object');
      const connection = transport.connect('127.0.0.1', address.port, '', { ...OPTIONS, framing: FRAMING.raw });
      const connected = await probe.untilRow(connection, EVENT.connected);
      assert.equal(connected.number, 0);
      transport.commands.sendCopy(connection, Buffer.from('there and back'));
      transport.submit();
      const row = await probe.untilRow(connection, EVENT.frame);
      assert.equal(row.bytes.toString(), 'there and back');
      transport.commands.close(connection, 0);
      transport.submit();
      await probe.untilRow(connection, EVENT.closed);
      server.close();
    });
  });

  test(`${name}: a connection that is refused says so with its errno, and is then closed or done`, async () => {
    await withTransport(create, {}, async ({ transport }) => {
      const probe = new Probe(transport);
      const server = createServer();
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      const address = server.address();
      assert.ok(address !== null && typeof address === 'object');
      server.close();
      await once(server, 'close');
      const connection = transport.connect('127.0.0.1', address.port, '', OPTIONS);
      const connected = await probe.untilRow(connection, EVENT.connected);
      assert.equal(connected.number, 111); // ECONNREFUSED on Linux.
    });
  });
}

/** A listener, a probe and dialled sockets whose connection numbers are known. */
class Meeting {
  readonly probe: Probe;
  readonly adopted: number[] = [];
  readonly port: number;
  #received = new Map<Socket, Buffer[]>();

  static async open(underTest: UnderTest, options: Partial<typeof OPTIONS> = {}): Promise<Meeting> {
    const probe = new Probe(underTest.transport);
    const adopted: number[] = [];
    const port = await underTest.listen((descriptor) => {
      const connection = underTest.transport.adopt(descriptor, { ...OPTIONS, ...options });
      adopted.push(connection);
      if (connection >= 0) underTest.transport.commands.admit(connection, 4, OPTIONS.frameBytesMax);
      underTest.transport.submit();
      queueMicrotask(() => probe.wake());
    });
    return new Meeting(probe, port, adopted);
  }

  constructor(probe: Probe, port: number, adopted: number[]) {
    this.probe = probe;
    this.port = port;
    this.adopted = adopted;
  }

  /** @param mute leaves the socket open when the other side ends. */
  async dial(mute = false): Promise<{ socket: Socket; connection: number }> {
    const before = this.adopted.length;
    const socket = connect({ port: this.port, host: '127.0.0.1', allowHalfOpen: mute });
    socket.on('error', () => {});
    const chunks: Buffer[] = [];
    this.#received.set(socket, chunks);
    socket.on('data', (chunk) => {
      chunks.push(chunk);
      this.probe.wake();
    });
    await this.probe.until(() => this.adopted.length > before, 'an adopted socket');
    return { socket, connection: this.adopted[before] };
  }

  async read(socket: Socket, length: number): Promise<Buffer> {
    const chunks = this.#received.get(socket) ?? [];
    socket.resume();
    const total = (): number => chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    await this.probe.until(() => total() >= length, `${length} bytes`);
    return Buffer.concat(chunks);
  }

  async readToEnd(socket: Socket): Promise<Buffer> {
    if (!socket.readableEnded) await Promise.race([once(socket, 'end'), once(socket, 'close')]);
    return Buffer.concat(this.#received.get(socket) ?? []);
  }

  frames(connection: number): number {
    return this.probe.rowsOf(connection, EVENT.publish).reduce((sum, row) => sum + row.count, 0);
  }
}
