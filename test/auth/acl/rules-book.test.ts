import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RulesBook } from '../../../src/auth/acl/rules-book.js';
import type { AccessRule, Identity, Rights } from '../../../src/auth/ports.js';
import { CLIENT_ID, identity, OTHER, rule, USER_NAME } from './rules.js';

function bookOf(rules: Readonly<Record<string, AccessRule>>, tenant = 'default'): RulesBook {
  const book = new RulesBook();
  for (const [name, value] of Object.entries(rules)) book.put(tenant, name, value);
  book.commit();
  return book;
}

function rightsOf(rules: Readonly<Record<string, AccessRule>>, who: Partial<Identity> = {}): Rights {
  return bookOf(rules).compile(identity(who));
}

test('rules: without any rule in the tenant everything is allowed, with the first what none allows is forbidden', () => {
  const book = new RulesBook();
  assert.equal(book.compile(identity()).isUnlimited, true);
  book.put('default', 'one', rule('a/#'));
  const rights = book.compile(identity());
  assert.equal(rights.isUnlimited, false);
  assert.equal(rights.mayPublish('a/b', 0, false), true);
  assert.equal(rights.mayPublish('b', 0, false), false);
  assert.equal(rights.mayReceive('b'), false);
  assert.equal(book.compile(identity({ tenant: 'acme' })).isUnlimited, true);
});

test('rules: a rule about somebody else is a rule of the tenant as well', () => {
  const rights = rightsOf({ one: rule('#', { principal: { kind: 'user', value: 'bob' } }) });
  assert.equal(rights.mayPublish('a', 0, false), false);
  assert.equal(rights.maySubscribe('a', 0), 'no');
});

test('rules: when the last rule of a tenant goes, everything is allowed again', () => {
  const book = bookOf({ one: rule('a') });
  book.delete('default', 'one');
  assert.equal(book.compile(identity()).isUnlimited, true);
});

test('rules: a superuser may everything, also where rules forbid it', () => {
  const rights = rightsOf({ none: rule('#', { permission: 'deny' }) }, { isSuperuser: true });
  assert.equal(rights.isUnlimited, true);
  assert.equal(rights.mayPublish('$SYS/x', 2, true), true);
  assert.equal(rights.maySubscribe('#', 2), 'yes');
  assert.match(rights.explain('publish', 'a', 0, false), /superuser/);
});

test('rules: lower orders come first, equal ones by name, and the first that is about it decides', () => {
  const rows: readonly (readonly [Readonly<Record<string, AccessRule>>, boolean])[] = [
    [{ a: rule('t', { order: 2, permission: 'deny' }), b: rule('t', { order: 1 }) }, true],
    [{ a: rule('t', { order: 1, permission: 'deny' }), b: rule('t', { order: 1 }) }, false],
    [{ b: rule('t', { order: 1, permission: 'deny' }), a: rule('t', { order: 1 }) }, true],
    [{ B: rule('t', { permission: 'deny' }), a: rule('t') }, false],
    [{ a: rule('u', { permission: 'deny' }), b: rule('t', { order: 9 }) }, true],
  ];
  for (const [rules, expected] of rows) assert.equal(rightsOf(rules).mayPublish('t', 0, false), expected, JSON.stringify(rules));
});

test('rules: principals are a user, a client, an address, a network or anybody', () => {
  const rows: readonly (readonly [AccessRule['principal'], Partial<Identity>, boolean])[] = [
    [{ kind: 'user', value: 'ann' }, {}, true],
    [{ kind: 'user', value: 'Ann' }, {}, false],
    [{ kind: 'user', value: 'c1' }, {}, false],
    [{ kind: 'client', value: 'c1' }, {}, true],
    [{ kind: 'client', value: 'ann' }, {}, false],
    [{ kind: 'address', value: '10.1.2.3' }, {}, true],
    [{ kind: 'address', value: '10.1.2.4' }, {}, false],
    [{ kind: 'address', value: '10.1.0.0/16' }, {}, true],
    [{ kind: 'address', value: '10.2.0.0/16' }, {}, false],
    [{ kind: 'address', value: '10.1.0.0/16' }, { address: '::ffff:10.1.9.9' }, true],
    [{ kind: 'address', value: '2001:db8::/32' }, { address: '2001:db8:7::1' }, true],
    [{ kind: 'address', value: '2001:db8::/32' }, { address: '2001:db9::1' }, false],
    [{ kind: 'address', value: '::/0' }, {}, false],
    [{ kind: 'address', value: 'everywhere' }, {}, false],
    [{ kind: 'address', value: '0.0.0.0/0' }, { address: '' }, false],
    [{ kind: 'any', value: '' }, { user: '', clientId: '', address: '' }, true],
  ];
  for (const [principal, who, expected] of rows) {
    const text = JSON.stringify([principal, who]);
    assert.equal(rightsOf({ one: rule('t', { principal }) }, who).mayPublish('t', 0, false), expected, `catalogue ${text}`);
    assert.equal(
      new RulesBook().compile(identity({ ...who, rules: [rule('t', { principal })] })).mayPublish('t', 0, false),
      expected,
      text,
    );
  }
});

