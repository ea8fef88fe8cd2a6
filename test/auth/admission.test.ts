import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Admission } from '../../src/auth/admission.js';
import { Chain } from '../../src/auth/chain/chain.js';
import { makeCredentials } from '../../src/auth/passwords/credentials.js';
import { PasswordChecker } from '../../src/auth/passwords/password-checker.js';
import { AccountSource } from '../../src/auth/sources/account-source.js';
import { ShownIdentity } from '../../src/auth/sources/shown-identity.js';
import { CatalogueUsers } from '../../src/auth/sources/users.js';
import { UserBook } from '../../src/auth/user-book.js';
import { ManualClock } from '../../src/base/clock.js';
import { RecordingLogger } from '../../src/base/logger.js';
import { ResourceTables } from '../../src/metadata/catalogue/resource-tables.js';
import { CountingPool, guard } from './chain/stub-source.js';
import { ScramClient } from './scram/scram-client.js';
import { factsOf } from './sources/real-server.js';

interface Scene {
  readonly admission: Admission;
  readonly clock: ManualClock;
  readonly pool: CountingPool;
  readonly tables: ResourceTables;
  readonly log: RecordingLogger;
}

/** The catalogue has alice, whose password is `secret`. */
async function scene(): Promise<Scene> {
  const tables = new ResourceTables();
  const user = { tenant: 'default', name: 'alice', isSuperuser: true, comment: '', revision: 1 };
  tables.put('user', { ...user, ...(await makeCredentials('secret')) });
  const users = new UserBook(() => tables);
  const clock = new ManualClock();
  const pool = new CountingPool();
  const log = new RecordingLogger();
  const sources = [
    guard(new ShownIdentity('certificate', users), { name: 'certificate' }),
    guard(new AccountSource(new CatalogueUsers(users)), { name: 'users' }),
  ];
  const chain = new Chain(sources, new PasswordChecker(pool, () => clock.monotonicMs()));
  const backOff = { failures_max: 3, backoff: 1000, backoff_max: 8000 };
  const admission = new Admission({ chainOf: () => chain, users, backOff, decoyKey: () => Buffer.alloc(32), clock, log });
  return { admission, clock, pool, tables, log };
}

async function outcomeOf({ admission }: Scene, name: string, password: string, address = '10.0.0.1'): Promise<string> {
  const outcome = await admission.admit({ ...factsOf(name, password), address });
  return outcome.kind === 'admitted' ? `in as ${outcome.identity.user}` : outcome.why;
}

test('admission: a user of the catalogue is who the password says', async () => {
  const at = await scene();
  const outcome = await at.admission.admit(factsOf('alice', 'secret', 'c9'));
  assert.ok(outcome.kind === 'admitted');
  const { tenant, user, clientId, isSuperuser, source, rules } = outcome.identity;
  assert.deepEqual([tenant, user, clientId, isSuperuser, source, rules], ['default', 'alice', 'c9', true, 'users', null]);
  assert.equal(await outcomeOf(at, 'alice', 'wrong'), 'bad-credentials');
  assert.equal(await outcomeOf(at, 'bob', 'secret'), 'bad-credentials');
  assert.equal((await at.admission.admit(factsOf('alice', 'secret', 'c', 'other'))).kind, 'refused', 'users are of their tenant');
});

test('admission: who guesses too often is refused without a hash until the wait is over; others are not, and it is logged once', async () => {
  const at = await scene();
  for (const guess of ['a', 'b', 'c']) assert.equal(await outcomeOf(at, 'alice', guess), 'bad-credentials');
  const hashes = at.pool.verified;
  for (let i = 0; i < 1000; i += 1) assert.equal(await outcomeOf(at, 'alice', `guess ${i}`), 'busy');
  assert.equal(at.pool.verified, hashes);
  assert.equal(await outcomeOf(at, 'alice', 'secret', '10.0.0.2'), 'in as alice');
  at.clock.advance(1000);
  assert.equal(await outcomeOf(at, 'alice', 'd'), 'bad-credentials');
  at.clock.advance(1000);
  assert.equal(await outcomeOf(at, 'alice', 'secret'), 'in as alice', 'known to be good, it does not wait');
  assert.equal(at.log.records.filter(({ event }) => event === 'auth.back-off').length, 1);
});

test('admission: credentials that were good lately do not wait for what others guess at the same address', async () => {
  const at = await scene();
  assert.equal(await outcomeOf(at, 'alice', 'secret'), 'in as alice');
  for (const guess of ['a', 'b', 'c']) await outcomeOf(at, 'alice', guess);
  assert.equal(await outcomeOf(at, 'alice', 'd'), 'busy');
  assert.equal(await outcomeOf(at, 'alice', 'secret'), 'in as alice');
  at.tables.delete('user', { tenant: 'default', name: 'alice' });
  assert.equal(await outcomeOf(at, 'alice', 'secret'), 'bad-credentials', 'and are judged as ever');
});

test('admission: guesses by enhanced authentication wait like the others', async () => {
  const { admission, clock } = await scene();
  const outcomeOfScram = (password: string): string => {
    const exchange = admission.begin('SCRAM-SHA-256', factsOf(null, null));
    assert.ok(exchange !== null);
    const client = new ScramClient('SCRAM-SHA-256', 'alice', password);
    const first = exchange.step(Buffer.from(client.first));
    if (first.kind !== 'continue') return first.kind === 'refused' ? first.why : first.kind;
    const last = exchange.step(Buffer.from(client.final(Buffer.from(first.data).toString())));
    return last.kind === 'admitted' ? `in as ${last.identity.user}` : last.kind === 'refused' ? last.why : last.kind;
  };
  assert.equal(outcomeOfScram('secret'), 'in as alice');
  for (let i = 0; i < 3; i += 1) assert.equal(outcomeOfScram('wrong'), 'bad-credentials');
  assert.equal(outcomeOfScram('secret'), 'busy');
  clock.advance(1000);
  assert.equal(outcomeOfScram('secret'), 'in as alice');
  assert.equal(admission.begin('PLAIN', factsOf(null, null)), null);
});

test('admission: a certificate proves its name, and no other', async () => {
  const { admission } = await scene();
  const certificate = { name: 'alice', commonName: 'x', alternativeNames: [], fingerprint: '', serial: '', notAfterMs: 5 };
  const shown = await admission.admit({ ...factsOf(null, null), certificate });
  assert.ok(shown.kind === 'admitted');
  assert.deepEqual(
    [shown.identity.user, shown.identity.source, shown.identity.isSuperuser, shown.identity.expiresAtMs],
    ['alice', 'certificate', true, 5],
  );
  assert.equal((await admission.admit({ ...factsOf('bob', 'x'), certificate })).kind, 'refused');
  assert.equal((await admission.admit({ ...factsOf(null, null), certificate: { ...certificate, name: '' } })).kind, 'refused');
});
