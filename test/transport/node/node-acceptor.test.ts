import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { BrokerError } from '../../../src/base/errors.js';
import { NodeAcceptor } from '../../../src/transport/node/node-acceptor.js';

/** A shard of sorts: accepts from the descriptor, adopts, echoes PINGREQ as PINGRESP, tells how many it has. */
const SHARD = `
  const { parentPort, workerData } = require('node:worker_threads');
  import(workerData.module).then(({ NodeTransport }) => {
    const transport = NodeTransport.open({ connectionsMax: 100, topicsMax: 16, frameBytesMax: 4096 });
    const options = { framing: 1, frameBytesMax: 4096, highMarkBytes: 65536, lowMarkBytes: 1024, gated: false, outputBytesMax: 1 << 20 };
    transport.start((count) => {
      for (let i = 0; i < count; i += 1) {
        if (transport.rows[i * 8] === 7) transport.commands.sendCopy(transport.rows[i * 8 + 1], Uint8Array.of(0xd0, 0));
      }
    });
    let adopted = 0;
    transport.acceptFrom(workerData.descriptor, 5, (tag, keys, count) => {
      for (let i = 0; i < count; i += 1) transport.commands.admit(transport.adopt(keys[i], options), 4, 4096);
      adopted += count;
      transport.submit();
    });
    parentPort.on('message', () => {
      transport.close();
      parentPort.postMessage({ adopted });
      parentPort.close();
    });
    parentPort.postMessage('ready');
  });
`;

test('node acceptor: two threads accept from one descriptor, every connection is served, and all close in order', async () => {
  const acceptor = new NodeAcceptor();
  const { port, listener } = acceptor.listen('127.0.0.1', 0, 5);
  const workerData = {
    module: new URL('../../../src/transport/node/node-transport.js', import.meta.url).href,
    descriptor: acceptor.listeningDescriptorOf(listener),
  };
  const workers = [0, 1].map(() => new Worker(SHARD, { eval: true, workerData }));
  await Promise.all(workers.map((worker) => once(worker, 'message')));
  const sockets = Array.from({ length: 30 }, () => connect(port, '127.0.0.1'));
  await Promise.all(
    sockets.map(async (socket) => {
      socket.on('error', () => {});
      socket.write(Uint8Array.of(0xc0, 0));
      const [answer] = await once(socket, 'data');
      assert.deepEqual([...answer], [0xd0, 0]);
    }),
  );
  let adopted = 0;
  for (const worker of workers) {
    const exit = once(worker, 'exit');
    worker.postMessage('close');
    const [answer] = await once(worker, 'message');
    adopted += answer.adopted;
    await exit;
  }
  assert.equal(adopted, sockets.length);
  acceptor.close();
  acceptor.close();
  for (const socket of sockets) socket.destroy();
});

test('node acceptor: a port in use is RMQ-1003 and names who has it', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  const acceptor = new NodeAcceptor();
  assert.throws(
    () => acceptor.listen('127.0.0.1', address.port, 0),
    (error) => error instanceof BrokerError && error.code === 'RMQ-1003' && error.message.includes(`${process.pid}`),
  );
  server.close();
  acceptor.close();
});
