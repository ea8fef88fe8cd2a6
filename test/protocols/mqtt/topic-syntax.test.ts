import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkFilter, fullFilter, isTopicName, parseShared } from '../../../src/protocols/mqtt/topic-syntax.js';

test('topic name: any levels, also empty ones, but no wildcard and no control character', () => {
  for (const name of ['a', '/', '//', 'a/b/c', '/a/', ' ', 'a b', '$SYS/x', 'é/\u{1F600}']) assert.equal(isTopicName(name), true, name);
  for (const name of ['', '#', '+', 'a/#', 'a+', 'x#y', 'a\u0000', 'a\u0001', '\u007f', 'a\u009fb'])
    assert.equal(isTopicName(name), false, name);
});

test('filter: the examples of MQTT 5.0 §4.7.1', () => {
  for (const filter of [
    'sport/tennis/#',
    '#',
    '+',
    '+/tennis/#',
    'sport/+/player1',
    'sport/#',
    '/+',
    '+/+',
    '/',
    '//',
    'a',
    '$share',
    '$sharee/a',
  ]) {
    assert.equal(checkFilter(filter, 128), 'ok', filter);
  }
  for (const filter of [
    '',
    'sport/tennis#',
    'sport/tennis/#/ranking',
    'sport+',
    '+sport',
    'ab/+e',
    '#/a',
    '##',
    'a/#b',
    '+#',
    'a\u0000',
    'a\u0085',
  ]) {
    assert.equal(checkFilter(filter, 128), 'malformed', filter);
  }
});

test('filter: a shared one has a group without wildcards and a filter behind it (§4.8.2)', () => {
  for (const filter of ['$share/g/a', '$share/g/#', '$share/g//', '$share/g/+/b', '$share/g/$SYS/#'])
    assert.equal(checkFilter(filter, 128), 'shared', filter);
  for (const filter of ['$share/', '$share/g', '$share/g/', '$share//a', '$share/g+/a', '$share/#/a', '$share/g/a#', '$share/g\u0001/a']) {
    assert.equal(checkFilter(filter, 128), 'malformed', filter);
  }
  assert.deepEqual(parseShared('$share/g/a/b'), { group: 'g', filter: 'a/b' });
  assert.deepEqual(parseShared('$share/g//'), { group: 'g', filter: '/' });
  for (const filter of ['a/b', '$share', '$share/g', '$share/g/', '$share//a']) assert.equal(parseShared(filter), null, filter);
});

test('filter: more levels than allowed is deep; $share and the group do not count', () => {
  assert.equal(checkFilter('a/b/c', 3), 'ok');
  assert.equal(checkFilter('a/b/c/', 3), 'deep');
  assert.equal(checkFilter('$share/g/a/b/c', 3), 'shared');
  assert.equal(checkFilter('$share/g/a/b/c/d', 3), 'deep');
});

test('topic syntax: $queue/ is a shared subscription of the group $queue', () => {
  assert.equal(fullFilter('$queue/a/#'), '$share/$queue/a/#');
  for (const filter of ['$queue', 'a/$queue/b', '$queues/a', '$share/g/a']) assert.equal(fullFilter(filter), filter);
  assert.equal(checkFilter('$queue/a/+', 128), 'shared');
  for (const filter of ['$queue/', '$queue/#/a', '$queue/a+']) assert.equal(checkFilter(filter, 128), 'malformed', filter);
  assert.equal(checkFilter('$queue/a/b', 1), 'deep');
});
