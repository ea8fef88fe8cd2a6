import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { type ClientOptions, WebSocket } from 'ws';
import { NodeAcceptor } from '../../../src/transport/node/node-acceptor.js';
import { CLOSE, EVENT, SPACE_ARENA, type Transport } from '../../../src/transport/ports.js';
import { chooseWsEngine } from '../../../src/transport/websocket/choose-engine.js';
import { claimPort } from '../../../src/transport/websocket/claim-port.js';
import type { WsEngineKind } from '../../../src/transport/websocket/engine.js';
import { WebSocketListener } from '../../../src/transport/websocket/websocket-listener.js';
import { CONNECT, PINGREQ, publish } from '../mqtt-bytes.js';
import { OPTIONS, Probe } from '../probe.js';

const MESSAGE_BYTES_MAX = 1 << 20;

/** A transport to put the engine on. */
export interface Ground {
  readonly name: string;
  open(options: { connectionsMax: number; topicsMax: number; frameBytesMax: number }): Transport;
}

interface Meeting {
  readonly transport: Transport;
  readonly probe: Probe;
  readonly listener: WebSocketListener;
  readonly opened: number[];
  /** A client that is open; what it receives is collected. */
  dial(options?: ClientOptions): Promise<Dialled>;
}

interface Dialled {
  readonly client: WebSocket;
  readonly connection: number;
  readonly received: Buffer[];
}

async function withListener(kind: WsEngineKind, ground: Ground, gated: boolean, body: (meeting: Meeting) => Promise<void>): Promise<void> {
  const transport = ground.open({ connectionsMax: 8, topicsMax: 64, frameBytesMax: MESSAGE_BYTES_MAX });
  const acceptor = new NodeAcceptor();
  const probe = new Probe(transport);
  const opened: number[] = [];
  const bound = kind === 'ws' ? acceptor.listen('127.0.0.1', 0, 0) : null;
  const listener = await WebSocketListener.open(transport, {
    kind,
    host: '127.0.0.1',
    port: bound === null ? await claimPort('127.0.0.1', 0) : 0,
    descriptor: bound === null ? -1 : acceptor.listeningDescriptorOf(bound.listener),
    path: '/mqtt',
    messageBytesMax: MESSAGE_BYTES_MAX,
    connection: { ...OPTIONS, gated, outputBytesMax: 64 << 20 },
    onOpen: (connection) => {
      opened.push(connection);
      if (!gated) transport.commands.admit(connection, 4, MESSAGE_BYTES_MAX);
      transport.submit();
      queueMicrotask(() => probe.wake());
    },
  });
  const clients: WebSocket[] = [];
  const dial = async (options: ClientOptions = {}): Promise<Dialled> => {
    const before = opened.length;
    const client = new WebSocket(`ws://127.0.0.1:${listener.port}/mqtt`, 'mqtt', options);
    clients.push(client);
    const received: Buffer[] = [];
    client.on('message', (data) => {
      assert.ok(Buffer.isBuffer(data));
      received.push(data);
      probe.wake();
    });
    await once(client, 'open');
    await probe.until(() => opened.length > before, 'the connection');
    return { client, connection: opened[before], received };
  };
  try {
    await body({ transport, probe, listener, opened, dial });
  } finally {
    for (const client of clients) client.terminate();
    listener.close();
    listener.close();
    transport.close();
    acceptor.close();
  }
}

function framesOf(probe: Probe, connection: number): number {
  return probe.rowsOf(connection, EVENT.publish).reduce((sum, row) => sum + row.count, 0);
}

function bytesOf(chunks: readonly Buffer[]): number {
  return chunks.reduce((sum, chunk) => sum + chunk.length, 0);
}

/** What both engines have to do, over a real transport and the `ws` client. */
export async function engineConformance(kind: WsEngineKind, ground: Ground): Promise<void> {
  const choice = await chooseWsEngine(kind).catch((error: Error) => error);
  const skip = choice instanceof Error ? choice.message : false;

  test(`${kind} on ${ground.name}: frames and packets need not be aligned`, { skip }, async () => {
    await withListener(kind, ground, false, async ({ probe, dial }) => {
      const { client, connection } = await dial();
      const stream = Buffer.concat([
        PINGREQ,
        publish({ topic: 'a', payload: 'x'.repeat(500) }),
        publish({ topic: 'b', payload: 'y' }),
        PINGREQ,
      ]);
      client.send(stream);
      for (const byte of stream) client.send(Buffer.from([byte]));
      client.send(stream.subarray(0, 300), { fin: false });
      client.send(stream.subarray(300), { fin: true });
      client.send(Buffer.alloc(0));
      await probe.until(() => framesOf(probe, connection) === 6 && probe.rowsOf(connection, EVENT.ping).length === 6, 'six of each');
    });
  });

  test(`${kind} on ${ground.name}: an answer given in the turn arrives as a binary message`, { skip }, async () => {
    await withListener(kind, ground, false, async ({ transport, probe, dial }) => {
      const { client, received } = await dial();
      probe.onRow = (row) => {
        if (row.kind === EVENT.publish) transport.commands.send(row.connection, SPACE_ARENA, row.offset, row.length);
      };
      const large = publish({ topic: 'large', payload: Buffer.alloc(900_000, 3) });
      client.send(large);
      await probe.until(() => bytesOf(received) >= large.length, 'the echo');
      assert.ok(Buffer.concat(received).equals(large));
    });
  });

  refusals(kind, ground, skip);
  endings(kind, ground, skip);
  shortages(kind, ground, skip);
  pressure(kind, ground, skip);
}

