import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SeededRandom } from '../../../../src/base/random.js';
import type { MqttContext } from '../../../../src/protocols/mqtt/context.js';
import { MqttSession } from '../../../../src/protocols/mqtt/session.js';
import { DeliveryMarks } from '../../../../src/protocols/mqtt/slow/delivery-marks.js';
import { type SlowSettings, SlowSubscriptions } from '../../../../src/protocols/mqtt/slow/slow-subscriptions.js';

function acknowledged(marks: DeliveryMarks, lastPacketId: number): string[] {
  const seen: string[] = [];
  marks.acknowledge(lastPacketId, (topic, publishedMs, sentMs) => seen.push(`${String(topic)} ${publishedMs} ${sentMs}`));
  return seen;
}

test('delivery marks: an acknowledgement measures the run it is of and takes the runs before it away', () => {
  const marks = new DeliveryMarks();
  marks.note(1, 3, 10, 11, 'a');
  marks.note(4, 1, 20, 21, 'b');
  marks.note(5, 2, 30, 31, 'c');
  assert.deepEqual(acknowledged(marks, 2), ['a 10 11']);
  assert.deepEqual(acknowledged(marks, 4), ['a 10 11', 'b 20 21']);
  assert.equal(marks.length, 1);
  assert.deepEqual(acknowledged(marks, 1), [], 'one that comes late is of a run that is gone');
  assert.deepEqual(acknowledged(marks, 6), ['c 30 31']);
  assert.equal(marks.length, 0);
});

test('delivery marks: packet ids go round, and a full ring measures no more until there is room', () => {
  const marks = new DeliveryMarks();
  marks.note(65_534, 4, 1, 1, 'round');
  assert.deepEqual(acknowledged(marks, 1), ['round 1 1']);
  assert.deepEqual(acknowledged(marks, 2), ['round 1 1']);
  assert.equal(marks.length, 0);
  for (let i = 1; i <= 100; i += 1) marks.note(i, 1, i, i, `t${i}`);
  assert.equal(marks.length, 64);
  assert.equal(acknowledged(marks, 64).length, 64);
});

test('delivery marks: in any order of sending and acknowledging each run is measured until its last one', () => {
  const random = new SeededRandom(7);
  const marks = new DeliveryMarks();
  const runs: { first: number; count: number; name: string }[] = [];
  let next = 65_000;
  const after = (id: number, steps: number): number => ((id - 1 + steps) % 65_535) + 1;
  for (let step = 0; step < 5000; step += 1) {
    if (random.below(2) === 0 && runs.length < 60) {
      const count = 1 + random.below(5);
      runs.push({ first: next, count, name: `r${step}` });
      marks.note(next, count, step, step, `r${step}`);
      next = after(next, count);
    } else if (runs.length > 0) {
      const which = random.below(Math.min(3, runs.length));
      const within = random.below(runs[which].count);
      const expected = runs.slice(0, which + 1).map(({ name }) => name);
      const seen = acknowledged(marks, after(runs[which].first, within)).map((text) => text.split(' ')[0]);
      assert.deepEqual(seen, expected, `step ${step} of seed 7`);
      runs.splice(0, within === runs[which].count - 1 ? which + 1 : which);
    }
    assert.equal(marks.length, runs.length);
  }
});

const SETTINGS: SlowSettings = { thresholdMs: 100, span: 'whole', entriesMax: 2, staysMs: 1000 };

/** Sends one message at 0, published at `publishedMs` before, and acknowledges it. */
function take(slow: SlowSubscriptions, clientId: string, publishedMs: number, sentMs: number, ackedMs: number): void {
  const session = new MqttSession(clientId);
  slow.onSent({ nowMs: sentMs } as MqttContext, session, 1, 1, publishedMs, 't');
  slow.onAcknowledged(session, 1, ackedMs);
}

test('slow subscriptions: each span is measured from and to where it says', () => {
  const tookBy = (span: SlowSettings['span']): number | undefined => {
    const slow = new SlowSubscriptions({ ...SETTINGS, span });
    take(slow, 'c', 1000, 1300, 2000);
    return slow.list(10).at(0)?.longestMs;
  };
  assert.deepEqual([tookBy('whole'), tookBy('internal'), tookBy('response')], [1000, 300, 700]);
});

test('slow subscriptions: what is below the threshold is not listed, the slowest stay, and what is old goes', () => {
  const slow = new SlowSubscriptions(SETTINGS);
  take(slow, 'quick', 0, 0, 99);
  assert.deepEqual(slow.list(10), []);
  take(slow, 'a', 0, 0, 200);
  take(slow, 'b', 0, 0, 300);
  take(slow, 'a', 100, 100, 250);
  take(slow, 'less', 0, 0, 150);
  assert.deepEqual(
    slow.list(10).map(({ clientId, longestMs, lastMs, count }) => [clientId, longestMs, lastMs, count]),
    [
      ['b', 300, 300, 1],
      ['a', 200, 150, 2],
    ],
  );
  take(slow, 'more', 0, 0, 250);
  assert.deepEqual(
    slow.list(10).map(({ clientId }) => clientId),
    ['b', 'more'],
  );
  slow.onTick(1270);
  assert.deepEqual(
    slow.list(10).map(({ clientId }) => clientId),
    ['b'],
  );
});