test('rules: actions, QoS and the retain flag are looked at', () => {
  const rights = rightsOf({
    p: rule('p', { actions: ['publish'] }),
    s: rule('s', { actions: ['subscribe'] }),
    q: rule('q', { qos: [0, 2] }),
    r: rule('r', { retain: 'retained' }),
    n: rule('n', { retain: 'plain' }),
  });
  assert.equal(rights.mayPublish('p', 1, true), true);
  assert.equal(rights.maySubscribe('p', 0), 'no');
  assert.equal(rights.mayPublish('s', 0, false), false);
  assert.equal(rights.maySubscribe('s', 2), 'yes');
  assert.deepEqual(
    [0, 1, 2].map((qos) => rights.mayPublish('q', qos as 0 | 1 | 2, false)),
    [true, false, true],
  );
  assert.deepEqual(
    [0, 1, 2].map((qos) => rights.maySubscribe('q', qos as 0 | 1 | 2)),
    ['yes', 'no', 'yes'],
  );
  assert.equal(rights.mayReceive('q'), true);
  assert.deepEqual([rights.mayPublish('r', 0, true), rights.mayPublish('r', 0, false)], [true, false]);
  assert.deepEqual([rights.mayPublish('n', 0, true), rights.mayPublish('n', 0, false)], [false, true]);
  assert.equal(rights.maySubscribe('r', 0), 'yes'); // The flag is of publishes.
});

test('rules: who may have a topic at one QoS receives it, also if another QoS is forbidden first', () => {
  const rights = rightsOf({ a: rule('t', { permission: 'deny', qos: [2] }), b: rule('t', { order: 1 }) });
  assert.equal(rights.maySubscribe('t', 2), 'no');
  assert.equal(rights.maySubscribe('t', 1), 'yes');
  assert.equal(rights.mayReceive('t'), true);
  const none = rightsOf({
    a: rule('t', { permission: 'deny', qos: [1, 2] }),
    b: rule('t', { permission: 'deny', qos: [0], order: 1 }),
    c: rule('t', { order: 2 }),
  });
  assert.equal(none.mayReceive('t'), false);
});

test('rules: what the source gave is looked at before the catalogue, and alone makes a tenant deny by default', () => {
  const given = [rule('a', { permission: 'deny', order: 900 })];
  const book = bookOf({ all: rule('#', { order: 0 }) });
  assert.equal(book.compile(identity({ rules: given })).mayPublish('a', 0, false), false);
  assert.equal(book.compile(identity({ rules: given })).mayPublish('b', 0, false), true);
  assert.equal(new RulesBook().compile(identity({ rules: given })).mayPublish('b', 0, false), false);
  assert.equal(new RulesBook().compile(identity({ rules: [] })).mayPublish('b', 0, false), false);
  const inOrder = [
    rule('x', { permission: 'deny', order: 5 }),
    rule('x', { order: 5 }),
    rule('y', { permission: 'deny', order: 5 }),
    rule('y', { order: 4 }),
  ];
  const rights = new RulesBook().compile(identity({ rules: inOrder }));
  assert.deepEqual([rights.mayPublish('x', 0, false), rights.mayPublish('y', 0, false)], [false, true]);
});

test('rules: names are put in for placeholders level by level, as whole levels and parts of them', () => {
  const rights = rightsOf({
    a: rule(`u/${USER_NAME}/+`),
    b: rule(`d/${CLIENT_ID}-${USER_NAME}/#`),
    c: rule(`${CLIENT_ID}`),
    d: rule(`e/${OTHER}`),
  });
  for (const topic of ['u/ann/x', 'd/c1-ann', 'd/c1-ann/y/z', 'c1', `e/${OTHER}`])
    assert.equal(rights.mayPublish(topic, 0, false), true, topic);
  for (const topic of ['u/bob/x', 'u/ann', 'd/c1', 'd/c1-', 'c2', 'e/x', `u/${USER_NAME}/x`])
    assert.equal(rights.mayPublish(topic, 0, false), false, topic);
});

test('rules: a name that is no level makes an allowing rule match nothing, and a forbidding one more', () => {
  for (const clientId of ['#', '+', 'a/b', 'a#', '', 'x\0y', '+/+']) {
    const allowing = rightsOf({ a: rule(`d/${CLIENT_ID}/#`) }, { clientId });
    for (const topic of ['d/a/b', 'd/x', 'd', 'd/#/x', 'a'])
      assert.equal(allowing.mayPublish(topic, 0, false), false, `${JSON.stringify(clientId)} ${topic}`);
    assert.equal(allowing.maySubscribe('d/#', 0), 'no');
    assert.match(allowing.explain('publish', 'd/a', 0, false), /do not fit/);
    const denying = rightsOf({ a: rule(`d/${CLIENT_ID}/#`, { permission: 'deny' }), b: rule('#', { order: 1 }) }, { clientId });
    assert.equal(denying.mayPublish('d/a/b', 0, false), false);
    assert.equal(denying.mayPublish('e', 0, false), true);
    assert.equal(denying.maySubscribe('#', 0), 'guarded');
  }
});

