import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type DoorRules, decideAtDoor } from '../../src/auth/door.js';
import type { ConnectFacts } from '../../src/auth/ports.js';
import { UserBook } from '../../src/auth/user-book.js';
import { ResourceTables } from '../../src/metadata/catalogue/resource-tables.js';
import { factsOf } from './sources/real-server.js';

const OPEN: DoorRules = { takesAnonymous: true, chain: ['certificate', 'psk', 'users'], hasOutside: false };
const CERTIFICATE = { name: 'dev1', commonName: '', alternativeNames: [], fingerprint: '', serial: '', notAfterMs: 9 };

function decide(rules: DoorRules, facts: ConnectFacts, userOf?: string): string {
  const tables = new ResourceTables();
  if (userOf !== undefined)
    tables.put('user', { tenant: userOf, name: 'u', passwordHash: '', isSuperuser: false, comment: '', scram: [], revision: 1 });
  const verdict = decideAtDoor(rules, new UserBook(() => tables), facts);
  if (verdict === null) return 'ask';
  return verdict.kind === 'admitted' ? `in as "${verdict.identity.user}"` : verdict.why;
}

test('door: where nobody has to prove anything everybody is in at once, as nobody or by a proven name', () => {
  assert.equal(decide(OPEN, factsOf(null, null)), 'in as ""');
  assert.equal(decide(OPEN, factsOf('alice', 'x')), 'in as ""', 'a name that nobody checked is nobody');
  assert.equal(decide(OPEN, factsOf(null, 'token')), 'in as ""');
  assert.equal(decide(OPEN, { ...factsOf(null, null), certificate: CERTIFICATE }), 'in as "dev1"');
  assert.equal(decide(OPEN, { ...factsOf('alice', 'x'), certificate: CERTIFICATE }), 'in as ""', 'another name is not proven by it');
  assert.equal(decide(OPEN, { ...factsOf(null, null), pskIdentity: 'dev2' }), 'in as "dev2"');
  assert.equal(decide({ ...OPEN, chain: ['users'] }, { ...factsOf(null, null), pskIdentity: 'dev2' }), 'in as ""');
});

test('door: from the first user of the tenant, or with a source outside, who says anything of itself is asked for proof', () => {
  for (const [rules, userOf] of [
    [OPEN, 'default'],
    [{ ...OPEN, hasOutside: true }, undefined],
  ] as const) {
    assert.equal(decide(rules, factsOf('alice', 'x'), userOf), 'ask');
    assert.equal(decide(rules, factsOf(null, 'token'), userOf), 'ask');
    assert.equal(decide(rules, { ...factsOf(null, null), certificate: CERTIFICATE }, userOf), 'ask');
    assert.equal(decide(rules, factsOf(null, null), userOf), 'in as ""');
  }
  assert.equal(decide(OPEN, factsOf('alice', 'x'), 'another'), 'in as ""', 'users of another tenant are none of this one');
  assert.equal(
    decide({ ...OPEN, chain: ['psk'] }, factsOf('alice', 'x'), 'default'),
    'in as ""',
    'a chain without users does not ask them',
  );
});

test('door: where anonymous clients are refused nobody gets in unasked', () => {
  const closed = { ...OPEN, takesAnonymous: false };
  assert.equal(decide(closed, factsOf(null, null)), 'bad-credentials');
  assert.equal(decide(closed, factsOf('', null)), 'bad-credentials');
  assert.equal(decide(closed, factsOf('alice', 'x')), 'ask');
  assert.equal(decide(closed, { ...factsOf(null, null), certificate: CERTIFICATE }), 'ask');
});
