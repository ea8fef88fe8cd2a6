import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { type Random, SeededRandom } from '../../../src/base/random.js';
import { BatchError } from '../../../src/journal/batch/batch-error.js';
import { BatchView } from '../../../src/journal/batch/batch-view.js';
import { inflateRecords } from '../../../src/journal/batch/inflate.js';
import { AT, BATCH_HEAD_BYTES, CODEC } from '../../../src/journal/batch/layout.js';
import { BATCH_LIMITS, validateBatch } from '../../../src/journal/batch/validate.js';
import { BATCH_BY_HAND, BATCHES_BY_KAFKA_PYTHON, seal } from './samples.js';

/*
  Whatever the bytes, nothing but a BatchError comes out, and nothing longer than allowed. FUZZ_SECONDS runs each part longer, FUZZ_SEED
  plays a run again.
*/

const SECONDS = Number(process.env.FUZZ_SECONDS ?? 0.35);
const SEED = Number(process.env.FUZZ_SEED ?? Date.now() % 1_000_000);
const INFLATED_BYTES_MAX = 4096;
const LIMITS = { ...BATCH_LIMITS, walk: 'all' } as const;
const SAMPLES = [BATCH_BY_HAND, ...BATCHES_BY_KAFKA_PYTHON];
/** Where grammars turn. */
const ODD_BYTES = [0x00, 0x01, 0x02, 0x7f, 0x80, 0xfe, 0xff];

function mutate(random: Random, bytes: Uint8Array, first: number): Uint8Array {
  let result = bytes.slice();
  for (let left = 1 + random.below(4); left > 0 && result.length > first; left -= 1) {
    const at = first + random.below(result.length - first);
    const kind = random.below(6);
    if (kind === 0) result[at] ^= 1 << random.below(8);
    else if (kind === 1) result[at] = ODD_BYTES[random.below(ODD_BYTES.length)];
    else if (kind === 2) result = result.slice(0, at);
    else if (kind === 3) result.copyWithin(first + random.below(result.length - first), at, at + random.below(12));
    else if (kind === 4) result = Uint8Array.from([...result.subarray(0, at), random.below(256), ...result.subarray(at)]);
    else result = Uint8Array.from([...result.subarray(0, at), ...result.subarray(at + 1 + random.below(4))]);
  }
  return result;
}

/** @returns true if `act` came to its end. Its only error is a BatchError. */
function survives(act: () => void): boolean {
  try {
    act();
    return true;
  } catch (error) {
    if (!(error instanceof BatchError)) throw error;
    return false;
  }
}

function walk(view: BatchView, batch: Uint8Array): void {
  view.reset(batch, 0, batch.length);
  while (view.next()) {
    view.checkHeaders();
    const end = view.recordsBytes.length;
    assert(view.keyOffset + Math.max(view.keyLength, 0) <= end && view.valueOffset + Math.max(view.valueLength, 0) <= end);
    assert(view.headersOffset + view.headersLength <= end);
  }
  assert(view.recordsBytes === batch || view.recordsBytes.length <= INFLATED_BYTES_MAX);
}

/** @returns how many were good all the same. */
function fuzz(act: (random: Random) => boolean): { runs: number; good: number } {
  const deadline = performance.now() + SECONDS * 1000;
  let runs = 0;
  let good = 0;
  for (let seed = SEED; performance.now() < deadline; seed += 1) {
    try {
      if (act(new SeededRandom(seed))) good += 1;
      runs += 1;
    } catch (error) {
      throw new Error(`FUZZ_SEED=${seed}`, { cause: error });
    }
  }
  return { runs, good };
}

test(`fuzz: mutated batches with a right checksum are read or refused (FUZZ_SEED=${SEED})`, (context) => {
  const view = new BatchView(INFLATED_BYTES_MAX);
  const { runs, good } = fuzz((random) => {
    const sample = SAMPLES[random.below(SAMPLES.length)];
    const first = random.below(3) === 0 ? AT.attributes : BATCH_HEAD_BYTES;
    const mutated = mutate(random, sample, first);
    const batch = mutated.length < BATCH_HEAD_BYTES ? mutated : seal(mutated);
    const isRead = survives(() => walk(view, batch));
    const isValid = survives(() => validateBatch(view, batch, 0, batch.length, LIMITS));
    assert(isRead || !isValid, 'what is valid can be read');
    return isValid;
  });
  context.diagnostic(`${runs} batches, ${good} of them good`);
  assert(runs > good);
});

test(`fuzz: mutated and random bytes are read or refused as batches (FUZZ_SEED=${SEED})`, (context) => {
  const view = new BatchView(INFLATED_BYTES_MAX);
  const { runs } = fuzz((random) => {
    const isRandom = random.below(2) === 0;
    const batch = isRandom
      ? Uint8Array.from({ length: random.below(200) }, () => random.below(256))
      : mutate(random, SAMPLES[random.below(SAMPLES.length)], 0);
    if (isRandom && batch.length > AT.magic) batch[AT.magic] = 2;
    survives(() => walk(view, batch));
    return survives(() => validateBatch(view, batch, 0, batch.length, LIMITS));
  });
  context.diagnostic(`${runs} batches`);
});

for (const [name, codec] of Object.entries(CODEC).filter(([, number]) => number !== CODEC.none)) {
  test(`fuzz: mutated and random ${name} is inflated or refused (FUZZ_SEED=${SEED})`, (context) => {
    const samples = [BATCHES_BY_KAFKA_PYTHON[codec].subarray(BATCH_HEAD_BYTES)];
    if (codec === CODEC.gzip) samples.push(gzipSync(new Uint8Array(INFLATED_BYTES_MAX * 3)));
    const { runs, good } = fuzz((random) => {
      const bytes =
        random.below(8) === 0
          ? Uint8Array.from({ length: random.below(100) }, () => random.below(256))
          : mutate(random, samples[random.below(samples.length)], 0);
      const bytesMax = 1 + random.below(INFLATED_BYTES_MAX);
      return survives(() => assert(inflateRecords(codec, bytes, bytesMax).length <= bytesMax));
    });
    context.diagnostic(`${runs} inputs, ${good} of them good`);
  });
}
