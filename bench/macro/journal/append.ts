import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { ShardJournal } from '../../../src/journal/shard-journal.js';
import { megabytesPerSecond, openBenchJournal, SETTINGS, warnOfMemory } from './bench-journal.js';

/*
  How much of the disk the journal gets out of it: records of 256 bytes, in commits of a size, beside one thread that writes chunks of the same
  size to a file and calls fdatasync after each. Both in turn, in one directory, several rounds; medians.

    node dist/bench/macro/journal/append.js [directory] [--rounds n]
*/

const RECORD_BYTES = 256;
const CHUNKS = [64 * 1024, 256 * 1024, 1024 * 1024];
const BYTES_PER_ROUND = 128 * 2 ** 20;
const STREAM = 1;
const PARTITIONS = 16;
/** What the journal may have under way or collect: publishers that are not held back. */
const WINDOW_CHUNKS = 8;

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
}

/** @returns milliseconds. */
function writeRaw(directory: string, chunkBytes: number): number {
  const path = join(directory, 'raw');
  const chunk = Buffer.alloc(chunkBytes, 0x61);
  const descriptor = openSync(path, 'w');
  const beganMs = performance.now();
  for (let written = 0; written < BYTES_PER_ROUND; written += chunkBytes) {
    writeSync(descriptor, chunk);
    fdatasyncSync(descriptor);
  }
  const tookMs = performance.now() - beganMs;
  closeSync(descriptor);
  rmSync(path);
  return tookMs;
}

/** @returns milliseconds. A turn appends one chunk and yields, as turns of the broker do; publishers are held back when much is under way. */
async function appendAll(journal: ShardJournal, chunkBytes: number): Promise<number> {
  const record = Buffer.alloc(RECORD_BYTES, 0x62);
  const key = Buffer.from('site/1/sensor/2');
  const perChunk = Math.floor(chunkBytes / RECORD_BYTES);
  const chunks = Math.floor(BYTES_PER_ROUND / chunkBytes);
  let wake: () => void = () => {};
  journal.onCommitted = () => wake();
  const beganMs = performance.now();
  for (let sent = 0; sent < chunks; sent += 1) {
    const nowMs = Date.now();
    const batch = journal.partition(STREAM, sent % PARTITIONS, SETTINGS).open(nowMs);
    for (let i = 0; i < perChunk; i += 1) batch.writer.append(nowMs, key, 0, key.length, record, 0, RECORD_BYTES, null, 0, 0);
    batch.added(perChunk);
    journal.flush();
    await new Promise<void>((resolve) => setImmediate(resolve));
    while (journal.pendingBytes >= WINDOW_CHUNKS * chunkBytes)
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    journal.flush();
  }
  while (journal.pendingBytes > 0) {
    journal.flush();
    await new Promise<void>((resolve) => {
      wake = resolve;
    });
  }
  return performance.now() - beganMs;
}

async function main(): Promise<void> {
  const args = process.argv.slice(2);
  const at = args.indexOf('--rounds');
  const rounds = at < 0 ? 3 : Number(args.splice(at, 2)[1]);
  const directory = mkdtempSync(join(args[0] ?? '.', 'append-'));
  warnOfMemory(directory);
  try {
    for (const chunkBytes of CHUNKS) {
      const raw: number[] = [];
      const ours: number[] = [];
      for (let round = 0; round < rounds; round += 1) {
        raw.push(writeRaw(directory, chunkBytes));
        const lane = join(directory, `lane-${round}`);
        const journal = openBenchJournal(lane);
        ours.push(await appendAll(journal, chunkBytes));
        await journal.close();
        rmSync(lane, { recursive: true });
      }
      const share = (median(raw) / median(ours)) * 100;
      process.stdout.write(
        `${String(chunkBytes / 1024).padStart(5)} KiB chunks   write+fdatasync ${megabytesPerSecond(BYTES_PER_ROUND, median(raw))}   journal ${megabytesPerSecond(BYTES_PER_ROUND, median(ours))} (${Math.round((BYTES_PER_ROUND / RECORD_BYTES / median(ours)) * 1000).toLocaleString('en')} records/s)   ${share.toFixed(0)} %\n`,
      );
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

await main();
