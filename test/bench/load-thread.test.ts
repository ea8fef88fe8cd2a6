import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { test } from 'node:test';
import { generate, type Packet, parser } from 'mqtt-packet';
import type { DialFailure } from '../../bench/robust-bench/dialer.js';
import type { LoadPlan } from '../../bench/robust-bench/load-plan.js';
import { LoadThread } from '../../bench/robust-bench/load-thread.js';
import { MonotonicMicros } from '../../bench/robust-bench/monotonic-micros.js';
import { createTallyMemory, TALLY, Tally } from '../../bench/robust-bench/tally.js';
import { EVENT } from '../../src/transport/ports.js';
import { FakeTransport } from './fake-transport.js';
import { planWith } from './plans.js';

/** A load thread with a fake transport; the test is the broker. */
class Stage {
  readonly transport: FakeTransport = new FakeTransport();
  readonly tally: Tally = new Tally(createTallyMemory());
  readonly clock: MonotonicMicros = new MonotonicMicros();
  readonly events: EventEmitter = new EventEmitter();
  readonly load: LoadThread;
  readonly plan: LoadPlan;
  dialed: DialFailure | null | undefined;

  constructor(changes: Partial<LoadPlan>) {
    this.plan = planWith(changes);
    this.load = new LoadThread(
      {
        plan: this.plan,
        target: { host: 'broker', port: 1, pid: 0 },
        run: 7,
        thread: 0,
        transport: this.transport,
        tally: this.tally,
        clock: this.clock,
      },
      {
        onDialed: (failure) => {
          this.dialed = failure;
        },
        onEnded: () => void this.events.emit('ended'),
      },
    );
    this.load.start();
  }

  packets(connection: number): Packet[] {
    const packets: Packet[] = [];
    const decoder = parser({ protocolVersion: this.plan.version });
    decoder.on('packet', (packet: Packet) => void packets.push(packet));
    decoder.parse(this.transport.take(connection));
    return packets;
  }

  answer(connection: number, packet: Packet): void {
    this.transport.turn(() => this.transport.row(EVENT.frame, connection, generate(packet, { protocolVersion: this.plan.version })));
  }

  accept(connection: number): void {
    this.transport.turn(() => this.transport.row(EVENT.connected, connection));
    assert.deepEqual(
      this.packets(connection).map((packet) => packet.cmd),
      ['connect'],
    );
    this.answer(
      connection,
      this.plan.version === 5
        ? { cmd: 'connack', reasonCode: 0, sessionPresent: false, properties: { receiveMaximum: 2 } }
        : { cmd: 'connack', returnCode: 0, sessionPresent: false },
    );
  }

  async end(): Promise<void> {
    const ended = once(this.events, 'ended');
    this.load.end();
    await ended;
    assert.ok(this.transport.isClosed);
  }

  /** Subscriber 0 and publisher 1 are accepted. */
  acceptBoth(): void {
    this.accept(0);
    const [subscribe] = this.packets(0);
    assert.ok(subscribe.cmd === 'subscribe' && subscribe.subscriptions[0].topic === 'bench/0');
    this.answer(0, { cmd: 'suback', messageId: 1, granted: [this.plan.qos] });
    assert.equal(this.dialed, undefined);
    this.accept(1);
    assert.equal(this.dialed, null);
  }
}

for (const version of [4, 5] as const) {
  test(`load thread: version ${version}: dials, publishes once it is told to, counts acknowledgements and deliveries, says goodbye`, async () => {
    const stage = new Stage({ version, qos: 1, window: 4 });
    stage.acceptBoth();
    assert.equal(stage.tally.counters[TALLY.ready], 2);
    stage.load.begin(stage.clock.now());
    while (stage.tally.counters[TALLY.sent] === 0) await new Promise(setImmediate);
    const sent = stage.transport.take(1);
    const expected = version === 5 ? 2 : 4; // This broker's Receive Maximum is below the window.
    assert.equal(stage.tally.counters[TALLY.sent], expected);

    stage.transport.turn(() => {
      stage.transport.row(EVENT.acks, 1, new Uint8Array(0), expected, 1, 0x40);
      stage.transport.row(EVENT.publish, 0, sent, expected, 0, 0x32);
    });
    assert.equal(stage.tally.counters[TALLY.acked], expected);
    assert.equal(stage.tally.counters[TALLY.received], expected);
    assert.ok(stage.transport.connections[0].commands.includes(`ackRun 64 0 0 0 ${expected}`));
    assert.equal(stage.transport.take(1).length, sent.length, 'acknowledgements made room for as many again');
    await stage.end();
    assert.deepEqual([...stage.transport.take(1)], [0xe0, 0]);
    assert.equal(stage.tally.counters[TALLY.dropped], 0);
  });
}

