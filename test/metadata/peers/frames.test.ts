import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  decodeChunk,
  decodeChunkAnswer,
  decodeForwardAnswers,
  decodeForwards,
  decodeHello,
  decodeRefusal,
  decodeWelcome,
  encodeChunk,
  encodeChunkAnswer,
  encodeForwardAnswers,
  encodeForwards,
  encodeHello,
  encodeRefusal,
  encodeWelcome,
  frameOf,
  PING,
  PONG,
  type Refusal,
} from '../../../src/metadata/peers/frames.js';
import type { SnapshotChunk } from '../../../src/raft/driver/ports.js';
import { encodeMark } from '../../../src/raft/driver/snapshot-mark.js';
import { WireViolation } from '../../../src/wire/violation.js';

const SEED = Number(process.env.FUZZ_SEED ?? Date.now() % 1_000_000);
const LARGEST = Number.MAX_SAFE_INTEGER;

const CHUNK: SnapshotChunk = {
  mark: {
    index: 7,
    term: 3,
    configuration: { voters: [1, 2], votersOutgoing: [], learners: [3], learnersNext: [], autoLeave: false },
    chunkCount: 5,
    bytes: 2 ** 40,
    checksum: 0xdeadbeef,
  },
  term: 4,
  number: 2,
  checksum: 0xfeedface,
  bytes: Buffer.from('chunk'),
};
const HELLO = { clusterId: 'cé', nodeId: LARGEST, uuid: 'u' };
const REFUSAL: Refusal = { code: 'removed', text: 'gone' };

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

function golden(words: string): string {
  return words.replaceAll(/\s/g, '');
}

test('peer frames: golden bytes', () => {
  assert.equal(hex(encodeHello(HELLO)), golden('01 0000000000000001 001fffffffffffff 0003 63c3a9 0001 75'));
  assert.equal(hex(encodeWelcome(2, 'uu')), golden('02 0000000000000002 0002 7575'));
  assert.equal(hex(encodeRefusal(REFUSAL)), golden('03 0000000000000003 0004 676f6e65'));
  assert.equal(hex(frameOf(4, Buffer.of(1, 2))), '040102');
  const mark = encodeMark(CHUNK.mark);
  assert.equal(
    hex(encodeChunk(CHUNK)),
    golden(`05 0000000000000004 00000002 feedface ${mark.length.toString(16).padStart(8, '0')} ${hex(mark)} 6368756e6b`),
  );
  assert.equal(hex(encodeChunkAnswer({ index: 7, next: 3 })), golden('06 0000000000000007 0000000000000003'));
  const forwards = [
    { id: 9, leftMs: 250.5, body: Buffer.of(5) },
    { id: 10, leftMs: 0, body: Buffer.of(6, 7) },
  ];
  assert.equal(hex(encodeForwards(forwards)), golden('07 00000009 000000fb 00000001 05 0000000a 00000000 00000002 0607'));
  const answers = [
    { id: 9, body: Buffer.of(6) },
    { id: 10, body: new Uint8Array(0) },
  ];
  assert.equal(hex(encodeForwardAnswers(answers)), golden('08 00000009 00000001 06 0000000a 00000000'));
  assert.equal(hex(PING) + hex(PONG), '090a');
});

test('peer frames: what is written comes back', () => {
  assert.deepEqual(decodeHello(encodeHello(HELLO)), HELLO);
  assert.deepEqual(decodeWelcome(encodeWelcome(2, 'uuid')), { nodeId: 2, uuid: 'uuid' });
  for (const code of ['version', 'wrong-cluster', 'identity', 'removed', 'unknown'] as const)
    assert.deepEqual(decodeRefusal(encodeRefusal({ code, text: 'why' })), { code, text: 'why' });
  const chunk = decodeChunk(encodeChunk(CHUNK));
  assert.deepEqual({ ...chunk, bytes: hex(chunk.bytes) }, { ...CHUNK, bytes: hex(CHUNK.bytes) });
  const question = decodeChunk(encodeChunk({ ...CHUNK, bytes: new Uint8Array(0) }));
  assert.equal(question.bytes.length, 0);
  assert.deepEqual(decodeChunkAnswer(encodeChunkAnswer({ index: LARGEST, next: 1 })), { index: LARGEST, next: 1 });
  const forwards = [
    { id: 0xffff_ffff, leftMs: 10, body: Buffer.of(1, 2) },
    { id: 1, leftMs: 0, body: Buffer.alloc(0) },
  ];
  assert.deepEqual(decodeForwards(encodeForwards(forwards)), forwards);
  const answers = [
    { id: 0, body: Buffer.of(3) },
    { id: 1, body: Buffer.alloc(0) },
  ];
  assert.deepEqual(decodeForwardAnswers(encodeForwardAnswers(answers)), answers);
});

