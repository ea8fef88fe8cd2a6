import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeMessages, encodedLengthOf, encodeMessages } from '../../../src/raft/codec/message-codec.js';
import { snapshotOf } from '../../../src/raft/driver/snapshot-mark.js';
import { makeMessage } from '../../../src/raft/make-message.js';
import type { ConfigurationState, Entry, Message, MessageType } from '../../../src/raft/messages.js';
import { WireViolation } from '../../../src/wire/violation.js';

const SEED = Number(process.env.FUZZ_SEED ?? Date.now() % 1_000_000);
const LARGEST = Number.MAX_SAFE_INTEGER;

const BETWEEN_NODES = [
  'append',
  'append-response',
  'vote',
  'vote-response',
  'snapshot',
  'heartbeat',
  'heartbeat-response',
  'transfer-leader',
  'timeout-now',
  'read-index',
  'read-index-response',
  'pre-vote',
  'pre-vote-response',
] as const satisfies readonly MessageType[];

const WITHIN_A_NODE = [
  'campaign',
  'beat',
  'propose',
  'unreachable',
  'snapshot-status',
  'check-quorum',
  'storage-append',
  'storage-append-response',
  'storage-apply',
  'storage-apply-response',
  'forget-leader',
] as const satisfies readonly MessageType[];

const CONFIGURATION: ConfigurationState = { voters: [1, 2, 3], votersOutgoing: [1, 2], learners: [9], learnersNext: [], autoLeave: true };
const MARK = { index: 7, term: 3, configuration: CONFIGURATION, chunkCount: 5, bytes: 2 ** 40, checksum: 0xdeadbeef };

const APPEND = makeMessage({
  type: 'append',
  from: 1,
  to: 2,
  term: 5,
  logTerm: 4,
  index: 9,
  commit: 8,
  membership: 2,
  entries: [
    { term: 5, index: 10, type: 'normal', data: Buffer.from('ab') },
    { term: 5, index: 11, type: 'configuration', data: new Uint8Array(0) },
  ],
});

const wideArbitrary = fc.oneof(fc.nat(), fc.nat({ max: LARGEST }), fc.constant(LARGEST));

/** Entries follow the index that the message names. */
const messageArbitrary: fc.Arbitrary<Message> = fc
  .record({
    type: fc.constantFrom(...BETWEEN_NODES),
    wides: fc.array(wideArbitrary, { minLength: 9, maxLength: 9 }),
    isReject: fc.boolean(),
    context: fc.uint8Array({ maxLength: 80 }),
    data: fc.array(fc.tuple(fc.boolean(), fc.uint8Array({ maxLength: 200 })), { maxLength: 5 }),
  })
  .map(({ type, wides, isReject, context, data }) => {
    const [from, to, term, logTerm, index, commit, vote, rejectHint, membership] = wides;
    const before = Math.min(index, LARGEST - data.length);
    const entries = data.map(([isNormal, bytes], at): Entry => {
      return { term, index: before + 1 + at, type: isNormal ? 'normal' : 'configuration', data: bytes };
    });
    return makeMessage({
      ...{ type, from, to, term, logTerm, commit, vote, rejectHint, membership, isReject, context },
      index: before,
      entries: type === 'append' ? entries : [],
      snapshot: type === 'snapshot' ? snapshotOf({ ...MARK, index: before }) : null,
    });
  });

/** Bytes are compared as bytes, be they in a Buffer or not. */
function plain(messages: readonly Message[]): unknown {
  return messages.map((message) => ({
    ...message,
    context: Uint8Array.from(message.context),
    entries: message.entries.map((entry) => ({ ...entry, data: Uint8Array.from(entry.data) })),
    snapshot: message.snapshot === null ? null : { ...message.snapshot, data: Uint8Array.from(message.snapshot.data) },
  }));
}

function refuses(bytes: Uint8Array, why: string): void {
  assert.throws(
    () => decodeMessages(bytes),
    (error) => error instanceof WireViolation && error.message === why,
  );
}

test('message codec: golden bytes of an append', () => {
  const wides = '0000000000000001 0000000000000002 0000000000000005 0000000000000004 0000000000000009 0000000000000008';
  const golden = `00000001 00 00 ${wides} 0000000000000000 0000000000000000 0000000000000002
    00000002
    0000000000000005 000000000000000a 00 00000002 6162
    0000000000000005 000000000000000b 01 00000000`.replaceAll(/\s/g, '');
  assert.equal(Buffer.from(encodeMessages([APPEND])).toString('hex'), golden);
  assert.deepEqual(plain(decodeMessages(Buffer.from(golden, 'hex'))), plain([APPEND]));
});

test('message codec: golden bytes of a refused vote with a context and the largest numbers', () => {
  const message = makeMessage({
    type: 'vote-response',
    from: LARGEST,
    to: 2 ** 32,
    term: 2 ** 32 - 1,
    isReject: true,
    context: Buffer.of(7),
  });
  const wides = `001fffffffffffff 0000000100000000 00000000ffffffff ${'00'.repeat(6 * 8)}`;
  const golden = `00000001 03 03 ${wides} 0001 07 00000000`.replaceAll(' ', '');
  assert.equal(Buffer.from(encodeMessages([message])).toString('hex'), golden);
  assert.deepEqual(plain(decodeMessages(Buffer.from(golden, 'hex'))), plain([message]));
});

