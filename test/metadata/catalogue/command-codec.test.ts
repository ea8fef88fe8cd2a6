import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SeededRandom } from '../../../src/base/random.js';
import { COMMAND_KINDS, decodeBatch, encodeBatch, envelopeBytesMax } from '../../../src/metadata/catalogue/command-codec.js';
import type { Command } from '../../../src/metadata/catalogue/commands.js';
import { NewerVersion } from '../../../src/metadata/catalogue/forms.js';
import { decodeOutcomes, encodeOutcomes } from '../../../src/metadata/catalogue/outcome-codec.js';
import { WireReader } from '../../../src/wire/reader.js';
import { WireViolation } from '../../../src/wire/violation.js';
import { ALL_SAMPLES, AT_MS, SAMPLES, seedOf } from './samples.js';

const REQUEST_ID = Uint8Array.from({ length: 16 }, (_, index) => 0xf0 + index);
const BATCH_HEAD_BYTES = 8;
const ROUNDS = 20_000;

const batchOf = (command: Command): Uint8Array => encodeBatch({ atMs: AT_MS, envelopes: [{ command, requestId: null }] });

test('command codec: what was written comes back, in one batch, with and without request ids', () => {
  const batch = {
    atMs: AT_MS,
    envelopes: ALL_SAMPLES.map((command, index) => ({ command, requestId: index % 2 === 0 ? null : REQUEST_ID })),
  };
  assert.deepEqual(decodeBatch(encodeBatch(batch)), batch);
  assert.deepEqual(COMMAND_KINDS.toSorted(), ALL_SAMPLES.map(({ kind }) => kind).sort(), 'there is a sample of each kind');
});

test('command codec: a batch is never longer than was reckoned', () => {
  for (const command of ALL_SAMPLES)
    for (const requestId of [null, REQUEST_ID]) {
      const envelope = { command, requestId };
      assert.ok(encodeBatch({ atMs: AT_MS, envelopes: [envelope] }).length <= BATCH_HEAD_BYTES + envelopeBytesMax(envelope), command.kind);
    }
});

test('command codec: the largest number, long and foreign texts come back', () => {
  const value = { ...SAMPLES['put-user'].value, comment: '🚲'.repeat(5000) + 'x'.repeat(200), passwordHash: 'é'.repeat(127) };
  const user: Command = { kind: 'put-user', value, expected: Number.MAX_SAFE_INTEGER - 1 };
  const offset = { stream: 1, partition: 0, offset: Number.MAX_SAFE_INTEGER, leaderEpoch: -1, metadata: '\ufeffmark' };
  const commit: Command = { ...SAMPLES['commit-offsets'], offsets: [offset] };
  const decoded = decodeBatch(
    encodeBatch({ atMs: 2 ** 48 - 1, envelopes: [user, commit].map((command) => ({ command, requestId: null })) }),
  );
  assert.equal(decoded.atMs, 2 ** 48 - 1);
  assert.deepEqual(
    decoded.envelopes.map(({ command }) => command),
    [user, commit],
  );
});

test('command codec: a number that the log cannot hold is refused before anything is written', () => {
  for (const order of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53])
    assert.throws(() => batchOf({ ...SAMPLES['put-acl-rule'], value: { ...SAMPLES['put-acl-rule'].value, order } }), WireViolation);
});

test('command codec: a command of more than 4 MiB is refused before it is in the log', () => {
  const comment = 'x'.repeat(4 * 1024 * 1024);
  assert.throws(() => batchOf({ ...SAMPLES['put-user'], value: { ...SAMPLES['put-user'].value, comment } }), WireViolation);
});

test('command codec: what a newer version wrote is told apart from damage', () => {
  const data = Buffer.from(batchOf(SAMPLES['remove-node']));
  const kindAt = BATCH_HEAD_BYTES + 2; // Behind length and flags.
  const changed = (at: number, value: number): Uint8Array => {
    const copy = Buffer.from(data);
    copy[at] = value;
    return copy;
  };
  assert.throws(() => decodeBatch(changed(kindAt, 93)), new NewerVersion('unknown command kind 93'));
  assert.throws(() => decodeBatch(changed(0, 2)), NewerVersion);
  assert.throws(() => decodeBatch(changed(kindAt - 1, 2)), NewerVersion);
  assert.throws(() => decodeBatch(changed(kindAt + 1, 9)), NewerVersion, 'more fields');
  assert.throws(() => decodeBatch(changed(kindAt + 1, 2)), WireViolation, 'fewer fields than the first version had');
  assert.throws(() => decodeBatch(changed(0, 0)), WireViolation);
  assert.match(new NewerVersion('unknown command kind 93').message, /^unknown command kind 93 \(written by a newer version\)$/);
});

test('command codec: bytes that were cut or have an end too many are no batch', () => {
  const data = batchOf(SAMPLES['create-stream']);
  for (let length = 0; length < data.length; length += 1) assert.throws(() => decodeBatch(data.subarray(0, length)), WireViolation);
  assert.throws(() => decodeBatch(Buffer.concat([data, Buffer.of(0)])), WireViolation);
});

test('command codec: damaged and random bytes fail as declared, and allocate no more than they are', () => {
  const random = new SeededRandom(seedOf());
  const whole = encodeBatch({ atMs: AT_MS, envelopes: ALL_SAMPLES.map((command) => ({ command, requestId: REQUEST_ID })) });
  for (let round = 0; round < ROUNDS; round += 1) {
    const data = round % 2 === 0 ? new Uint8Array(whole) : new Uint8Array(random.below(200));
    const changes = round % 2 === 0 ? 1 + random.below(4) : data.length;
    for (let change = 0; change < changes; change += 1) data[random.below(data.length)] = random.below(256);
    if (round % 2 === 1 && data.length > BATCH_HEAD_BYTES) data.set(whole.subarray(0, BATCH_HEAD_BYTES));
    try {
      const batch = decodeBatch(data);
      assert.deepEqual(decodeBatch(encodeBatch(batch)), batch, 'what is understood can be written again');
    } catch (error) {
      assert.ok(error instanceof WireViolation || error instanceof NewerVersion, String(error));
    }
  }
});

test('outcome codec: accepted and refused outcomes come back', () => {
  const outcomes = [
    { isOk: true, revision: 2 ** 50, id: 0x4000_0000 },
    { isOk: false, code: 'in-use', detail: 'there is something in it: user 3', currentRevision: 12 },
  ] as const;
  const bytes = encodeOutcomes(outcomes);
  assert.deepEqual(decodeOutcomes(new WireReader(bytes, 0, bytes.length)), outcomes);
  assert.equal(Buffer.from(bytes).subarray(0, 3).toString('hex'), '020102', 'a list of two, the first accepted, of two fields');
});
