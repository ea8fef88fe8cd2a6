import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parseScript } from './vectors/parse.js';
import { listScripts, runScript, runScriptFile } from './vectors/suite.js';

const RUNNER = fileURLToPath(new URL('./vectors/run.js', import.meta.url));
const SCRIPTS = findScripts();

function findScripts(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder);
  return join(folder, 'test/raft/scripts');
}

for (const path of listScripts(SCRIPTS)) {
  test(`script: ${basename(path)} prints what it says`, () => {
    const result = runScriptFile(path);
    assert.equal(result.kind, 'passed', JSON.stringify(result, null, 2));
  });
}

test('script: output that differs anywhere is found, and the first case is named', () => {
  const text = readFileSync(join(SCRIPTS, 'replication.txt'), 'utf8');
  const result = runScript('changed', text.replace('2->1 MsgAppResp Term:1 Log:0/12', '2->1 MsgAppResp Term:1 Log:0/13'));
  assert.equal(result.kind, 'failed');
  if (result.kind !== 'failed') return;
  assert.equal(result.difference.command, 'stabilize');
  assert.ok(result.difference.expected.includes('  2->1 MsgAppResp Term:1 Log:0/13'));
  for (const line of ['5', 'VoteWon', 'xx>      7    (id=2)', '<empty majority quorum>∞']) {
    const quorum = readFileSync(join(SCRIPTS, 'quorum.txt'), 'utf8');
    assert.equal(runScript('changed', quorum.replace(`\n${line}\n`, `\n${line}x\n`)).kind, 'failed', line);
  }
});

test('script: what nodes log is not compared, and nothing is after the level none', () => {
  const start = 'add-nodes 1 voters=(1) index=2\n----\nINFO 1 became follower\n  WARN indented\n\n';
  assert.equal(runScript('logs', start).kind, 'passed');
  assert.equal(runScript('ok', 'add-nodes 1 voters=(1) index=2\n----\nok\n').kind, 'passed');
  assert.equal(runScript('silent', `${start}log-level none\n----\nok\n\nraft-state\n----\nok\n`).kind, 'passed');
  assert.equal(runScript('loud', `${start}raft-state\n----\nok\n`).kind, 'failed');
});

test('script: an unknown command fails within a script, and makes none of a text', () => {
  assert.equal(runScript('typo', 'campaign 1\n----\nok\n\ncampain 1\n----\nok\n').kind, 'failed');
  assert.equal(runScript('other', 'frobnicate\n----\nok\n').kind, 'skipped');
  assert.equal(runScript('text', 'Dear reader,\n\nthis is no script.\n').kind, 'skipped');
});

test('script: arguments, input, comments and fenced output are read', () => {
  const [one, two] = parseScript(
    '# comment\nfirst 1 key=(a,b) x=y \\\n  more\nv1 v2\n----\nout\n\n# next\nsecond\n----\n----\na\n\nb\n----\n----\n',
  );
  assert.deepEqual(one.arguments, [
    { key: '1', values: null },
    { key: 'key', values: ['a', 'b'] },
    { key: 'x', values: ['y'] },
    { key: 'more', values: null },
  ]);
  assert.deepEqual([one.line, one.command, one.input, one.expected], [2, 'first', ['v1 v2'], ['out']]);
  assert.deepEqual([two.command, two.expected], ['second', ['a', '', 'b']]);
});

test('script: the program names what passed and failed, and its exit code says whether all passed', (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'robustmq-vectors-'));
  context.after(() => rmSync(folder, { recursive: true }));
  const run = (...paths: string[]): { status: number | null; stdout: string } =>
    spawnSync(process.execPath, [RUNNER, ...paths], { encoding: 'utf8' });
  const good = run(SCRIPTS);
  assert.equal(good.status, 0, good.stdout);
  assert.match(good.stdout, /5 passed, 0 failed, 0 skipped/);
  writeFileSync(join(folder, 'bad.txt'), 'vote cfg=(1) votes=(n)\n----\nVoteWon\n');
  writeFileSync(join(folder, 'README.md'), 'Nothing.\n');
  const bad = run(SCRIPTS, folder);
  assert.equal(bad.status, 1);
  assert.match(bad.stdout, /failed {3}.*bad\.txt \(quorum, 1 cases\)\n {4}line 1: vote\n {6}- VoteWon\n {6}\+ VoteLost\n/);
  assert.match(bad.stdout, /5 passed, 1 failed, 1 skipped/);
  assert.equal(run(join(folder, 'missing')).status, 2);
  assert.equal(run().status, 2);
});
