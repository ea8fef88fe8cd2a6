import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Origins, originOf } from '../../src/runtime/origins.js';
import { type ListenerDefinition, listenersOf } from '../../src/settings/listener-schema.js';
import { SETTINGS_SCHEMA } from '../../src/settings/schema.js';
import type { PeerCertificate } from '../../src/transport/ports.js';

const PLAIN = { isEncrypted: false, certificate: null, pskIdentity: '' };

function definitionOf(name: string, changes: Partial<ListenerDefinition> = {}): ListenerDefinition {
  const found = listenersOf(SETTINGS_SCHEMA.parse({}).mqtt).find((listener) => listener.name === name);
  assert.ok(found);
  return { ...found, ...changes };
}

test('origins: each connection is asked of the listener it came by, whatever numbers were given out before', () => {
  const origins = new Origins();
  origins.listen(1, (connection) => originOf(definitionOf('mqtt.tcp'), { ...PLAIN, address: '10.0.0.1', port: connection }));
  origins.listen(2, (connection) => originOf(definitionOf('mqtt.tls'), { ...PLAIN, isEncrypted: true, address: '::1', port: connection }));
  origins.note(7, 1);
  origins.note(5000, 2);
  assert.deepEqual(origins.of(7), {
    ...{ listener: 'mqtt.tcp', address: '10.0.0.1', port: 7, isEncrypted: false, certificate: null, pskIdentity: '', tenant: '' },
  });
  assert.deepEqual([origins.of(5000).listener, origins.of(5000).isEncrypted], ['mqtt.tls', true]);
  origins.note(7, 2);
  assert.equal(origins.of(7).listener, 'mqtt.tls');
});

test('origins: the tenant is that of the certificate where the listener says so, else that of the listener', () => {
  const certificate: PeerCertificate = {
    ...{ name: 'a', commonName: 'a', organization: 'acme', unit: '', alternativeNames: [], fingerprint: '', serial: '1', notAfterMs: 0 },
  };
  const facts = { ...PLAIN, address: '', port: 0, certificate };
  const tenantBy = (tenant_from: 'none' | 'o' | 'ou'): string =>
    originOf(definitionOf('mqtt.tls', { tenant: 'house', tenant_from }), facts).tenant;
  assert.deepEqual([tenantBy('none'), tenantBy('o'), tenantBy('ou')], ['house', 'acme', 'house']);
});
