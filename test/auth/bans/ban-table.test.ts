import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Ban, BanTable } from '../../../src/auth/bans/ban-table.js';
import { matchesGlob } from '../../../src/base/glob.js';

const NOW = 1_000_000;

function ban(kind: Ban['kind'], value: string, fields: Partial<Ban> = {}): Ban {
  return { tenant: 'default', kind, value, untilMs: 0, reason: '', ...fields };
}

function tableOf(...bans: readonly Ban[]): BanTable {
  const table = new BanTable();
  for (const one of bans) table.put(one);
  table.commit();
  return table;
}

test('bans: each kind keeps out whom it names and nobody else', () => {
  const rows: readonly (readonly [Ban, readonly [string, string, string], boolean])[] = [
    [ban('client', 'c1'), ['c1', 'ann', '10.0.0.1'], true],
    [ban('client', 'c1'), ['c2', 'c1', '10.0.0.1'], false],
    [ban('user', 'ann'), ['c1', 'ann', '10.0.0.1'], true],
    [ban('user', 'ann'), ['ann', 'bob', '10.0.0.1'], false],
    [ban('address', '10.0.0.1'), ['c1', 'ann', '10.0.0.1'], true],
    [ban('address', '10.0.0.1'), ['c1', 'ann', '::ffff:10.0.0.1'], true],
    [ban('address', '10.0.0.1'), ['c1', 'ann', '10.0.0.2'], false],
    [ban('address', '10.0.0.0/8'), ['c1', 'ann', '10.9.0.2'], true],
    [ban('address', '10.0.0.0/8'), ['c1', 'ann', '11.9.0.2'], false],
    [ban('address', '2001:db8::/32'), ['c1', 'ann', '2001:db8::7'], true],
    [ban('address', '2001:db8::/32'), ['c1', 'ann', '10.0.0.1'], false],
    [ban('client-pattern', 'bot-*'), ['bot-7', 'ann', ''], true],
    [ban('client-pattern', 'bot-*'), ['xbot-7', 'bot-7', ''], false],
    [ban('user-pattern', '*@evil.example'), ['c1', 'bob@evil.example', ''], true],
    [ban('user-pattern', '*@evil.example'), ['bob@evil.example', 'bob@good.example', ''], false],
    [ban('client-pattern', '*'), ['anything', '', ''], true],
    [ban('client-pattern', '*'), ['', 'ann', '10.0.0.1'], false], // An empty field is not looked at.
  ];
  for (const [one, [clientId, user, address], expected] of rows)
    assert.equal(
      tableOf(one).banOf('default', clientId, user, address, NOW) !== null,
      expected,
      JSON.stringify([one, clientId, user, address]),
    );
});

test('bans: a tenant’s bans are its own', () => {
  const table = tableOf(ban('client', 'c1', { tenant: 'acme' }));
  assert.equal(table.banOf('default', 'c1', '', '', NOW), null);
  assert.notEqual(table.banOf('acme', 'c1', '', '', NOW), null);
});

test('bans: what is over does not count, and another one that is not does', () => {
  const table = tableOf(ban('client', 'c1', { untilMs: NOW }), ban('client', 'c2', { untilMs: NOW + 1 }));
  assert.equal(table.banOf('default', 'c1', '', '', NOW), null);
  assert.equal(table.banOf('default', 'c2', '', '', NOW)?.untilMs, NOW + 1);
  table.put(ban('client-pattern', 'c*', { untilMs: 0, reason: 'spam' }));
  assert.equal(table.banOf('default', 'c1', '', '', NOW)?.reason, 'spam');
});

test('bans: two texts for one network are two bans', () => {
  const table = tableOf(ban('address', '10.0.0.0/8'), ban('address', '10.1.1.1/8'), ban('address', '::ffff:10.0.0.0/104', { untilMs: 1 }));
  table.delete(ban('address', '10.0.0.0/8'));
  assert.notEqual(table.banOf('default', '', '', '10.2.2.2', NOW), null);
  table.delete(ban('address', '10.1.1.1/8'));
  assert.equal(table.banOf('default', '', '', '10.2.2.2', NOW), null);
});

