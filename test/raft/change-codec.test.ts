import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CHANGES_MAX, decodeChange, encodeChange, LEAVE_JOINT } from '../../src/raft/change-codec.js';
import type { ConfigurationChange } from '../../src/raft/messages.js';
import { WireViolation } from '../../src/wire/violation.js';

const SEED = Number(process.env.FUZZ_SEED ?? Date.now() % 1_000_000);

const changeArbitrary: fc.Arbitrary<ConfigurationChange> = fc.record(
  {
    transition: fc.constantFrom('auto', 'implicit', 'explicit'),
    changes: fc.array(
      fc.record(
        { type: fc.constantFrom('add-voter', 'add-learner', 'remove', 'update'), node: fc.nat({ max: Number.MAX_SAFE_INTEGER }) },
        { noNullPrototype: true },
      ),
      { maxLength: 9 },
    ),
    context: fc.uint8Array({ maxLength: 20 }),
  },
  { noNullPrototype: true },
);

test('change codec: golden bytes', () => {
  const change: ConfigurationChange = {
    transition: 'explicit',
    changes: [
      { type: 'add-voter', node: 3 },
      { type: 'remove', node: 2 ** 40 + 5 },
    ],
    context: Buffer.from('who'),
  };
  const golden = '01 02 0002  00 0000000000000003  02 0000010000000005  77686f'.replaceAll(' ', '');
  assert.equal(Buffer.from(encodeChange(change)).toString('hex'), golden);
  assert.deepEqual(decodeChange(Buffer.from(golden, 'hex')), { ...change, context: Uint8Array.from(change.context) });
});

test('change codec: leaving a joint configuration has no bytes', () => {
  assert.equal(encodeChange(LEAVE_JOINT).length, 0);
  assert.deepEqual(decodeChange(new Uint8Array(0)), LEAVE_JOINT);
});

test(`change codec: what is encoded is decoded (FUZZ_SEED=${SEED})`, () => {
  fc.assert(
    fc.property(changeArbitrary, (change) => assert.deepEqual(decodeChange(encodeChange(change)), change)),
    { seed: SEED },
  );
});

test(`change codec: any bytes are a change or a violation (FUZZ_SEED=${SEED})`, () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (data) => {
      try {
        decodeChange(data);
      } catch (error) {
        assert.ok(error instanceof WireViolation);
      }
    }),
    { seed: SEED, numRuns: 2000 },
  );
});

test('change codec: versions, types and lengths that are not known are refused', () => {
  const refuses = (hex: string): void => assert.throws(() => decodeChange(Buffer.from(hex, 'hex')), WireViolation);
  refuses('02000000');
  refuses('01030000');
  refuses('010000');
  refuses('01000001040000000000000001');
  refuses('0100000100000000000000');
  refuses('010000010000ffffff00000000');
  refuses(`0100${(CHANGES_MAX + 1).toString(16).padStart(4, '0')}`);
});