test('message codec: each type that leaves a node comes back, with its number on the wire', () => {
  for (const [number, type] of BETWEEN_NODES.entries()) {
    const message = makeMessage({ type, from: 1, to: 2, snapshot: type === 'snapshot' ? snapshotOf(MARK) : null });
    const bytes = encodeMessages([message]);
    assert.equal(bytes[4], number, type);
    assert.deepEqual(plain(decodeMessages(bytes)), plain([message]));
  }
});

test('message codec: what stays within a node is neither sent nor has a number', () => {
  for (const type of WITHIN_A_NODE)
    assert.throws(() => encodeMessages([makeMessage({ type, from: 1, to: 2 })]), { name: 'AssertionFailure' });
  for (let number = BETWEEN_NODES.length; number <= 255; number += 1) {
    const bytes = encodeMessages([APPEND]);
    bytes[4] = number;
    refuses(bytes, 'a message of an unknown type');
  }
});

test('message codec: no messages are four bytes', () => {
  assert.deepEqual(Buffer.from(encodeMessages([])), Buffer.alloc(4));
  assert.deepEqual(decodeMessages(Buffer.alloc(4)), []);
});

test('message codec: decoded messages have the shape of those that are made here', () => {
  const [decoded] = decodeMessages(encodeMessages([APPEND]));
  assert.deepEqual(Object.keys(decoded), Object.keys(APPEND));
});

test('message codec: every cut is a violation', () => {
  const bytes = encodeMessages([
    APPEND,
    makeMessage({ type: 'snapshot', from: 1, to: 2, snapshot: snapshotOf(MARK), context: Buffer.of(1) }),
  ]);
  for (let length = 0; length < bytes.length; length += 1)
    assert.throws(() => decodeMessages(bytes.subarray(0, length)), WireViolation, `cut at ${length}`);
  refuses(Buffer.concat([bytes, Buffer.of(0)]), 'something follows the last message');
});

test('message codec: counts that their bytes cannot hold are refused before anything is allocated', () => {
  const bytes = encodeMessages([APPEND]);
  refuses(Buffer.concat([Buffer.from('ffffffff', 'hex'), bytes.subarray(4)]), 'more messages than bytes');
  const entries = Buffer.from(bytes);
  entries.writeUInt32BE(0xffff_ffff, 4 + 2 + 9 * 8);
  refuses(entries, 'more entries than bytes');
});

test('message codec: numbers from 2^53, unknown flags, gaps and things out of place are violations', () => {
  const large = Buffer.from(encodeMessages([APPEND]));
  large.writeBigUInt64BE(2n ** 53n, 4 + 2);
  refuses(large, 'a number beyond 2^53');
  const flags = Buffer.from(encodeMessages([APPEND]));
  flags[5] = 8;
  refuses(flags, 'a message with unknown flags');
  refuses(encodeMessages([{ ...APPEND, index: 8 }]), 'entries with a gap');
  refuses(encodeMessages([{ ...APPEND, entries: [APPEND.entries[0], APPEND.entries[0]] }]), 'entries with a gap');
  refuses(encodeMessages([{ ...APPEND, type: 'heartbeat' }]), 'entries where none belong');
  refuses(encodeMessages([makeMessage({ type: 'snapshot', to: 2 })]), 'a snapshot without one, or where none belongs');
  refuses(
    encodeMessages([makeMessage({ type: 'vote', to: 2, snapshot: snapshotOf(MARK) })]),
    'a snapshot without one, or where none belongs',
  );
});

test(`message codec: what is encoded is decoded, and as long as was said (FUZZ_SEED=${SEED})`, () => {
  fc.assert(
    fc.property(fc.array(messageArbitrary, { maxLength: 6 }), (messages) => {
      const bytes = encodeMessages(messages);
      assert.equal(
        bytes.length,
        messages.reduce((sum, message) => sum + encodedLengthOf(message), 4),
      );
      assert.deepEqual(plain(decodeMessages(bytes)), plain(messages));
    }),
    { seed: SEED, numRuns: 1000 },
  );
});

test(`message codec: changed bytes are messages or a violation (FUZZ_SEED=${SEED})`, () => {
  const changes = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(fc.array(messageArbitrary, { minLength: 1, maxLength: 3 }), changes, fc.nat({ max: 30 }), (messages, edits, cut) => {
      const bytes = encodeMessages(messages);
      for (const [at, value] of edits) bytes[at % bytes.length] = value;
      expectMessagesOrViolation(bytes.subarray(0, bytes.length - (cut % 3 === 0 ? cut : 0)));
    }),
    { seed: SEED, numRuns: 10_000 },
  );
});

test(`message codec: any bytes are messages or a violation (FUZZ_SEED=${SEED})`, () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), expectMessagesOrViolation), { seed: SEED, numRuns: 5000 });
});

/** What is taken is written as the same messages again. */
function expectMessagesOrViolation(bytes: Uint8Array): void {
  let messages: Message[];
  try {
    messages = decodeMessages(bytes);
  } catch (error) {
    assert.ok(error instanceof WireViolation, String(error));
    return;
  }
  assert.deepEqual(plain(decodeMessages(encodeMessages(messages))), plain(messages));
}
