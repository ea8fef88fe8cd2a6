import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SharedGroups } from '../../src/broker/shared-groups.js';
import { Subscription } from '../../src/broker/subscription.js';
import { optionsOf } from './naive-matcher.js';

function member(name: string, key: string): Subscription<string> {
  return new Subscription(name, key, optionsOf({ qos: 1 }));
}

function turns(groups: SharedGroups<string>, key: string, count: number): (string | number)[] {
  const group = groups.get(key);
  assert.ok(group !== undefined);
  return Array.from({ length: count }, () => {
    const pick = group.next();
    return pick >= 0 ? group.members[pick].subscriber : ~pick;
  });
}

test('shared groups: members of one shard take turns', () => {
  const groups = new SharedGroups<string>(0, 5);
  for (const name of ['a', 'b', 'c']) groups.join(member(name, '$share/g/t/#'));
  assert.deepEqual(turns(groups, '$share/g/t/#', 7), ['a', 'b', 'c', 'a', 'b', 'c', 'a']);
});

test('shared groups: a member that leaves takes nobody else’s turn away', () => {
  const groups = new SharedGroups<string>(0, 5);
  const members = ['a', 'b', 'c', 'd'].map((name) => member(name, '$share/g/t'));
  for (const one of members) groups.join(one);
  assert.deepEqual(turns(groups, '$share/g/t', 2), ['a', 'b']);
  groups.leave(members[0]);
  assert.deepEqual(turns(groups, '$share/g/t', 3), ['c', 'd', 'b']);
  groups.leave(members[3]);
  assert.deepEqual(turns(groups, '$share/g/t', 4), ['c', 'b', 'c', 'b']);
});

test('shared groups: shards take turns by their number of members, smoothly', () => {
  const groups = new SharedGroups<string>(0, 5);
  groups.join(member('here', '$share/g/t'));
  groups.setPeer(2, '$share/g/t', 2, 9);
  const picks = turns(groups, '$share/g/t', 300);
  assert.deepEqual(picks.slice(0, 6), [2, 'here', 2, 2, 'here', 2]);
  assert.equal(picks.filter((pick) => pick === 2).length, 200);
  assert.equal(groups.get('$share/g/t')?.numberOn(2), 9);
});

test('shared groups: a group ends with its last member anywhere', () => {
  const groups = new SharedGroups<string>(0, 5);
  const only = member('a', '$share/g/t');
  groups.join(only);
  groups.setPeer(1, '$share/g/t', 1, 4);
  const number = groups.get('$share/g/t')?.number ?? 0;
  groups.leave(only);
  assert.equal(groups.groupsOf('t').length, 1);
  assert.equal(groups.byNumber(number)?.nextMember(), -1);
  groups.forgetPeer(1);
  assert.deepEqual(groups.groupsOf('t'), []);
  assert.equal(groups.byNumber(number), undefined);
  groups.join(member('a', '$share/g/t'));
  assert.notEqual(groups.get('$share/g/t')?.number, number);
});

test('shared groups: the same filter in two groups, and two filters in one group, are different subscriptions', () => {
  const groups = new SharedGroups<string>(0, 5);
  for (const key of ['$share/g/t/+', '$share/h/t/+', '$share/g/t/x', '$share/g/$SYS/#', '$share/g/#']) groups.join(member('m', key));
  const keys = (topic: string): string[] =>
    groups
      .groupsOf(topic)
      .map((group) => group.key)
      .sort();
  assert.deepEqual(keys('t/x'), ['$share/g/#', '$share/g/t/+', '$share/g/t/x', '$share/h/t/+']);
  assert.deepEqual(keys('$SYS/a'), ['$share/g/$SYS/#']);
});

test('shared groups: new options of a member are what a route shows', () => {
  const groups = new SharedGroups<string>(0, 5);
  const one = member('a', '$share/g/t');
  groups.join(one);
  one.replaceOptions(optionsOf({ qos: 2, identifier: 5 }));
  groups.refresh(one);
  assert.deepEqual(
    { ...groups.get('$share/g/t')?.members[0] },
    { subscriber: 'a', qos: 2, identifiers: [5], retainAsPublished: false, noLocal: false },
  );
});