test('bans: a batch that adds one is told once; one that only deletes is not', () => {
  const table = new BanTable();
  let told = 0;
  table.onAdded = () => {
    told += 1;
  };
  table.put(ban('client', 'a'));
  table.put(ban('client', 'b'));
  table.commit();
  assert.equal(told, 1);
  table.delete(ban('client', 'a'));
  table.delete(ban('client', 'nobody'));
  table.commit();
  assert.equal(told, 1);
  assert.equal(table.size, 1);
  table.clear();
  assert.equal(table.banOf('default', 'b', '', '', NOW), null);
});

test('bans: random bans that come and go keep out whom a look at each of them keeps out', () => {
  const names = fc.constantFrom('a', 'ab', 'abc', 'b', 'ba', 'xab', '');
  const patterns = fc.constantFrom('*', 'a*', '*a', 'a?', '?b', 'ab*c', '*b*', 'ab', 'a*b', '??');
  const addresses = fc.constantFrom('10.0.0.1', '10.0.1.1', '2001:db8::1', '');
  const networks = fc.constantFrom('10.0.0.1', '10.0.0.0/24', '10.0.0.0/16', '2001:db8::/64', '::/0');
  const bans = fc
    .oneof(
      fc.tuple(fc.constantFrom('client' as const, 'user' as const), fc.constantFrom('a', 'ab', 'b', 'xab')),
      fc.tuple(fc.constantFrom('client-pattern' as const, 'user-pattern' as const), patterns),
      fc.tuple(fc.constant('address' as const), networks),
    )
    .chain(([kind, value]) => fc.constantFrom(0, NOW - 1, NOW + 1).map((untilMs) => ban(kind, value, { untilMs })));
  const steps = fc.array(fc.tuple(bans, fc.boolean(), names, names, addresses), { maxLength: 40 });
  fc.assert(
    fc.property(steps, (all) => {
      const table = new BanTable();
      const model = new Map<string, Ban>();
      for (const [one, isPut, clientId, user, address] of all) {
        if (isPut) {
          table.put(one);
          model.set(`${one.kind} ${one.value}`, one);
        } else {
          table.delete(one);
          model.delete(`${one.kind} ${one.value}`);
        }
        const hits = (other: Ban): boolean => {
          if (other.untilMs !== 0 && other.untilMs <= NOW) return false;
          if (other.kind === 'client') return clientId === other.value;
          if (other.kind === 'user') return user === other.value;
          if (other.kind === 'client-pattern') return clientId !== '' && matchesGlob(other.value, clientId);
          if (other.kind === 'user-pattern') return user !== '' && matchesGlob(other.value, user);
          const isOfFour = address.startsWith('10.');
          if (address === '' || other.value.startsWith('10.') !== isOfFour) return false;
          return isOfFour ? other.value.endsWith('/16') || address === '10.0.0.1' : true;
        };
        assert.equal(table.banOf('default', clientId, user, address, NOW) !== null, [...model.values()].some(hits));
      }
      assert.equal(table.size, model.size);
    }),
    { numRuns: 500 },
  );
});

test('bans: ten thousand of each kind cost a connect little', () => {
  const table = new BanTable();
  for (let index = 0; index < 10_000; index += 1) {
    table.put(ban('client', `client-${index}`));
    table.put(ban('client-pattern', `bot-${index}-*`));
    table.put(ban('user-pattern', `*-${index}@x.example`));
    table.put(ban('address', `10.${index >> 8}.${index & 255}.0/24`));
  }
  const startMs = performance.now();
  for (let index = 0; index < 1000; index += 1)
    assert.equal(table.banOf('default', `good-${index}`, `ann-${index}`, '192.168.1.1', NOW), null);
  const perConnectUs = performance.now() - startMs;
  assert.ok(perConnectUs < 500, `${perConnectUs} us each; looking at all of them takes more than a thousand`);
});
