import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { test } from 'node:test';
import pg from 'pg';
import { makeCredentials } from '../../../src/auth/passwords/credentials.js';
import {
  certificateFor,
  directoryFor,
  freePort,
  identityOf,
  loginsByTls,
  openGuarded,
  outcomeOf,
  ownerOf,
  programPath,
  startServer,
  VERIFIED,
} from './real-server.js';

const postgres = programPath('postgres', 'postgresql-15');

test('a real PostgreSQL lets in, refuses and gives rules', {
  skip: postgres === '' && 'postgresql-15 is not installed',
}, async (context) => {
  const owner = ownerOf('postgres');
  const directory = directoryFor(context, owner);
  const data = join(directory, 'data');
  execFileSync(join(postgres, '..', 'initdb'), ['-D', data, '-U', 'postgres', '-A', 'trust', '--no-sync'], { stdio: 'ignore', ...owner });
  const port = await freePort();
  const { cert, key, ca } = certificateFor(context, owner);
  const tls = ['ssl=on', `ssl_cert_file=${cert}`, `ssl_key_file=${key}`].flatMap((setting) => ['-c', setting]);
  const child = await startServer(
    context,
    postgres,
    ['-D', data, '-p', String(port), '-h', '127.0.0.1', '-k', directory, ...tls],
    port,
    owner,
  );

  const deadlineMs = performance.now() + 30_000; // It takes connections before it takes questions.
  while (spawnSync(join(postgres, '..', 'pg_isready'), ['-h', '127.0.0.1', '-p', String(port)]).status !== 0)
    assert.ok(performance.now() < deadlineMs);

  const admin = new pg.Client({ host: '127.0.0.1', port, user: 'postgres', database: 'postgres' });
  admin.on('error', () => {}); // It is killed below.
  await admin.connect();
  await admin.query(`CREATE TABLE users (name text PRIMARY KEY, password_hash text, salt text, is_superuser boolean);
    CREATE TABLE rules (name text, at int, permission text, action text, topic text, qos int[], retain boolean)`);
  const { passwordHash } = await makeCredentials('secret');
  await admin.query(`INSERT INTO users VALUES ('alice', $1, '', true), ('empty', NULL, '', false)`, [passwordHash]);
  await admin.query(`INSERT INTO rules VALUES ('alice', 2, 'allow', 'all', 'site/\${clientid}/#', NULL, NULL),
    ('alice', 1, 'deny', 'publish', 'site/+/secret', '{1,2}', true)`);
  const at = { type: 'postgresql', host: '127.0.0.1', port, user: 'postgres', database: 'postgres' };
  const query = 'SELECT password_hash, is_superuser FROM users WHERE name = ${username}';
  const source = await openGuarded(context, {
    ...at,
    query,
    rules_query: 'SELECT permission, action, topic, qos, retain FROM rules WHERE name = ${username} ORDER BY at',
  });

  assert.equal(await outcomeOf(source, 'alice', 'secret'), 'allowed');
  assert.equal(await outcomeOf(source, 'alice', 'wrong'), 'denied');
  assert.deepEqual(await loginsByTls(context, ca, (host, believed) => ({ ...at, query, host, tls: believed })), VERIFIED);
  assert.equal(await outcomeOf(source, 'empty', 'secret'), 'denied');
  assert.equal(await outcomeOf(source, 'bob', 'secret'), 'ignored');
  assert.equal(await outcomeOf(source, "' OR 'a' = 'a", 'secret'), 'ignored', 'a name is a value');
  assert.equal(await outcomeOf(source, "alice'; DROP TABLE users; --", 'secret'), 'ignored');
  const before = await source.recheck(identityOf('alice'));
  assert.equal(before?.isSuperuser, true);
  assert.deepEqual(
    before?.rules?.map(({ permission, actions, filter, qos, retain }) => [permission, actions.join(), filter, qos.join(), retain]),
    [
      ['deny', 'publish', 'site/+/secret', '1,2', 'retained'],
      ['allow', 'publish,subscribe', 'site/${clientid}/#', '', 'any'],
    ],
  );

  await admin.query(`UPDATE users SET password_hash = $1, is_superuser = false`, [(await makeCredentials('other')).passwordHash]);
  const after = await source.recheck(identityOf('alice'));
  assert.ok(after?.isSuperuser === false && after.stamp !== before?.stamp);
  await admin.query(`DELETE FROM users WHERE name = 'alice'`);
  assert.equal(await source.recheck(identityOf('alice')), null);

  await admin.query(`INSERT INTO users VALUES ('carol', $1, 'NaCl', false)`, [createHash('sha256').update('NaClsecret').digest('hex')]);
  const salted = await openGuarded(context, {
    ...at,
    query: 'SELECT password_hash, salt FROM users WHERE name = ${username}',
    hash: { algorithm: 'sha256', salt: 'prefix' },
  });
  assert.equal(await outcomeOf(salted, 'carol', 'secret'), 'allowed');
  assert.equal(await outcomeOf(salted, 'carol', 'secretNaCl'), 'denied');
  const broken = await openGuarded(context, { ...at, query: 'SELECT nothing FROM nowhere WHERE name = ${username}' });
  assert.equal(await outcomeOf(broken, 'carol', 'secret'), 'failed');

  child.kill('SIGKILL');
  await new Promise((resolve) => child.once('exit', resolve));
  assert.equal(await outcomeOf(source, 'carol', 'secret'), 'failed');
});
