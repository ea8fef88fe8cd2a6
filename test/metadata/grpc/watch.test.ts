import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { type ClientReadableStream, status } from '@grpc/grpc-js';
import { keyText } from '../../../src/metadata/catalogue/keys.js';
import type { ResourceKind } from '../../../src/metadata/catalogue/resources.js';
import { ChangeHistory } from '../../../src/metadata/grpc/change-history.js';
import type { CatalogueClient, WatchRequest, WatchResponse } from '../../../src/metadata/grpc/generated/robustmq/v1/catalogue.js';
import { Kind } from '../../../src/metadata/grpc/generated/robustmq/v1/resources.js';
import { keyFromWire, keyToWire } from '../../../src/metadata/grpc/key-conversion.js';
import { recordToWire, resourceFromWire } from '../../../src/metadata/grpc/resource-conversion.js';
import { seedOf } from '../catalogue/samples.js';
import { openClient } from './public-client.js';
import { endOf } from './raw-calls.js';
import { type StubAccess, startStub } from './stub-access.js';

const ALL: WatchRequest = { kinds: [], tenant: '', startRevision: undefined };

/** What a client of a watch knows, and the responses so far. */
class Watcher {
  readonly records = new Map<string, number>();
  readonly responses: WatchResponse[] = [];
  readonly stream: ClientReadableStream<WatchResponse>;
  revision = 0;
  resets = 0;
  isComplete = false;

  constructor(client: CatalogueClient, request: WatchRequest) {
    this.stream = client.watch(request);
    this.stream.on('data', (response: WatchResponse) => this.#onResponse(response));
    this.stream.on('error', () => undefined); // It is looked at by those who expect one.
  }

  async until(isSo: () => boolean): Promise<void> {
    while (!isSo()) await once(this.stream, 'data', { signal: AbortSignal.timeout(10_000) });
  }

  #onResponse(response: WatchResponse): void {
    this.responses.push(response);
    if (response.isReset) {
      this.records.clear();
      this.resets += 1;
      this.isComplete = false;
    }
    for (const { change } of response.changes) {
      assert.ok(change !== undefined);
      if (change.$case === 'deleted') this.records.delete(textOfKey(keyFromWire(change.value)));
      else {
        const { kind, value } = resourceFromWire(change.value.resource);
        this.records.set(textOfKey(keyFromWire(keyToWire(kind, value))), change.value.revision);
      }
    }
    if (response.isComplete) this.isComplete = true;
    if (response.revision > 0) this.revision = response.revision;
  }
}

function textOfKey({ kind, key }: ReturnType<typeof keyFromWire>): string {
  return `${kind} ${keyText(kind, key)}`;
}

function putUser(access: StubAccess, name: string, tenant = 'default', comment = ''): number {
  const value = { tenant, name, passwordHash: '', isSuperuser: false, comment, scram: [] };
  const [outcome] = access.run({ kind: 'put-user', value, expected: null });
  assert.ok(outcome.isOk);
  return outcome.revision;
}

function recordsOf(access: StubAccess, kinds: readonly ResourceKind[]): Map<string, number> {
  const records = new Map<string, number>();
  for (const kind of kinds)
    for (const record of access.reader.list(kind, { limit: 1e6 })) {
      const message = recordToWire(kind, record);
      const { value } = resourceFromWire(message.resource);
      records.set(textOfKey(keyFromWire(keyToWire(kind, value))), record.revision);
    }
  return records;
}

test('watch: begins with everything that is there, and goes on with each change', async (context) => {
  const { access, address } = await startStub(context);
  putUser(access, 'a');
  const watcher = new Watcher(openClient(context, address), ALL);
  await watcher.until(() => watcher.isComplete);
  assert.ok(watcher.responses[0].isReset);
  assert.equal(watcher.revision, access.reader.revision);
  assert.deepEqual(watcher.records, recordsOf(access, ['cluster', 'tenant', 'user']));

  putUser(access, 'b');
  access.run({ kind: 'delete-user', key: { tenant: 'default', name: 'a' }, expected: null });
  await watcher.until(() => watcher.revision === access.reader.revision);
  assert.deepEqual(watcher.records, recordsOf(access, ['cluster', 'tenant', 'user']));
  assert.equal(watcher.resets, 1);
});

test('watch: from a revision that is remembered only what came after it is told', async (context) => {
  const { access, address } = await startStub(context);
  putUser(access, 'a');
  const start = putUser(access, 'b');
  putUser(access, 'c');
  const watcher = new Watcher(openClient(context, address), { ...ALL, startRevision: start });
  await watcher.until(() => watcher.revision === access.reader.revision);
  assert.equal(watcher.resets, 0);
  assert.deepEqual([...watcher.records.keys()], ['user default\u0000c']);
});

test('watch: from a revision that is ahead of this node nothing is told twice', async (context) => {
  const { access, address } = await startStub(context);
  const watcher = new Watcher(openClient(context, address), { ...ALL, startRevision: access.reader.revision + 2 });
  await watcher.until(() => watcher.isComplete);
  putUser(access, 'a');
  putUser(access, 'b');
  putUser(access, 'c');
  await watcher.until(() => watcher.revision === access.reader.revision);
  assert.deepEqual([...watcher.records.keys()], ['user default\u0000c']);
});

test('watch: from a revision that is forgotten it begins with everything', async (context) => {
  const { access, address } = await startStub(context);
  putUser(access, 'a');
  const watcher = new Watcher(openClient(context, address), { ...ALL, startRevision: 0 });
  await watcher.until(() => watcher.isComplete);
  assert.equal(watcher.resets, 1);
  assert.deepEqual(watcher.records, recordsOf(access, ['cluster', 'tenant', 'user']));
});

