import assert from 'node:assert/strict';
import { test } from 'node:test';
import { verifyPassword } from '../../../src/auth/passwords/verify.js';
import { type Documents, MongodbAccounts } from '../../../src/auth/sources/mongodb.js';
import { AUTH_SOURCE_SCHEMA } from '../../../src/settings/auth-source-schema.js';
import { factsOf } from './real-server.js';

/** The driver's end: documents by collection, found by equal fields. */
class StubDocuments implements Documents {
  readonly asked: [string, object, number][] = [];
  readonly #documents: Readonly<Record<string, readonly object[]>>;

  constructor(documents: Readonly<Record<string, readonly object[]>>) {
    this.#documents = documents;
  }

  find(collection: string, filter: Readonly<Record<string, string>>, limit: number): Promise<object[]> {
    this.asked.push([collection, filter, limit]);
    const fits = (document: object): boolean => Object.entries(filter).every(([field, value]) => Reflect.get(document, field) === value);
    return Promise.resolve(this.#documents[collection].filter(fits).slice(0, limit));
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

const HASH = '{"algorithm":"sha256","salt":"suffix"}';

test('mongodb: an account and its rules are documents, found by texts that are only compared', async () => {
  const settings = AUTH_SOURCE_SCHEMA.parse({
    ...{ name: 'm', type: 'mongodb', url: 'mongodb://127.0.0.1', database: 'd', collection: 'users', hash: JSON.parse(HASH) },
    ...{ filter: { name: '${username}', tenant: '${tenant}' }, rules_collection: 'rules', rules_filter: { client: '${clientid}' } },
  });
  assert.ok(settings.type === 'mongodb');
  const documents = new StubDocuments({
    // echo -n pwNaCl | sha256sum
    users: [
      {
        ...{ name: 'alice', tenant: 'default', salt: 'NaCl', is_superuser: true },
        password_hash: 'a6a79e74b407b6fe668084e78c4c55016143c0056da405e294c0bdc9a8f9f392',
      },
    ],
    rules: [{ client: 'c1', permission: 'deny', action: 'publish', topic: 'a', retain: true }],
  });
  const store = new MongodbAccounts(settings, documents);
  const account = await store.find(factsOf('alice', null));
  assert.ok(account?.password !== null && account?.password !== undefined);
  assert.equal(account.isSuperuser, true);
  assert.equal(account.rules?.[0].retain, 'retained');
  assert.equal(verifyPassword(account.password, Buffer.from('pw')), true);
  assert.equal(verifyPassword(account.password, Buffer.from('wrong')), false);
  assert.equal(await store.find(factsOf('{"$ne":""}', null)), null);
  assert.deepEqual(documents.asked[2], ['users', { name: '{"$ne":""}', tenant: 'default' }, 1]);
});

test('mongodb: a hash that is not of the form of the settings is a fault, not an open door', async () => {
  const settings = AUTH_SOURCE_SCHEMA.parse({ name: 'm', type: 'mongodb', url: 'mongodb://127.0.0.1', database: 'd', collection: 'users' });
  assert.ok(settings.type === 'mongodb');
  const store = new MongodbAccounts(
    settings,
    new StubDocuments({ users: [{ username: 'a', password_hash: 'secret' }, { username: 'b' }] }),
  );
  await assert.rejects(store.find(factsOf('a', null)), /hash\.algorithm/);
  assert.equal((await store.find(factsOf('b', null)))?.password, null);
});
