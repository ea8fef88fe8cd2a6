import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { exportJWK, exportSPKI, generateKeyPair, type JWTPayload, SignJWT, UnsecuredJWT } from 'jose';
import { Jwt } from '../../../src/auth/sources/jwt.js';
import type { Judgement } from '../../../src/auth/sources/source.js';
import { ManualClock } from '../../../src/base/clock.js';
import { AUTH_SOURCE_SCHEMA } from '../../../src/settings/auth-source-schema.js';
import { directoryFor, factsOf } from './real-server.js';

const SECRET = 'a secret that is long enough for it';
const NOW_MS = 1_700_000_000_000;
const NOW = NOW_MS / 1000;

function open(settings: Readonly<Record<string, unknown>>): Jwt {
  const parsed = AUTH_SOURCE_SCHEMA.parse({ name: 'jwt', type: 'jwt', ...settings });
  assert.ok(parsed.type === 'jwt');
  return new Jwt(parsed, new ManualClock(NOW_MS));
}

const hmac = (more: object = {}): Jwt => open({ algorithms: ['HS256'], secret: SECRET, ...more });

function sign(claims: JWTPayload, algorithm = 'HS256', secret = SECRET): Promise<string> {
  return new SignJWT(claims).setProtectedHeader({ alg: algorithm }).sign(Buffer.from(secret));
}

async function kindOf(source: Jwt, token: string, user: string | null = null): Promise<Judgement['kind']> {
  return (await source.judge(factsOf(user, token))).kind;
}

test('jwt: a token that is signed and lasts lets in; what it says is what its client may, until it expires', async () => {
  const token = await sign({ sub: 'alice', exp: NOW + 60, admin: true, acl: { pub: ['a/#'], sub: ['b'] } });
  const judgement = await hmac({ superuser_claim: 'admin' }).judge(factsOf('alice', token));
  assert.ok(judgement.kind === 'allowed');
  const { user, isSuperuser, rules, expiresAtMs } = judgement.grant;
  assert.deepEqual([user, isSuperuser, expiresAtMs], ['alice', true, NOW_MS + 60_000 + 5000]);
  assert.deepEqual(
    rules?.map(({ actions, filter }) => [...actions, filter]),
    [
      ['publish', 'a/#'],
      ['subscribe', 'b'],
    ],
  );
});

test('jwt: what is wrong with a token refuses it', async () => {
  const bad: readonly (readonly [string, JWTPayload, object?])[] = [
    ['expired', { sub: 'a', exp: NOW - 6 }],
    ['not yet valid', { sub: 'a', nbf: NOW + 6 }],
    ['another issuer', { sub: 'a', iss: 'x' }, { issuer: 'y' }],
    ['no issuer', { sub: 'a' }, { issuer: 'y' }],
    ['another audience', { sub: 'a', aud: ['x'] }, { audience: 'y' }],
    ['of another client', { sub: 'a', cid: 'c2' }, { claims: { cid: '${clientid}' } }],
    ['without a name', {}],
  ];
  for (const [what, claims, more] of bad) assert.equal(await kindOf(hmac(more), await sign(claims)), 'denied', what);
  assert.equal(await kindOf(hmac(), await sign({ sub: 'a', exp: NOW - 4 })), 'allowed', 'clocks may differ');
  assert.equal(await kindOf(hmac({ claims: { cid: '${clientid}' } }), await sign({ sub: 'a', cid: 'c1' })), 'allowed');
  assert.equal(await kindOf(hmac(), await sign({ sub: 'a' }, 'HS256', `${SECRET}!`)), 'denied');
  assert.equal(await kindOf(hmac(), await sign({ sub: 'a' }, 'HS384')), 'denied', 'an algorithm that is not on the list');
  assert.equal(await kindOf(hmac(), new UnsecuredJWT({ sub: 'a' }).encode()), 'ignored', 'alg none has no signature');
});

test('jwt: nobody can be somebody else than the token says', async () => {
  const token = await sign({ sub: 'alice' });
  assert.equal(await kindOf(hmac(), token, 'alice'), 'allowed');
  assert.equal(await kindOf(hmac(), token, 'bob'), 'denied');
  const named = await sign({ name: 'bob' });
  assert.equal(await kindOf(hmac(), named, 'bob'), 'denied', 'nothing binds the name to the token');
  assert.equal(await kindOf(hmac({ claims: { name: '${username}' } }), named, 'bob'), 'allowed');
  assert.equal(await kindOf(hmac({ claims: { name: '${username}' } }), named, 'eve'), 'denied');
});

test('jwt: what is no token is for the next source', async () => {
  for (const password of ['secret', 'a.b.c', '', 'x'.repeat(20_000)])
    assert.equal(await kindOf(hmac(), password, 'u'), 'ignored', password.slice(0, 9));
  assert.equal((await hmac().judge(factsOf('u', null))).kind, 'ignored');
  const fromName = hmac({ from: 'username' });
  assert.equal((await fromName.judge(factsOf(await sign({ sub: 'alice' }), null))).kind, 'allowed');
});

test('jwt: public keys of each kind, and a signature with the public key as secret is none', async (context) => {
  const directory = directoryFor(context);
  for (const algorithm of ['RS256', 'PS512', 'ES256', 'ES384', 'EdDSA']) {
    const { publicKey, privateKey } = await generateKeyPair(algorithm, { extractable: true });
    const pem = await exportSPKI(publicKey);
    const path = join(directory, `${algorithm}.pem`);
    writeFileSync(path, pem);
    const source = open({ algorithms: [algorithm], public_key: path });
    const token = await new SignJWT({ sub: 'a' }).setProtectedHeader({ alg: algorithm }).sign(privateKey);
    assert.equal(await kindOf(source, token), 'allowed', algorithm);
    assert.equal(await kindOf(source, await sign({ sub: 'a' }, 'HS256', pem)), 'denied', 'CVE-2016-5431');
  }
});

test('jwt: keys of a server are fetched once, a key that it does not have is refused, and its silence is a failure', async (context) => {
  const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true });
  const keys = { keys: [{ ...(await exportJWK(publicKey)), kid: 'k1', alg: 'ES256' }] };
  let asked = 0;
  let isDown = false;
  const url = await serve(context, () => {
    asked += 1;
    return isDown ? null : JSON.stringify(keys);
  });
  const tokenOf = (kid: string): Promise<string> => new SignJWT({ sub: 'a' }).setProtectedHeader({ alg: 'ES256', kid }).sign(privateKey);
  const source = open({ algorithms: ['ES256'], jwks_url: url });
  for (let i = 0; i < 5; i += 1) assert.equal(await kindOf(source, await tokenOf('k1')), 'allowed');
  for (let i = 0; i < 5; i += 1) assert.equal(await kindOf(source, await tokenOf(`guess${i}`)), 'denied');
  assert.equal(asked, 1, 'tokens that name other keys fetch nothing for a while');
  isDown = true;
  await assert.rejects(open({ algorithms: ['ES256'], jwks_url: url }).judge(factsOf(null, await tokenOf('k1'))), /cannot be fetched/);
});

async function serve(context: TestContext, answer: () => string | null): Promise<string> {
  const server = createServer((_request, response) => {
    const text = answer();
    response.writeHead(text === null ? 500 : 200, { 'content-type': 'application/json' }).end(text ?? '');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  context.after(() => server.close());
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  return `http://127.0.0.1:${address.port}/keys`;
}
