import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { BatchError, type BatchFault } from '../../../src/journal/batch/batch-error.js';
import { xxhash32 } from '../../../src/journal/batch/compression/xxhash32.js';
import { inflateRecords } from '../../../src/journal/batch/inflate.js';
import { CODEC } from '../../../src/journal/batch/layout.js';
import { hex } from './samples.js';

/*
  Compressed by others: gzip of Python 3.11, libsnappy 1.1.9, lz4 1.9.4, zstd 1.5.4.
*/

const ENOUGH = 1_000_000;
const DIGITS = '0123456789';
const LINES = Array.from({ length: 200 }, (_, i) => `line ${i % 7} of the same text\n`).join('');
const LONG = '0123456789abcdef'.repeat(9000);
const LETTERS = 'eszycidpyopumzgdpamntyyawoixzhsdkaaauramvgnxaqhyoprhlhvhyojanrudfuxjdxkxwqnqvgjjspqmsbphxzmnvflrwyvx';

const SNAPPY_LINES = `c0255c6c696e652030206f66207468652073616d6520746578740a051800315a180000325a180000335a180000345a180000355a180000365a1800
  ${'fea800'.repeat(72)} 4aa800`;
/** python-snappy in the frame of kafka-python, 3000 bytes a block. */
const XERIAL_HEAD = '82534e4150505900 00000001 00000001';
const XERIAL_BLOCKS = `
  000000c1 b8175c6c696e652030206f66207468652073616d6520746578740a051800315a180000325a180000335a180000345a180000355a180000365a1800
  ${'fea800'.repeat(44)} 1da8
  00000089 880e5c6c696e652036206f66207468652073616d6520746578740a051800305a180000315a180000325a180000335a180000345a180000355a1800
  ${'fea800'.repeat(25)} 6aa800`;
const XERIAL_LINES = XERIAL_HEAD + XERIAL_BLOCKS;
/** lz4 -9 -BD -BX -B4 --content-size: three blocks, of which the later two reach back into the one before; every checksum there is. */
const LZ4_LINKED = `04224d185c408032020000000000851b010000ff01303132333435363738396162636465661000${'ff'.repeat(256)}d850626364656653de5e9c
  0a0100000f1000${'ff'.repeat(256)}e85062636465669f470e09 3c0000000f1000${'ff'.repeat(50)}9a5062636465667c0ab8fb 000000003a2471f4`;
/** lz4 -B4 --no-frame-crc, as Java clients write it. */
const LZ4_PLAIN = `04224d186040821b010000ff01303132333435363738396162636465661000${'ff'.repeat(256)}d8506263646566
  1b010000ff01303132333435363738396162636465661000${'ff'.repeat(256)}d8506263646566
  4d000000ff01303132333435363738396162636465661000${'ff'.repeat(50)}8a506263646566 00000000`;
const LZ4_LINES = `04224d186440a756000000f1096c696e652030206f66207468652073616d6520746578740a18001f311800041f321800041f331800041f341800
  041f351800041f361800040fa800ffffffffffffffffffffffffffffffffffff0d50746578740a0000000003e068fa`;
const LZ4_DIGITS = '04224d186440a70a00008030313233343536373839000000000a9c0c95';
const ZSTD_LINES = `28b52ffd64c0118d0400f20d1d15a02719030089da7fc7c44555c58988080ff6cde6089c729753ee72ca5d4eb9cb297739e52ea7dce594bb9c729753
  ee72ca5d4eb9cb297739e52ea7dce594bb9c729753ee72ca5d4eb9cb297739e52ea7dce594bb9c729753ee72ca5d4eb9cba930248c418c020004310406117020
  2286c1004180c8a811e0ef7f07e0e7112404bf42303f050000fc4059205501e5d0d15c`;
const ZSTD_LONG = '28b52ffda480320200c4000080303132333435363738396162636465660100daff279f4b450000083001007c92074267a9ec7e';
/** From a pipe: no frame says how long it is. */
const ZSTD_LONG_UNSIZED = '28b52ffd0468c4000080303132333435363738396162636465660100daff279f4b4500000001007d72f8090467a9ec7e';
const ZSTD_DIGITS = '28b52ffd045851000030313233343536373839e76718a8';
const ZSTD_TWO_MILLION_ZEROS = `28b52ffd04585400001000000100fbff39c0020200100002001000020010000200100002001000020010000200100002001000
  020010000200100002001000032404000ec974d7`;
const GZIP_LINES = `1f8b0800000000000203edcebb0d80301044c19c2ab604fefd3838049281800b28dfa280ad80974e34f5b842bdee4db9879e728632deeceae783f1d1f8
  647c36be185f8df3e4c993274f9e3c79f2e4c993274f9e3c79f2fcddb30111a441bdc0120000`;
const GZIP_DIGITS = '1f8b08000000000002033330343236313533b7b00400c6c784a60a000000';

