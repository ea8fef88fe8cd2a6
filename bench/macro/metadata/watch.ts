import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { SILENT_LOGGER } from '../../../src/base/logger.js';
import { MetadataLink } from '../../../src/runtime/metadata-link.js';
import { ThreadCells } from '../../../src/runtime/thread-cells.js';
import { SETTINGS_SCHEMA } from '../../../src/settings/schema.js';

/*
  How long it takes until every thread knows a change of the catalogue: from the call that proposes it, through its commit on the disk, to the
  last of the copies. The service and its copies run as in a broker, each on a thread of its own.

    node dist/bench/macro/metadata/watch.js [threads] [writes per second] [seconds]
*/

const [threads = 4, perSecond = 1000, seconds = 5] = process.argv.slice(2).map(Number);
const BURST_MS = 5;

interface Sent {
  readonly atMs: number;
  /** When main was told of the outcome; 0: not yet. */
  toldMs: number;
  knownBy: number;
}

function nowMs(): number {
  return performance.timeOrigin + performance.now();
}

function report(name: string, tookMs: number[]): void {
  tookMs.sort((a, b) => a - b);
  const at = (part: number): string => (tookMs[Math.floor((tookMs.length - 1) * part)] ?? 0).toFixed(2);
  process.stdout.write(`${name}  p50 ${at(0.5)} ms   p99 ${at(0.99)} ms   worst ${at(1)} ms   (${tookMs.length})\n`);
}

const directory = mkdtempSync(join(tmpdir(), 'robust-watch-'));
const settings = SETTINGS_SCHEMA.parse({ data_path: directory, grpc: { enabled: false } });
const shape = { groups: 16, groupLanes: 1, lanes: 1 };
const cells = ThreadCells.create(1);
const link = new MetadataLink({ settings, cells: cells.memory, shape, hasJournal: false, legacy: null }, SILENT_LOGGER);
const copies = Array.from({ length: threads }, () => new Worker(new URL('./watch-thread.js', import.meta.url)));
const byRevision = new Map<number, Sent>();
const whole: number[] = [];
const afterOutcome: number[] = [];

link.onFull = (chunks) => {
  for (const copy of copies) copy.postMessage({ chunks });
};
link.onDelta = (delta) => {
  for (const copy of copies) copy.postMessage({ delta });
};
await link.ready();
while (link.catalogue.reader.count('shape') === 0) await new Promise((resolve) => setTimeout(resolve, BURST_MS)); // The last that the node writes by itself.
let revision = link.catalogue.reader.revision;
const seen = copies.map(() => 0);
for (const [at, copy] of copies.entries())
  copy.on('message', ([known, atMs]: [number, number]) => {
    for (let next = Math.max(seen[at] + 1, 1); next <= known; next += 1) {
      const sent = byRevision.get(next);
      if (sent !== undefined) onKnownBy(next, sent, atMs);
    }
    seen[at] = known;
  });

function onKnownBy(of: number, sent: Sent, atMs: number): void {
  sent.knownBy += 1;
  if (sent.knownBy < threads) return;
  whole.push(atMs - sent.atMs);
  // Most threads know before the caller is told.
  afterOutcome.push(sent.toldMs === 0 ? 0 : Math.max(0, atMs - sent.toldMs));
  byRevision.delete(of);
}

const endMs = performance.now() + seconds * 1000;
let owed = 0;
while (performance.now() < endMs) {
  owed += (perSecond * BURST_MS) / 1000;
  for (; owed >= 1; owed -= 1) {
    revision += 1;
    const sent: Sent = { atMs: nowMs(), toldMs: 0, knownBy: 0 };
    byRevision.set(revision, sent);
    void link.propose([{ kind: 'put-setting', value: { scope: 0, key: `k${revision % 100}`, value: '1' }, expected: null }]).then(() => {
      sent.toldMs = nowMs();
    });
  }
  await new Promise((resolve) => setTimeout(resolve, BURST_MS));
}
await new Promise((resolve) => setTimeout(resolve, 500));
process.stdout.write(`${threads} threads, ${perSecond} writes a second\n`);
report('proposed to known on every thread    ', whole);
report('outcome told to known on every thread', afterOutcome);
for (const copy of copies) await copy.terminate();
await link.stop();
rmSync(directory, { recursive: true, force: true });
process.exit(0);
