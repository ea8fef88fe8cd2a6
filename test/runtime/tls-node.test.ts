import assert from 'node:assert/strict';
import { readFileSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { test } from 'node:test';
import { connect } from 'node:tls';
import { DEADLINE_MS, nextMessage, open, settingsFor, TRANSPORTS, until, withNode } from './running-node.js';

for (const transport of TRANSPORTS) {
  test(`node, ${transport}: TLS and WSS serve with a certificate of the development authority, which clients can verify`, {
    timeout: DEADLINE_MS,
  }, async () => {
    await withNode(settingsFor(transport, 2), async (node) => {
      const [tcp, ws, tls, wss] = node.listeners;
      assert.deepEqual(
        node.listeners.map(({ name }) => name),
        ['mqtt.tcp', 'mqtt.ws', 'mqtt.tls', 'mqtt.wss'],
      );
      // The first handshake comes before there is a certificate, and waits for it.
      await new Promise<void>((resolve, reject) => {
        const socket = connect({ host: '127.0.0.1', port: tls.port, rejectUnauthorized: false }, () => {
          socket.destroy();
          resolve();
        });
        socket.once('error', reject);
      });
      const path = node.certificates.authorityPath;
      assert.equal(statSync(path).mode & 0o777, 0o600);
      assert.equal(statSync(dirname(path)).mode & 0o777, 0o700);
      const ca = readFileSync(path);
      const clients = await Promise.all([open(tcp.url), open(ws.url), open(tls.url, { ca }), open(wss.url, { ca })]);
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
}
