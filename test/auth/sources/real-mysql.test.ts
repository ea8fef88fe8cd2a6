import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { createConnection } from 'mysql2/promise';
import { makeCredentials } from '../../../src/auth/passwords/credentials.js';
import { AUTH_SOURCE_SCHEMA } from '../../../src/settings/auth-source-schema.js';
import {
  certificateFor,
  directoryFor,
  freePort,
  identityOf,
  loginsByTls,
  openGuarded,
  outcomeOf,
  programPath,
  startServer,
  VERIFIED,
} from './real-server.js';

const mariadbd = programPath('mariadbd');

test('a real MariaDB lets in, refuses and gives rules', { skip: mariadbd === '' && 'mariadb-server is not installed' }, async (context) => {
  const directory = directoryFor(context);
  const data = join(directory, 'data');
  const user = process.getuid?.() === 0 ? ['--user=root'] : [];
  const plain = ['--no-defaults', `--datadir=${data}`, ...user];
  execFileSync(programPath('mariadb-install-db'), [...plain, '--auth-root-authentication-method=normal', '--skip-test-db'], {
    stdio: 'ignore',
  });
  const port = await freePort();
  const socket = join(directory, 's');
  const { cert, key, ca } = certificateFor(context);
  const child = await startServer(
    context,
    mariadbd,
    [
      ...plain,
      `--port=${port}`,
      '--bind-address=127.0.0.1',
      `--socket=${socket}`,
      `--pid-file=${join(directory, 'pid')}`,
      '--skip-networking=0',
      ...[`--ssl-cert=${cert}`, `--ssl-key=${key}`, `--ssl-ca=${ca}`],
    ],
    port,
  );

  const admin = await createConnection({ socketPath: socket, user: 'root', multipleStatements: true });
  admin.on('error', () => {}); // It is killed below.
  await admin.query(`CREATE DATABASE mqtt; CREATE USER 'broker'@'127.0.0.1' IDENTIFIED BY 'pw'; GRANT ALL ON mqtt.* TO 'broker'@'127.0.0.1'; USE mqtt;
    CREATE TABLE users (name VARCHAR(255) PRIMARY KEY, password_hash VARCHAR(255), is_superuser TINYINT);
    CREATE TABLE rules (name VARCHAR(255), permission VARCHAR(8), action VARCHAR(16), topic TEXT, qos VARCHAR(8))`);
  const { passwordHash } = await makeCredentials('secret');
  await admin.execute('INSERT INTO users VALUES (?, ?, 1)', ['alice', passwordHash]);
  await admin.execute("INSERT INTO rules VALUES ('alice', 'allow', 'subscribe', 'a/#', '0,1')");
  const at = { type: 'mysql', host: '127.0.0.1', port, user: 'broker', password: 'pw', database: 'mqtt' };
  const query = 'SELECT password_hash, is_superuser FROM users WHERE name = ${username}';
  const source = await openGuarded(context, {
    ...at,
    query,
    rules_query: 'SELECT permission, action, topic, qos FROM rules WHERE name = ${username}',
  });

  assert.equal(await outcomeOf(source, 'alice', 'secret'), 'allowed');
  assert.equal(await outcomeOf(source, 'alice', 'wrong'), 'denied');
  assert.throws(() => AUTH_SOURCE_SCHEMA.parse({ name: 'x', ...at, query, tls: { enabled: true } }), /must be a name with tls.verify/);
  assert.deepEqual(await loginsByTls(context, ca, (host, tls) => ({ ...at, query, host, tls })), VERIFIED);
  assert.equal(await outcomeOf(source, 'bob', 'secret'), 'ignored');
  assert.equal(await outcomeOf(source, "' OR '1' = '1", 'secret'), 'ignored', 'a name is a value');
  const grant = await source.recheck(identityOf('alice'));
  assert.deepEqual([grant?.isSuperuser, grant?.rules?.[0].filter, grant?.rules?.[0].qos], [true, 'a/#', [0, 1]]);
  await admin.query("INSERT INTO rules VALUES ('alice', 'allow', 'subscribe', 'a/#/b', '')");
  assert.equal(await outcomeOf(source, 'alice', 'secret'), 'failed', 'a rule that is none lets nobody in');
  await admin.query('DELETE FROM users');
  assert.equal(await source.recheck(identityOf('alice')), null);

  child.kill('SIGKILL');
  await new Promise((resolve) => child.once('exit', resolve));
  assert.equal(await outcomeOf(source, 'alice', 'secret'), 'failed');
});
