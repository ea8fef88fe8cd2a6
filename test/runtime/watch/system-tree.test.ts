import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SystemTree } from '../../../src/runtime/watch/system-tree.js';
import { type NodeFigures, systemValues } from '../../../src/runtime/watch/system-values.js';
import { DROP } from '../../../src/telemetry/metrics/drops.js';
import { COUNT, COUNTS_COUNT } from '../../../src/telemetry/metrics/slots.js';
import { COUNTER, COUNTERS_COUNT } from '../../../src/transport/ports.js';

function figuresOf(connections: number): NodeFigures {
  const counts = new Float64Array(COUNTS_COUNT);
  const transport = new Float64Array(COUNTERS_COUNT);
  counts[COUNT.messagesReceived] = 3;
  counts[COUNT.messagesReceived + 1] = 4;
  counts[COUNT.messagesSent + 2] = 9;
  counts[DROP.expired] = 2;
  counts[COUNT.sessions] = 8;
  transport[COUNTER.droppedQos0] = 5;
  transport[COUNTER.bytesIn] = 77;
  return { node: 'n1', version: '1.2.3', uptimeMs: 61_500, nowMs: 1_000_000_000_000, connections, counts, transport };
}

function mapOf(values: readonly { topic: string; text: string }[]): Map<string, string> {
  const map = new Map(values.map(({ topic, text }) => [topic, text]));
  assert.equal(map.size, values.length, 'no topic twice');
  return map;
}

test('system values: what shards count stands under both sets of names', () => {
  const values = mapOf(systemValues(figuresOf(2), new Map([['connections', 6]])));
  const expected = {
    '$SYS/brokers': 'n1',
    '$SYS/brokers/n1/uptime': '61',
    '$SYS/broker/uptime': '61 seconds',
    '$SYS/brokers/n1/datetime': '2001-09-09T01:46:40.000Z',
    '$SYS/brokers/n1/stats/connections/count': '2',
    '$SYS/brokers/n1/stats/connections/max': '6',
    '$SYS/broker/clients/connected': '2',
    '$SYS/broker/clients/disconnected': '6',
    '$SYS/broker/clients/total': '8',
    '$SYS/brokers/n1/metrics/messages/received': '7',
    '$SYS/brokers/n1/metrics/messages/qos1/received': '4',
    '$SYS/brokers/n1/metrics/messages/qos2/sent': '9',
    '$SYS/brokers/n1/metrics/messages/dropped': '7',
    '$SYS/brokers/n1/metrics/messages/dropped/expired': '2',
    '$SYS/brokers/n1/metrics/messages/dropped/congested': '5',
    '$SYS/broker/publish/messages/dropped': '7',
    '$SYS/brokers/n1/metrics/bytes/received': '77',
    '$SYS/broker/bytes/received': '77',
  };
  for (const [topic, text] of Object.entries(expected)) assert.equal(values.get(topic), text, topic);
});

test('system tree: values are told at once and then at each interval, with the highest that was between', () => {
  let connections = 3;
  const told: Map<string, string>[] = [];
  const tree = new SystemTree({ figures: () => figuresOf(connections), tell: (values) => told.push(mapOf(values)) }, 10_000);
  tree.tick(0);
  assert.equal(told.length, 1);
  connections = 50;
  tree.tick(5000);
  connections = 4;
  tree.tick(9999);
  assert.equal(told.length, 1);
  tree.tick(11_000);
  const maxOf = (index: number): string | undefined => told[index].get('$SYS/brokers/n1/stats/connections/max');
  assert.deepEqual([told.length, maxOf(0), maxOf(1)], [2, '3', '50']);
  tree.tellSoon();
  tree.tick(11_100);
  assert.equal(told.length, 3);
});

test('system tree: an interval of 0 tells nothing', () => {
  const tree = new SystemTree({ figures: () => figuresOf(0), tell: () => assert.fail('told') }, 0);
  for (let nowMs = 0; nowMs < 100_000; nowMs += 1000) tree.tick(nowMs);
});
