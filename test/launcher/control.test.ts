import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { BrokerError } from '../../src/base/errors.js';
import { askControl, RemoteError } from '../../src/launcher/control-client.js';
import { openControlServer } from '../../src/launcher/control-server.js';
import { controlPathOf } from '../../src/launcher/control-wire.js';

const directory = mkdtempSync(join(tmpdir(), 'robustmq-control-'));
after(() => rmSync(directory, { recursive: true }));

const verbs = {
  status: () => ({ word: 'grüß Gott'.repeat(20_000) }),
  reload: () => {
    throw new BrokerError('RMQ-1002', '(x)', { cure: 'Correct x' });
  },
  stop: () => {},
};

test('control: an answer of several packets arrives whole, and only the owner may open the socket', async () => {
  const server = await openControlServer(directory, verbs);
  assert.equal(statSync(controlPathOf(directory)).mode & 0o777, 0o600);
  assert.deepEqual(await askControl(directory, 'status', 5000), { body: verbs.status() });
  assert.deepEqual(await askControl(directory, 'stop', 5000), { body: null });
  server.close();
});

test('control: an error of the server arrives as its line', async () => {
  const server = await openControlServer(directory, verbs);
  await assert.rejects(askControl(directory, 'reload', 5000), (error: unknown) => {
    assert.ok(error instanceof RemoteError);
    assert.equal(error.message, 'RMQ-1002 settings are not valid (x). Correct x.');
    return true;
  });
  server.close();
});

test('control: nonsense is answered with an error, and the server goes on', async () => {
  const server = await openControlServer(directory, verbs);
  for (const line of ['nonsense\n', '{"verb":"format-disk"}\n', '{"verb":"status","more":1}\n']) {
    const socket = connect(controlPathOf(directory)).setEncoding('utf8');
    socket.write(line);
    const [text] = await once(socket, 'data');
    assert.match(text, /^\{"ok":false,"error":"RMQ-1015/);
    socket.destroy();
  }
  assert.notEqual(await askControl(directory, 'status', 5000), null);
  server.close();
});

test('control: nobody there is null; somebody who does not answer is an error', async () => {
  assert.equal(await askControl(directory, 'status', 5000), null);
  const mute = createServer(() => {});
  mute.listen(controlPathOf(directory));
  await once(mute, 'listening');
  await assert.rejects(askControl(directory, 'status', 30), /RMQ-1015 .*no answer within 30 ms/);
  mute.close();
});

test('control: a path too long for a socket is refused with its length', () => {
  assert.throws(() => controlPathOf(join(directory, 'x'.repeat(120))), /RMQ-1015 .*longer than 107 bytes/);
});
