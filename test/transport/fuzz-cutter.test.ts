import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SeededRandom } from '../../src/base/random.js';
import { loadNative } from '../../src/native/door.js';
import { NativeTransport } from '../../src/transport/native/native-transport.js';
import { NodeTransport } from '../../src/transport/node/node-transport.js';
import { EVENT, type Transport } from '../../src/transport/ports.js';
import { expectedLines } from './frame-oracle.js';
import { acknowledgement, frame, PINGREQ, publish, SUBSCRIBE, u16 } from './mqtt-bytes.js';
import { flatten, OPTIONS, Probe, type VirtualPeer } from './probe.js';

/*
  Random MQTT streams, many of them broken, cut at random places: every transport gives the rows of the plain oracle, whatever
  the cuts. FUZZ_SEED plays a run again, FUZZ_SECONDS makes it longer.
*/

const SEED = Number(process.env.FUZZ_SEED ?? Date.now() % 0x1_0000_0000) >>> 0;
const SECONDS = Number(process.env.FUZZ_SECONDS ?? 5);
const STREAMS_PER_ROUND = 24;
const FRAME_BYTES_MAX = 600;
const TOPICS = ['a', 'a/b', 'plant/7/temperature', '$SYS/x', 'ünï/cödé', '日本/語', '\u{1f600}', 'x'.repeat(200), ''];
const BAD_TOPICS = [
  Buffer.from('a/#'),
  Buffer.from('+'),
  Buffer.from([0x61, 0]),
  Buffer.from([0xff, 0xfe]),
  Buffer.from([0xed, 0xa0, 0x80]),
  Buffer.from([0x61, 0x1f]),
];

interface Stream {
  readonly bytes: Buffer;
  readonly version: 4 | 5;
  readonly cuts: readonly number[];
}

const OPEN_OPTIONS = { connectionsMax: 64, topicsMax: 32, frameBytesMax: OPTIONS.frameBytesMax };
const SUBJECTS: readonly (readonly [string, () => Transport, string | false])[] = [
  ['node', (): Transport => NodeTransport.open(OPEN_OPTIONS), false],
  ['native', (): Transport => NativeTransport.open(OPEN_OPTIONS), nativeMissing()],
];

for (const [name, open, skip] of SUBJECTS) {
  test(`fuzz of the ${name} cutter: rows do not depend on the cuts (FUZZ_SEED=${SEED})`, { skip }, async () => {
    const random = new SeededRandom(SEED);
    const endMs = performance.now() + SECONDS * 1000;
    const transport = open();
    const probe = new Probe(transport);
    let streams = 0;
    try {
      while (performance.now() < endMs) {
        const round = Array.from({ length: STREAMS_PER_ROUND }, () => makeStream(random));
        await playRound(probe, round, streams);
        streams += round.length;
      }
    } finally {
      transport.close();
    }
    assert.ok(streams > 0);
  });
}

/** Pushes the streams side by side, a piece of each per turn, and compares. */
async function playRound(probe: Probe, round: readonly Stream[], played: number): Promise<void> {
  const { transport } = probe;
  const names = new Map<string, string>();
  probe.onRow = (row) => {
    // The table is small: a number means its topic only in its turn.
    if (row.kind === EVENT.publish || row.kind === EVENT.publishProperties)
      names.set(`${row.connection}/${row.bytes.toString('hex')}`, row.number < 0 ? '' : transport.topicName(row.number));
  };
  const peers = round.map((stream) => probe.open({ ...OPTIONS, frameBytesMax: FRAME_BYTES_MAX }, stream.version));
  const pieces = Math.max(...round.map((stream) => stream.cuts.length)) + 1;
  for (let piece = 0; piece < pieces; piece += 1) {
    for (const [i, stream] of round.entries()) pushPiece(peers[i], stream, piece);
    await probe.settle();
  }
  for (const [i, stream] of round.entries()) {
    const rows = probe.rowsOf(peers[i].connection);
    const lines = rows.flatMap((row) => flatten([row], () => names.get(`${row.connection}/${row.bytes.toString('hex')}`) ?? '?'));
    assert.deepEqual(
      lines,
      expectedLines(stream.bytes, stream.version, FRAME_BYTES_MAX),
      `stream ${played + i} of seed ${SEED}, v${stream.version}, cuts ${stream.cuts}: ${stream.bytes.toString('hex')}`,
    );
    transport.commands.close(peers[i].connection, 0);
  }
  transport.submit();
  for (const peer of peers) {
    await probe.untilRow(peer.connection, EVENT.closed);
    transport.commands.release(peer.connection);
  }
  transport.submit();
  probe.seen.length = 0;
}

