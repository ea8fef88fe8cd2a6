import assert from 'node:assert/strict';
import { createHash, pbkdf2Sync } from 'node:crypto';
import { test } from 'node:test';
import { makeCredentials, makeDecoy } from '../../../src/auth/passwords/credentials.js';
import { type DigestForm, parseDigest, parseStoredPassword } from '../../../src/auth/passwords/stored-password.js';
import { isCostly, verifyPassword } from '../../../src/auth/passwords/verify.js';
import { parseScramKeys } from '../../../src/auth/scram/stored-keys.js';

function isRight(stored: string, password: string): boolean {
  const parsed = parseStoredPassword(stored);
  assert.ok(parsed !== null, stored);
  return verifyPassword(parsed, Buffer.from(password));
}

test('passwords: hashes that other programs made are verified', () => {
  const made: readonly (readonly [stored: string, password: string])[] = [
    // The reference implementation: echo -n password | argon2 somesalt -t 2 -m 16 -p 1 -id
    ['$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc', 'password'],
    // passlib 1.7.4, whose base64 has dots.
    ['$pbkdf2-sha256$6400$MDEyMzQ1Njc4OWFiY2RlZg$GAgw.j2X2FQf6rCn19KJonkGfQQsVMJDdhR2EPZ/a9I', 'password'],
    [
      '$pbkdf2-sha512$1000$.vv8/f7/.vv8/f7/$xvGk4cKsKlwwWg6jD0r9IZiwZ6zErSZ0/P1bepl7l9La/Gg00.VgpE6MFq2Y6xDyIB3/Wr2ksde4fcUFf1/cSQ',
      'password',
    ],
  ];
  for (const [stored, password] of made) {
    assert.equal(isRight(stored, password), true, stored);
    assert.equal(isRight(stored, `${password} `), false, stored);
  }
});

test('passwords: both forms of mosquitto_passwd are verified', () => {
  const salt = Buffer.from('saltsaltsalt');
  const seven = pbkdf2Sync('geheim', salt, 101, 64, 'sha512').toString('base64');
  assert.equal(isRight(`$7$101$${salt.toString('base64')}$${seven}`, 'geheim'), true);
  assert.equal(isRight(`$7$102$${salt.toString('base64')}$${seven}`, 'geheim'), false);
  const six = createHash('sha512').update('geheim').update(salt).digest('base64');
  assert.equal(isRight(`$6$${salt.toString('base64')}$${six}`, 'geheim'), true);
  assert.equal(isRight(`$6$${salt.toString('base64')}$${six}`, 'Geheim'), false);
});

test('passwords: bare digests are verified as their source says that they were made', () => {
  const hex = (algorithm: 'sha256' | 'sha512', text: string): string => createHash(algorithm).update(text).digest('hex');
  const form = (algorithm: DigestForm['algorithm'], salt: DigestForm['salt']): DigestForm => ({ algorithm, salt, iterations: 1000 });
  const rows: readonly (readonly [DigestForm, string])[] = [
    [form('sha256', 'prefix'), hex('sha256', 'NaClpw')],
    [form('sha256', 'suffix'), hex('sha256', 'pwNaCl').toUpperCase()],
    [form('sha512', 'none'), createHash('sha512').update('pw').digest('base64')],
    [form('pbkdf2-sha256', 'prefix'), pbkdf2Sync('pw', 'NaCl', 1000, 32, 'sha256').toString('hex')],
  ];
  for (const [how, hash] of rows) {
    const stored = parseDigest(how, hash, 'NaCl');
    assert.ok(stored !== null, hash);
    assert.equal(isCostly(stored), how.algorithm.startsWith('pbkdf2'));
    assert.equal(verifyPassword(stored, Buffer.from('pw')), true, hash);
    assert.equal(verifyPassword(stored, Buffer.from('pW')), false, hash);
  }
});

test('passwords: what is no hash, or would cost a login too much, is refused', () => {
  const bad = [
    '',
    'secret',
    '$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW',
    '$argon2id$v=19$m=99999999,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc',
    '$argon2id$v=19$m=65536,t=9999,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc',
    '$pbkdf2-sha256$99999999$c2FsdA$Y11AchqV4b0sUisdZd0Xr97KWoymNE0LNNrnEgY4H9M',
    '$pbkdf2-sha256$6400$c2FsdA$AA', // A hash of one byte is guessed in no time.
    '$6$saltsalt$qFmFH.bQmmtXzyBY0s9v7Oicd2z4XSIecDzlB5KiA2/jctKu9YterLp8wwnSq.qc.eoxqOmSuNp2xS0ktL3nh/',
    `$7$101$c2FsdA==$${'A'.repeat(2000)}`,
  ];
  for (const text of bad) assert.equal(parseStoredPassword(text), null, text);
  assert.equal(parseDigest({ algorithm: 'sha256', salt: 'none', iterations: 1 }, 'ab', ''), null);
  const odd = parseStoredPassword('$argon2id$v=19$m=1,t=1,p=64$AAAA$AAAA');
  assert.ok(odd !== null && !verifyPassword(odd, Buffer.from('x')), 'what the library refuses lets nobody in');
});

test('passwords: what is made of one proves it, for CONNECT and for both mechanisms', async () => {
  const { passwordHash, scram } = await makeCredentials('pässwörd');
  assert.match(passwordHash, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
  assert.equal(isRight(passwordHash, 'pässwörd'), true);
  assert.equal(isRight(passwordHash, 'passwort'), false);
  assert.deepEqual(
    scram.map((keys) => parseScramKeys(keys)?.mechanism),
    ['SCRAM-SHA-256', 'SCRAM-SHA-512'],
  );
  await assert.rejects(makeCredentials('bell\u0007'), RangeError);
});

test('passwords: a decoy costs as much as a hash of ours, and nobody has its password', async () => {
  const { passwordHash } = await makeCredentials('x');
  const parametersOf = (phc: string): string => phc.split('$').slice(0, 4).join('$');
  const decoy = makeDecoy(Buffer.alloc(32, 1), 'ghost');
  assert.notEqual(decoy, makeDecoy(Buffer.alloc(32, 1), 'other'));
  assert.equal(parametersOf(decoy), parametersOf(passwordHash));
  assert.equal(decoy.length, passwordHash.length);
  assert.equal(isRight(decoy, ''), false);
});
