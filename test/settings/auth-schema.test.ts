import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BrokerError } from '../../src/base/errors.js';
import { chainOf, takesAnonymous } from '../../src/settings/auth-schema.js';
import { loadSettings } from '../../src/settings/parse.js';
import type { Settings } from '../../src/settings/schema.js';
import { shownSetting } from '../../src/settings/secrets.js';

function load(...assignments: string[]): Settings {
  return loadSettings({ configPath: null, assignments, environment: {} }).settings;
}

function faultOf(...assignments: string[]): string {
  try {
    load(...assignments);
  } catch (error) {
    assert.ok(error instanceof BrokerError);
    return error.message;
  }
  return '';
}

const sources = (...tables: object[]): string => `auth.sources=${JSON.stringify(tables)}`;
const FILE = { name: 'file', type: 'password-file', path: 'users.txt' };
const PG = { name: 'pg', type: 'postgresql', database: 'd', query: 'SELECT password_hash FROM users WHERE name = ${username}' };

test('auth settings: a source has the defaults of its type', () => {
  const [file, pg] = load(sources(FILE, PG), 'auth.chain=pg,users,file').auth.sources;
  assert.ok(file.type === 'password-file' && pg.type === 'postgresql');
  assert.deepEqual([file.timeout, file.cache_ttl, file.on_failure, pg.port, pg.hash.algorithm], [3000, 5000, 'deny', 5432, 'phc']);
});

test('auth settings: a chain names sources that there are, once', () => {
  assert.match(faultOf('auth.chain=users,pg'), /auth\.chain: there is no source "pg"/);
  assert.match(faultOf('auth.chain=users,users'), /auth\.chain: names a source twice/);
  assert.match(faultOf(sources(FILE, FILE)), /"file" is there twice/);
  assert.match(faultOf(sources({ ...FILE, name: 'users' })), /"users" is always there/);
  assert.match(faultOf('auth.listeners=[{"name":"mqtt.tcpp","chain":["users"]}]'), /there is no listener "mqtt\.tcpp"/);
  assert.match(faultOf(sources({ ...FILE, listeners: ['nowhere'] })), /"file": there is no listener "nowhere"/);
});

test('auth settings: a listener can have a chain of its own, and its own mind about who says nothing', () => {
  const { auth } = load(sources(FILE), 'auth.listeners=[{"name":"mqtt.ws","chain":["file"],"anonymous":false}]');
  assert.deepEqual(chainOf(auth, 'mqtt.ws'), ['file']);
  assert.deepEqual(chainOf(auth, 'mqtt.tcp'), ['certificate', 'psk', 'users']);
  assert.deepEqual(
    [takesAnonymous(auth, 'open', 'mqtt.ws'), takesAnonymous(auth, 'local', 'mqtt.tcp'), takesAnonymous(auth, 'hardened', 'mqtt.tcp')],
    [false, true, false],
  );
});

test('auth settings: a token needs one kind of key, and algorithms that go with it', () => {
  const jwt = { name: 'jwt', type: 'jwt', algorithms: ['RS256'] };
  const secret = 'a secret that is long enough for it';
  assert.match(faultOf(sources(jwt)), /needs one of secret, public_key and jwks_url/);
  assert.match(faultOf(sources({ ...jwt, secret })), /algorithms: HS256/); // With RS256 somebody's public key would be the secret.
  assert.match(faultOf(sources({ ...jwt, algorithms: ['none'], public_key: 'k.pem' })), /algorithms/);
  assert.match(faultOf(sources({ ...jwt, algorithms: ['HS256'], secret: 'short' })), /32 bytes/);
  assert.equal(faultOf(sources({ ...jwt, algorithms: ['HS256'], secret })), '');
});

test('auth settings: no part of an address is what a client says', () => {
  const http = { name: 'http', type: 'http', url: 'http://127.0.0.1/${username}' };
  assert.match(faultOf(sources(http)), /url: has no placeholders/);
  assert.match(faultOf(sources({ ...http, url: 'file:///etc/passwd' })), /url: must begin with/);
  assert.match(faultOf(sources({ name: 'ldap', type: 'ldap', url: 'ldap://h', base_dn: 'dc=x' })), /either user_dn, or base_dn and filter/);
});

test('auth settings: nobody is shown passwords, secrets, headers and the password in a URL', () => {
  const secret = 'a secret that is long enough for it';
  const { auth } = load(
    sources(
      { ...PG, password: 'hunter2' },
      { name: 'jwt', type: 'jwt', algorithms: ['HS256'], secret },
      { name: 'http', type: 'http', url: 'https://h/x', headers: { authorization: 'Bearer hunter2' } },
      { name: 'ldap', type: 'ldap', url: 'ldaps://h', user_dn: 'uid=${username}', bind_password: 'hunter2' },
      { name: 'mongo', type: 'mongodb', url: 'mongodb://u:hunter2@h/x', database: 'd', collection: 'c' },
    ),
  );
  const shown = JSON.stringify(shownSetting('auth.sources', auth.sources));
  assert.ok(!shown.includes('hunter2') && !shown.includes(secret), shown);
  assert.ok(shown.includes('mongodb://u:(secret)@h/x') && shown.includes('SELECT password_hash'), shown);
  assert.deepEqual([shownSetting('metadata.token', 'x'), shownSetting('metadata.token', ''), shownSetting('a', 5)], ['(secret)', '', 5]);
});
