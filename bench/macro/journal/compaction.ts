import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { ShardJournal } from '../../../src/journal/shard-journal.js';
import { openBenchJournal, SETTINGS } from './bench-journal.js';
import { diskBytes } from './node-process.js';

/*
  How long a shard's turns wait while its journal compacts and lets go of what has expired: delays of the event loop, with and without it.

    node dist/bench/macro/journal/compaction.js
*/

const MIB = 2 ** 20;
const KEYS = 100_000;
const UPDATES = 3_000_000;
const PER_TURN = 200;
const VALUE_BYTES = 128;
const PARTITIONS = 16;
const TICK_MS = 100;
const COMPACTED = { ...SETTINGS, isCompacted: true, tombstoneMs: 60_000 };

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Appends as a busy shard does, a part of a turn at a time, and ticks. @returns milliseconds of delay: median, 99 of 100, most. */
async function work(journal: ShardJournal, updates: number, isTicking: boolean): Promise<string> {
  const value = Buffer.alloc(VALUE_BYTES, 0x76);
  const delays = monitorEventLoopDelay({ resolution: 1 });
  const timer = isTicking ? setInterval(() => journal.onTick(Date.now()), TICK_MS) : undefined;
  delays.enable();
  for (let done = 0; done < updates; done += PER_TURN) {
    const nowMs = Date.now();
    for (let i = 0; i < PER_TURN; i += 1) {
      const number = Math.floor(Math.random() * KEYS);
      const key = Buffer.from(`device/${number}`);
      const batch = journal.partition(1, number % PARTITIONS, COMPACTED).open(nowMs);
      batch.writer.append(nowMs, key, 0, key.length, value, 0, VALUE_BYTES, null, 0, 0);
      batch.added(1);
    }
    journal.flush();
    await new Promise<void>((resolve) => setTimeout(resolve, 1));
    while (journal.pendingBytes > 4 * MIB) await new Promise<void>((resolve) => setTimeout(resolve, 1));
  }
  delays.disable();
  clearInterval(timer);
  const ms = (nanoseconds: number): string => (nanoseconds / 1e6).toFixed(1);
  return `${ms(delays.percentile(50))} ms median, ${ms(delays.percentile(99))} ms for 99 of 100, ${ms(delays.max)} ms at most`;
}

async function main(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'robust-compaction-'));
  try {
    const journal = openBenchJournal(directory, undefined, 32 * MIB);
    say(`without: ${await work(journal, UPDATES / 6, false)}`);
    say(`with:    ${await work(journal, UPDATES, true)}`);
    const lane = journal.lanes[0];
    say(
      `${lane.segmentsRewritten} segments written again, ${lane.segmentsRemoved} removed, ${(diskBytes(directory) / MIB).toFixed(0)} MiB on the disk of ${((((UPDATES * 7) / 6) * (VALUE_BYTES + 25)) / MIB).toFixed(0)} MiB written`,
    );
    await journal.close();
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

await main();
