import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { newDirectory } from './lane-directory.js';

/*
  What LMDB makes of errors of the kernel: a process of its own under strace, which lets one system call of the one writing thread fail.
*/

const COUNT = 6;
const PROGRAM = fileURLToPath(new URL('./faulty-disk-process.js', import.meta.url));
const probe = spawnSync('strace', ['-f', '-qq', '-o', '/dev/null', process.execPath, '--version']);
const noStrace: string | false = probe.status === 0 ? false : 'needs strace (Debian package strace) that may trace its children';

async function run(
  directory: string,
  fault: string,
): Promise<{ readonly code: unknown; readonly answers: string[]; readonly errors: string }> {
  const [call] = fault.split(':');
  const options = ['-f', '-qq', '-o', '/dev/null', '-e', `trace=${call}`, '-e', `inject=${fault}`];
  const child = spawn('strace', [...options, process.execPath, PROGRAM, directory, String(COUNT)], {
    env: { ...process.env, UV_THREADPOOL_SIZE: '1' }, // strace counts the calls of each thread.
  });
  let output = '';
  let errors = '';
  child.stdout.on('data', (data: Buffer) => {
    output += data.toString();
  });
  child.stderr.on('data', (data: Buffer) => {
    errors += data.toString();
  });
  const [code] = await once(child, 'close');
  return { code, answers: output.trim().split('\n'), errors };
}

for (const fault of ['fdatasync:error=EIO:when=2', 'fdatasync:error=EIO:when=5', 'pwrite64:error=EIO:when=4', 'pwrite64:error=EIO:when=5'])
  test(`fault 6: LMDB on a disk that says ${fault} fails for good, and nobody is left without an answer`, {
    skip: noStrace,
  }, async (context) => {
    const { code, answers, errors } = await run(newDirectory(context), fault);
    assert.equal(code, 0, errors);
    assert.equal(answers.length, COUNT * 3, answers.join('\n'));
    const wrong = answers.filter((line) => !line.endsWith('done'));
    assert.ok(wrong.length > 0 && wrong.length < COUNT * 3, answers.join('\n'));
    for (const line of wrong) assert.match(line, /io-error/);
    const last = answers.slice(-3);
    assert.deepEqual(
      last.filter((line) => line.endsWith('done')),
      [],
      'nothing is acknowledged at the end',
    );
  });

test('fault 7: LMDB on a disk that says ENOSPC once refuses that commit, and takes the next', { skip: noStrace }, async (context) => {
  const { code, answers, errors } = await run(newDirectory(context), 'fdatasync:error=ENOSPC:when=3');
  assert.equal(code, 0, errors);
  const wrong = answers.filter((line) => !line.endsWith('done'));
  assert.ok(wrong.length > 0 && wrong.length <= 2, answers.join('\n'));
  for (const line of wrong) assert.match(line, /disk-full/);
  assert.ok(answers.at(-1)?.endsWith('done'));
});