test('peer frames: a request without end has the longest deadline there is', () => {
  const [forward] = decodeForwards(encodeForwards([{ id: 1, leftMs: Number.POSITIVE_INFINITY, body: PING }]));
  assert.equal(forward.leftMs, 0xffff_ffff);
});

test('peer frames: a hello of another version is told apart, whatever follows', () => {
  const bytes = Buffer.from(encodeHello(HELLO));
  bytes.writeBigUInt64BE(2n, 1);
  assert.equal(decodeHello(bytes.subarray(0, 9)), null);
});

test('peer frames: a node without a number and a refusal without a known code are violations', () => {
  assert.throws(() => decodeHello(encodeHello({ ...HELLO, nodeId: 0 })), WireViolation);
  const refusal = Buffer.from(encodeRefusal(REFUSAL));
  refusal.writeBigUInt64BE(5n, 1);
  assert.throws(() => decodeRefusal(refusal), WireViolation);
});

test('peer frames: a chunk of more than 64 KiB and a little is a violation', () => {
  assert.equal(decodeChunk(encodeChunk({ ...CHUNK, bytes: Buffer.alloc(64 * 1024 + 1) })).bytes.length, 64 * 1024 + 1);
  assert.throws(() => decodeChunk(encodeChunk({ ...CHUNK, bytes: Buffer.alloc(70 * 1024) })), WireViolation);
});

const DECODERS: Readonly<Record<string, readonly [(bytes: Uint8Array) => unknown, Uint8Array]>> = {
  hello: [decodeHello, encodeHello(HELLO)],
  welcome: [decodeWelcome, encodeWelcome(2, 'uuid')],
  refusal: [decodeRefusal, encodeRefusal(REFUSAL)],
  chunk: [decodeChunk, encodeChunk({ ...CHUNK, bytes: new Uint8Array(0) })],
  chunkAnswer: [decodeChunkAnswer, encodeChunkAnswer({ index: 1, next: 2 })],
  'forwarded request': [decodeForwards, encodeForwards([{ id: 1, leftMs: 1, body: Buffer.of(1) }])],
  'forwarded answer': [decodeForwardAnswers, encodeForwardAnswers([{ id: 1, body: Buffer.of(1) }])],
};

for (const [name, [decode, bytes]] of Object.entries(DECODERS)) {
  test(`peer frames: every cut of a ${name} is a violation`, () => {
    const shortest = name.startsWith('forwarded') ? 2 : 1; // None at all is a frame, too.
    for (let length = shortest; length < bytes.length; length += 1)
      assert.throws(() => decode(bytes.subarray(0, length)), WireViolation, `cut at ${length}`);
  });

  test(`peer frames: any bytes are a ${name} or a violation (FUZZ_SEED=${SEED})`, () => {
    const expectValueOrViolation = (changed: Uint8Array): void => {
      try {
        decode(changed);
      } catch (error) {
        assert.ok(error instanceof WireViolation, String(error));
      }
    };
    fc.assert(fc.property(fc.uint8Array({ minLength: 1, maxLength: 120 }), expectValueOrViolation), { seed: SEED, numRuns: 1000 });
    const edits = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(edits, (changes) => {
        const changed = Uint8Array.from(bytes);
        for (const [at, value] of changes) changed[at % changed.length] = value;
        expectValueOrViolation(changed);
      }),
      { seed: SEED, numRuns: 2000 },
    );
  });
}
