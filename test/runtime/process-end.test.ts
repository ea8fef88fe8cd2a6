import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { loadUws } from '../../src/transport/websocket/uws-binary.js';
import { DEADLINE_MS } from './running-node.js';

const PROCESS = fileURLToPath(new URL('./exiting-process.js', import.meta.url));
/** From before the threads start until they listen. */
const START_DELAYS_MS = [0, 60, 120, 180, 240];

const finding = await loadUws();
const skip = 'unusable' in finding ? finding.unusable : false;

/** How the process ends: its exit code or its signal. */
async function endOf(...args: string[]): Promise<number | string> {
  const [code, signal] = await once(spawn(process.execPath, [PROCESS, ...args], { stdio: 'ignore' }), 'exit');
  return signal ?? code;
}

for (const mode of ['serving', 'bug']) {
  test(`process end, ${mode}: with uWebSockets.js listening on every shard it exits with 1`, { skip, timeout: DEADLINE_MS }, async () => {
    assert.equal(await endOf(mode), 1);
  });
}

test('process end, starting: it exits with 1 wherever the shards stand', { skip, timeout: DEADLINE_MS }, async () => {
  for (const delayMs of START_DELAYS_MS) assert.equal(await endOf('starting', String(delayMs)), 1, `after ${delayMs} ms`);
});

test('process end, hung: a shard that cannot close is no reason to stay, nor to abort', { skip, timeout: DEADLINE_MS }, async () => {
  assert.equal(await endOf('hung'), 'SIGKILL');
});
