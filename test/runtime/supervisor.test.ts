import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '../../src/base/clock.js';
import { RecordingLogger } from '../../src/base/logger.js';
import type { ShardHandOver, ShardOrder } from '../../src/runtime/orders.js';
import type { ShardThread, ShardThreadEvents } from '../../src/runtime/spawn.js';
import { HEARTBEAT_SILENCE_MS_MAX, Supervisor } from '../../src/runtime/supervisor.js';
import { ThreadCells } from '../../src/runtime/thread-cells.js';
import { Topology } from '../../src/runtime/topology.js';
import { SETTINGS_SCHEMA } from '../../src/settings/schema.js';

const SHARDS = 3;
const TICK_MS = 100;

class FakeThread implements ShardThread {
  readonly orders: ShardOrder[] = [];
  isTerminated = false;
  readonly handOver: ShardHandOver;
  readonly events: ShardThreadEvents;

  constructor(handOver: ShardHandOver, events: ShardThreadEvents) {
    this.handOver = handOver;
    this.events = events;
  }

  post(order: ShardOrder): void {
    this.orders.push(order);
  }

  busyRatio(): number {
    return 0;
  }

  terminate(): void {
    this.isTerminated = true;
    this.events.onExit(1);
  }
}

function setUp() {
  const clock = new ManualClock();
  const cells = ThreadCells.create(SHARDS);
  const topology = new Topology(SHARDS);
  const log = new RecordingLogger();
  const threads: FakeThread[] = [];
  const settings = SETTINGS_SCHEMA.parse({});
  const supervisor = new Supervisor({
    topology,
    cells,
    clock,
    log,
    spawn: (handOver, events) => {
      const thread = new FakeThread(handOver, events);
      threads.push(thread);
      return thread;
    },
    handOver: (shard, replacesDead) => ({
      shard,
      settings,
      transportKind: 'node',
      peers: topology.peersOf(shard),
      fromMain: topology.fromMainTo(shard),
      cells: cells.memory,
      counters: new SharedArrayBuffer(8),
      metrics: new SharedArrayBuffer(8),
      listeners: [],
      listenerCells: new SharedArrayBuffer(4),
      tls: new Map(),
      replacesDead,
      hashSeed: 0,
      quotas: new SharedArrayBuffer(8),
      brokerId: '',
      shape: { groups: 1, groupLanes: 1, lanes: 1 },
      streams: [],
      deletedStreams: [],
    }),
  });
  /** Time goes on by ticks; the shards named beat. */
  const pass = (ms: number, beating: readonly number[]): void => {
    for (let passed = 0; passed < ms; passed += TICK_MS) {
      clock.advance(TICK_MS);
      for (const shard of beating) cells.beat(shard);
      supervisor.tick();
    }
  };
  const startAll = (): void => {
    supervisor.start();
    for (const thread of threads) thread.events.onNotice({ kind: 'serving' });
  };
  return { clock, cells, topology, log, threads, supervisor, pass, startAll };
}

test('supervisor: starts every shard, and tells when all serve', () => {
  const { threads, supervisor } = setUp();
  supervisor.start();
  assert.equal(threads.length, SHARDS);
  assert.equal(supervisor.areAllServing, false);
  for (const thread of threads) thread.events.onNotice({ kind: 'serving' });
  assert.equal(supervisor.areAllServing, true);
});

test('supervisor: a dead shard is replaced at once, with new rings for every pair with it and for no other', () => {
  const { threads, supervisor, topology, startAll, log } = setUp();
  startAll();
  const before = topology.ringsBetween(0, 2);
  const down: number[] = [];
  supervisor.onShardDown = (shard) => down.push(shard);
  threads[1].events.onNotice({ kind: 'failed', error: new Error('a bug') });
  threads[1].events.onExit(1);

  assert.deepEqual(down, [1]);
  assert.equal(threads.length, SHARDS + 1);
  const successor = threads[SHARDS].handOver;
  assert.equal(successor.shard, 1);
  assert.equal(successor.replacesDead, true);
  for (const peer of [0, 2]) {
    const [, order] = threads[peer].orders; // Behind the news that all serve.
    assert.ok(order.kind === 'replace-peer' && order.peer === 1);
    assert.equal(order.rings.incoming, successor.peers[peer]?.outgoing);
    assert.equal(order.rings.outgoing, successor.peers[peer]?.incoming);
    assert.notEqual(order.rings.incoming, threads[peer].handOver.peers[1]?.incoming);
  }
  assert.deepEqual(topology.ringsBetween(0, 2), before);
  const error = log.records.find((record) => record.event === 'shard.died')?.fields.error;
  assert.ok(error instanceof Error && error.cause instanceof Error && error.cause.message === 'a bug');
});