const { gzip, snappy, lz4, zstd } = CODEC;
const CODEC_NAMES = ['none', 'gzip', 'snappy', 'lz4', 'zstd'];

function inflate(codec: number, compressed: string | Uint8Array, bytesMax: number = ENOUGH): string {
  const bytes = typeof compressed === 'string' ? hex(compressed) : compressed;
  return Buffer.from(inflateRecords(codec, bytes, bytesMax)).toString('latin1');
}

function expectFault(fault: BatchFault, codec: number, compressed: string | Uint8Array, bytesMax: number = ENOUGH): void {
  assert.throws(
    () => inflate(codec, compressed, bytesMax),
    (error) => error instanceof BatchError && error.fault === fault,
    `${CODEC_NAMES[codec]} ${fault}: ${typeof compressed === 'string' ? compressed.slice(0, 100) : compressed.length}`,
  );
}

/** What others wrote, and what it is. */
const GOLDEN: readonly (readonly [what: string, codec: number, compressed: string, text: string])[] = [
  ['gzip', gzip, GZIP_LINES, LINES],
  ['gzip, two members', gzip, GZIP_DIGITS + GZIP_LINES, DIGITS + LINES],
  ['bare snappy, as librdkafka writes', snappy, SNAPPY_LINES, LINES],
  [
    'snappy with a long literal and copies across it',
    snappy,
    `c801f06d${Buffer.from(LETTERS + LETTERS.slice(0, 10)).toString('hex')}fe6400666400`,
    LETTERS + LETTERS,
  ],
  ['snappy in the frame of snappy-java, two blocks', snappy, XERIAL_LINES, LINES],
  ['snappy, two such frames joined', snappy, XERIAL_LINES + XERIAL_LINES, LINES + LINES],
  ['snappy, such a frame with nothing in it', snappy, XERIAL_HEAD, ''],
  ['lz4', lz4, LZ4_LINES, LINES],
  ['lz4, three independent blocks', lz4, LZ4_PLAIN, LONG],
  ['lz4, three blocks that refer back, with all checksums', lz4, LZ4_LINKED, LONG],
  ['lz4, a stored block', lz4, LZ4_DIGITS, DIGITS],
  ['lz4, empty', lz4, '04224d186440a700000000055dcc02', ''],
  ['lz4, frames joined, with something to skip between them', lz4, `${LZ4_DIGITS}5a2a4d1803000000aabbcc${LZ4_LINES}`, DIGITS + LINES],
  ['zstd', zstd, ZSTD_LINES, LINES],
  ['zstd, of known length', zstd, ZSTD_LONG, LONG],
  ['zstd, of unknown length', zstd, ZSTD_LONG_UNSIZED, LONG],
  ['zstd, a stored block', zstd, ZSTD_DIGITS, DIGITS],
  ['zstd, empty', zstd, '28b52ffd240001000099e9d851', ''],
  ['zstd, frames joined, with something to skip between them', zstd, `${ZSTD_DIGITS}5f2a4d1803000000aabbcc${ZSTD_LONG}`, DIGITS + LONG],
];

for (const [what, codec, compressed, text] of GOLDEN) {
  test(`inflate: ${what}`, () => {
    assert.equal(inflate(codec, compressed), text);
    assert.equal(inflate(codec, compressed, Math.max(text.length, 1)), text, 'what is exactly as long as allowed is allowed');
    if (text.length > 1) expectFault('too-large', codec, compressed, text.length - 1);
  });

  test(`inflate: ${what}, cut off anywhere, is refused or shorter`, () => {
    const whole = hex(compressed);
    for (let length = 0; length < whole.length; length += 1) {
      try {
        assert(text.startsWith(inflate(codec, whole.subarray(0, length))), `${length} bytes`);
      } catch (error) {
        if (!(error instanceof BatchError)) throw error;
        assert.equal(error.fault, 'bad-record');
      }
    }
  });
}

test('inflate: a codec that is not known is refused', () => {
  for (const codec of [0, 5, 6, 7]) expectFault('bad-codec', codec, '00');
});

test('inflate: a bomb is refused, and what it says of itself is not allocated', () => {
  expectFault('too-large', gzip, gzipSync(new Uint8Array(20_000_000)));
  expectFault('too-large', zstd, ZSTD_TWO_MILLION_ZEROS);
  const zstdRuns = `28b52ffd 0058 ${'020010 00'.repeat(100_000)} 030010 00`; // 100,001 blocks of 128 KiB, 13 GB.
  expectFault('too-large', zstd, zstdRuns, 2 ** 30);
  expectFault('bad-record', zstd, '28b52ffd e0 ffffffffffff1f00 010000', 2 ** 30); // Says 2^53 - 1 and has nothing.
  expectFault('bad-record', snappy, 'ffffff7f 00 61', 2 ** 30); // Says 256 MB.
  expectFault('too-large', snappy, 'ffffffff0f 00 61', 2 ** 30);
  expectFault('too-large', snappy, XERIAL_HEAD + XERIAL_BLOCKS.repeat(3), LINES.length * 2);
  const lz4Run = `863e0000 1f 61 0100 ${'ff'.repeat(16_000)} 00 00 00000000`; // 4 MB of one byte.
  expectFault('too-large', lz4, `04224d18607073 ${lz4Run}`);
  expectFault('bad-record', lz4, `04224d18604082 ${lz4Run}`); // In a frame with blocks of 64 KiB.
  expectFault('too-large', lz4, LZ4_PLAIN.repeat(10), LONG.length * 9);
});

