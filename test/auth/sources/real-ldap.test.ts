import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
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

const slapd = programPath('slapd');

function ssha(password: string): string {
  return `{SSHA}${Buffer.concat([createHash('sha1').update(`${password}NaCl`).digest(), Buffer.from('NaCl')]).toString('base64')}`;
}

test('a real slapd: bind as the user, search and bind, search and compare', {
  skip: slapd === '' && 'slapd is not installed',
}, async (context) => {
  const directory = directoryFor(context);
  mkdirSync(join(directory, 'db'));
  const schemas = execFileSync('dpkg-query', ['-L', 'slapd'], { encoding: 'utf8' });
  const schemaOf = (name: string): string => schemas.split('\n').find((path) => path.endsWith(`/schema/${name}.schema`)) ?? '';
  const modules =
    execFileSync('dpkg-query', ['-L', 'slapd'], { encoding: 'utf8' })
      .split('\n')
      .find((path) => /\/back_mdb(-[\d.]+)?\.so/.test(path)) ?? '';
  const config = join(directory, 'slapd.conf');
  const port = await freePort();
  const tlsPort = await freePort();
  const { cert, key, ca } = certificateFor(context);
  writeFileSync(
    config,
    `TLSCertificateFile ${cert}
TLSCertificateKeyFile ${key}
include ${schemaOf('core')}
include ${schemaOf('cosine')}
include ${schemaOf('inetorgperson')}
modulepath ${join(modules, '..')}
moduleload back_mdb
database mdb
suffix "dc=example"
rootdn "cn=admin,dc=example"
rootpw adminpw
directory ${join(directory, 'db')}
access to attrs=userPassword by self write by anonymous auth by * none
access to * by * read
`,
  );
  const person = (uid: string, password: string, more = ''): string =>
    `dn: uid=${uid},ou=people,dc=example\nobjectClass: inetOrgPerson\nuid: ${uid.replaceAll('\\', '')}\ncn: x\nsn: x\nuserPassword: ${password}\n${more}\n`;
  const ldif = join(directory, 'entries.ldif');
  writeFileSync(
    ldif,
    `dn: dc=example\nobjectClass: dcObject\nobjectClass: organization\no: example\ndc: example\n
dn: ou=people,dc=example\nobjectClass: organizationalUnit\nou: people\n
${person('alice', ssha('secret'), 'description: site/1/#\ndescription: site/2/#\ntitle: TRUE\n')}
${person('bob', 'plain')}
${person('o\\,dd', ssha('secret'))}`,
  );
  execFileSync(programPath('slapadd'), ['-f', config, '-l', ldif], { stdio: 'pipe' });
  await startServer(context, slapd, ['-f', config, '-h', `ldap://127.0.0.1:${port} ldaps://127.0.0.1:${tlsPort}`, '-d', '0'], port);
  const url = `ldap://127.0.0.1:${port}`;
  const search = { type: 'ldap', url, base_dn: 'dc=example', filter: '(&(objectClass=inetOrgPerson)(uid=${username}))' };

  const direct = await openGuarded(context, { type: 'ldap', url, user_dn: 'uid=${username},ou=people,dc=example' });
  assert.equal(await outcomeOf(direct, 'alice', 'secret'), 'allowed');
  assert.equal(await outcomeOf(direct, 'alice', 'wrong'), 'denied');
  assert.equal(await outcomeOf(direct, 'alice', ''), 'denied', 'an empty password would bind as nobody');
  assert.equal(await outcomeOf(direct, 'nobody', 'secret'), 'denied');
  assert.equal(await outcomeOf(direct, 'o,dd', 'secret'), 'allowed', 'a comma is escaped');
  assert.equal(await outcomeOf(direct, 'alice,ou=people,dc=example', 'secret'), 'denied', 'a name is one value');

  const bindDn = { type: 'ldap', user_dn: 'uid=${username},ou=people,dc=example' };
  const byStartTls = (host: string, tls: object) => ({ ...bindDn, url: `ldap://${host}:${port}`, start_tls: true, tls });
  assert.deepEqual(await loginsByTls(context, ca, byStartTls), VERIFIED);
  assert.deepEqual(await loginsByTls(context, ca, (host, tls) => ({ ...bindDn, url: `ldaps://${host}:${tlsPort}`, tls })), VERIFIED);

  const bind = await openGuarded(context, { ...search, publish_attribute: 'description', superuser_attribute: 'title' });
  assert.equal(await outcomeOf(bind, 'alice', 'secret'), 'allowed');
  assert.equal(await outcomeOf(bind, 'alice', 'wrong'), 'denied');
  assert.equal(await outcomeOf(bind, 'alice', ''), 'denied');
  assert.equal(await outcomeOf(bind, 'nobody', 'secret'), 'ignored');
  assert.equal(await outcomeOf(bind, '*', 'secret'), 'ignored', 'an asterisk is a character');
  assert.equal(await outcomeOf(bind, 'alice)(uid=*', 'secret'), 'ignored');
  const grant = await bind.recheck(identityOf('alice'));
  assert.deepEqual([grant?.isSuperuser, grant?.rules?.map(({ filter }) => filter)], [true, ['site/1/#', 'site/2/#']]);
  assert.equal(await bind.recheck(identityOf('nobody')), null);

  const compare = await openGuarded(context, { ...search, method: 'compare', bind_dn: 'cn=admin,dc=example', bind_password: 'adminpw' });
  assert.equal(await outcomeOf(compare, 'alice', 'secret'), 'allowed');
  assert.equal(await outcomeOf(compare, 'alice', 'wrong'), 'denied');
  assert.equal(await outcomeOf(compare, 'bob', 'plain'), 'denied', 'a password in clear is compared with nothing');
  const wrong = await openGuarded(context, { ...search, method: 'compare', bind_dn: 'cn=admin,dc=example', bind_password: 'x' });
  assert.equal(await outcomeOf(wrong, 'alice', 'secret'), 'failed', 'it is our own name that the directory does not take');
});
