import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SILENT_LOGGER } from '../../../src/base/logger.js';
import { AlarmWatch, type ProcessFacts, type WatchedNode } from '../../../src/runtime/watch/alarm-watch.js';
import { Alarms } from '../../../src/runtime/watch/alarms.js';
import type { AlarmSettings } from '../../../src/settings/watch-schema.js';

function alarmsOf(historyMax = 10): { readonly alarms: Alarms; readonly told: string[] } {
  const told: string[] = [];
  const tell = (change: string, { name, subject, message }: { name: string; subject: string; message: string }): void => {
    told.push(`${change} ${name} ${subject} ${message}`);
  };
  return { alarms: new Alarms({ holdMs: 1000, eventStaysMs: 5000, historyMax, log: SILENT_LOGGER, tell }), told };
}

test('alarms: a state must last before it raises its alarm, and be good as long before it ends it', () => {
  const { alarms, told } = alarmsOf();
  const look = (state: 'bad' | 'between' | 'good', nowMs: number): void => alarms.look('high-cpu', '', state, () => `at ${nowMs}`, nowMs);
  look('bad', 0);
  look('good', 500);
  look('bad', 900);
  look('bad', 1899);
  assert.deepEqual(told, [], 'a dip begins the time anew');
  look('bad', 1900);
  assert.deepEqual(told, ['activate high-cpu  at 1900']);
  look('between', 2000);
  look('between', 9000);
  look('good', 10_000);
  look('between', 10_900);
  look('good', 11_000);
  look('good', 11_999);
  assert.equal(alarms.active.length, 1, 'between the thresholds it stays what it was');
  look('good', 12_000);
  assert.deepEqual(told.slice(1), ['deactivate high-cpu  at 1900']);
  assert.deepEqual(alarms.past, [{ name: 'high-cpu', subject: '', message: 'at 1900', activatedAtMs: 1900, deactivatedAtMs: 12_000 }]);
});

test('alarms: what happened stays for its time, from the last time on, and is told once', () => {
  const { alarms, told } = alarmsOf();
  alarms.happened('shard-restarted', 'shard 1', 'first', 0);
  alarms.happened('shard-restarted', 'shard 1', 'second', 4000);
  alarms.tick(8999);
  assert.deepEqual(
    alarms.active.map(({ message }) => message),
    ['second'],
  );
  alarms.tick(9000);
  assert.deepEqual(told, ['activate shard-restarted shard 1 first', 'deactivate shard-restarted shard 1 second']);
});

test('alarms: subjects are apart, the history is bounded and its newest come first', () => {
  const { alarms } = alarmsOf(2);
  for (let i = 0; i < 4; i += 1) {
    alarms.happened('shard-restarted', `shard ${i}`, 'x', i);
    alarms.tick(i + 5000);
  }
  assert.deepEqual(
    alarms.past.map(({ subject }) => subject),
    ['shard 3', 'shard 2'],
  );
  assert.deepEqual(alarms.active, []);
});

const SETTINGS: AlarmSettings = {
  ...{ enabled: true, cpu_high: 80, memory_high: 80, disk_free_low: 1000, connections_high: 90 },
  ...{ certificate_expires_within: 10_000, hold: 1000, event_stays: 5000, history_max: 10 },
};

test('alarm watch: each state of the node raises its own alarm with its figures, and ends it', () => {
  const { alarms, told } = alarmsOf();
  const facts = { cpu: 0, memory: 10, free: 5000 as number | null };
  const process: ProcessFacts = {
    cores: 2,
    cpuMicroseconds: () => facts.cpu,
    memoryBytes: () => facts.memory * 2 ** 20,
    memoryBytesMax: () => 100 * 2 ** 20,
    freeBytes: () => facts.free,
  };
  const well: WatchedNode = {
    ...{ connections: 5, connectionsMax: 100, isShortOfDescriptors: false, certificates: [], sources: [{ name: 'ldap', isDown: false }] },
    shards: [{ isShedding: false, isJournalFull: false }],
  };
  let node = well;
  const watch = new AlarmWatch(alarms, SETTINGS, process, () => node);
  let nowMs = 0;
  const run = (seconds: number, cpuPercent: number): void => {
    for (let i = 0; i < seconds; i += 1) {
      nowMs += 1000;
      facts.cpu += cpuPercent * 10 * 1000 * 2;
      watch.tick(nowMs, nowMs);
    }
  };
  run(5, 50);
  assert.deepEqual(told, []);
  Object.assign(facts, { memory: 90, free: 999 });
  node = {
    ...well,
    ...{ connections: 95, isShortOfDescriptors: true, sources: [{ name: 'ldap', isDown: true }] },
    shards: [{ isShedding: true, isJournalFull: true }],
    certificates: [{ listener: 'mqtt.tls', host: '', notAfterMs: 12_000 }],
  };
  run(4, 90);
  assert.deepEqual(
    alarms.active.map(({ name }) => name),
    [
      ...['authentication-source-down', 'certificate-expiring', 'connections-high', 'descriptors-short', 'disk-full', 'disk-low'],
      ...['high-cpu', 'high-memory', 'overload-shedding'],
    ],
  );
  assert.ok(
    told.some((line) => /high-cpu +90 % of 2 cores/.test(line)),
    told.join('\n'),
  );
  assert.ok(told.some((line) => /connections-high +95 of 100/.test(line)));
  Object.assign(facts, { memory: 77, free: null });
  node = well;
  run(4, 77);
  assert.deepEqual(
    alarms.active.map(({ name }) => name).sort(),
    ['certificate-expiring', 'disk-low', 'high-cpu', 'high-memory'],
    'just below the threshold is not well',
  );
  Object.assign(facts, { memory: 10, free: 5000 });
  run(4, 10);
  assert.deepEqual(
    alarms.active.map(({ name }) => name),
    ['certificate-expiring'],
    'nobody looks at a certificate that is shown no more',
  );
});

test('alarm watch: it is silent where it is switched off', () => {
  const { alarms } = alarmsOf();
  const fail = (): never => {
    throw new Error('nobody looks');
  };
  const facts = { cores: 1, cpuMicroseconds: fail, memoryBytes: fail, memoryBytesMax: fail, freeBytes: fail };
  new AlarmWatch(alarms, { ...SETTINGS, enabled: false }, facts, fail).tick(1000, 1000);
});
