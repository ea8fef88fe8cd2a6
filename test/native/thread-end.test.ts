import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { BrokerError } from '../../src/base/errors.js';
import { NativeAcceptor } from '../../src/transport/native/native-acceptor.js';

const WORKER = new URL('./terminate-worker.js', import.meta.url);
const CONNECTIONS = 8;

function descriptorsOpen(): number {
  return readdirSync('/proc/self/fd').length;
}

/** A worker that owns sockets whose other ends are here. */
async function openWorker(ending: string): Promise<{ worker: Worker; sockets: Socket[]; close: () => void }> {
  const worker = new Worker(WORKER, { workerData: { ending } });
  const acceptor = NativeAcceptor.open((_tag, descriptors, count) => {
    for (let i = 0; i < count; i += 1) worker.postMessage(descriptors[i]);
  });
  const { port } = acceptor.listen('127.0.0.1', 0, 1);
  const sockets = Array.from({ length: CONNECTIONS }, () => connect(port, '127.0.0.1').on('error', () => {}));
  let adopted = 0;
  while (adopted < CONNECTIONS) {
    const [message] = await once(worker, 'message');
    if ('connection' in message) adopted += 1;
  }
  return { worker, sockets, close: () => acceptor.close() };
}

for (const ending of ['terminate', 'throw', 'exit', 'close'] as const) {
  test(`thread end by ${ending}: the process lives on and every descriptor of the thread is closed`, async () => {
    const before = descriptorsOpen();
    const { worker, sockets, close } = await openWorker(ending);
    const gone = Promise.all(sockets.map((socket) => once(socket.resume(), 'close')));
    let failure = '';
    worker.on('error', (error) => {
      failure = String(error);
    });
    const ended = new Promise((resolve) => worker.once('exit', resolve));
    if (ending === 'terminate') await worker.terminate();
    else sockets[0].write('go');
    await ended;
    await gone;
    assert.equal(failure.includes('asked for'), ending === 'throw');
    close();
    assert.ok(descriptorsOpen() <= before + 2, 'the listener may still be closing, nothing else is open');
  });
}

test('process end: nothing keeps a process that closed its transport, and one that exits with open sockets does not abort', () => {
  const transport = fileURLToPath(new URL('../../src/transport/native/native-transport.js', import.meta.url));
  const acceptor = fileURLToPath(new URL('../../src/transport/native/native-acceptor.js', import.meta.url));
  const script = (end: string): string => `
    const { NativeTransport } = await import(${JSON.stringify(transport)});
    const { NativeAcceptor } = await import(${JSON.stringify(acceptor)});
    const transport = NativeTransport.open({ connectionsMax: 4, topicsMax: 4, frameBytesMax: 100 });
    const acceptor = NativeAcceptor.open(() => {});
    const { port } = acceptor.listen('127.0.0.1', 0, 0);
    transport.start(() => {});
    transport.connect('127.0.0.1', port, '', { framing: 0, gated: false, frameBytesMax: 10, highMarkBytes: 10, lowMarkBytes: 1, outputBytesMax: 10 });
    setImmediate(() => { ${end} });
  `;
  for (const [end, status] of [
    ['transport.close(); acceptor.close();', 0],
    ['process.exit(7);', 7],
  ] as const) {
    const child = spawnSync(process.execPath, ['--input-type=module', '-e', script(end)], { encoding: 'utf8', timeout: 10_000 });
    assert.equal(child.status, status, child.stderr);
  }
});

test('acceptor: a port in use is refused with its code and its owner', () => {
  const first = NativeAcceptor.open(() => {});
  const second = NativeAcceptor.open(() => {});
  const { port } = first.listen('127.0.0.1', 0, 0);
  assert.throws(
    () => second.listen('127.0.0.1', port, 0),
    (error) => error instanceof BrokerError && error.code === 'RMQ-1003' && error.message.includes(`in use by pid ${process.pid}`),
  );
  assert.throws(() => second.listen('not an address', 0, 0), { code: 'RMQ-1003' });
  first.closeListener(0);
  assert.equal(second.listen('127.0.0.1', port, 0).port, port);
  first.close();
  second.close();
});
