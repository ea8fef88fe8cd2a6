import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { RecordingLogger } from '../../../src/base/logger.js';
import { AuditLog, latestAudit, verifyAudit } from '../../../src/telemetry/audit/audit-log.js';

function folder(context: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'robustmq-audit-'));
  context.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

function open(
  directory: string,
  log: RecordingLogger = new RecordingLogger(),
  fileBytesMax = 1_000_000,
  queueMax = 1000,
  filesMax = 50,
): AuditLog {
  const clock = { nowMs: () => 1_700_000_000_000, monotonicMs: () => 0 };
  return new AuditLog({ directory, fileBytesMax, filesMax, queueMax, clock, log });
}

async function written(directory: string, count: number): Promise<void> {
  const log = open(directory);
  for (let index = 0; index < count; index += 1) log.record('ban.written', { client: `c${index}` });
  await log.close();
}

const only = (directory: string): string => join(directory, readdirSync(directory)[0]);
const linesOf = (path: string): string[] => readFileSync(path, 'utf8').trimEnd().split('\n');

test('audit: what is recorded is in one chain, also over a restart, and only its owner may read it', async (context) => {
  const directory = folder(context);
  await written(directory, 5);
  await written(directory, 5);
  assert.deepEqual(verifyAudit(directory), { files: 1, lines: 10, fault: null });
  const records = linesOf(only(directory)).map((line) => JSON.parse(line));
  assert.deepEqual(
    records.map(({ seq }) => seq),
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
  );
  assert.deepEqual([records[3].event, records[3].client, records[3].time], ['ban.written', 'c3', '2023-11-14T22:13:20.000Z']);
  assert.equal(statSync(only(directory)).mode & 0o077, 0);
});

test('audit: a line that is changed, added, moved or taken away in the middle is found', async (context) => {
  const changes: readonly (readonly [string, (lines: string[]) => string[], number])[] = [
    ['changed', (lines) => lines.map((line, index) => (index === 4 ? line.replace('"c4"', '"c5"') : line)), 5],
    ['taken away', (lines) => lines.filter((_, index) => index !== 4), 5],
    ['doubled', (lines) => [...lines.slice(0, 5), lines[4], ...lines.slice(5)], 6],
    ['moved', (lines) => [...lines.slice(0, 4), lines[5], lines[4], ...lines.slice(6)], 5],
    ['no JSON', (lines) => [...lines.slice(0, 7), 'x', ...lines.slice(7)], 8],
  ];
  for (const [what, change, line] of changes) {
    const directory = folder(context);
    await written(directory, 10);
    writeFileSync(only(directory), `${change(linesOf(only(directory))).join('\n')}\n`);
    assert.equal(verifyAudit(directory).fault?.line, line, what);
  }
});

test('audit: a damaged file stays as it is, is reported, and the chain goes on in the next', async (context) => {
  const directory = folder(context);
  await written(directory, 3);
  const path = only(directory);
  const bad = readFileSync(path, 'utf8').replace('"c1"', '"c9"');
  writeFileSync(path, bad);
  const logger = new RecordingLogger();
  const log = open(directory, logger);
  log.record('after', {});
  await log.close();
  assert.equal(readFileSync(path, 'utf8'), bad);
  assert.equal(readdirSync(directory).length, 2);
  assert.ok(logger.records.some(({ event }) => event === 'audit.damaged'));
  assert.equal(verifyAudit(directory).fault?.line, 2);
});

test('audit: a line that a crash cut off is taken away and said so', async (context) => {
  const directory = folder(context);
  await written(directory, 3);
  appendFileSync(only(directory), '{"seq":4,"ti');
  await written(directory, 1);
  assert.deepEqual(verifyAudit(directory), { files: 1, lines: 5, fault: null });
  const [, , , cut] = linesOf(only(directory)).map((line) => JSON.parse(line));
  assert.deepEqual([cut.event, cut.bytes], ['audit.cut-off', 12]);
});

test('audit: files follow one another in one chain; the first may be gone, one in the middle not', async (context) => {
  const directory = folder(context);
  for (let round = 0; round < 4; round += 1) {
    const log = open(directory, undefined, 500);
    for (let index = 0; index < 3; index += 1) log.record('e', { round, index });
    await log.close();
  }
  const files = readdirSync(directory).sort();
  assert.deepEqual(verifyAudit(directory), { files: 4, lines: 12, fault: null });
  rmSync(join(directory, files[0]));
  assert.equal(verifyAudit(directory).fault, null);
  rmSync(join(directory, files[2]));
  assert.equal(verifyAudit(directory).fault?.file, files[3]);
});

test('audit: what does not fit into the queue is counted, and the log says how many are missing', async (context) => {
  const directory = folder(context);
  const log = open(directory, undefined, 1_000_000, 10);
  for (let index = 0; index < 25; index += 1) log.record('e', { index });
  await log.close();
  const records = linesOf(only(directory)).map((line) => JSON.parse(line));
  assert.equal(records.length, 11);
  assert.deepEqual([records[10].event, records[10].lines], ['audit.missing', 15]);
  assert.equal(verifyAudit(directory).fault, null);
});

test('audit: of more files than are wanted the oldest go, and what is left is in one chain', async (context) => {
  const directory = folder(context);
  for (let round = 0; round < 6; round += 1) {
    const log = open(directory, undefined, 100, 1000, 3);
    log.record('e', { round });
    await log.close();
  }
  assert.deepEqual(readdirSync(directory).sort(), ['audit-000004.jsonl', 'audit-000005.jsonl', 'audit-000006.jsonl']);
  assert.deepEqual(verifyAudit(directory), { files: 3, lines: 3, fault: null });
});

test('audit: the latest records are found over several files, and a line that is being written is not among them', async (context) => {
  const directory = folder(context);
  for (let round = 0; round < 4; round += 1) {
    const log = open(directory, undefined, 100);
    log.record('e', { round });
    await log.close();
  }
  appendFileSync(join(directory, 'audit-000004.jsonl'), '{"seq":5,');
  const rounds = (count: number): readonly unknown[] => latestAudit(directory, count).map((line) => JSON.parse(line).round);
  assert.deepEqual([rounds(1), rounds(3), rounds(9)], [[3], [1, 2, 3], [0, 1, 2, 3]]);
  assert.equal(verifyAudit(directory).fault, null);
});