function refusals(kind: WsEngineKind, ground: Ground, skip: string | false): void {
  test(`${kind} on ${ground.name}: other paths, missing and foreign sub-protocols and plain requests are refused`, { skip }, async () => {
    await withListener(kind, ground, false, async ({ listener, opened }) => {
      const base = `ws://127.0.0.1:${listener.port}`;
      assert.equal(await upgradeStatus(`${base}/other`, ['mqtt']), 404);
      assert.equal(await upgradeStatus(`${base}/mqtt`, []), 400);
      assert.equal(await upgradeStatus(`${base}/mqtt`, ['chat', 'xmqtt']), 400);
      assert.equal(await upgradeStatus(`${base}/mqtt`, ['chat', 'mqtt']), 'mqtt');
      assert.equal(await upgradeStatus(`${base}/mqtt`, ['mqttv3.1']), 'mqttv3.1');
      assert.equal((await fetch(`http://127.0.0.1:${listener.port}/mqtt`, { headers: { connection: 'close' } })).status, 426);
      assert.equal((await fetch(`http://127.0.0.1:${listener.port}/`, { headers: { connection: 'close' } })).status, 404);
      assert.equal(opened.length, 2);
    });
  });

  test(`${kind} on ${ground.name}: a text message is refused with 1003`, { skip }, async () => {
    await withListener(kind, ground, false, async ({ probe, dial }) => {
      const { client, connection } = await dial();
      client.send('text');
      const [code] = await once(client, 'close');
      assert.equal(code, 1003);
      await probe.untilRow(connection, EVENT.closed);
      assert.equal(probe.rowsOf(connection).length, 1);
    });
  });

  test(`${kind} on ${ground.name}: a message longer than the limit ends the connection`, { skip }, async () => {
    await withListener(kind, ground, false, async ({ probe, dial }) => {
      const { client, connection } = await dial();
      client.on('error', () => {});
      client.send(Buffer.alloc(MESSAGE_BYTES_MAX + 1));
      await probe.untilRow(connection, EVENT.closed);
      assert.equal(framesOf(probe, connection), 0);
    });
  });

  test(`${kind} on ${ground.name}: a full table refuses with 1013`, { skip }, async () => {
    await withListener(kind, ground, false, async ({ listener, dial }) => {
      for (let i = 0; i < 7; i += 1) await dial(); // Of eight; the probe has none yet.
      await dial();
      const client = new WebSocket(`ws://127.0.0.1:${listener.port}/mqtt`, 'mqtt');
      const [code] = await once(client, 'close');
      assert.equal(code, 1013);
    });
  });
}

function endings(kind: WsEngineKind, ground: Ground, skip: string | false): void {
  test(`${kind} on ${ground.name}: a peer that closes is closed byPeer, one that vanishes is closed as an error`, { skip }, async () => {
    await withListener(kind, ground, false, async ({ probe, dial }) => {
      const polite = await dial();
      polite.client.send(PINGREQ);
      polite.client.close(1000);
      assert.equal((await probe.untilRow(polite.connection, EVENT.closed)).number, CLOSE.byPeer);
      assert.equal(probe.rowsOf(polite.connection, EVENT.ping).length, 1);
      const rude = await dial();
      rude.client.terminate();
      assert.equal((await probe.untilRow(rude.connection, EVENT.closed)).number, CLOSE.error);
    });
  });

  test(`${kind} on ${ground.name}: the protocol's close sends what is queued, then a normal close frame`, { skip }, async () => {
    await withListener(kind, ground, false, async ({ transport, probe, dial, listener }) => {
      const { client, connection, received } = await dial();
      transport.commands.sendCopy(connection, Buffer.alloc(500_000, 9));
      transport.commands.close(connection, 1000);
      transport.submit();
      const [code] = await once(client, 'close');
      assert.equal(code, 1000);
      assert.equal(bytesOf(received), 500_000);
      await probe.untilRow(connection, EVENT.closed);
      assert.equal(listener.connectionCount, 0);
    });
  });

  test(`${kind} on ${ground.name}: the peer's address is known`, { skip }, async () => {
    await withListener(kind, ground, false, async ({ dial, listener }) => {
      const { connection } = await dial();
      assert.ok(listener.peerOf(connection).address.endsWith('127.0.0.1'));
    });
  });

  test(`${kind} on ${ground.name}: closing the listener ends its sockets and connections`, { skip }, async () => {
    await withListener(kind, ground, false, async ({ probe, dial, listener }) => {
      const { client, connection } = await dial();
      client.on('error', () => {});
      listener.close();
      await once(client, 'close');
      await probe.untilRow(connection, EVENT.closed);
      const late = new WebSocket(`ws://127.0.0.1:${listener.port}/mqtt`, 'mqtt');
      const [error] = await once(late, 'error');
      assert.ok(error instanceof Error);
    });
  });
}

