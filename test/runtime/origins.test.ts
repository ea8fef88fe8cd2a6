import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Origins, plainOrigin } from '../../src/runtime/origins.js';

test('origins: each connection is asked of the listener it came by, whatever numbers were given out before', () => {
  const origins = new Origins();
  origins.listen(1, (connection) => plainOrigin('mqtt.tcp', { address: '10.0.0.1', port: connection }));
  origins.listen(2, (connection) => ({ ...plainOrigin('mqtt.tls', { address: '::1', port: connection }), isEncrypted: true }));
  origins.note(7, 1);
  origins.note(5000, 2);
  assert.deepEqual(origins.of(7), {
    ...{ listener: 'mqtt.tcp', address: '10.0.0.1', port: 7, isEncrypted: false, certificate: null, pskIdentity: '', tenant: '' },
  });
  assert.deepEqual([origins.of(5000).listener, origins.of(5000).isEncrypted], ['mqtt.tls', true]);
  origins.note(7, 2);
  assert.equal(origins.of(7).listener, 'mqtt.tls');
});