test('rules: a client that calls itself $SYS gets no topics of the server by its own name', () => {
  const rights = rightsOf({ a: rule(`${CLIENT_ID}/#`), b: rule(`x${CLIENT_ID}`) }, { clientId: '$SYS' });
  assert.equal(rights.mayPublish('$SYS/brokers', 0, false), false);
  assert.equal(rights.maySubscribe('$SYS/#', 0), 'no');
  assert.equal(rights.mayPublish('x$SYS', 0, false), true);
  const denied = rightsOf({ a: rule(`${CLIENT_ID}/#`, { permission: 'deny' }), b: rule('$SYS/#', { order: 1 }) }, { clientId: '$SYS' });
  assert.equal(denied.mayReceive('$SYS/brokers'), false);
  const meant = rightsOf({ a: rule(`$room/${CLIENT_ID}`), b: rule(`$r-${CLIENT_ID}`) });
  assert.equal(meant.mayPublish('$room/c1', 0, false), true);
  assert.equal(meant.mayPublish('$r-c1', 0, false), true);
});

test('rules: a batch of changes raises the version once and is told once; no change, no word', () => {
  const book = new RulesBook();
  let told = 0;
  book.onChanged = () => {
    told += 1;
  };
  const before = book.version;
  book.put('default', 'a', rule('a'));
  book.put('acme', 'b', rule('b'));
  book.delete('default', 'a');
  book.commit();
  assert.equal(book.version, before + 1);
  assert.equal(told, 1);
  book.delete('nobody', 'c');
  book.commit();
  assert.equal(told, 1);
  book.clear();
  book.commit();
  assert.equal(told, 2);
  assert.equal(book.compile(identity({ tenant: 'acme' })).isUnlimited, true);
});

test('rules: a rule that is put again has its new principal and not its old one', () => {
  const book = bookOf({ one: rule('t', { principal: { kind: 'user', value: 'ann' } }), other: rule('x') });
  book.put('default', 'one', rule('t', { principal: { kind: 'address', value: '10.9.0.0/16' } }));
  assert.equal(book.compile(identity()).mayPublish('t', 0, false), false);
  assert.equal(book.compile(identity({ address: '10.9.1.1' })).mayPublish('t', 0, false), true);
});

test('rules: explain names the rule that decides', () => {
  const rights = rightsOf({ first: rule('a/+', { permission: 'deny' }), second: rule('a/#', { order: 1 }) });
  assert.match(rights.explain('publish', 'a/b', 0, false), /"first" forbids a\/\+/);
  assert.match(rights.explain('receive', 'a/b/c', 0, false), /"second" allows a\/#/);
  assert.match(rights.explain('publish', 'b', 0, false), /no rule is about it/);
  assert.match(rights.explain('subscribe', 'a/#', 0, false), /in part.*"first".*"second"/);
});

test('rules: what they come to is told with the names of those that decide, in their order', () => {
  const rights = rightsOf({
    first: rule('a/+', { permission: 'deny' }),
    second: rule('a/#', { order: 1 }),
    third: rule('q', { qos: [1] }),
  });
  assert.deepEqual(rights.decide('publish', 'a/b', 0, false), { verdict: 'deny', rules: ['first'] });
  assert.deepEqual(rights.decide('publish', 'a/b/c', 2, true), { verdict: 'allow', rules: ['second'] });
  assert.deepEqual(rights.decide('publish', 'b', 0, false), { verdict: 'deny', rules: [] });
  assert.deepEqual(rights.decide('subscribe', 'a/#', 0, false), { verdict: 'partly', rules: ['first', 'second'] });
  assert.deepEqual(rights.decide('subscribe', 'a/b/#', 0, false), { verdict: 'partly', rules: ['first', 'second'] });
  assert.deepEqual(rights.decide('subscribe', 'a/b/c', 0, false), { verdict: 'allow', rules: ['second'] });
  assert.deepEqual(rights.decide('subscribe', 'b', 0, false), { verdict: 'deny', rules: [] });
  assert.deepEqual(
    [rights.decide('subscribe', 'q', 0, false), rights.decide('subscribe', 'q', 1, false)],
    [
      { verdict: 'deny', rules: [] },
      { verdict: 'allow', rules: ['third'] },
    ],
  );
  assert.deepEqual(new RulesBook().compile(identity()).decide('publish', 'x', 0, false), { verdict: 'allow', rules: [] });
});
