import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import mqttPacket from 'mqtt-packet';
import { ChildBroker } from './child-broker.js';
import { eventually, pass } from './deadline.js';

const DESCRIPTORS_MAX = 320;
const CONNECTIONS = 300;
/** The default of runtime.descriptors_reserved. */
const RESERVED = 128;
const EXHAUSTED_MS = 1_000;
/** Of one second: 10 tries to accept, and what two idle shards and their ticks cost. A loop that spins takes all of it. */
const CPU_SHARE_MAX = 0.35;

/** The certificate that TLS makes for itself at the first start would be counted as work. */
const RESERVING: readonly string[] = ['runtime.shards=2', 'mqtt.tls.enabled=false', 'mqtt.wss.enabled=false'];
/** Clients may take them all; what is loaded behind the start would not find any. */
const SETTINGS: readonly string[] = [...RESERVING, 'runtime.descriptors_reserved=0', 'grpc.enabled=false', 'http.enabled=false'];

const CONNECT: Uint8Array = mqttPacket.generate({ cmd: 'connect', clientId: '', protocolVersion: 5, clean: true, keepalive: 0 });

/** A client that says CONNECT as soon as its handshake with the kernel is done, and notes the answer. */
class Knocker {
  readonly socket: Socket;
  isServed = false;
  isClosed = false;

  constructor(context: TestContext, url: string, firstWords: Uint8Array = CONNECT) {
    const { hostname, port } = new URL(url);
    this.socket = connect(Number(port), hostname, () => this.socket.write(firstWords));
    this.socket.on('data', () => {
      this.isServed = true;
    });
    this.socket.on('error', () => {}); // The close that follows is noted.
    this.socket.on('close', () => {
      this.isClosed = true;
    });
    context.after(() => this.socket.destroy());
  }
}

const served = (knockers: readonly Knocker[]): number => knockers.filter(({ isServed }) => isServed).length;

const complaintsOf = (broker: ChildBroker): number => broker.log.filter(({ event }) => event === 'listener.descriptors-used-up').length;

/** Opens connections until the broker has no descriptors left: most are served, the rest waits in the backlog. */
async function exhaust(context: TestContext, broker: ChildBroker): Promise<Knocker[]> {
  const knockers = Array.from({ length: CONNECTIONS }, () => new Knocker(context, broker.urlOf('mqtt.tcp')));
  let last = -1;
  await eventually('some are served, and then no more', async () => {
    const before = last;
    last = served(knockers);
    await pass(150);
    return last > 50 && last === before;
  });
  await eventually('it says so', () => {
    // Whom libuv turns away may leave a last descriptor behind.
    if (complaintsOf(broker) === 0) knockers.push(new Knocker(context, broker.urlOf('mqtt.tcp')));
    return complaintsOf(broker) > 0;
  });
  assert.ok(last < DESCRIPTORS_MAX, `${last} of ${CONNECTIONS} are served with ${DESCRIPTORS_MAX} descriptors`);
  return knockers;
}

/** The share of one processor that the broker takes. */
async function cpuShare(broker: ChildBroker): Promise<number> {
  const beganMs = performance.now();
  const beganCpuMs = broker.cpuMs();
  await pass(EXHAUSTED_MS);
  return (broker.cpuMs() - beganCpuMs) / (performance.now() - beganMs);
}

for (const transport of ['native', 'node'] as const) {
  test(`descriptors, ${transport}: clients leave what is reserved, and all parts of the node live on it`, async (context) => {
    const broker = await ChildBroker.start(context, DESCRIPTORS_MAX, ...RESERVING, `runtime.transport=${transport}`);
    const room = DESCRIPTORS_MAX - RESERVED;
    const knockers = Array.from({ length: CONNECTIONS }, () => new Knocker(context, broker.urlOf('mqtt.tcp')));
    await eventually('who finds no room is told so by the close', () => knockers.every(({ isServed, isClosed }) => isServed || isClosed));
    assert.ok(served(knockers) <= room, `${served(knockers)} are served`);
    assert.ok(served(knockers) >= room / 2, `${served(knockers)} are served`);
    await pass(EXHAUSTED_MS); // In which the rest of the node is loaded.
    assert.ok((await broker.status()).connections > 0);
    assert.deepEqual(
      broker.log.filter(({ event }) => event.endsWith('.died') || event === 'listener.descriptors-used-up'),
      [],
    );
    for (const { socket } of knockers) socket.destroy();
    const late = new Knocker(context, broker.urlOf('mqtt.tcp'));
    await eventually('a new one is served', () => late.isServed);
  });

  test(`descriptors, ${transport}: used up, the broker neither spins nor falls, says so once, and goes on accepting when some are free`, async (context) => {
    const broker = await ChildBroker.start(context, DESCRIPTORS_MAX, ...SETTINGS, `runtime.transport=${transport}`);
    const knockers = await exhaust(context, broker);
    const lucky = knockers.filter(({ isServed }) => isServed);
    const share = await cpuShare(broker);
    context.diagnostic(`${lucky.length} served, ${(share * 100).toFixed(0)} % of a processor`);
    // With node:net libuv turns those who wait away, by a descriptor that it keeps in reserve for each thread. Another thread may take that
    // one; then libuv spins, and there is nothing we can do.
    if (transport === 'native') assert.ok(share < CPU_SHARE_MAX, `${(share * 100).toFixed(0)} % of a processor while nothing can be done`);

    for (const { socket } of lucky) socket.destroy();
    const unlucky = knockers.filter(({ socket, isClosed }) => !socket.destroyed && !isClosed);
    await eventually('those that waited are served', () => unlucky.every(({ isServed, isClosed }) => isServed || isClosed));
    const late = new Knocker(context, broker.urlOf('mqtt.tcp'));
    await eventually('a new one is served', () => late.isServed);
    assert.ok(broker.isRunning);
    if (transport === 'native') assert.ok((await broker.status()).node.acceptErrors > 0, 'counted');
    assert.equal(complaintsOf(broker), 1, 'logged once');
  });
}

test('descriptors: used up, WebSocket clients that knock cost nothing either, and are refused until some are free', async (context) => {
  const broker = await ChildBroker.start(context, DESCRIPTORS_MAX, ...SETTINGS);
  const knockers = await exhaust(context, broker);
  const upgrade = Buffer.from(
    'GET /mqtt HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n' +
      'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n',
  );
  const webSockets = Array.from({ length: 20 }, () => new Knocker(context, broker.urlOf('mqtt.ws'), upgrade));
  await eventually('the kernel has answered', () => webSockets.every(({ socket }) => !socket.connecting));
  const share = await cpuShare(broker);
  context.diagnostic(`${(share * 100).toFixed(0)} % of a processor`);
  assert.ok(share < CPU_SHARE_MAX, `${(share * 100).toFixed(0)} % of a processor while nothing can be done`);
  for (const { socket } of knockers) socket.destroy();
  await eventually('a WebSocket client is served', async () => {
    await pass(50); // The listener opens again when descriptors have been free for a second.
    const knocker = new Knocker(context, broker.urlOf('mqtt.ws'), upgrade);
    await eventually('it has an answer', () => knocker.isServed || knocker.isClosed);
    return knocker.isServed;
  });
});
