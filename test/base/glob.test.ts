import assert from 'node:assert/strict';
import { test } from 'node:test';
import { matchesGlob } from '../../src/base/glob.js';

test('glob: a star stands for any characters, a question mark for one, all else for itself', () => {
  const matching = [
    ['', ''],
    ['*', ''],
    ['*', 'anything'],
    ['sensor-*', 'sensor-17'],
    ['*-17', 'sensor-17'],
    ['s*r-?7', 'sensor-17'],
    ['a*b*c', 'aXbbXc'],
    ['a.c', 'a.c'],
  ];
  for (const [pattern, text] of matching) assert.ok(matchesGlob(pattern, text), `${pattern} ${text}`);
  const others = [
    ['', 'a'],
    ['?', ''],
    ['sensor-?', 'sensor-17'],
    ['*x', 'sensor'],
    ['a*b*c', 'acb'],
    ['a.c', 'abc'],
  ];
  for (const [pattern, text] of others) assert.ok(!matchesGlob(pattern, text), `${pattern} ${text}`);
});

test('glob: many stars do not take long', () => {
  assert.ok(!matchesGlob(`${'a*'.repeat(30)}b`, 'a'.repeat(5000)));
});
