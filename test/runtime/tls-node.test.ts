import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect as connectTcp, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { promisify } from 'node:util';
import mqtt from 'mqtt';
import { closed, listenerOf, settingsWith } from './listener-rig.js';
import { DEADLINE_MS, nextMessage, open, settingsFor, TRANSPORTS, until, withNode } from './running-node.js';
import { TestAuthority } from './test-authority.js';

async function roundTrip(client: mqtt.MqttClient, bytes = 10): Promise<void> {
  await client.subscribeAsync('t/#', { qos: 1 });
  const got = nextMessage(client);
  await client.publishAsync('t/a', 'x'.repeat(bytes), { qos: 1 });
  assert.equal((await got).length, bytes + 4);
}

/** With TLS 1.3 a client believes that it is in, and then the connection ends. */
async function refused(url: string, options: object = {}): Promise<void> {
  const client = mqtt.connect(url, { reconnectPeriod: 0, protocolVersion: 5, ...options });
  const outcome = await new Promise<string>((resolve) => {
    client.once('connect', () => resolve('let in'));
    client.once('error', () => resolve('refused'));
    client.once('close', () => resolve('refused'));
  });
  await client.endAsync(true);
  assert.equal(outcome, 'refused');
}

/** The subject of the certificate that a server shows. */
async function shownBy(port: number, options: object): Promise<string> {
  const socket = connectTls({ host: '127.0.0.1', port, rejectUnauthorized: false, ...options });
  await once(socket, 'secureConnect');
  const { subject } = socket.getPeerCertificate();
  socket.destroy();
  return String(subject.CN);
}

function temporary(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'robustmq-unix-'));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

