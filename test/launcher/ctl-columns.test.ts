import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bytesText, columns, facts, numberText, printable, secondText, timeText } from '../../src/launcher/ctl/columns.js';

test('ctl columns: cells stand under each other, numbers at the right, and no blanks end a line', () => {
  const text = columns(
    ['NAME', '>RECORDS', 'FILTERS'],
    [
      ['orders', '1,200', 'a/#'],
      ['x', '7', ''],
    ],
  );
  assert.equal(text, ['NAME    RECORDS  FILTERS', 'orders    1,200  a/#', 'x             7', ''].join('\n'));
});

test('ctl columns: letters of double width do not shift what follows', () => {
  const [, wide, narrow] = columns(
    ['ID', 'STATE'],
    [
      ['温度', 'away'],
      ['ab', 'away'],
    ],
  ).split('\n');
  assert.equal(wide, '温度  away');
  assert.equal(narrow, 'ab    away');
});

test('ctl columns: names and values in a row each', () => {
  assert.equal(
    facts([
      ['State', 'away'],
      ['Will', 'none'],
    ]),
    'State  away\nWill   none\n',
  );
});

test('ctl columns: nothing reaches the terminal that it would obey', () => {
  assert.equal(printable('a\u001b[31mred\nnext\t\u0000\u009b'), 'a\\x1b[31mred\\nnext\\t\\x00\\x9b');
  assert.equal(printable('grüß Gott'), 'grüß Gott');
  assert.ok(!columns(['ID'], [['evil\u001b]0;title\u0007']]).includes('\u001b'));
});

test('ctl columns: numbers, sizes and times read easily', () => {
  assert.deepEqual([0, 999, 1000, 1_234_567].map(numberText), ['0', '999', '1,000', '1,234,567']);
  assert.deepEqual([0, 1023, 1280, 15 * 1024, 200 * 2 ** 20, 2 ** 50].map(bytesText), [
    '0 B',
    '1023 B',
    '1.25 KiB',
    '15.0 KiB',
    '200 MiB',
    '1024 TiB',
  ]);
  assert.equal(timeText(0), '1970-01-01T00:00:00.000Z');
  assert.equal(timeText(1e18), '1000000000000000000', 'a time that a calendar does not have');
  assert.equal(secondText(1500), '1970-01-01T00:00:01Z');
  assert.equal(secondText(null), '-');
});
