import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls';
import { closed, listenerOf, settingsWith } from './listener-rig.js';
import { DEADLINE_MS, TRANSPORTS, withNode } from './running-node.js';
import { TestAuthority } from './test-authority.js';

/** MQTT 3.1.1, clean session, no client identifier. */
const CONNECT: Buffer = Buffer.from('100c00044d5154540402003c0000', 'hex');

for (const transport of TRANSPORTS) {
  test(`tls, ${transport}: a pre-shared key lets in, a wrong one does not`, { timeout: DEADLINE_MS }, async () => {
    const folder = new TestAuthority('ours');
    writeFileSync(folder.path('psk'), '# keys\nalice:0123456789abcdef\n\nbob:00ff\n');
    await withNode(settingsWith(transport, { psk_file: folder.path('psk') }), async (node) => {
      const { port } = listenerOf(node, 'mqtt.tls');
      // What mosquitto's clients offer: certificates as well. They do not verify any, and a key must come first.
      const offers = [
        ...[['TLSv1.2', 'PSK', true] as const, ['TLSv1.3', 'TLS_AES_128_GCM_SHA256', true] as const],
        ...[['TLSv1.2', 'ALL', false] as const, ['TLSv1.3', 'TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256', false] as const],
      ];
      for (const [version, ciphers, isOnlyKeys] of offers) {
        const dial = (identity: string, key: string): Promise<TLSSocket> => {
          const socket = connectTls({
            ...{ host: '127.0.0.1', port, minVersion: version, maxVersion: version, checkServerIdentity: () => undefined },
            rejectUnauthorized: isOnlyKeys,
            ciphers,
            pskCallback: () => ({ identity, psk: Buffer.from(key, 'hex') }),
          });
          return once(socket, 'secureConnect').then(() => socket);
        };
        (await dial('alice', '0123456789abcdef')).destroy();
        await assert.rejects(dial('alice', '00'));
        if (isOnlyKeys) await assert.rejects(dial('carol', '00'));
      }
    });
  });

  test(`tls, ${transport}: who names a key but makes the handshake without it is not let in`, { timeout: DEADLINE_MS }, async () => {
    const folder = new TestAuthority('ours');
    writeFileSync(folder.path('psk'), 'alice:0123456789abcdef\n');
    await withNode(settingsWith(transport, { psk_file: folder.path('psk') }), async (node) => {
      const { port } = listenerOf(node, 'mqtt.tls');
      // What comes back of a CONNECT, and the session that could be resumed.
      const visit = async (options: ConnectionOptions): Promise<{ answer: string; session: Buffer | null; isReused: boolean }> => {
        const socket = connectTls({ host: '127.0.0.1', port, minVersion: 'TLSv1.3', rejectUnauthorized: false, ...options });
        let session: Buffer | null = null;
        let answer = '';
        socket.on('session', (ticket) => {
          session = ticket;
        });
        socket.on('data', (bytes) => {
          answer += bytes.toString('hex');
          socket.end();
        });
        let isReused = false;
        socket.once('secureConnect', () => {
          isReused = socket.isSessionReused();
          socket.write(CONNECT);
        });
        await closed(socket);
        return { answer, session, isReused };
      };
      // The key belongs to SHA-256: with another hash OpenSSL asks whose it is, and goes on by certificate.
      const ciphers = 'TLS_AES_256_GCM_SHA384';
      const pskCallback = () => ({ identity: 'alice', psk: Buffer.from('00', 'hex') });
      assert.equal((await visit({ ciphers, pskCallback })).answer, '');

      const plain = await visit({ ciphers });
      assert.equal(plain.answer, '20020000', 'who names nobody is nobody');
      const again = await visit({ ciphers, pskCallback, ...(plain.session === null ? {} : { session: plain.session }) });
      assert.deepEqual([again.answer, again.isReused], ['', false], 'nothing is resumed where there are keys');
    });
  });
}
