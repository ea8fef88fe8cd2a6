import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rulesOf, rulesOfClaim } from '../../../src/auth/sources/outside-rules.js';
import { SourceFault } from '../../../src/auth/sources/source.js';
import { Template, TemplateTable } from '../../../src/auth/sources/templates.js';
import { factsOf } from './real-server.js';

test('outside rules: rows become rules in their order, with what they leave out as wide as it can be', () => {
  const rules = rulesOf([
    { topic: 'a/${clientid}/#' },
    { permission: 'deny', action: 'pub', topic: '+/b', qos: '1, 2', retain: 1 },
    { action: 'subscribe', topic: '#', qos: 0, retain: null },
    { action: 'pubsub', topic: 'x', qos: [2, 2], retain: false },
  ]);
  assert.deepEqual(
    rules.map(({ order, permission, actions, filter, qos, retain }) => [order, permission, actions.join(), filter, qos.join(), retain]),
    [
      [0, 'allow', 'publish,subscribe', 'a/${clientid}/#', '', 'any'],
      [1, 'deny', 'publish', '+/b', '1,2', 'retained'],
      [2, 'allow', 'subscribe', '#', '0', 'any'],
      [3, 'allow', 'publish,subscribe', 'x', '2', 'plain'],
    ],
  );
});

test('outside rules: one that cannot be read is a fault, whatever the others say', () => {
  const bad: readonly unknown[] = [
    null,
    'a',
    {},
    { topic: '' },
    { topic: 'a/#/b' },
    { topic: 'a+' },
    { topic: 5 },
    { topic: 'a', permission: 'maybe' },
    { topic: 'a', action: 'constructor' },
    { topic: 'a', qos: 3 },
    { topic: 'a', qos: '0,x' },
    { topic: 'a', retain: 'sometimes' },
  ];
  for (const row of bad) assert.throws(() => rulesOf([{ topic: 'ok' }, row]), SourceFault, JSON.stringify(row));
  assert.throws(() => rulesOf(Array.from({ length: 1001 }, () => ({ topic: 'a' }))), /more than 1000/);
});

test('outside rules: a claim is a list, or topics by action', () => {
  assert.equal(rulesOfClaim([{ topic: 'a' }]).length, 1);
  assert.deepEqual(
    rulesOfClaim({ pub: ['a'], sub: ['b', 'c'] }).map(({ actions, filter }) => `${actions} ${filter}`),
    ['publish a', 'subscribe b', 'subscribe c'],
  );
  for (const claim of ['a', null, 5, { pub: 'a' }, { steal: ['a'] }]) assert.throws(() => rulesOfClaim(claim), SourceFault);
});

test('templates: values stand where they belong, and are never read as places again', () => {
  const facts = factsOf('${password}', 'secret', 'c1', 't1');
  assert.equal(new Template('${tenant}/${username}/${clientid}').fill(facts), 't1/${password}/c1');
  assert.deepEqual(new Template('a = ${username} AND b = ${clientid}').valuesOf(facts), ['${password}', 'c1']);
  assert.equal(
    new Template('${username}').fill(facts, (value) => value.replaceAll('$', '\\$')),
    '\\${password}',
  );
  assert.deepEqual(new TemplateTable({ u: '${username}', x: 'fixed' }).fill(facts), { u: '${password}', x: 'fixed' });
  assert.throws(() => new Template('${user}'), /there is no placeholder \$\{user\}/);
});