function pushPiece(peer: VirtualPeer, stream: Stream, piece: number): void {
  if (piece > stream.cuts.length) return;
  const from = piece === 0 ? 0 : stream.cuts[piece - 1];
  const to = stream.cuts[piece] ?? stream.bytes.length;
  if (to > from) peer.push(stream.bytes.subarray(from, to));
}

function makeStream(random: SeededRandom): Stream {
  const version = random.below(2) === 0 ? 4 : 5;
  const frames: Buffer[] = [];
  const count = 1 + random.below(25);
  for (let i = 0; i < count; i += 1) {
    const made = makeFrame(random, version);
    const copies = random.below(4) === 0 ? 1 + random.below(6) : 1;
    for (let k = 0; k < copies; k += 1) frames.push(made);
  }
  let bytes: Buffer = Buffer.concat(frames);
  if (random.below(3) === 0) bytes = mutate(random, bytes);
  const cuts = Array.from({ length: random.below(8) }, () => random.below(bytes.length + 1)).sort((a, b) => a - b);
  return { bytes, version, cuts };
}

function makeFrame(random: SeededRandom, version: 4 | 5): Buffer {
  switch (random.below(10)) {
    case 0:
      return PINGREQ;
    case 1:
      return SUBSCRIBE;
    case 2:
    case 3: {
      const first = [0x40, 0x50, 0x62, 0x70][random.below(4)];
      let packetId = random.below(4) === 0 ? 65530 + random.below(6) : 1 + random.below(1000);
      const run: Buffer[] = [];
      for (let i = 0; i <= random.below(6); i += 1) {
        run.push(acknowledgement(first, packetId));
        packetId = packetId === 65535 ? 1 : packetId + 1;
      }
      return Buffer.concat(run);
    }
    case 4:
      return frame(random.below(256), Buffer.alloc(random.below(20), random.below(256)));
    case 5:
      return frame(0x40, u16(random.below(3)));
    default:
      return makePublish(random, version);
  }
}

function makePublish(random: SeededRandom, version: 4 | 5): Buffer {
  const qos = random.below(3);
  const isBad = random.below(60) === 0;
  const topic = isBad ? BAD_TOPICS[random.below(BAD_TOPICS.length)] : TOPICS[random.below(TOPICS.length - (version === 4 ? 1 : 0))];
  return publish({
    topic,
    payload: Buffer.alloc(random.below(random.below(6) === 0 ? 450 : 30), random.below(256)),
    qos,
    retain: random.below(2),
    duplicate: qos === 0 ? 0 : random.below(2),
    packetId: 1 + random.below(65535),
    version,
    properties: random.below(3) === 0 ? Buffer.alloc(random.below(200), 0x01) : Buffer.alloc(0),
  });
}

/** Flips, drops or inserts a byte, a few times. */
function mutate(random: SeededRandom, bytes: Buffer): Buffer {
  let mutated = Buffer.from(bytes);
  for (let i = 0; i <= random.below(3); i += 1) {
    const at = random.below(mutated.length);
    const what = random.below(3);
    if (what === 0) mutated[at] ^= 1 << random.below(8);
    else if (what === 1) mutated = Buffer.concat([mutated.subarray(0, at), mutated.subarray(at + 1)]);
    else mutated = Buffer.concat([mutated.subarray(0, at), Buffer.from([random.below(256)]), mutated.subarray(at)]);
    if (mutated.length === 0) return Buffer.from([0xc0]);
  }
  return mutated;
}

function nativeMissing(): string | false {
  const binding = loadNative();
  return 'unavailable' in binding ? binding.unavailable : false;
}
