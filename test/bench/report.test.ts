import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import type { LatencySummary } from '../../bench/robust-bench/latency-cells.js';
import { faultsOf, type LoadOutcome } from '../../bench/robust-bench/load-outcome.js';
import { medianOf, metricsOf } from '../../bench/robust-bench/metrics.js';
import { formatJson, formatTable } from '../../bench/robust-bench/report.js';
import { planWith } from './plans.js';

const NO_LATENCY: LatencySummary = { count: 0, p50: 0, p90: 0, p99: 0, p999: 0, max: 0 };

function outcomeWith(changes: Partial<LoadOutcome>): LoadOutcome {
  return {
    connected: 2,
    connectFailed: 0,
    dropped: 0,
    connectSeconds: 1,
    connectsPerSecond: 2,
    sentPerSecond: 100,
    ackedPerSecond: 100,
    receivedPerSecond: 100,
    receivedMibPerSecond: 1,
    sent: 100,
    acked: 100,
    refused: 0,
    unsent: 0,
    expected: 100,
    received: 100,
    lost: 0,
    duplicates: 0,
    reordered: 0,
    foreign: 0,
    downgraded: 0,
    connect: NO_LATENCY,
    deliver: NO_LATENCY,
    acknowledge: NO_LATENCY,
    lag: NO_LATENCY,
    generatorCores: 0.5,
    broker: null,
    ...changes,
  };
}

const OURS = { host: 'a', port: 1, pid: 0 };
const OTHER = { host: 'b', port: 2, pid: 0 };

test('report: medians over rounds, and the ratio of the two brokers', () => {
  const plan = planWith({ qos: 1 });
  const rounds = [300, 100, 200].map((receivedPerSecond) => outcomeWith({ receivedPerSecond }));
  const others = [50, 40, 60].map((receivedPerSecond) => outcomeWith({ receivedPerSecond }));
  const text = stripVTControlCharacters(
    formatTable(plan, [
      { target: OURS, rounds },
      { target: OTHER, rounds: others },
    ]),
  );
  assert.match(text, /received \(\/s\)\s*│\s*200\s*│\s*50\s*│\s*4\.00x/);
  assert.match(text, /Medians of 3 rounds/);
  const received = metricsOf(plan).find((metric) => metric.key === 'received_per_second');
  assert.ok(received !== undefined);
  assert.equal(medianOf(received, rounds.slice(0, 2)), 200);
});

test('report: JSON holds every round, the medians and the ratios, and no password', () => {
  const plan = planWith({ qos: 1, password: 'secret' });
  const text = formatJson(plan, [
    { target: OURS, rounds: [outcomeWith({})] },
    { target: OTHER, rounds: [outcomeWith({ lost: 3 })] },
  ]);
  const report = JSON.parse(text);
  assert.equal(report.brokers[0].median.received_per_second, 100);
  assert.equal(report.brokers[0].rounds.length, 1);
  assert.deepEqual(report.brokers[1].faults, ['3 messages were lost']);
  assert.equal(report.ratios.received_per_second, 1);
  assert.equal(report.ratios.lost, 0);
  assert.ok(!text.includes('secret'));
});

test('report: QoS 0 may lose messages, QoS 1 may not; order and connections count at any QoS', () => {
  assert.deepEqual(faultsOf(outcomeWith({ lost: 5, acked: 0 }), planWith({ qos: 0 })), []);
  assert.deepEqual(faultsOf(outcomeWith({ lost: 5 }), planWith({ qos: 1 })), ['5 messages were lost']);
  assert.deepEqual(faultsOf(outcomeWith({ acked: 90 }), planWith({ qos: 2 })), ['10 messages were not acknowledged']);
  assert.deepEqual(faultsOf(outcomeWith({ reordered: 1, dropped: 2 }), planWith({ qos: 0 })), [
    '2 connections were ended by the broker',
    '1 messages came out of order',
  ]);
});

test('report: a run in which nothing moved is not sound', () => {
  assert.deepEqual(faultsOf(outcomeWith({ sent: 0, acked: 0, expected: 0, received: 0 }), planWith({})), ['no message was sent']);
  assert.deepEqual(faultsOf(outcomeWith({ received: 0 }), planWith({})), ['no message arrived']);
});

test('report: rows are those that say something about the scenario', () => {
  const keysOf = (changes: Parameters<typeof planWith>[0]): string[] => metricsOf(planWith(changes)).map((metric) => metric.key);
  assert.ok(!keysOf({ qos: 0 }).includes('acked_per_second'));
  assert.ok(keysOf({ qos: 1 }).includes('ack_p99_us'));
  assert.ok(keysOf({ rate: 10 }).includes('send_lag_p99_us'));
  assert.ok(!keysOf({ subscribers: 0 }).includes('latency_p99_us'));
  assert.ok(keysOf({ scenario: 'conn', publishers: 0, subscribers: 0, idle: 5 }).includes('connect_p99_us'));
});
