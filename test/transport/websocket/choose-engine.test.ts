import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { BrokerError } from '../../../src/base/errors.js';
import { chooseWsEngine } from '../../../src/transport/websocket/choose-engine.js';
import { claimPort } from '../../../src/transport/websocket/claim-port.js';
import { chooseSubProtocol } from '../../../src/transport/websocket/engine.js';
import { loadUws } from '../../../src/transport/websocket/uws-binary.js';
import { addressText } from '../../../src/transport/websocket/uws-engine.js';

const finding = await loadUws();
const skipWithoutUws = 'unusable' in finding ? finding.unusable : false;

test('engine choice: ws is taken when it is asked for, auto says why', async () => {
  assert.equal((await chooseWsEngine('ws')).kind, 'ws');
  const choice = await chooseWsEngine('auto');
  assert.equal(choice.kind, 'unusable' in finding ? 'ws' : 'uws');
  assert.ok(choice.reason.length > 10);
});

test('engine choice: uws that cannot be used is an error with a cure', {
  skip: skipWithoutUws === false ? 'uWebSockets.js is here' : false,
}, async () => {
  await assert.rejects(chooseWsEngine('uws'), (error) => error instanceof BrokerError && error.code === 'RMQ-1017');
});

test('sub-protocol: the first one offered that we know', () => {
  assert.equal(chooseSubProtocol('mqtt'), 'mqtt');
  assert.equal(chooseSubProtocol(' chat , mqttv3.1,mqtt'), 'mqttv3.1');
  for (const header of ['', 'MQTT', 'mqtt5', 'chat']) assert.equal(chooseSubProtocol(header), null);
});

test('peer address: IPv4, IPv4 inside IPv6 and IPv6 as text', () => {
  assert.equal(addressText(Uint8Array.of(10, 0, 0, 5)), '10.0.0.5');
  assert.equal(addressText(Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1)), '127.0.0.1');
  assert.equal(addressText(Uint8Array.of(0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1)), '2001:db8::1');
  assert.equal(addressText(Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1)), '::1');
});

test('claim port: a free one is found that the kernel gives to nobody meanwhile, one in use is RMQ-1003', async () => {
  const port = await claimPort('127.0.0.1', 0);
  assert.ok(port > 1023 && port < 32_768, `${port} is below those that the kernel gives away`);
  const server = createServer().listen(port, '127.0.0.1');
  await once(server, 'listening');
  await assert.rejects(claimPort('127.0.0.1', port), (error) => error instanceof BrokerError && error.code === 'RMQ-1003');
  server.close();
  await once(server, 'close');
  assert.equal(await claimPort('127.0.0.1', port), port);
});

/** A worker that listens with uWebSockets.js, fails, closes first and ends; the process goes on and ends in order. */
const DYING_WORKER = `
  import { Worker } from 'node:worker_threads';
  const source = \`
    (async () => {
      const { UwsEngine } = await import(process.env.ENGINE);
      const { loadUws } = await import(process.env.BINARY);
      const { module } = await loadUws();
      const engine = await UwsEngine.open(module, { host: '127.0.0.1', port: 0, descriptor: -1, path: '/mqtt', messageBytesMax: 1000 },
        () => null);
      process.on('uncaughtException', () => { engine.close(); process.exit(1); });
      setImmediate(() => { throw new Error('the shard fails'); });
    })();
  \`;
  for (let i = 0; i < 3; i += 1) {
    const worker = new Worker(source, { eval: true });
    const code = await new Promise((resolve) => worker.on('exit', resolve));
    console.log('worker', code);
  }
  console.log('alive');
`;

test('uws: a thread that closes its engine before it ends leaves the process alive', { skip: skipWithoutUws }, async () => {
  const env = {
    ...process.env,
    ENGINE: new URL('../../../src/transport/websocket/uws-engine.js', import.meta.url).href,
    BINARY: new URL('../../../src/transport/websocket/uws-binary.js', import.meta.url).href,
  };
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', DYING_WORKER], { env, timeout: 8000 });
  assert.equal(stdout, 'worker 1\nworker 1\nworker 1\nalive\n');
});
