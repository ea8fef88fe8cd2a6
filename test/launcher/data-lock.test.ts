import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { BrokerError } from '../../src/base/errors.js';
import { openControlServer } from '../../src/launcher/control-server.js';
import { isLocked, lockDataDirectory, readPid, waitForUnlock } from '../../src/launcher/data-lock.js';

const directory = mkdtempSync(join(tmpdir(), 'robustmq-lock-'));
after(() => rmSync(directory, { recursive: true }));

const isCode = (code: string) => (error: unknown) => error instanceof BrokerError && error.code === code;

test('data lock: the second taker is told the pid of the first, also by another path', async () => {
  const dataPath = join(directory, 'a');
  const lock = await lockDataDirectory(dataPath);
  symlinkSync(dataPath, join(directory, 'link'));
  assert.equal(readPid(dataPath), process.pid);
  await assert.rejects(lockDataDirectory(join(directory, 'link')), (error: unknown) => {
    assert.ok(error instanceof BrokerError && error.code === 'RMQ-1004');
    assert.match(error.message, new RegExp(`pid ${process.pid}`));
    return true;
  });
  lock.release();
  (await lockDataDirectory(dataPath)).release();
  assert.equal(existsSync(join(dataPath, 'server.pid')), false);
});

test('data lock: a killed owner leaves nothing that bars the next', async () => {
  const dataPath = join(directory, 'killed');
  const script = `import('${new URL('../../src/launcher/data-lock.js', import.meta.url)}')
    .then((lock) => lock.lockDataDirectory('${dataPath}'))
    .then(() => { process.send('locked'); setInterval(() => {}, 60000); });`;
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  await once(child, 'message');
  await assert.rejects(lockDataDirectory(dataPath), isCode('RMQ-1004'));
  const unlocked = waitForUnlock(dataPath, 5000);
  child.kill('SIGKILL');
  assert.equal(await unlocked, true);
  const lock = await lockDataDirectory(dataPath);
  assert.equal(readPid(dataPath), process.pid);
  lock.release();
});

test('data lock: waiting ends with the deadline while somebody has it, and at once when nobody does', async () => {
  const dataPath = join(directory, 'wait');
  assert.equal(await waitForUnlock(dataPath, 5000), true);
  const lock = await lockDataDirectory(dataPath);
  assert.equal(await isLocked(dataPath), true);
  assert.equal(await waitForUnlock(dataPath, 30), false);
  const unlocked = waitForUnlock(dataPath, 5000);
  lock.release();
  assert.equal(await unlocked, true);
  assert.equal(await isLocked(dataPath), false);
});

test('data lock: a directory that cannot be made is RMQ-1005', async () => {
  writeFileSync(join(directory, 'file'), '');
  await assert.rejects(lockDataDirectory(join(directory, 'file', 'data')), isCode('RMQ-1005'));
});

test('data lock: a control socket that answers bars the directory, one left behind does not', async () => {
  const dataPath = join(directory, 'control');
  const lock = await lockDataDirectory(dataPath);
  const verbs = { status: () => 1, reload: () => 2, stop: () => {}, ask: () => Promise.resolve() };
  const control = await openControlServer(dataPath, verbs);
  await assert.rejects(openControlServer(dataPath, verbs), isCode('RMQ-1004'));
  control.close();
  writeFileSync(join(dataPath, 'control.sock'), ''); // What a killed broker leaves: a name nobody listens on.
  (await openControlServer(dataPath, verbs)).close();
  lock.release();
});
