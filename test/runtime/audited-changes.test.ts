import assert from 'node:assert/strict';
import { test } from 'node:test';
import { changedBy, recordOf } from '../../src/runtime/audited-changes.js';

test('audited changes: no password, key, token or value of a setting is in what is written down', () => {
  const user = {
    ...{ tenant: 't', name: 'ann', passwordHash: 'S1', isSuperuser: true, comment: 'x', scram: ['S2'], revision: 3 },
  };
  const setting = { scope: 0, key: 'metadata.token', value: '"S3"', revision: 4 };
  const connector = { tenant: 't', name: 'c', type: 'http', settings: '{"key":"S4"}', isEnabled: true, revision: 5 };
  const written = [
    recordOf({ kind: 'user', key: user, record: user }),
    recordOf({ kind: 'setting', key: setting, record: setting }),
    recordOf({ kind: 'connector', key: connector, record: connector }),
    changedBy({ verb: 'ask', question: 'mqtt-user-put', ask: { tenant: 't', name: 'ann', password: 'S5' } }),
    changedBy({ verb: 'ask', question: 'mqtt-publish', ask: { topic: 't', payload: { base64: 'S7' } } }),
    changedBy({ verb: 'cluster-join', address: 'a:1', token: 'S6' }),
  ];
  const text = JSON.stringify(written);
  assert.doesNotMatch(text, /S[1-7]/);
  for (const name of ['ann', 'metadata.token', 'http', 'mqtt-user-put', 'a:1', 'isSuperuser']) assert.ok(text.includes(name), name);
});

test('audited changes: who only looks changes nothing, and what is deleted is told by its key', () => {
  for (const question of ['mqtt-client-list', 'mqtt-acl-test', 'mqtt-trace-read', 'mqtt-explain'])
    assert.equal(changedBy({ verb: 'ask', question, ask: {} }), null);
  assert.notEqual(changedBy({ verb: 'ask', question: 'mqtt-trace-start', ask: {} }), null);
  assert.equal(changedBy({ verb: 'stream-list' }), null);
  const key = { tenant: 't', kind: 'client', value: 'c' } as const;
  assert.deepEqual(recordOf({ kind: 'ban', key, record: null }), ['ban.deleted', { key }]);
});