test('supervisor: a shard whose heart stops is ended and replaced, the others stay', () => {
  const { threads, pass, startAll } = setUp();
  startAll();
  pass(HEARTBEAT_SILENCE_MS_MAX, [0, 2]);
  assert.equal(threads.length, SHARDS);
  pass(2 * TICK_MS, [0, 2]);
  assert.equal(threads[1].isTerminated, true);
  assert.equal(threads.length, SHARDS + 1);
  assert.equal(threads[0].isTerminated || threads[2].isTerminated, false);
});

test('supervisor: a shard that is silent for a while and then beats stays, however often', () => {
  const { threads, pass, startAll } = setUp();
  startAll();
  for (let turn = 0; turn < 5; turn += 1) {
    pass(HEARTBEAT_SILENCE_MS_MAX - TICK_MS, [0, 2]);
    pass(TICK_MS, [0, 1, 2]);
  }
  assert.equal(threads.length, SHARDS);
});

test('supervisor: when the whole process stood still, once or again and again, no shard is to blame', () => {
  const { threads, pass, startAll, clock, supervisor } = setUp();
  startAll();
  pass(1000, [0, 1, 2]);
  clock.advance(60_000);
  supervisor.tick();
  pass(1000, []);
  for (let stall = 0; stall < 40; stall += 1) {
    clock.advance(350);
    supervisor.tick();
  }
  assert.equal(threads.length, SHARDS, '14 s and more of silence, 9 s of which main ran');
  pass(HEARTBEAT_SILENCE_MS_MAX, []);
  assert.ok(threads.length > SHARDS, 'silence while main runs still counts');
});

test('supervisor: a shard that dies again and again is started later and later, and at once after a long life', () => {
  const { threads, pass, startAll, supervisor } = setUp();
  startAll();
  const waits: number[] = [];
  for (let death = 0; death < 8; death += 1) {
    const last = threads[threads.length - 1];
    const count = threads.length;
    last.events.onNotice({ kind: 'serving' });
    last.events.onExit(1);
    let waitedMs = 0;
    for (; threads.length === count; waitedMs += TICK_MS) pass(TICK_MS, [0, 1]);
    waits.push(waitedMs);
  }
  assert.deepEqual(waits, [0, 100, 200, 400, 800, 1600, 3200, 5000]);
  threads[threads.length - 1].events.onNotice({ kind: 'serving' });
  pass(11_000, [0, 1, 2]);
  const count = threads.length;
  threads[count - 1].events.onExit(1);
  assert.equal(threads.length, count + 1);
  assert.equal(supervisor.restarts, 9);
});

test('supervisor: a shard that fails at the first start is fatal, and is not replaced', () => {
  const { threads, supervisor } = setUp();
  const fatal: unknown[] = [];
  supervisor.onFatal = (error) => fatal.push(error);
  supervisor.start();
  threads[0].events.onExit(1);
  assert.equal(fatal.length, 1);
  assert.match(String(fatal[0]), /RMQ-1013/);
  assert.equal(threads.length, SHARDS);
});

test('supervisor: shards that never come up again are fatal, once', () => {
  const { threads, supervisor, pass, startAll } = setUp();
  const fatal: unknown[] = [];
  supervisor.onFatal = (error) => fatal.push(error);
  startAll();
  threads[2].events.onExit(1);
  for (let seconds = 0; seconds < 60 && fatal.length === 0; seconds += 1) {
    const last = threads[threads.length - 1];
    last.events.onExit(1);
    for (let ticks = 0; ticks < 60 && threads[threads.length - 1] === last; ticks += 1) pass(TICK_MS, [0, 1]);
  }
  assert.equal(fatal.length, 1);
});

test('supervisor: while the node ends nobody is replaced', () => {
  const { threads, supervisor, pass, startAll } = setUp();
  startAll();
  supervisor.drain();
  threads[0].events.onExit(1);
  for (const thread of threads.slice(1)) thread.events.onNotice({ kind: 'drained' });
  assert.equal(supervisor.areAllDrained, true);
  supervisor.stop();
  pass(10_000, []);
  for (const thread of threads.slice(1)) {
    assert.deepEqual(
      thread.orders.map((order) => order.kind),
      ['all-serving', 'drain', 'stop'],
    );
    thread.events.onExit(0);
  }
  assert.equal(supervisor.areAllEnded, true);
  assert.equal(threads.length, SHARDS);
});
