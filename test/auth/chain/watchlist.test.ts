import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { GuardedSource } from '../../../src/auth/chain/guarded-source.js';
import { Watchlist } from '../../../src/auth/chain/watchlist.js';
import type { Identity } from '../../../src/auth/ports.js';
import { rulesOf } from '../../../src/auth/sources/outside-rules.js';
import type { Grant } from '../../../src/auth/sources/source.js';
import { ManualClock } from '../../../src/base/clock.js';
import { identityOf } from '../sources/real-server.js';
import { GRANT, guard, StubSource } from './stub-source.js';

interface Scene {
  readonly watchlist: Watchlist;
  readonly source: GuardedSource;
  readonly stub: StubSource;
  readonly grants: Map<string, Grant>;
  readonly told: string[];
  readonly clock: ManualClock;
  /** Lets what was asked be answered. */
  settle(): Promise<void>;
}

function scene(tellsChanges: boolean, connections = 4): Scene {
  const clock = new ManualClock();
  const grants = new Map<string, Grant>();
  const stub = new StubSource();
  stub.tellsChanges = tellsChanges;
  stub.recheckWith(grants);
  const source = guard(stub, { name: 'real', connections, timeout: 10_000 }, clock);
  const told: string[] = [];
  const tell = ({ shard, owner }: { shard: number; owner: number }, now: Identity | null): void => {
    told.push(`${shard}/${owner} ${now === null ? 'gone' : `${now.isSuperuser ? 'super' : 'plain'} ${now.rules?.length ?? 'none'}`}`);
  };
  const watchlist = new Watchlist({ sourceOf: (name) => (name === 'real' ? source : undefined), refreshMs: 4000, clock, tell });
  source.source.onChanged = (keys) => watchlist.onChanged(source, keys);
  const settle = async (): Promise<void> => {
    for (let i = 0; i < 50; i += 1) await new Promise((resolve) => setImmediate(resolve));
  };
  return { watchlist, source, stub, grants, told, clock, settle };
}

test('watchlist: a source is asked again after a while, once for all clients of an account, and changes are told once', async () => {
  const { watchlist, stub, grants, told, clock, settle } = scene(false);
  grants.set('alice', GRANT);
  for (let owner = 1; owner <= 3; owner += 1) watchlist.keep({ shard: 0, owner }, identityOf('alice'), '1');
  watchlist.tick();
  await settle();
  assert.equal(stub.asked, 0, 'it has just been asked');
  clock.advance(4000);
  watchlist.tick();
  await settle();
  assert.deepEqual([stub.asked, told], [1, []]);
  grants.set('alice', { ...GRANT, isSuperuser: true, rules: rulesOf([{ topic: 'a' }]) });
  for (let round = 0; round < 3; round += 1) {
    clock.advance(4000);
    watchlist.tick();
    await settle();
  }
  assert.deepEqual(told, ['0/1 super 1', '0/2 super 1', '0/3 super 1']);
});

test('watchlist: an account that is gone, or has another password, sends its clients away; one that went before is not told', async () => {
  const { watchlist, grants, told, clock, settle } = scene(false);
  for (const user of ['alice', 'bob', 'carol']) grants.set(user, GRANT);
  for (const [at, user] of ['alice', 'bob', 'carol', 'carol'].entries())
    watchlist.keep({ shard: at % 2, owner: at }, identityOf(user), '1');
  watchlist.letGo({ shard: 1, owner: 3 });
  grants.delete('alice');
  grants.set('bob', { ...GRANT, stamp: '2' });
  clock.advance(4000);
  watchlist.tick();
  await settle();
  assert.deepEqual(told, ['0/0 gone', '1/1 gone']);
  assert.equal(watchlist.size, 1);
  watchlist.letGoAll(0);
  assert.equal(watchlist.size, 0);
});

test('watchlist: what cannot be said now changes nothing', async () => {
  const { watchlist, stub, told, clock, settle } = scene(false);
  stub.recheck = { keyOf: ({ user }) => user, ask: () => Promise.reject(new Error('down')) };
  watchlist.keep({ shard: 0, owner: 1 }, identityOf('alice'), '1');
  clock.advance(4000);
  watchlist.tick();
  await settle();
  assert.deepEqual([told, watchlist.size], [[], 1]);
});

test('watchlist: a source that tells its changes is asked then, for those accounts alone', async () => {
  const { watchlist, source, stub, grants, told, clock, settle } = scene(true);
  for (let i = 0; i < 10; i += 1) {
    grants.set(`u${i}`, GRANT);
    watchlist.keep({ shard: 0, owner: i }, identityOf(`u${i}`), '1');
  }
  watchlist.tick();
  await settle();
  const before = stub.asked; // Once each: something may have changed between its verdict and `keep`.
  assert.equal(before, 10);
  clock.advance(60_000);
  watchlist.tick();
  await settle();
  assert.equal(stub.asked, before, 'time alone is no reason');
  grants.delete('u4');
  source.source.onChanged(['u4', 'nobody']);
  watchlist.tick();
  await settle();
  assert.deepEqual([stub.asked, told], [before + 1, ['0/4 gone']]);
  grants.clear();
  source.source.onChanged(null);
  watchlist.tick();
  await settle();
  assert.equal(told.length, 10);
});

test('watchlist: many accounts are asked about bit by bit, the oldest first, with half of the connections', async () => {
  const { watchlist, stub, grants, clock, settle } = scene(false, 4);
  let open = 0;
  let openMax = 0;
  const asked: string[] = [];
  stub.recheck = {
    keyOf: ({ user }) => user,
    ask: async ({ user }) => {
      asked.push(user);
      open += 1;
      openMax = Math.max(openMax, open);
      await new Promise((resolve) => setImmediate(resolve));
      open -= 1;
      return grants.get(user) ?? null;
    },
  };
  for (let i = 0; i < 100; i += 1) {
    grants.set(`u${i}`, GRANT);
    watchlist.keep({ shard: 0, owner: i }, identityOf(`u${i}`), '1');
  }
  clock.advance(4000);
  assert.equal(watchlist.oldestMs(clock.monotonicMs()), 4000);
  watchlist.tick();
  while (asked.length < 100) await settle();
  assert.deepEqual([openMax, new Set(asked).size], [2, 100]);
  assert.equal(watchlist.oldestMs(clock.monotonicMs()), 0);
});
