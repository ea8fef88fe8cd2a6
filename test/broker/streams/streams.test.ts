import assert from 'node:assert/strict';
import { test } from 'node:test';
import { routingName } from '../../../src/base/tenant-names.js';
import type { LogTarget } from '../../../src/broker/ports.js';
import type { StreamDefinition } from '../../../src/broker/streams/definition.js';
import { faultOfTemplate, keyOf } from '../../../src/broker/streams/key-template.js';
import { murmur2, partitionOfKey } from '../../../src/broker/streams/murmur2.js';
import { StreamResolver } from '../../../src/broker/streams/stream-resolver.js';
import { dottedName, isStreamName } from '../../../src/broker/streams/topic-name.js';

const PLACEMENT = { groupOf: (stream: number, partition: number) => stream * 100 + partition, ownerOf: (group: number) => group % 2 };

function stream(id: number, name: string, more: Partial<StreamDefinition> = {}): StreamDefinition {
  return {
    id,
    tenant: 'default',
    name,
    partitions: 4,
    storage: 'lmdb',
    settings: { flush: 'commit', retention: { timeMs: 0, bytes: 0, records: 0 }, isCompacted: false, tombstoneMs: 0 },
    filters: [],
    key: '{topic}',
    takesQos0: true,
    origin: 'settings',
    ...more,
  };
}

function resolve(resolver: StreamResolver, topic: string): LogTarget {
  return resolver.resolve(topic) ?? assert.fail(`${topic} has a log`);
}

const SYSTEM = [stream(1, 'mqtt', { origin: 'system', takesQos0: false }), stream(2, 'mqtt.retained', { origin: 'system' })];

test('murmur2: the numbers of the Java client', () => {
  // org.apache.kafka.common.utils.UtilsTest.testMurmur2
  const cases: readonly (readonly [string, number])[] = [
    ['21', -973932308],
    ['foobar', -790332482],
    ['a-little-bit-long-string', -985981536],
    ['a-little-bit-longer-string', -1486304829],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
    ['abc', 479470107],
  ];
  for (const [key, hash] of cases) assert.equal(murmur2(Buffer.from(key)), hash, key);
  assert.equal(partitionOfKey(Buffer.from('21'), 1000), (-973932308 & 0x7fff_ffff) % 1000);
});

test('streams: the filter that was bound first decides, then the name of the topic, then its dotted name, then the catch-all', () => {
  const resolver = new StreamResolver(PLACEMENT, [
    ...SYSTEM,
    stream(3, 'telemetry', { filters: ['site/+/pump/#'], key: '{level:2}' }),
    stream(4, 'late', { filters: ['site/#'], takesQos0: false }),
    stream(5, 'orders', { origin: 'command' }),
    stream(6, 'a.b_2Ec'),
  ]);
  const pump = resolve(resolver, 'site/7/pump/3');
  assert.equal(pump.stream, 3);
  assert.equal(Buffer.from(pump.key).toString(), '7');
  assert.equal(pump.keyIsTopic, false);
  assert.equal(pump.partition, partitionOfKey(Buffer.from('7'), 4));
  assert.equal(pump.group, 300 + pump.partition);
  assert.equal(pump.owner, pump.group % 2);
  assert.equal(resolve(resolver, 'site/7').stream, 4);
  assert.equal(resolve(resolver, 'orders').stream, 5);
  assert.equal(resolve(resolver, 'a/b.c').stream, 6);
  assert.equal(resolve(resolver, 'mqtt.retained').stream, 1, 'nobody writes to a stream of the system by its name');
  const other = resolve(resolver, 'elsewhere');
  assert.equal(other.stream, 1);
  assert.equal(other.takesQos0, false);
  assert.equal(resolver.retained('elsewhere').stream, 2);
  assert.deepEqual(
    resolver.retainedTargets().map(({ partition }) => partition),
    [0, 1, 2, 3],
  );
  resolver.update(SYSTEM);
  assert.equal(resolve(resolver, 'site/7').stream, 1);
});

test('streams: a topic of a tenant goes to a stream of that tenant, and its retained message under its own key', () => {
  const acme = { tenant: 'acme' } as const;
  const resolver = new StreamResolver(PLACEMENT, [
    ...SYSTEM,
    stream(3, 'orders'),
    stream(7, 'mqtt', { ...acme, origin: 'system', takesQos0: false }),
    stream(8, 'orders', { ...acme, key: '{level:2}', filters: ['orders/#'] }),
  ]);
  assert.equal(resolve(resolver, routingName('acme', 'orders/5')).stream, 8);
  assert.equal(Buffer.from(resolve(resolver, routingName('acme', 'orders/5')).key).toString(), '5');
  assert.equal(resolve(resolver, 'orders/5').stream, 1, 'what acme has bound is not bound elsewhere');
  assert.equal(resolve(resolver, 'orders').stream, 3);
  const other = resolve(resolver, routingName('acme', 'x'));
  assert.equal(other.stream, 7);
  assert.equal(Buffer.from(other.key).toString(), 'x');
  assert.equal(resolver.resolve(routingName('nobody', 'x')), null);
  const retained = resolver.retained(routingName('acme', 'x'));
  assert.equal(retained.stream, 2);
  assert.equal(Buffer.from(retained.key).toString(), routingName('acme', 'x'));
  assert.equal(retained.keyIsTopic, false, 'the record says the topic as clients know it');
});

test('streams: a key template takes levels of the topic, and says what it does not know', () => {
  assert.equal(keyOf('{topic}', 'a/b'), 'a/b');
  assert.equal(keyOf('{level:2}-{level:9}x', 'a/b'), 'b-x');
  assert.equal(faultOfTemplate('{topic}:{level:12}'), null);
  assert.match(faultOfTemplate('{client}') ?? '', /client/);
  assert.match(faultOfTemplate('{level:0}') ?? '', /level:0/);
  assert.match(faultOfTemplate('{topic') ?? '', /partner/);
});

test('streams: dotted names are legal and of one topic only', () => {
  assert.equal(dottedName('a/b.c_d'), 'a.b_2Ec_5Fd');
  assert.equal(dottedName('ü'), '_C3_BC');
  assert.equal(dottedName('x'.repeat(250)), null);
  const topics = ['a/b', 'a.b', 'a_2Eb', 'a/_b', 'a//b'];
  assert.equal(new Set(topics.map(dottedName)).size, topics.length);
  assert.ok(!isStreamName('..') && !isStreamName('') && !isStreamName('a/b') && isStreamName('a.b'));
});