test('load thread: QoS 2 answers both ways in its four steps', async () => {
  const stage = new Stage({ qos: 2, window: 4 });
  stage.acceptBoth();
  stage.load.begin(stage.clock.now());
  while (stage.tally.counters[TALLY.sent] === 0) await new Promise(setImmediate);
  const sent = stage.transport.take(1);
  stage.transport.turn(() => {
    stage.transport.row(EVENT.acks, 1, new Uint8Array(0), 4, 1, 0x50);
    stage.transport.row(EVENT.publish, 0, sent, 4, 0, 0x34);
    stage.transport.row(EVENT.acks, 0, new Uint8Array(0), 4, 9, 0x62);
  });
  assert.equal(stage.tally.counters[TALLY.acked], 0);
  assert.deepEqual(stage.transport.connections[1].commands, ['admit 4', 'ackRange 98 1 4']);
  assert.deepEqual(stage.transport.connections[0].commands, ['admit 4', 'ackRun 80 0 0 0 4', 'ackRange 112 9 4']);
  stage.transport.turn(() => stage.transport.row(EVENT.acks, 1, new Uint8Array(0), 4, 1, 0x70));
  assert.equal(stage.tally.counters[TALLY.acked], 4);
  await stage.end();
});

test('load thread: acknowledgements with a reason code are read too, and errors among them counted', async () => {
  const stage = new Stage({ version: 5, qos: 1, window: 2 });
  stage.acceptBoth();
  stage.load.begin(stage.clock.now());
  while (stage.tally.counters[TALLY.sent] === 0) await new Promise(setImmediate);
  stage.answer(1, { cmd: 'puback', messageId: 1, reasonCode: 0x10 });
  stage.answer(1, { cmd: 'puback', messageId: 2, reasonCode: 0x97 });
  assert.equal(stage.tally.counters[TALLY.acked], 2);
  assert.equal(stage.tally.counters[TALLY.refused], 1);
  await stage.end();
});

test('load thread: an unreachable broker is reported with its errno', async () => {
  const stage = new Stage({});
  stage.transport.turn(() => stage.transport.row(EVENT.connected, 0, new Uint8Array(0), 0, 111));
  stage.transport.turn(() => stage.transport.row(EVENT.connected, 1, new Uint8Array(0), 0, 111));
  stage.transport.turn(() => stage.transport.row(EVENT.closed, 0));
  assert.ok(stage.transport.connections[0].commands.includes('release'));
  assert.deepEqual(stage.dialed, { kind: 'unreachable', reason: 'broker:1: ECONNREFUSED' });
  await stage.end();
});

test('load thread: a refused CONNECT and a refused SUBSCRIBE are reported, a lower QoS is counted', async () => {
  const refused = new Stage({ subscribers: 0, publishers: 1, version: 5 });
  refused.transport.turn(() => refused.transport.row(EVENT.connected, 0));
  refused.answer(0, { cmd: 'connack', reasonCode: 0x87, sessionPresent: false });
  assert.deepEqual(refused.dialed, { kind: 'refused', reason: 'broker:1 refused CONNECT with code 0x87' });
  await refused.end();

  const unwanted = new Stage({ publishers: 0 });
  unwanted.accept(0);
  unwanted.answer(0, { cmd: 'suback', messageId: 1, granted: [0x80] });
  assert.deepEqual(unwanted.dialed, { kind: 'refused', reason: 'broker:1 refused SUBSCRIBE with code 0x80' });
  await unwanted.end();

  const downgraded = new Stage({ publishers: 0, qos: 2 });
  downgraded.accept(0);
  downgraded.answer(0, { cmd: 'suback', messageId: 1, granted: [1] });
  assert.equal(downgraded.dialed, null);
  assert.equal(downgraded.tally.counters[TALLY.downgraded], 1);
  await downgraded.end();
});

test('load thread: a connection that the broker ends during the load is counted as dropped', async () => {
  const stage = new Stage({});
  stage.acceptBoth();
  stage.load.begin(stage.clock.now());
  stage.transport.turn(() => stage.transport.row(EVENT.closed, 0));
  assert.equal(stage.tally.counters[TALLY.dropped], 1);
  assert.ok(stage.transport.connections[0].commands.includes('release'));
  await stage.end();
});

test('load thread: with a keep-alive it pings before the time is up', async () => {
  const stage = new Stage({ keepAliveSeconds: 1, publishers: 0, subscribers: 0, idle: 1 });
  stage.accept(0);
  const deadline = stage.clock.now() + 2e6;
  while (stage.transport.connections[0].output.length === 0 && stage.clock.now() < deadline) await new Promise(setImmediate);
  assert.deepEqual(
    stage.packets(0).map((packet) => packet.cmd),
    ['pingreq'],
  );
  await stage.end();
});
