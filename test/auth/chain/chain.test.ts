import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Chain } from '../../../src/auth/chain/chain.js';
import { makeCredentials } from '../../../src/auth/passwords/credentials.js';
import { PasswordChecker } from '../../../src/auth/passwords/password-checker.js';
import { parseStoredPassword } from '../../../src/auth/passwords/stored-password.js';
import { IGNORED, type Judgement, TooBusy } from '../../../src/auth/sources/source.js';
import { factsOf } from '../sources/real-server.js';
import { ALLOWED, CountingPool, DENIED, FAILS, GRANT, guard, HANGS, StubSource } from './stub-source.js';

type Row = Judgement | (() => Promise<Judgement>) | [() => Promise<Judgement>, 'ignore'];

function chainOf(rows: readonly Row[], pool = new CountingPool()): { chain: Chain; stubs: StubSource[] } {
  const stubs = rows.map((row) => new StubSource(Array.isArray(row) ? row[0] : row));
  const sources = stubs.map((stub, at) => guard(stub, { name: `s${at}`, on_failure: Array.isArray(rows[at]) ? 'ignore' : 'deny' }));
  return { chain: new Chain(sources, new PasswordChecker(pool, () => 0)), stubs };
}

test('chain: sources are asked in their order until one decides, and one that is silent counts as its policy says', async () => {
  const busy = (): Promise<never> => Promise.reject(new TooBusy('full'));
  const table: readonly (readonly [string, readonly Row[], outcome: string, asked: readonly number[]])[] = [
    ['the first that knows decides', [ALLOWED, DENIED], 'allowed s0', [1, 0]],
    ['a refusal is a decision', [DENIED, ALLOWED], 'denied s0', [1, 0]],
    ['who knows nothing passes on', [IGNORED, ALLOWED], 'allowed s1', [1, 1]],
    ['nobody knows', [IGNORED, IGNORED], 'unknown', [1, 1]],
    ['an empty chain knows nobody', [], 'unknown', []],
    ['silence refuses', [FAILS, ALLOWED], 'unavailable s0', [1, 0]],
    ['a hanging source is silent', [HANGS, ALLOWED], 'unavailable s0', [1, 0]],
    ['silence may pass on', [[FAILS, 'ignore'], ALLOWED], 'allowed s1', [1, 1]],
    ['silence may pass on to a refusal', [[HANGS, 'ignore'], DENIED], 'denied s1', [1, 1]],
    ['who was silent would have known, perhaps', [[FAILS, 'ignore'], IGNORED], 'unavailable s0', [1, 1]],
    ['too much at once refuses, whatever the policy', [[busy, 'ignore'], ALLOWED], 'busy', [1, 0]],
  ];
  for (const [what, rows, expected, asked] of table) {
    const { chain, stubs } = chainOf(rows);
    const outcome = await chain.judge(factsOf('alice', null));
    assert.equal(`${outcome.kind} ${'source' in outcome ? outcome.source : ''}`.trim(), expected, what);
    assert.deepEqual(
      stubs.map((stub) => stub.asked),
      asked,
      what,
    );
  }
});

test('chain: an account lets in who knows its password, and each outcome is counted', async () => {
  const password = parseStoredPassword((await makeCredentials('secret')).passwordHash);
  const { chain } = chainOf([{ kind: 'account', password, grant: GRANT }]);
  const kindOf = async (given: string | null): Promise<string> => (await chain.judge(factsOf('alice', given))).kind;
  assert.deepEqual([await kindOf('secret'), await kindOf('Secret'), await kindOf(null)], ['allowed', 'denied', 'denied']);
  const [{ counters }] = chain.sources;
  assert.deepEqual([counters.success, counters.failure], [1, 2]);
  const { chain: none } = chainOf([{ kind: 'account', password: null, grant: GRANT }]);
  assert.equal((await none.judge(factsOf('alice', ''))).kind, 'denied');
});

test('chain: a name that nobody has costs as many hashes as one that is there, also when it is tried again', async () => {
  const password = parseStoredPassword((await makeCredentials('secret')).passwordHash);
  const [known, unknown] = [new CountingPool(), new CountingPool()];
  const { chain: of } = chainOf([{ kind: 'account', password, grant: GRANT }], known);
  const { chain: without } = chainOf([IGNORED], unknown);
  for (const guess of ['a', 'b', 'a', 'c']) {
    await of.judge(factsOf('alice', guess));
    await without.judge(factsOf('ghost', guess));
    assert.equal(unknown.verified, known.verified, guess);
  }
  await without.judge(factsOf('another ghost', 'a'));
  assert.equal(unknown.verified, known.verified + 1, 'what was tried for one name tells nothing of another');
});