test('watch: only what was asked for is told', async (context) => {
  const { access, address } = await startStub(context);
  access.run({
    kind: 'put-tenant',
    value: {
      name: 'acme',
      quotas: {
        connections: 0,
        messagesPerSecond: 0,
        bytesPerSecond: 0,
        sessions: 0,
        subscriptions: 0,
        retained: 0,
        storageBytes: 0,
        streams: 0,
      },
      comment: '',
    },
    expected: null,
  });
  putUser(access, 'a', 'acme');
  putUser(access, 'a');
  const watcher = new Watcher(openClient(context, address), { kinds: [Kind.USER, Kind.SETTING], tenant: 'acme', startRevision: undefined });
  await watcher.until(() => watcher.isComplete);
  putUser(access, 'b');
  access.run({ kind: 'put-setting', value: { scope: 0, key: 'x', value: '1' }, expected: null });
  putUser(access, 'b', 'acme');
  await watcher.until(() => watcher.revision === access.reader.revision);
  assert.deepEqual([...watcher.records.keys()].toSorted(), ['setting 0000000000000000\u0000x', 'user acme\u0000a', 'user acme\u0000b']);
});

test('watch: a client that does not read falls out of the history, holds nothing, and begins again when it reads', async (context) => {
  const { access, address } = await startStub(context);
  const watcher = new Watcher(openClient(context, address), ALL);
  await watcher.until(() => watcher.isComplete);
  watcher.stream.pause();
  const comment = 'x'.repeat(1000);
  for (let round = 0; round < 20_000; round += 1) putUser(access, `u${round % 50}`, 'default', comment);
  watcher.stream.resume();
  await watcher.until(() => watcher.isComplete && watcher.revision === access.reader.revision);
  assert.equal(watcher.resets, 2);
  assert.deepEqual(watcher.records, recordsOf(access, ['cluster', 'tenant', 'user']));
});

test('watch: whatever changes while everything is sent, the client ends with what there is', async (context) => {
  const seed = seedOf();
  let state = seed;
  const draw = (limit: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
  const { access, address } = await startStub(context);
  const comment = 'x'.repeat(1000);
  for (let at = 0; at < 3000; at += 1) putUser(access, `u${at}`, 'default', comment);
  const client = openClient(context, address);
  const watchers = Array.from({ length: 5 }, () => new Watcher(client, ALL));
  for (let round = 0; round < 2000; round += 1) {
    const name = `u${draw(4000)}`;
    if (draw(3) === 0) access.run({ kind: 'delete-user', key: { tenant: 'default', name }, expected: null });
    else putUser(access, name);
    if (draw(20) === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  putUser(access, 'last');
  for (const watcher of watchers) {
    await watcher.until(() => watcher.isComplete && watcher.revision === access.reader.revision);
    assert.deepEqual(watcher.records, recordsOf(access, ['cluster', 'tenant', 'user']), `seed ${seed}`);
  }
});

test('watch: when the catalogue is another one, also an older one, everything is told anew', async (context) => {
  const { access, address } = await startStub(context);
  for (const name of ['a', 'b', 'c']) putUser(access, name);
  const watcher = new Watcher(openClient(context, address), ALL);
  await watcher.until(() => watcher.isComplete);
  access.replace();
  putUser(access, 'd');
  await watcher.until(() => watcher.isComplete && watcher.revision === access.reader.revision);
  assert.equal(watcher.resets, 2);
  assert.deepEqual(watcher.records, recordsOf(access, ['cluster', 'tenant', 'user']));
});

test('watch: ends when the node stops, and when it is asked for an unknown kind', async (context) => {
  const { address, server } = await startStub(context);
  const client = openClient(context, address);
  const odd = client.watch({ ...ALL, kinds: [99 as Kind] }); // As another version of a client would ask.
  odd.on('data', () => assert.fail('there is nothing to tell'));
  const refused = await endOf(odd);
  assert.equal(refused.status, status.INVALID_ARGUMENT);
  assert.equal(refused.code, 'RMQ-1031');
  const watcher = new Watcher(client, ALL);
  await watcher.until(() => watcher.isComplete);
  const ended = endOf(watcher.stream);
  await server.stop(1000);
  assert.equal((await ended).status, status.UNAVAILABLE);
  assert.equal(server.callsUnderWay, 0);
});

test('change history: keeps the newest changes, and forgets all when the catalogue was replaced', () => {
  const history = new ChangeHistory(10, 3);
  const add = (previousRevision: number, revision: number): void =>
    history.add({
      type: 'changes',
      previousRevision,
      revision,
      index: revision,
      changes: Array.from({ length: revision - previousRevision }, () => ({ kind: 'cluster', key: {}, record: null })),
    });
  add(10, 12);
  add(12, 13);
  assert.equal(history.from, 10);
  assert.equal(history.after(10)?.revision, 12);
  assert.equal(history.after(11)?.revision, 12, 'in the middle of a batch: all of it');
  assert.equal(history.after(13), null);
  add(13, 14);
  assert.equal(history.from, 12);
  add(14, 24);
  assert.equal(history.from, 14, 'one batch that is larger than the history stays');
  assert.equal(history.after(14)?.revision, 24);
  let told = 0;
  const end = history.onAdd(() => {
    told += 1;
  });
  const { epoch } = history;
  history.add({ type: 'reset', revision: 20, index: 30 });
  assert.equal(history.from, 20, 'another catalogue may be of any revision');
  assert.equal(history.after(20), null);
  add(21, 22);
  assert.equal(history.from, 22, 'something is missing: as if it was replaced');
  assert.equal(history.epoch, epoch + 2);
  end();
  add(22, 23);
  assert.equal(told, 2);
});
