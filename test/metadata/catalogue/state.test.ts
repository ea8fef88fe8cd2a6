import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SeededRandom } from '../../../src/base/random.js';
import { Catalogue } from '../../../src/metadata/catalogue/catalogue.js';
import type { Command } from '../../../src/metadata/catalogue/commands.js';
import { decodeDelta, encodeDelta } from '../../../src/metadata/catalogue/delta-codec.js';
import { NewerVersion } from '../../../src/metadata/catalogue/forms.js';
import { TENANT_DEFAULT } from '../../../src/metadata/catalogue/resources.js';
import { WireViolation } from '../../../src/wire/violation.js';
import { Machine, PUT_SAMPLES, SAMPLES, seedOf, streamWish } from './samples.js';

const T = TENANT_DEFAULT;
const CHUNK_BYTES_MAX = 64 * 1024;

function userCommand(number: number, comment = ''): Command {
  return {
    kind: 'put-user',
    value: { tenant: T, name: `u${number}`, passwordHash: '', isSuperuser: false, comment, scram: [] },
    expected: null,
  };
}

function restored(chunks: readonly Uint8Array[]): Catalogue {
  const catalogue = new Catalogue({ onDelta: () => undefined });
  catalogue.restore(chunks);
  return catalogue;
}

const bytesOf = (catalogue: Catalogue): Buffer => Buffer.concat([...catalogue.capture()]);

test('catalogue: a snapshot has what was there when it began, whatever is applied while it is written', () => {
  const machine = new Machine();
  machine.applyBatch(PUT_SAMPLES.map((command) => ({ command, requestId: null })));
  for (let batch = 0; batch < 8; batch += 1)
    machine.applyBatch(
      Array.from({ length: 1000 }, (_, at) => ({ command: userCommand(batch * 1000 + at, 'x'.repeat(50)), requestId: null })),
    );
  const expected = machine.snapshot();
  assert.ok(expected.length > 5, 'several chunks');
  const chunks: Buffer[] = [];
  for (const chunk of machine.catalogue.capture()) {
    chunks.push(Buffer.from(chunk));
    machine.accept(userCommand(chunks.length, 'changed'));
    machine.accept(userCommand(1_000_000 + chunks.length));
    machine.accept({ kind: 'delete-user', key: { tenant: T, name: `u${7000 - chunks.length}` }, expected: null });
  }
  assert.deepEqual(chunks, expected);
  assert.notDeepEqual(machine.snapshot(), expected);
});

test('catalogue: restored from a snapshot it has the same bytes, and goes on alike', () => {
  const machine = new Machine();
  machine.applyBatch(PUT_SAMPLES.map((command) => ({ command, requestId: null })));
  machine.accept({ kind: 'create-stream', stream: streamWish('doomed') });
  machine.accept({ kind: 'delete-stream', key: { tenant: T, name: 'doomed' }, expected: null });
  machine.run(userCommand(1), Buffer.alloc(16, 1));
  machine.run({ kind: 'delete-user', key: { tenant: T, name: 'nobody' }, expected: null }, Buffer.alloc(16, 2));
  const copy = restored(machine.snapshot());
  assert.deepEqual(bytesOf(copy), Buffer.concat(machine.snapshot()));
  assert.deepEqual(copy.reader.counts(), machine.catalogue.reader.counts());
  assert.deepEqual(copy.reader.deletedStreams, [2]);
  assert.deepEqual(copy.reader.streamOfId(1), machine.catalogue.reader.get('stream', { tenant: T, name: 'events' }));

  const next: readonly Command[] = [
    { kind: 'create-stream', stream: streamWish('later') },
    { ...SAMPLES['register-node'], id: 0, uuid: 'another' },
    { kind: 'delete-user', key: { tenant: T, name: 'u1' }, expected: null },
    userCommand(1),
  ];
  machine.applyBatch(next.map((command) => ({ command, requestId: null })));
  const data = machine.log[machine.log.length - 1];
  const outcomes = copy.apply({ term: 1, index: machine.index, type: 'normal', data });
  assert.deepEqual(
    outcomes.map((outcome) => outcome.isOk && outcome.id),
    [3, 2, 0, 0],
    'numbers go on where they were',
  );
  assert.deepEqual(bytesOf(copy), Buffer.concat(machine.snapshot()));
});

test('catalogue: a new one has the tenant default and nothing else', () => {
  const machine = new Machine();
  assert.equal(machine.catalogue.reader.revision, 1);
  const counts = Object.entries(machine.catalogue.reader.counts()).filter(([, count]) => count > 0);
  assert.deepEqual(counts, [['tenant', 1]]);
  assert.deepEqual(bytesOf(restored(machine.snapshot())), Buffer.concat(machine.snapshot()));
});

test('catalogue: a record of more than a chunk is cut and put together', () => {
  const machine = new Machine();
  const filters = Array.from({ length: 5000 }, (_, number) => `site/${number}/+/events/of/the/machines/in/hall/${number}/#`);
  machine.accept({ kind: 'create-stream', stream: streamWish('wide', { filters }) });
  const chunks = machine.snapshot();
  assert.ok(chunks.length > 4);
  for (const { length } of chunks) assert.ok(length <= CHUNK_BYTES_MAX);
  assert.deepEqual(restored(chunks).reader.get('stream', { tenant: T, name: 'wide' })?.filters, filters);
});

