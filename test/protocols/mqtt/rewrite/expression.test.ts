import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Random, SeededRandom } from '../../../../src/base/random.js';
import { EXPRESSION_LENGTH_MAX, Expression } from '../../../../src/protocols/mqtt/rewrite/expression.js';
import { ExpressionFault } from '../../../../src/protocols/mqtt/rewrite/expression-syntax.js';

function matchOf(pattern: string, text: string): readonly (string | undefined)[] | null {
  return new Expression(pattern).match(text);
}

test('expression: finds the first match, and of those at one place the one that JavaScript finds', () => {
  const cases: readonly (readonly [pattern: string, text: string])[] = [
    ['^y/(.+)/z/(.+)$', 'y/a/b/z/c'],
    ['a|ab', 'xab'],
    ['(a+?)(a*)', 'aaa'],
    ['(a{2,3})(a*)', 'aaaaa'],
    ['(?:a|b)+c', 'xxabac'],
    ['[^/]+', '//level/next'],
    ['[a-c\\d-]+', 'x-a1-z'],
    ['^$', ''],
    ['', 'anything'],
    ['(x)?y', 'y'],
    ['\\u0041\\x42\\t?', 'ABx'],
    ['.', '\u{1f600}x'],
    ['(a|b|)c', 'dc'],
  ];
  for (const [pattern, text] of cases) {
    const expected = new RegExp(pattern, 'u').exec(text);
    assert.deepEqual(matchOf(pattern, text), expected === null ? null : [...expected], `${pattern} on ${text}`);
  }
});

test('expression: agrees with JavaScript on random expressions and texts', () => {
  const seed = Number(process.env['EXPRESSION_SEED'] ?? 20_261_128);
  const random = new SeededRandom(seed);
  for (let round = 0; round < 4000; round += 1) {
    const pattern = randomPattern(random, 3, true);
    const expression = new Expression(pattern);
    const native = new RegExp(pattern, 'u');
    for (let i = 0; i < 4; i += 1) {
      const text = randomText(random);
      const expected = native.exec(text);
      const found = expression.match(text);
      assert.deepEqual(found, expected === null ? null : [...expected], `seed ${seed}: ${pattern} on "${text}"`);
    }
  }
});

const LETTERS = ['a', 'b', '/', 'é'];

function randomText(random: Random): string {
  return Array.from({ length: random.below(9) }, () => LETTERS[random.below(LETTERS.length)]).join('');
}

/** Groups are not repeated, and what is repeated is not empty: there the two differ, as is documented. */
function randomPattern(random: Random, depth: number, mayGroup: boolean): string {
  const atoms = Array.from({ length: 1 + random.below(3) }, () => {
    const kind = random.below(depth === 0 ? 4 : 7);
    if (kind < 2) return LETTERS[random.below(LETTERS.length)];
    if (kind === 2) return '.';
    if (kind === 3) return ['[ab]', '[^/]', '\\w', '[a-b/]'][random.below(4)];
    if (kind === 4 && mayGroup) return `(${randomPattern(random, depth - 1, true)})`;
    if (kind === 5) return `(?:${randomPattern(random, depth - 1, mayGroup)}|${randomPattern(random, depth - 1, mayGroup)})`;
    const quantifier = ['*', '+', '?', '{2}', '{1,3}', '*?', '+?'][random.below(7)];
    return `(?:${LETTERS[random.below(LETTERS.length)]}${randomPattern(random, 0, false)})${quantifier}`;
  });
  const ends = random.below(4);
  return (ends & 1 ? '^' : '') + atoms.join('') + (ends & 2 ? '$' : '');
}

test('expression: what explodes elsewhere is matched in linear time', () => {
  const steps = (length: number): number => {
    const expression = new Expression('^(?:(?:a+)+|(?:a|aa)+)+$');
    const start = process.hrtime.bigint();
    assert.equal(expression.match(`${'a'.repeat(length)}!`), null);
    return Number(process.hrtime.bigint() - start) / 1e6;
  };
  steps(100);
  assert.ok(steps(2048) < 2000, 'JavaScript would need longer than the world is old');
});

test('expression: what is not taken is refused in words', () => {
  const refused: readonly (readonly [pattern: string, words: RegExp])[] = [
    ['(a', /\( without its \)/],
    ['a)', /\) without its \(/],
    ['[ab', /\[ without its \]/],
    ['*a', /nothing before it/],
    ['a**', /quantifier after a quantifier/],
    ['a{3,1}', /wrong way round/],
    ['a{x}', /write \\\{/],
    ['(a)\\1', /back reference/],
    ['(?=a)', /looks ahead/],
    ['(?<!a)', /looks behind/],
    ['(?<name>a)', /has a name/],
    ['\\bx', /not known here/],
    ['[z-a]', /wrong way round/],
    ['[\\d-z]', /from or to a class/],
    ['a\\', /nothing behind it/],
    ['^*', /cannot be repeated/],
    ['((a{100}){100}){100}', /too large/],
    [`${'('.repeat(60)}${')'.repeat(60)}`, /deep/],
    ['a'.repeat(EXPRESSION_LENGTH_MAX + 1), /longer than/],
  ];
  for (const [pattern, words] of refused)
    assert.throws(
      () => new Expression(pattern),
      (error) => error instanceof ExpressionFault && words.test(error.message),
      pattern.slice(0, 40),
    );
});

test('expression: nothing that is repeated often costs nothing', () => {
  assert.deepEqual(matchOf('(?:(?:(?:){9999}){9999}){9999}', 'x'), ['']);
});