for (const transport of TRANSPORTS) {
  test(`tls, ${transport}: TLS and WSS serve with a certificate of the development authority, which clients can verify`, {
    timeout: DEADLINE_MS,
  }, async () => {
    await withNode(settingsFor(transport, 2), async (node) => {
      assert.deepEqual(
        node.listeners.map(({ name }) => name),
        ['mqtt.tcp', 'mqtt.ws', 'mqtt.tls', 'mqtt.wss'],
      );
      await shownBy(listenerOf(node, 'mqtt.tls').port, {}); // Comes before there is a certificate, and waits for it.
      const path = node.certificates.authorityPath;
      assert.equal(statSync(path).mode & 0o777, 0o600);
      assert.equal(statSync(dirname(path)).mode & 0o777, 0o700);
      const ca = readFileSync(path);
      const clients = await Promise.all(node.listeners.map(({ url }) => open(url, { ca })));
      for (const client of clients) await client.subscribeAsync('t/#', { qos: 1 });
      for (const sender of clients) {
        const got = clients.map(nextMessage);
        await sender.publishAsync('t/a', 'x'.repeat(100_000), { qos: 1 });
        for (const message of await Promise.all(got)) assert.equal(message.length, 100_004);
      }
      await Promise.all(clients.map((client) => client.endAsync()));
      await until('all connections are gone', () => node.connections() === 0);
    });
  });

  test(`tls, ${transport}: certificates of clients are verified, and revoked ones are turned away`, { timeout: DEADLINE_MS }, async () => {
    const authority = new TestAuthority('ours');
    const others = new TestAuthority('theirs');
    authority.issue('server', '/CN=localhost');
    for (const name of ['good', 'revoked']) authority.issue(name, `/O=acme/CN=${name}`, `URI:device:${name}`);
    others.issue('stranger', '/CN=stranger');
    authority.revoke('revoked');
    const files = {
      cert: authority.path('server.pem'),
      key: authority.path('server.key'),
      ca: authority.path('ca.pem'),
      crl: authority.path('crl.pem'),
    };
    const listeners = [{ ...files, name: 'optional', kind: 'tls', verify: 'optional' }];
    await withNode(settingsWith(transport, { ...files, verify: 'required' }, listeners), async (node) => {
      const of = (from: TestAuthority, name: string): object => ({
        ca: authority.read('ca.pem'),
        cert: from.read(`${name}.pem`),
        key: from.read(`${name}.key`),
      });
      const required = listenerOf(node, 'mqtt.tls').url;
      const optional = listenerOf(node, 'optional').url;
      for (const url of [required, optional]) {
        const client = await open(url, of(authority, 'good'));
        await roundTrip(client);
        await client.endAsync();
        await refused(url, of(authority, 'revoked'));
        await refused(url, of(others, 'stranger'));
      }
      await refused(required, { ca: authority.read('ca.pem') });
      await (await open(optional, { ca: authority.read('ca.pem') })).endAsync();
      await until('nobody is left', () => node.connections() === 0);
    });
  });

  test(`tls, ${transport}: new certificates are taken over while running, bad ones are not, and connections stay`, {
    timeout: DEADLINE_MS,
  }, async () => {
    const authority = new TestAuthority('ours');
    for (const name of ['one', 'two', 'sni', 'wild']) authority.issue(name, `/CN=${name}`);
    const put = (name: string): void => {
      for (const end of ['pem', 'key']) copyFileSync(authority.path(`${name}.${end}`), authority.path(`server.${end}`));
    };
    put('one');
    const pair = (name: string): object => ({ cert: authority.path(`${name}.pem`), key: authority.path(`${name}.key`) });
    const sni = [
      { host: 'a.example', ...pair('sni') },
      { host: '*.b.example', ...pair('wild') },
    ];
    await withNode(settingsWith(transport, { ...pair('server'), sni }), async (node, log) => {
      const { url, port } = listenerOf(node, 'mqtt.tls');
      const names = async (): Promise<string[]> => {
        const found: string[] = [];
        for (const servername of ['', 'a.example', 'A.Example', 'x.b.example', 'x.y.b.example', 'b.example'])
          found.push(await shownBy(port, { servername }));
        return found;
      };
      // A shard hears of new ones a moment later.
      const shows = async (name: string): Promise<void> => {
        const deadlineMs = performance.now() + DEADLINE_MS / 2;
        while ((await shownBy(port, {})) !== name) assert.ok(performance.now() < deadlineMs, `in time: ${name}`);
      };
      assert.deepEqual(await names(), ['one', 'sni', 'sni', 'wild', 'one', 'one']);
      const before = await open(url, { rejectUnauthorized: false });
      assert.deepEqual(node.certificates.reload(), [], 'nothing changed');
      put('two');
      assert.deepEqual(node.certificates.reload(), [{ listener: 'mqtt.tls', fault: null }]);
      await shows('two');
      assert.deepEqual(await names(), ['two', 'sni', 'sni', 'wild', 'two', 'two']);
      writeFileSync(authority.path('server.pem'), 'no certificate');
      const [{ fault }] = node.certificates.reload();
      assert.equal(fault?.code, 'RMQ-1038');
      assert.equal((await names())[0], 'two');
      // Without being told: it looks at the files by itself.
      put('one');
      await shows('one');
      assert.equal(log.records.filter(({ event }) => event === 'tls.reloaded').length, 2);
      await roundTrip(before);
      assert.equal(node.certificates.expiries.length, 3);
      await before.endAsync();
    });
  });

  test(`tls, ${transport}: what is no TLS, what stops half-way and what is slow gets no further, and leaves nothing behind`, {
    timeout: DEADLINE_MS,
  }, async () => {
    const web = { name: 'web', kind: 'wss', handshake_timeout: '400ms' };
    await withNode(settingsWith(transport, { handshake_timeout: '400ms', handshakes_max: 2 }, [web]), async (node) => {
      const { port, url } = listenerOf(node, 'mqtt.tls');
      await until('the certificate is made', () => node.certificates.all.size > 0);
      const noTls = connectTcp(port, '127.0.0.1').end('GET / HTTP/1.1\r\n\r\n');
      const silent = Array.from({ length: 6 }, () => connectTcp(port, '127.0.0.1'));
      const half = connectTcp(port, '127.0.0.1');
      half.write(Buffer.from('16030100c8010000c40303', 'hex'));
      await Promise.all([noTls, half, ...silent].map(closed));
      // Through the handshake, and then it asks for nothing.
      const quiet = connectTls({ host: '127.0.0.1', port: listenerOf(node, 'web').port, rejectUnauthorized: false });
      await once(quiet, 'secureConnect');
      await closed(quiet);
      // A byte now and then is no excuse.
      const slow = connectTcp(port, '127.0.0.1');
      const hello = Buffer.from('16030100c8010000c4030300112233445566778899aabbccddeeff', 'hex');
      let sent = 0;
      const drip = setInterval(() => slow.write(hello.subarray(sent, ++sent)), 50);
      await closed(slow);
      clearInterval(drip);
      assert.ok(sent < 25);
      for (let round = 0; round < 20; round += 1) {
        const socket = connectTls({ host: '127.0.0.1', port, rejectUnauthorized: false });
        socket.on('error', () => {});
        setTimeout(() => socket.destroy(), round % 5);
        await closed(socket);
      }
      const client = await open(url, { rejectUnauthorized: false });
      await roundTrip(client);
      await client.endAsync();
      await until('nothing is left', () => node.connections() === 0);
    });
  });

  test(`tls, ${transport}: a client does not renegotiate`, { timeout: DEADLINE_MS }, async () => {
    await withNode(settingsWith(transport, { version_max: '1.2' }), async (node) => {
      const { port } = listenerOf(node, 'mqtt.tls');
      const socket = connectTls({ host: '127.0.0.1', port, rejectUnauthorized: false });
      socket.on('error', () => {});
      await once(socket, 'secureConnect');
      assert.equal(socket.getProtocol(), 'TLSv1.2');
      const outcome = await new Promise<string>((resolve) => {
        socket.once('error', () => resolve('refused'));
        socket.once('close', () => resolve('refused'));
        socket.renegotiate({ rejectUnauthorized: false }, (error) => resolve(error === null ? 'done' : 'refused'));
      });
      assert.equal(outcome, 'refused');
      socket.destroy();
    });
  });

  test(`listeners, ${transport}: a proxy says who the client is, in front of TCP, TLS and WebSocket; nobody else may`, {
    timeout: DEADLINE_MS,
  }, async (context) => {
    const socketPath = join(temporary(context), 's');
    const proxied = { proxy_protocol: 'any' };
    const listeners = [
      { ...proxied, name: 'p.tcp', kind: 'tcp' },
      { ...proxied, name: 'p.tls', kind: 'tls' },
      { ...proxied, name: 'p.ws', kind: 'ws' },
      { ...proxied, name: 'p.wss', kind: 'wss' },
      { ...proxied, name: 'p.unix', kind: 'unix', socket: socketPath },
      { ...proxied, name: 'p.others', kind: 'tcp', proxy_trusted: ['10.0.0.0/8'] },
    ];
    await withNode(settingsWith(transport, {}, listeners), async (node) => {
      const v1 = Buffer.from('PROXY TCP4 192.0.2.7 198.51.100.1 56324 1883\r\n');
      const v2 = Buffer.from('0d0a0d0a000d0a515549540a2111000cc0000207c6336401dc04075b', 'hex');
      for (const name of ['p.tcp', 'p.tls', 'p.ws', 'p.wss', 'p.unix'] as const) {
        for (const header of [v1, v2]) {
          const listener = listenerOf(node, name);
          const proxy = createServer((inner) => {
            const outer = name === 'p.unix' ? connectTcp(listener.host) : connectTcp(listener.port, '127.0.0.1');
            outer.write(header);
            for (const side of [inner, outer]) side.on('error', () => side.destroy());
            inner.pipe(outer).pipe(inner);
          });
          proxy.listen(0, '127.0.0.1');
          await once(proxy, 'listening');
          const address = proxy.address();
          assert.ok(address !== null && typeof address === 'object');
          const url = name === 'p.unix' ? 'mqtt://127.0.0.1:1' : listener.url;
          const client = await open(url.replace(/127\.0\.0\.1:\d+/, `127.0.0.1:${address.port}`), {
            rejectUnauthorized: false,
            clientId: name,
          });
          await roundTrip(client, 50_000);
          await client.endAsync();
          proxy.close();
        }
      }
      for (const [name, bytes] of [
        ['p.tcp', 'PROXY TCP4 192.0.2.7 198.51.100.1 99999 1883\r\n'],
        ['p.tcp', `PROXY ${'x'.repeat(200)}`],
        ['p.tls', 'no header'],
        ['p.others', v1],
      ] as const) {
        const socket = connectTcp(listenerOf(node, name).port, '127.0.0.1');
        socket.write(bytes);
        await closed(socket);
      }
      await until('nothing is left', () => node.connections() === 0);
    });
  });

  test(`listeners, ${transport}: a unix socket has the mode that was asked for, takes the place of a stale one, and goes at the end`, {
    timeout: DEADLINE_MS,
  }, async (context) => {
    const folder = temporary(context);
    const path = join(folder, 'mqtt.sock');
    // A socket that nobody listens on any more.
    const stale = createServer().listen(`${path}.old`);
    await once(stale, 'listening');
    await promisify(execFile)('ln', [`${path}.old`, path]);
    stale.close();
    await once(stale, 'close');
    assert.ok(existsSync(path));
    const listeners = [{ name: 'local', kind: 'unix', socket: path, socket_mode: '600' }];
    await withNode(settingsWith(transport, {}, listeners), async (node) => {
      assert.equal(statSync(path).mode & 0o777, 0o600);
      const client = new mqtt.MqttClient(() => connectTcp(path), { reconnectPeriod: 0, protocolVersion: 5 });
      await new Promise<void>((resolve) => client.once('connect', () => resolve()));
      await roundTrip(client, 70_000);
      await client.endAsync();
      await assert.rejects(
        withNode(settingsWith(transport, {}, listeners), async () => {}),
        /RMQ-1003 .*in use/,
      );
      assert.equal(listenerOf(node, 'local').url, `unix://${path}`);
    });
    assert.ok(!existsSync(path));
  });

  test(`listeners, ${transport}: each has its own limits of connections and of new ones per second`, { timeout: DEADLINE_MS }, async () => {
    const listeners = [
      { name: 'few', kind: 'tcp', connections_max: 2 },
      { name: 'slow', kind: 'tcp', connections_per_second_max: 3 },
    ];
    await withNode(settingsWith(transport, {}, listeners), async (node) => {
      const few = listenerOf(node, 'few');
      const clients = [await open(few.url), await open(few.url)];
      await refused(few.url);
      await clients[0].endAsync();
      await until('there is room again', () => node.connections() === 1);
      await (await open(few.url)).endAsync();
      const { port } = listenerOf(node, 'slow');
      const sockets = Array.from({ length: 20 }, () => connectTcp(port, '127.0.0.1'));
      let gone = 0;
      for (const socket of sockets) {
        socket.on('error', () => {});
        socket.resume();
        socket.on('close', () => {
          gone += 1;
        });
      }
      await until('most are turned away', () => gone >= 20 - 2 * 3); // Two seconds at most were begun.
      assert.ok(gone <= 17);
      for (const socket of sockets) socket.destroy();
      await clients[1].endAsync();
    });
  });
}