test('catalogue: chunks that are missing, cut, mixed up or of a newer version are no state, and the old one stays', () => {
  const machine = new Machine();
  for (let number = 0; number < 1500; number += 1) machine.accept(userCommand(number, 'x'.repeat(100)));
  const chunks = machine.snapshot();
  assert.ok(chunks.length >= 4);
  const before = Buffer.concat(chunks);
  const newer = Buffer.from(chunks[0]);
  newer[2] = 9;
  const bad: readonly (readonly Uint8Array[])[] = [
    [],
    chunks.slice(1),
    chunks.slice(0, -1),
    chunks.toSpliced(1, 1),
    [...chunks, chunks[1]],
    [chunks[0], ...chunks],
    chunks.with(2, chunks[2].subarray(0, 100)),
    chunks.with(1, Buffer.alloc(0)),
  ];
  for (const [number, candidate] of bad.entries())
    assert.throws(() => machine.catalogue.restore(candidate), WireViolation, `candidate ${number}`);
  assert.throws(() => machine.catalogue.restore(chunks.with(0, newer)), NewerVersion);
  assert.deepEqual(Buffer.concat(machine.snapshot()), before);
});

test('catalogue: damaged snapshots and deltas fail as declared', () => {
  const random = new SeededRandom(seedOf());
  const machine = new Machine();
  machine.applyBatch(PUT_SAMPLES.map((command, at) => ({ command, requestId: Buffer.alloc(16, at) })));
  const chunks = machine.snapshot();
  const delta = encodeDelta(machine.deltas[0], null);
  const isDeclared = (error: unknown): boolean => error instanceof WireViolation || error instanceof NewerVersion;
  for (let round = 0; round < 5000; round += 1) {
    const bytes = Buffer.from(round % 2 === 0 ? delta : chunks[random.below(chunks.length)]);
    for (let change = 0; change <= random.below(3); change += 1) bytes[random.below(bytes.length)] = random.below(256);
    try {
      if (round % 2 === 0) decodeDelta(bytes);
      else new Catalogue({ onDelta: () => undefined }).restore(chunks.with(random.below(chunks.length), bytes));
    } catch (error) {
      assert.ok(isDeclared(error), String(error));
    }
  }
});

test('catalogue: a batch that cannot be understood changes nothing', () => {
  const machine = new Machine();
  machine.accept(userCommand(1));
  const before = machine.snapshot();
  machine.applyBatch([
    { command: userCommand(2), requestId: null },
    { command: userCommand(3), requestId: null },
  ]);
  const data = Buffer.from(machine.log[1]);
  data[data.length - 1] = 0xff;
  const copy = restored(before);
  assert.throws(() => copy.apply({ term: 1, index: 2, type: 'normal', data }), WireViolation);
  assert.deepEqual(bytesOf(copy), Buffer.concat(before));
});

test('catalogue: an empty entry and a configuration only move the index', () => {
  const machine = new Machine();
  assert.deepEqual(machine.applyData(new Uint8Array(0)), []);
  assert.equal(machine.catalogue.reader.index, 1);
  machine.catalogue.onConfiguration({ voters: [1], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false }, 2);
  assert.equal(machine.catalogue.reader.index, 2);
  assert.equal(machine.catalogue.reader.revision, 1);
  assert.deepEqual(machine.deltas, []);
});

test('catalogue: the clock is the leader of the time, and does not go back', () => {
  const machine = new Machine();
  machine.atMs = 5000;
  machine.accept({ kind: 'create-stream', stream: streamWish('a') });
  machine.atMs = 4000;
  machine.accept({ kind: 'delete-stream', key: { tenant: T, name: 'a' }, expected: null });
  assert.equal(machine.catalogue.reader.get('deleted-stream', { id: 1 })?.deletedAtMs, 5000);
});

test('requests: one that comes again gets the outcome it had, also after a restore, until it is forgotten', () => {
  const machine = new Machine(3);
  const id = (number: number): Buffer => Buffer.alloc(16, number);
  const create: Command = { kind: 'create-stream', stream: streamWish('once') };
  const first = machine.run(create, id(1));
  assert.deepEqual(first, { isOk: true, revision: 2, id: 1 });
  assert.deepEqual(machine.run(create, id(1)), first);
  const refused = machine.run(create, id(2));
  assert.equal(refused.isOk, false);
  machine.accept({ kind: 'delete-stream', key: { tenant: T, name: 'once' }, expected: null });
  assert.deepEqual(machine.run(create, id(2)), refused, 'also a refusal');
  assert.equal(machine.catalogue.reader.count('stream'), 0);

  const copy = new Machine(3);
  copy.catalogue.restore(machine.snapshot());
  copy.index = machine.index;
  for (const one of [machine, copy]) {
    assert.deepEqual(one.run(create, id(1)), first);
    one.applyBatch([
      { command: userCommand(1), requestId: id(3) },
      { command: userCommand(1), requestId: id(4) },
    ]);
    assert.deepEqual(one.run(create, id(2)), refused);
    assert.deepEqual(one.run(create, id(1)), { isOk: true, revision: 6, id: 2 }, 'the fourth pushed out the first');
  }
  assert.deepEqual(copy.snapshot(), machine.snapshot());
});
