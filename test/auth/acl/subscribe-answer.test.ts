import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { RulesBook } from '../../../src/auth/acl/rules-book.js';
import { matchesTopic, parsePattern } from '../../../src/auth/acl/topic-pattern.js';
import type { AccessRule, SubscribeAnswer } from '../../../src/auth/ports.js';
import { identity, rule } from './rules.js';

const deny = { permission: 'deny' } as const;

function answer(filter: string, rules: readonly AccessRule[]): SubscribeAnswer {
  const book = new RulesBook();
  for (const [index, one] of rules.entries()) book.put('default', `r${index}`, { ...one, order: index });
  return book.compile(identity()).maySubscribe(filter, 0);
}

test('subscribe: what rules say of a whole filter', () => {
  const rows: readonly (readonly [string, readonly AccessRule[], SubscribeAnswer])[] = [
    ['a/b', [rule('a/b')], 'yes'],
    ['a/b', [rule('a/+')], 'yes'],
    ['a/b', [rule('#')], 'yes'],
    ['a/+', [rule('a/b')], 'guarded'],
    ['a/#', [rule('a/+')], 'guarded'], // The parent is not allowed, nor what is deeper.
    ['a/+', [rule('a/#')], 'yes'],
    ['a', [rule('a/#')], 'yes'],
    ['a/#', [rule('a'), rule('a/+/#')], 'yes'], // Only both together.
    ['#', [rule('+/#')], 'yes'],
    ['+/#', [rule('#')], 'yes'],
    ['#', [rule('a/#', deny), rule('#')], 'guarded'],
    ['a/b/#', [rule('a/#', deny), rule('#')], 'no'],
    ['+/b', [rule('a/b', deny), rule('#')], 'guarded'],
    ['b/+', [rule('a/#', deny), rule('#')], 'yes'],
    ['a/+', [rule('a/b'), rule('a/+')], 'yes'],
    ['a/+', [rule('a/b', deny), rule('a/+', deny), rule('#')], 'no'],
    ['a/b', [rule('a/b'), rule('a/b', deny)], 'yes'], // What is behind the deciding rule does not count.
    ['a/#', [rule('a/+'), rule('a/b', deny), rule('a/#')], 'yes'],
    ['$SYS/#', [rule('#')], 'no'],
    ['$SYS/#', [rule('+/#')], 'no'],
    ['$SYS/#', [rule('$SYS/#')], 'yes'],
    ['#', [rule('$SYS/#', deny), rule('#')], 'yes'], // It does not match those anyway.
    ['#', [rule('$SYS/#')], 'no'],
    ['+', [rule('/#')], 'no'], // There is no topic of one empty level.
    ['+/a', [rule('/a')], 'guarded'],
    ['x', [], 'yes'],
  ];
  for (const [filter, rules, expected] of rows)
    assert.equal(answer(filter, rules), expected, `${filter} by ${JSON.stringify(rules.map((one) => [one.permission, one.filter]))}`);
});

test('subscribe: rules that tell topics apart without end are asked for each topic instead', () => {
  const rules: AccessRule[] = [];
  for (let depth = 0; depth < 12; depth += 1)
    for (const level of ['p', 'q', 'r', 's'])
      rules.push(
        rule(
          [...new Array<string>(depth).fill('+'), level, ...new Array<string>(11 - depth).fill('+')].join('/'),
          depth % 2 === 0 ? {} : deny,
        ),
      );
  assert.equal(answer('#', rules), 'guarded');
});

/* A naive oracle: every topic of a small alphabet, one rule after the other. `z` stands for all that no rule names. */

const LEVELS = ['a', 'b', '', '$x'];
const DEPTH_MAX = 3;

function* topics(levels: readonly string[], depth: number): Generator<readonly string[]> {
  if (depth === 0) return;
  for (const level of levels) {
    yield [level];
    for (const rest of topics(levels, depth - 1)) yield [level, ...rest];
  }
}

/** Deeper by one than any filter, so that what goes on behind a `#` is in it. */
const TOPICS = [...topics([...LEVELS, 'z'], DEPTH_MAX + 1)].filter((levels) => levels.join('/') !== '');

const expressions = new Map<string, RegExp>();

/** By the words of the specification, and not as the code does it. */
function oracleMatches(filter: string, topic: string): boolean {
  if (topic.startsWith('$') && /^[+#]/.test(filter)) return false;
  const expression = expressions.get(filter) ?? expressionOf(filter);
  expressions.set(filter, expression);
  return expression.test(topic);
}

function expressionOf(filter: string): RegExp {
  const escaped = filter
    .split('/')
    .map((level) => (level === '+' ? '[^/]*' : level === '#' ? '#' : level.replace(/[$]/g, '\\$&')))
    .join('/')
    .replace(/\/#$/, '(/.*)?')
    .replace(/^#$/, '.*');
  return new RegExp(`^${escaped}$`);
}

const filters = fc
  .tuple(fc.array(fc.constantFrom(...LEVELS, '+', 'a', '+'), { minLength: 0, maxLength: DEPTH_MAX }), fc.boolean())
  .map(([levels, isOpen]) => (isOpen ? [...levels, '#'] : levels).join('/'))
  .filter((filter) => filter !== '');

const ruleLists = fc.array(fc.tuple(filters, fc.boolean(), fc.constantFrom<readonly number[]>([], [], [], [0], [1, 2])), {
  minLength: 1,
  maxLength: 6,
});

test('subscribe: random filters match random topics as the specification says', () => {
  fc.assert(
    fc.property(filters, (filter) => {
      const pattern = parsePattern(filter);
      for (const levels of TOPICS)
        assert.equal(matchesTopic(pattern, levels), oracleMatches(filter, levels.join('/')), `${filter} ${levels.join('/')}`);
    }),
    { numRuns: 200 },
  );
});

test('subscribe: yes is every topic allowed, no is none, guarded is some and some, by random rules', () => {
  const seen = { yes: 0, no: 0, guarded: 0 };
  fc.assert(
    fc.property(ruleLists, filters, fc.constantFrom(0, 1, 2), (list, filter, qos) => {
      const book = new RulesBook();
      for (const [index, [of, isAllowing, qosList]] of list.entries())
        book.put('default', `r${index}`, rule(of, { order: index, permission: isAllowing ? 'allow' : 'deny', qos: qosList }));
      const rights = book.compile(identity());
      const decide = (topic: string, at: number): boolean =>
        list.find(([of, , qosList]) => (qosList.length === 0 || qosList.includes(at)) && oracleMatches(of, topic))?.[1] ?? false;
      let [allowed, forbidden] = [0, 0];
      for (const levels of TOPICS) {
        const topic = levels.join('/');
        assert.equal(rights.mayReceive(topic), decide(topic, 0) || decide(topic, 1) || decide(topic, 2), `receive ${topic}`);
        assert.equal(rights.mayPublish(topic, qos as 0 | 1 | 2, false), decide(topic, qos), `publish ${topic}`);
        if (!oracleMatches(filter, topic)) continue;
        if (decide(topic, qos)) allowed += 1;
        else forbidden += 1;
      }
      const expected = allowed > 0 && forbidden > 0 ? 'guarded' : allowed > 0 ? 'yes' : 'no';
      assert.equal(rights.maySubscribe(filter, qos as 0 | 1 | 2), expected, `${allowed} allowed, ${forbidden} forbidden`);
      seen[expected] += 1;
    }),
    { numRuns: 400 },
  );
  for (const [word, count] of Object.entries(seen)) assert.ok(count > 20, `the rules of this test gave ${word} only ${count} times`);
});
