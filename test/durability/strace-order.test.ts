import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { eventually } from '../resilience/deadline.js';
import { acksTo, earlyAcks, TRACED } from './ack-order.js';
import { DurableBroker } from './durable-broker.js';
import { Ledger } from './ledger.js';
import { DurablePublisher } from './mqtt-publisher.js';
import { DurableSubscriber } from './mqtt-subscriber.js';
import { seededRandom } from './run-options.js';
import { markerOf } from './self-describing.js';
import { parseCalls, STRACE_GATE, Strace, targetOf } from './strace.js';

interface Watched {
  readonly faults: readonly string[];
  readonly acks: number;
}

/** Publishes `messages` under strace, to a session that sleeps: somebody must want them. */
async function watch(context: TestContext, qos: 1 | 2, window: number, messages: number, ...settings: string[]): Promise<Watched> {
  const broker = await DurableBroker.start(context, ...settings);
  const sleeper = new DurableSubscriber({
    clientId: 'sleeper',
    version: 5,
    filters: [{ topic: 'traced/#', qos: 1 }],
    isWanted: () => true,
    isDue: () => true,
  });
  await sleeper.connect(broker.url);
  sleeper.drop();
  const random = seededRandom();
  const publisher = new DurablePublisher({
    producer: 7,
    clientId: 'traced',
    version: 4,
    qos,
    topics: [0, 1, 2],
    topicNames: ['traced/a', 'traced/b', 'traced/c'],
    window,
    fillerBytesMax: 600,
    retainEvery: () => 0,
    delaySeconds: 0,
    ledger: new Ledger(),
    random,
  });
  const markers = new Map<number, string>();
  publisher.onAccepted = (stamp, packetId) => markers.set(packetId, markerOf(stamp));
  await publisher.connect(broker.url);
  const port = publisher.localPort;
  const strace = await Strace.attach(broker.pid, `trace=${TRACED}`);
  context.after(() => strace.dispose());
  publisher.offer(messages);
  await eventually('all are acknowledged', () => markers.size === messages && publisher.inFlight === 0, 60_000);
  publisher.drop();
  await strace.detach();
  const calls = strace.calls();
  context.diagnostic(
    `seed ${random.seed}; ${calls.length} calls, ${calls.filter(({ name }) => name === 'fdatasync').length} of them fdatasync`,
  );
  return { faults: earlyAcks(calls, port, markers), acks: acksTo(calls, port).length };
}

const CASES: readonly (readonly [qos: 1 | 2, window: number, messages: number, name: string])[] = [
  [1, 1, 100, 'PUBACK, one at a time'],
  [1, 50, 1_000, 'PUBACK, in windows'],
  [2, 50, 500, 'PUBREC, in windows'],
];

for (const [qos, window, messages, name] of CASES) {
  test(`strace order: no acknowledgement leaves before the flush of its message has returned (${name})`, {
    skip: STRACE_GATE,
  }, async (context) => {
    const { faults, acks } = await watch(context, qos, window, messages);
    assert.equal(acks, messages, 'every acknowledgement was seen leaving');
    assert.deepEqual(faults.slice(0, 10), [], `${faults.length} of ${messages} acknowledgements came too early`);
  });
}

test('strace order: turns red when the broker acknowledges before the flush', { skip: STRACE_GATE }, async (context) => {
  const { faults } = await watch(context, 1, 50, 500, 'journal.unsafe_ack_before_flush=true');
  assert.ok(faults.length > 0, 'else this test could not see it');
});

test('strace order: reads what strace writes, also of calls that overlap', () => {
  const text = [
    String.raw`812 1764.1 pwrite64(23</data/a.mdb>, "\1\2<RMQD p0007 t00 s0000000001>\"x", 33, 4096 <unfinished ...>`,
    '813 1764.2 fdatasync(23</data/a.mdb> <unfinished ...>',
    '812 1764.3 <... pwrite64 resumed>) = 33',
    '813 1764.4 <... fdatasync resumed>) = 0',
    String.raw`814 1764.5 sendto(9<TCP:[127.0.0.1:1883->127.0.0.1:5555]>, "@\2\0\1", 4, MSG_DONTWAIT|MSG_NOSIGNAL, NULL, 0) = 4`,
    '813 1764.6 fdatasync(23</data/a.mdb>) = -1 EIO (Input/output error) (INJECTED)',
    '813 1764.7 fdatasync(23</data/a.mdb>) = 0',
    String.raw`814 1764.8 sendmsg(9<TCP:[127.0.0.1:1883->127.0.0.1:5555]>, {msg_iov=[{iov_base="@\2", iov_len=2}, {iov_base="\0\1", iov_len=2}]}, 0) = 4`,
  ].join('\n');
  const calls = parseCalls(text);
  assert.deepEqual(
    calls.map(({ name, beganAt, endedAt, result }) => [name, beganAt, endedAt, result]),
    [
      ['pwrite64', 0, 2, 33],
      ['fdatasync', 1, 3, 0],
      ['sendto', 4, 4, 4],
      ['fdatasync', 5, 5, -1],
      ['fdatasync', 6, 6, 0],
      ['sendmsg', 7, 7, 4],
    ],
  );
  assert.equal(targetOf(calls[0]), '/data/a.mdb');
  const markers = new Map([[1, '<RMQD p0007 t00 s0000000001>']]);
  assert.deepEqual(
    acksTo(calls, 5555).map(({ packetId }) => packetId),
    [1, 1],
  );
  assert.equal(earlyAcks(calls, 5555, markers).length, 2, 'the flush began before the write was over; the next one failed');
  const sound = [calls[0], calls[4], calls[5]]; // Without the flush that failed.
  assert.equal(earlyAcks(sound, 5555, markers).length, 0);
});
