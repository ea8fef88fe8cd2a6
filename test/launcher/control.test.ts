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
import { type ControlQuestion, controlPathOf } from '../../src/launcher/control-wire.js';

const directory = mkdtempSync(join(tmpdir(), 'robustmq-control-'));
after(() => rmSync(directory, { recursive: true }));

const verbs = {
  status: () => ({ word: 'grüß Gott'.repeat(20_000) }),
  reload: () => {
    throw new BrokerError('RMQ-1002', '(x)', { cure: 'Correct x' });
  },
  stop: () => {},
  ask: (question: ControlQuestion) => Promise.resolve({ asked: question }),
};

test('control: an answer of several packets arrives whole, and only the owner may open the socket', async () => {
  const server = await openControlServer(directory, verbs);
  assert.equal(statSync(controlPathOf(directory)).mode & 0o777, 0o600);
  assert.deepEqual(await askControl(directory, { verb: 'status' }, 5000), { body: verbs.status() });
  assert.deepEqual(await askControl(directory, { verb: 'stop' }, 5000), { body: null });
  server.close();
});

test('control: an error of the server arrives as its line', async () => {
  const server = await openControlServer(directory, verbs);
  await assert.rejects(askControl(directory, { verb: 'reload' }, 5000), (error: unknown) => {
    assert.ok(error instanceof RemoteError);
    assert.equal(error.message, 'RMQ-1002 settings are not valid (x). Correct x.');
    return true;
  });
  server.close();
});

test('control: a question carries its arguments, checked, and its answer may take its time', async () => {
  const server = await openControlServer(directory, {
    ...verbs,
    ask: async (question: ControlQuestion) => {
      await new Promise((resolve) => setImmediate(resolve));
      if (question.verb === 'session-show') throw new BrokerError('RMQ-1023', `(session "${question.clientId}")`);
      return { asked: question, long: 'x'.repeat(3 * 2 ** 20) };
    },
  });
  const question = { verb: 'stream-read', stream: 3, from: [[0, 1200]] } as const;
  const answer = await askControl(directory, question, 5000);
  assert.deepEqual(answer, { body: { asked: question, long: 'x'.repeat(3 * 2 ** 20) } });
  await assert.rejects(askControl(directory, { verb: 'session-show', clientId: 'c' }, 5000), (error: unknown) => {
    assert.ok(error instanceof RemoteError);
    assert.equal(error.code, 'RMQ-1023');
    return true;
  });
  const wrong = [
    { verb: 'stream-read', stream: -1, from: [] },
    { verb: 'session-list', after: '', limit: 1e6, match: '' },
    { verb: 'stream-describe' },
  ];
  for (const request of wrong) {
    const socket = connect(controlPathOf(directory)).setEncoding('utf8');
    socket.write(`${JSON.stringify(request)}\n`);
    assert.match(String((await once(socket, 'data'))[0]), /"RMQ-1015 .*not understood/);
    socket.destroy();
  }
  server.close();
});

test('control: nonsense is answered with an error, and the server goes on', async () => {
  const server = await openControlServer(directory, verbs);
  for (const line of ['nonsense\n', '{"verb":"format-disk"}\n', '{"verb":"status","more":1}\n']) {
    const socket = connect(controlPathOf(directory)).setEncoding('utf8');
    socket.write(line);
    const [text] = await once(socket, 'data');
    assert.match(text, /^\{"ok":false,"code":"RMQ-1015","error":"RMQ-1015/);
    socket.destroy();
  }
  assert.notEqual(await askControl(directory, { verb: 'status' }, 5000), null);
  server.close();
});

test('control: nobody there is null; somebody who does not answer is an error', async () => {
  assert.equal(await askControl(directory, { verb: 'status' }, 5000), null);
  const mute = createServer(() => {});
  mute.listen(controlPathOf(directory));
  await once(mute, 'listening');
  await assert.rejects(askControl(directory, { verb: 'status' }, 30), /RMQ-1015 .*no answer within 30 ms/);
  mute.close();
});

test('control: a path too long for a socket is refused with its length', () => {
  assert.throws(() => controlPathOf(join(directory, 'x'.repeat(120))), /RMQ-1015 .*longer than 107 bytes/);
});