function shortages(kind: WsEngineKind, ground: Ground, skip: string | false): void {
  test(`${kind} on ${ground.name}: a listener that pauses keeps its sockets, and takes connections when it resumes`, { skip }, async () => {
    await withListener(kind, ground, false, async ({ probe, dial, listener, opened }) => {
      const { client, connection } = await dial();
      listener.pauseAccepting();
      listener.pauseAccepting();
      if (kind === 'uws') {
        const refused = new WebSocket(`ws://127.0.0.1:${listener.port}/mqtt`, 'mqtt');
        const [error] = await once(refused, 'error');
        assert.ok(error instanceof Error);
        assert.equal(opened.length, 1);
      }
      client.send(PINGREQ);
      await probe.untilRow(connection, EVENT.ping);
      assert.equal(listener.resumeAccepting(), true);
      assert.equal(listener.resumeAccepting(), true);
      const late = await dial();
      late.client.send(PINGREQ);
      await probe.untilRow(late.connection, EVENT.ping);
      listener.pauseAccepting(); // It is closed while it is paused.
    });
  });
}

function pressure(kind: WsEngineKind, ground: Ground, skip: string | false): void {
  test(`${kind} on ${ground.name}: a client that does not read is congested, then relieved, and misses nothing`, { skip }, async () => {
    await withListener(kind, ground, false, async ({ transport, probe, dial }) => {
      const { client, connection, received } = await dial();
      client.pause();
      const total = 16 << 20;
      for (let sent = 0; sent < total; sent += 1 << 20) {
        transport.commands.sendCopy(connection, Buffer.alloc(1 << 20, sent >> 20));
        transport.submit();
      }
      await probe.untilRow(connection, EVENT.congested);
      assert.ok(transport.outputBytesOf(connection) > OPTIONS.highMarkBytes);
      client.resume();
      await probe.until(() => bytesOf(received) >= total, 'all bytes');
      const all = Buffer.concat(received);
      for (let i = 0; i < total; i += 1 << 19) assert.equal(all[i], i >> 20);
      await probe.untilRow(connection, EVENT.relieved);
      await probe.until(() => transport.outputBytesOf(connection) === 0, 'nothing waiting');
    });
  });

  test(`${kind} on ${ground.name}: a paused connection takes what comes without loss when it is resumed`, { skip }, async () => {
    await withListener(kind, ground, false, async ({ transport, probe, dial }) => {
      const { client, connection } = await dial();
      transport.commands.pauseReading(connection);
      transport.submit();
      const count = 500;
      for (let i = 0; i < count; i += 1) client.send(publish({ topic: 't', payload: 'm'.repeat(4000) }));
      await probe.settle();
      assert.equal(framesOf(probe, connection), 0);
      transport.commands.resumeReading(connection);
      transport.submit();
      await probe.until(() => framesOf(probe, connection) === count, 'every message');
    });
  });

  test(`${kind} on ${ground.name}: what a client sends behind its CONNECT waits for the admission`, { skip }, async () => {
    await withListener(kind, ground, true, async ({ transport, probe, dial }) => {
      const { client, connection } = await dial();
      client.send(CONNECT);
      for (let i = 0; i < 100; i += 1) client.send(publish({ topic: 't', payload: `${i}` }));
      client.send(PINGREQ);
      await probe.untilRow(connection, EVENT.frame);
      await probe.settle();
      assert.equal(probe.rowsOf(connection).length, 1);
      transport.commands.admit(connection, 4, MESSAGE_BYTES_MAX);
      transport.submit();
      await probe.until(() => framesOf(probe, connection) === 100 && probe.rowsOf(connection, EVENT.ping).length === 1, 'all of it');
    });
  });
}

/** The status that refuses an upgrade, or the sub-protocol agreed on. */
async function upgradeStatus(url: string, protocols: string[]): Promise<number | string> {
  const client = new WebSocket(url, protocols);
  const answer = await new Promise<number | string>((resolve) => {
    client.on('error', () => {});
    client.on('unexpected-response', (_request, response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    client.on('open', () => resolve(client.protocol));
  });
  client.terminate();
  return answer;
}