test('inflate: gzip that is damaged is refused', () => {
  expectFault('bad-record', gzip, '');
  expectFault('bad-record', gzip, `1f8b07${GZIP_DIGITS.slice(6)}`);
  expectFault('bad-record', gzip, GZIP_DIGITS.replace('c6c784a6', 'c6c784a7')); // Its CRC-32.
});

test('inflate: snappy that breaks its rules is refused', () => {
  for (const broken of [
    '', // No length.
    'ffffffffff01', // A length of more than five bytes.
    '03 00 61', // Shorter than it says.
    '01 04 61 62', // Longer than it says.
    '08 00 61 01 00', // A copy from offset 0.
    '08 00 61 0d 02', // From before the beginning.
    '05 00 61 05 01', // More than fits.
    '08 00 61 02', // An offset that is cut off.
    '40 f4 ff ff', // A literal whose length is cut off.
    '40 fc ffffffff 61', // A literal of 4 GB.
    `${XERIAL_HEAD} 00000000`, // A block without a length.
    `${XERIAL_HEAD} 00000002 01`, // A block that is cut off.
    `${XERIAL_HEAD} ffffffff 01`, // A block of less than no bytes.
    `${XERIAL_HEAD} 000000`,
  ])
    expectFault('bad-record', snappy, broken);
  assert.equal(inflate(snappy, '0a 00 61 13 01000000 01 01'), 'a'.repeat(10), 'an offset of four bytes is legal');
});

test('inflate: lz4 that breaks its rules is refused', () => {
  const head = '04224d18604082';
  for (const broken of [
    '',
    '02214c1800000000', // The frame of older times.
    '04224d18604083 00000000', // Another checksum of the head.
    '04224d18a04082 00000000', // Another version.
    LZ4_LINES.replace('03e068fa', '03e068fb'), // Of the content.
    LZ4_LINKED.replace('9f470e09', '9f470e08'), // Of a block.
    `${head} 04000000 1061 0100 00000000`, // Ends with a match.
    `${head} 02000000 f0ff 00000000`, // Ends within a length.
    `${head} 05000000 1061 0200 00 00000000`, // A match before the beginning.
    `${head} 05000000 1061 0000 00 00000000`, // A match with what is to come.
    `${head} 01000180 ${'00'.repeat(65_537)} 00000000`, // A stored block longer than 64 KiB.
    `${LZ4_DIGITS} 00`, // Something that is no frame.
  ])
    expectFault('bad-record', lz4, broken);
});

test('inflate: an lz4 block does not reach back into the one before when its frame says so', () => {
  const independent = LZ4_LINKED.replace('5c40803202000000000085', '7c4080320200000000003d');
  assert.notEqual(independent, LZ4_LINKED);
  assert.throws(() => inflate(lz4, independent), /a match reaches before what was written/);
});

test('inflate: zstd that breaks its rules is refused', () => {
  for (const broken of [
    '',
    '27b52ffd', // The frame of older times.
    ZSTD_LINES.replace('e5d0d15c', 'e5d0d15d'), // Another checksum.
    ZSTD_LONG.replace('3031', '3032'), // Damaged within.
    '28b52ffd 00 58 070000', // A block of the reserved kind.
    '28b52ffd 01 58 07 190000 303132', // A dictionary, which is not here.
    '28b52ffd 20 03 180000 303132', // No block is the last.
    '28b52ffd 20 04 190000 303132', // Three bytes, and says four.
    '28b52ffd 20 02 190000 303132', // And says two.
    `${ZSTD_DIGITS} 00`, // Something that is no frame.
  ])
    expectFault('bad-record', zstd, broken);
  assert.equal(inflate(zstd, '28b52ffd 20 03 190000 303132'), '012');
});

test('xxhash32: the test vectors of its specification', () => {
  assert.equal(xxhash32(hex(''), 0, 0), 0x02cc_5d05);
  assert.equal(xxhash32(Buffer.from('abc'), 0, 3), 0x32d1_53ff);
  const text = Buffer.from('>Nobody inspects the spammish repetition<');
  assert.equal(xxhash32(text, 1, text.length - 1), 0xe229_3b2f);
});
