import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LEAF_KINDS } from '../../../src/settings/layers.js';
import { DROP, DROP_REASONS } from '../../../src/telemetry/metrics/drops.js';
import { BUCKETS, foldHistogram, HISTOGRAM, HISTOGRAM_CELLS, HISTOGRAMS_CELLS, observe } from '../../../src/telemetry/metrics/histogram.js';
import { AUTHENTICATION, ENDING, REFUSAL } from '../../../src/telemetry/metrics/refusals.js';
import { namedCounts, ShardMetrics } from '../../../src/telemetry/metrics/shard-metrics.js';
import {
  AUTHENTICATION_RESULTS_MAX,
  COUNT,
  COUNTS_COUNT,
  DROPS_MAX,
  ENDINGS_MAX,
  GAUGES_FIRST,
  LISTENERS_MAX,
  PACKET_TYPES,
  QOS_LEVELS,
  REFUSALS_MAX,
} from '../../../src/telemetry/metrics/slots.js';

/** How many slots each row has; others have one. */
const ROWS: Readonly<Record<string, number>> = {
  messagesReceived: QOS_LEVELS,
  messagesSent: QOS_LEVELS,
  packetsReceived: PACKET_TYPES,
  dropped: DROPS_MAX,
  connectionsRefused: REFUSALS_MAX,
  authentications: AUTHENTICATION_RESULTS_MAX,
  connectionsEnded: ENDINGS_MAX,
  connections: LISTENERS_MAX,
};

test('shard metrics: every counter has slots of its own, gauges behind the others', () => {
  const taken = new Map<number, string>();
  for (const [name, first] of Object.entries(COUNT))
    for (let slot = first; slot < first + (ROWS[name] ?? 1); slot += 1) {
      assert.equal(taken.get(slot), undefined, `${name} and ${taken.get(slot)} share slot ${slot}`);
      assert.ok(slot < COUNTS_COUNT);
      taken.set(slot, name);
    }
  const gauges = ['sessions', 'subscriptions', 'retained', 'linkBytesWaiting', 'journalPendingBytes', 'journalFull', 'connections'];
  for (const [name, first] of Object.entries(COUNT)) assert.equal(first >= GAUGES_FIRST, gauges.includes(name), name);
});

test('shard metrics: closed lists lie within their rows, each in a slot of its own', () => {
  const lists = [
    [DROP, COUNT.dropped, DROPS_MAX],
    [REFUSAL, COUNT.connectionsRefused, REFUSALS_MAX],
    [AUTHENTICATION, COUNT.authentications, AUTHENTICATION_RESULTS_MAX],
    [ENDING, COUNT.connectionsEnded, ENDINGS_MAX],
  ] as const;
  for (const [list, first, count] of lists) {
    const slots = Object.values<number>(list);
    assert.equal(new Set(slots).size, slots.length);
    for (const slot of slots) assert.ok(slot >= first && slot < first + count, `${slot} of ${first}`);
  }
});

test('drops: each has a sentence, a label of its own, and settings that there are', () => {
  const reasons = Object.values(DROP_REASONS);
  assert.equal(new Set(reasons.map(({ reason }) => reason)).size, reasons.length);
  for (const { reason, sentence, settings } of reasons) {
    assert.match(reason, /^[a-z]+(-[a-z]+)*$/);
    assert.ok(sentence.length > 30 && !sentence.endsWith('.'), reason);
    for (const setting of settings) assert.ok(LEAF_KINDS.has(setting), `${reason}: ${setting}`);
  }
});

test('histogram: a time is in the first bucket whose bound it does not exceed', () => {
  fc.assert(
    fc.property(fc.double({ min: 0, max: 1e7, noNaN: true }), (milliseconds) => {
      const cells = new Float64Array(HISTOGRAMS_CELLS);
      observe(cells, HISTOGRAM.walFsync, milliseconds);
      const { buckets, count, sumSeconds } = foldHistogram([cells, new Float64Array(HISTOGRAMS_CELLS)], HISTOGRAM.walFsync);
      assert.equal(count, 1);
      assert.equal(sumSeconds, milliseconds / 1000);
      // A microsecond is the least that is told apart.
      const seconds = Math.ceil(milliseconds * 1000) / 1_000_000;
      for (const [bound, upTo] of buckets) assert.equal(upTo, seconds <= bound ? 1 : 0, `${milliseconds} ms and ${bound} s`);
    }),
  );
});

test('histogram: those of one shard do not touch each other', () => {
  const cells = new Float64Array(HISTOGRAMS_CELLS);
  for (const first of Object.values(HISTOGRAM)) observe(cells, first, 1e9);
  for (const first of Object.values(HISTOGRAM)) {
    assert.deepEqual([foldHistogram([cells], first).count, foldHistogram([cells], first).sumSeconds], [1, 1e6]);
    assert.equal(foldHistogram([cells], first).buckets.length, BUCKETS);
  }
  assert.equal(Object.keys(HISTOGRAM).length * HISTOGRAM_CELLS, HISTOGRAMS_CELLS);
});

test('shard metrics: what a shard counted is there for its successor, and what it was is not', () => {
  const first = new ShardMetrics();
  first.counts[COUNT.messagesReceived + 1] += 5;
  first.counts[DROP.expired] += 2;
  first.counts[COUNT.sessions] = 7;
  const successor = new ShardMetrics(first.memory);
  first.clearGauges();
  assert.equal(successor.counts[COUNT.sessions], 0);
  successor.counts[COUNT.messagesReceived] += 1;
  assert.deepEqual([namedCounts(first).publishesIn, namedCounts(first).droppedExpired], [6, 2]);
});
