import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Logger, SILENT_LOGGER } from '../../../../src/base/logger.js';
import { faultOfRewrite, type RewriteSettings, targetFor } from '../../../../src/protocols/mqtt/rewrite/rewrite-rule.js';
import { compileRewrites, type RewriteRules } from '../../../../src/protocols/mqtt/rewrite/rewrite-rules.js';

const RULE: RewriteSettings = { tenant: 'default', name: 'r', order: 100, action: 'all', filter: '#', pattern: '', target: 'x' };
const ALICE = { clientId: 'c1', user: 'alice', host: '10.0.0.1' };

function rulesOf(...rules: readonly Partial<RewriteSettings>[]): RewriteRules {
  const found = compileRewrites(
    rules.map((rule, i) => ({ ...RULE, name: `r${i}`, ...rule })),
    SILENT_LOGGER,
  ).get('default');
  assert.ok(found !== undefined);
  return found;
}

function published(rules: RewriteRules, topic: string, names = ALICE): string | null {
  const rewritten = rules.ofPublish(topic);
  if (rewritten.kind === 'unchanged') return topic;
  return rewritten.kind === 'refused' ? null : targetFor(rewritten.parts, names);
}

test('rewrite rules: the first that matches decides, in their order and then by name, and no other looks at what it made', () => {
  const rules = rulesOf(
    { name: 'b', filter: 'y/#', pattern: '^y/(.+)$', target: 'z/$1' },
    { name: 'a', filter: 'y/1', pattern: '1$', target: 'first' },
    { name: 'c', order: 5, filter: 'y/2', pattern: '', target: 'y/3' },
    { name: 'd', filter: 'z/#', pattern: '', target: 'never' },
  );
  assert.equal(published(rules, 'y/1'), 'first');
  assert.equal(published(rules, 'y/2'), 'y/3', 'a target is not rewritten again');
  assert.equal(published(rules, 'y/9/8'), 'z/9/8');
  assert.equal(published(rules, 'other'), 'other');
});

test('rewrite rules: a rule whose filter matches and whose expression does not leaves the name to the next', () => {
  const rules = rulesOf({ filter: 'a/+', pattern: '^a/\\d+$', target: 'number' }, { filter: 'a/#', pattern: 'x', target: 'letter' });
  assert.deepEqual([published(rules, 'a/12'), published(rules, 'a/x'), published(rules, 'a/y')], ['number', 'letter', 'a/y']);
});

test('rewrite rules: an action is of publishes, of subscriptions or of both', () => {
  const rules = rulesOf(
    { action: 'publish', filter: 'p', target: 'p2' },
    { action: 'subscribe', filter: 's/#', pattern: '^s/(.*)$', target: 's2/$1' },
  );
  assert.equal(published(rules, 's/1'), 's/1');
  assert.deepEqual(rules.ofSubscribe('s/+/#'), { kind: 'target', parts: ['s2/', '+/#'] });
  assert.deepEqual(rules.ofSubscribe('p'), { kind: 'unchanged' });
});

test('rewrite rules: placeholders are those of the client, unless it has none or one that reaches over a level', () => {
  const rules = rulesOf({ filter: 'state/#', pattern: '^state/(.*)$', target: 'c/${clientid}/u/${username}/$1' });
  assert.equal(published(rules, 'state/up'), 'c/c1/u/alice/up');
  assert.equal(published(rules, 'state/up', { ...ALICE, user: '' }), null);
  assert.equal(published(rules, 'state/up', { ...ALICE, clientId: 'a/b' }), null);
  assert.equal(published(rules, 'state/up', { ...ALICE, clientId: '#' }), null);
});

test('rewrite rules: what a client says itself is never taken for a placeholder', () => {
  const rules = rulesOf({ filter: 'echo/#', pattern: '^echo/(.*)$', target: 'said/$1' });
  assert.equal(published(rules, 'echo/${clientid}'), 'said/${clientid}');
  const joined = rulesOf({ filter: 'echo/#', pattern: '^echo/(.*)$', target: '$$$1' });
  assert.equal(published(joined, 'echo/{username}'), '${username}');
});

test('rewrite rules: of a delayed publish the topic in it becomes another one', () => {
  const rules = rulesOf({ filter: 'old/#', pattern: '^old/(.*)$', target: 'new/$1' });
  assert.equal(published(rules, '$delayed/5/old/x'), '$delayed/5/new/x');
  assert.equal(published(rules, '$delayed/5/other'), '$delayed/5/other');
});

test('rewrite rules: a name too long to look into is refused, not let through', () => {
  const rules = rulesOf({ filter: 'long/#', pattern: 'never', target: 'x' });
  assert.equal(published(rules, `long/${'a'.repeat(3000)}`), null);
});

test('rewrite rules: rules that cannot be applied are said in words, logged and passed over', () => {
  assert.match(faultOfRewrite({ ...RULE, pattern: '(a' }) ?? '', /without its/);
  assert.match(faultOfRewrite({ ...RULE, pattern: '(a)', target: '$2' }) ?? '', /the target says \$2, and the expression has 1 groups/);
  assert.equal(faultOfRewrite(RULE), null);
  const warned: string[] = [];
  const log: Logger = { ...SILENT_LOGGER, warn: (event) => warned.push(event) };
  const byTenant = compileRewrites(
    [
      { ...RULE, pattern: '(a' },
      { ...RULE, tenant: 'acme' },
    ],
    log,
  );
  assert.deepEqual([[...byTenant.keys()], warned], [['acme'], ['mqtt.rewrite-unusable']]);
});

test('rewrite rules: an outcome is remembered for a topic number until it is given to another topic', () => {
  const rules = rulesOf({ filter: 'a', target: 'b' });
  assert.equal(rules.recall(3, 0), null);
  assert.equal(rules.decide(3, 0, 'a').bytes?.toString(), 'b');
  assert.equal(rules.recall(3, 0)?.bytes?.toString(), 'b');
  assert.equal(rules.recall(3, 1), null);
  assert.equal(rules.recall(2, 0), null);
  assert.equal(rules.decide(3, 1, 'other').rewritten.kind, 'unchanged');
});
