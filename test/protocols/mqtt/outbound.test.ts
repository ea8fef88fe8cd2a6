import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { AWAITS_PUBACK, AWAITS_PUBCOMP, AWAITS_PUBREC, FREE, type InFlight, Outbound } from '../../../src/protocols/mqtt/outbound.js';
import type { Delivery } from '../../../src/protocols/mqtt/stored-run.js';

const nextId = (packetId: number): number => (packetId === 65535 ? 1 : packetId + 1);

function deliveryNamed(name: number): Delivery {
  const run = { bytes: Uint8Array.of(name), count: 1, version: 4 as const, receivedAtMs: 0, expiresAtMs: 0, expiryOffset: -1 };
  return { run, qos: 1, retain: 0, identifiers: null, log: null };
}

test('outbound: packet ids of a new session begin at 1 and follow one another', () => {
  const outbound = new Outbound(100, false);
  assert.equal(outbound.open(3, 1), 1);
  assert.equal(outbound.open(2, 2), 4);
  assert.equal(outbound.inFlight, 5);
  assert.equal(outbound.stateOf(3), AWAITS_PUBACK);
  assert.equal(outbound.stateOf(4), AWAITS_PUBREC);
  assert.equal(outbound.stateOf(6), FREE);
});

test('outbound: acknowledgements of the wrong kind or of unknown ids change nothing', () => {
  const outbound = new Outbound(10, false);
  outbound.open(2, 2);
  assert.equal(outbound.finish(1, 2, AWAITS_PUBACK), 0);
  assert.equal(outbound.finish(7, 3, AWAITS_PUBACK), 0);
  assert.equal(outbound.receive(9), false);
  assert.equal(outbound.inFlight, 2);
});

test('outbound: a PUBREC twice is a PUBREL twice, a PUBCOMP ends it', () => {
  const outbound = new Outbound(10, true);
  const packetId = outbound.open(1, 2);
  outbound.keep(packetId, deliveryNamed(1), 0);
  assert.equal(outbound.receive(packetId), true);
  assert.equal(outbound.receive(packetId), true);
  assert.equal(outbound.finish(packetId, 1, AWAITS_PUBCOMP), 1);
  assert.equal(outbound.inFlight, 0);
  assert.equal(outbound.receive(packetId), false);
});

test('outbound: an id that is never acknowledged is never given out again', () => {
  const outbound = new Outbound(65535, false);
  const stuck = outbound.open(1, 1);
  let opened = 0;
  while (outbound.room() > 0) {
    const packetId = outbound.open(1, 1);
    assert.notEqual(packetId, stuck);
    outbound.finish(packetId, 1, AWAITS_PUBACK);
    opened += 1;
  }
  assert.ok(opened > 10_000, 'the client gets a long way past it');
  outbound.finish(stuck, 1, AWAITS_PUBACK);
  assert.ok(outbound.room() > 0, 'its acknowledgement opens the window again');
});

test('outbound: the marks survive a very long life', () => {
  const outbound = new Outbound(16384, false);
  let expected = 1;
  // 1.2 billion ids, past the point where both marks are rebased.
  for (let i = 0; i < 75_000; i += 1) {
    const first = outbound.open(16384, 1);
    assert.equal(first, expected);
    outbound.finish(first, 1, AWAITS_PUBACK);
    outbound.finish(nextId(first), 16383, AWAITS_PUBACK);
    expected = ((expected - 1 + 16384) % 65535) + 1;
    assert.equal(outbound.inFlight, 0);
    if (i > 40) i += 997; // The rest in larger strides would not test more.
  }
});

type Step =
  | { readonly kind: 'open'; readonly count: number; readonly qos: 1 | 2 }
  | { readonly kind: 'ack'; readonly at: number; readonly count: number }
  | { readonly kind: 'move' };

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constant('open' as const),
        count: fc.integer({ min: 1, max: 40 }),
        qos: fc.constantFrom(1 as const, 2 as const),
      }),
    },
    { weight: 5, arbitrary: fc.record({ kind: fc.constant('ack' as const), at: fc.nat(200), count: fc.integer({ min: 1, max: 30 }) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('move' as const) }) },
  ),
  { maxLength: 120 },
);

test('outbound: behaves as a plain list of ids in flight, whatever comes in whatever order', () => {
  fc.assert(
    fc.property(steps, fc.integer({ min: 1, max: 65535 }), (list, firstId) => {
      let outbound = new Outbound(64, true);
      outbound.restore(firstId, []);
      let model: { packetId: number; state: number; name: number }[] = [];
      let next = firstId;
      let name = 0;
      for (const step of list) {
        if (step.kind === 'open') {
          const count = Math.min(step.count, outbound.room());
          assert.ok(outbound.room() <= 64 - model.length);
          if (count === 0) continue;
          let packetId = outbound.open(count, step.qos);
          assert.equal(packetId, next);
          for (let i = 0; i < count; i += 1) {
            outbound.keep(packetId, deliveryNamed(name % 256), name);
            model.push({ packetId, state: step.qos === 1 ? AWAITS_PUBACK : AWAITS_PUBREC, name });
            name += 1;
            packetId = nextId(packetId);
          }
          next = packetId;
        } else if (step.kind === 'ack') {
          const target = model[step.at];
          if (target === undefined) continue;
          if (target.state === AWAITS_PUBREC) {
            assert.equal(outbound.receive(target.packetId), true);
            target.state = AWAITS_PUBCOMP;
            continue;
          }
          let expected = 0;
          let packetId = target.packetId;
          for (let i = 0; i < step.count; i += 1) {
            const found = model.findIndex((entry) => entry.packetId === packetId && entry.state === target.state);
            if (found >= 0 && model[found] !== target) {
              model.splice(found, 1);
              expected += 1;
            }
            packetId = nextId(packetId);
          }
          model = model.filter((entry) => entry !== target);
          assert.equal(outbound.finish(target.packetId, step.count, target.state), expected + 1);
        } else {
          const entries: InFlight[] = [];
          outbound.forEach((packetId, state, delivery, offset) => {
            entries.push({ packetId, state, delivery, offset, group: -1, sequence: 0 });
          });
          const moved = new Outbound(64, true);
          moved.restore(outbound.nextPacketId, entries);
          outbound = moved;
        }
        assert.equal(outbound.inFlight, model.length);
        const seen: { packetId: number; state: number }[] = [];
        outbound.forEach((packetId, state, delivery, offset) => {
          seen.push({ packetId, state });
          if (state !== AWAITS_PUBCOMP) assert.equal(offset, model[seen.length - 1].name);
          assert.equal(delivery === null, state === AWAITS_PUBCOMP);
        });
        assert.deepEqual(
          seen,
          model.map(({ packetId, state }) => ({ packetId, state })),
        );
      }
    }),
    { numRuns: 300 },
  );
});
