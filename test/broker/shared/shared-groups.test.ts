import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SharedPolicies, SharedStrategy } from '../../../src/broker/shared/ports.js';
import { SharedGroups } from '../../../src/broker/shared/shared-groups.js';
import { Subscription } from '../../../src/broker/subscription.js';
import { optionsOf } from '../naive-matcher.js';
import { EasyChoice } from './easy-choice.js';

function member(name: string, key: string): Subscription<string> {
  return new Subscription(name, key, optionsOf({ qos: 1 }));
}

function turns(
  groups: SharedGroups<string>,
  key: string,
  count: number,
  choice: EasyChoice<string> = new EasyChoice(),
): (string | number)[] {
  const group = groups.get(key);
  assert.ok(group !== undefined);
  return Array.from({ length: count }, () => {
    const pick = group.next(choice);
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

test('shared groups: what goes to another shard takes no turn from a member here', () => {
  const groups = new SharedGroups<string>(0, 5);
  for (const name of ['a', 'b']) groups.join(member(name, '$share/g/t'));
  groups.setPeer(1, '$share/g/t', 2, 9);
  const picks = turns(groups, '$share/g/t', 40);
  for (const who of ['a', 'b']) assert.equal(picks.filter((pick) => pick === who).length, 10);
});

test('shared groups: a group ends with its last member anywhere', () => {
  const groups = new SharedGroups<string>(0, 5);
  const only = member('a', '$share/g/t');
  groups.join(only);
  groups.setPeer(1, '$share/g/t', 1, 4);
  const number = groups.get('$share/g/t')?.number ?? 0;
  groups.leave(only);
  assert.equal(groups.groupsOf('t').length, 1);
  assert.equal(groups.byNumber(number)?.nextMember(new EasyChoice()), -1);
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

function policyOf(strategy: SharedStrategy): SharedPolicies {
  return () => ({ strategy, isDurable: false, keepMs: 0, messagesMax: 1000, bytesMax: 1000 });
}

function groupOf(strategy: SharedStrategy, names: readonly string[]): { groups: SharedGroups<string>; choice: EasyChoice<string> } {
  const groups = new SharedGroups<string>(0, 5, policyOf(strategy));
  for (const name of names) groups.join(member(name, KEY));
  return { groups, choice: new EasyChoice() };
}

const KEY = '$share/g/t';

test('shared groups: who has its hands full or is away is passed over, whatever the strategy', () => {
  for (const strategy of ['round-robin', 'sticky', 'random', 'least-inflight'] as const) {
    const { groups, choice } = groupOf(strategy, ['a', 'b', 'c', 'd']);
    choice.busy.add('a');
    choice.away.add('c');
    const picks = turns(groups, KEY, 200, choice);
    assert.ok(!picks.includes('a') && !picks.includes('c'), strategy);
    choice.busy.add('b').add('d');
    // Nobody is free: one that is there has to wait.
    assert.ok(!turns(groups, KEY, 50, choice).includes('c'), strategy);
  }
});

test('shared groups: sticky stays with the first that can take it, and comes back to it', () => {
  const { groups, choice } = groupOf('sticky', ['a', 'b', 'c']);
  assert.deepEqual(turns(groups, KEY, 3, choice), ['a', 'a', 'a']);
  choice.busy.add('a');
  assert.deepEqual(turns(groups, KEY, 2, choice), ['b', 'b']);
  choice.busy.clear();
  assert.deepEqual(turns(groups, KEY, 2, choice), ['a', 'a']);
});

test('shared groups: random gives everybody about its share', () => {
  const { groups, choice } = groupOf('random', ['a', 'b']);
  groups.setPeer(3, KEY, 2, 9);
  const picks = turns(groups, KEY, 4000, choice);
  for (const name of ['a', 'b']) assert.ok(Math.abs(picks.filter((pick) => pick === name).length - 1000) < 150, name);
});

test('shared groups: a hash gives equal keys to one member, and a member that comes or goes moves only its own', () => {
  for (const strategy of ['hash-topic', 'hash-client'] as const) {
    const { groups, choice } = groupOf(strategy, ['a', 'b', 'c']);
    const owners = (): (string | number)[] =>
      Array.from({ length: 3000 }, (_, key) => {
        choice[strategy === 'hash-topic' ? 'topicHash' : 'publisherHash'] = Math.imul(key, 0x9e37_79b1);
        return turns(groups, KEY, 1, choice)[0];
      });
    const before = owners();
    assert.deepEqual(owners(), before);
    for (const name of ['a', 'b', 'c']) assert.ok(before.filter((owner) => owner === name).length > 800, `${strategy} ${name}`);
    const late = member('d', KEY);
    groups.join(late);
    const with4 = owners();
    with4.forEach((owner, key) => {
      if (owner !== 'd') assert.equal(owner, before[key]);
    });
    assert.ok(with4.filter((owner) => owner === 'd').length > 600);
    groups.leave(late);
    assert.deepEqual(owners(), before);
    // A full window is no reason to break the order of a key; who is away is.
    choice.busy.add('b');
    assert.deepEqual(owners(), before);
    choice.away.add('b');
    owners().forEach((owner, key) => {
      if (before[key] !== 'b') assert.equal(owner, before[key]);
      else assert.notEqual(owner, 'b');
    });
  }
});

test('shared groups: shards agree whose a key is, from wherever it is published', () => {
  const here = new SharedGroups<string>(0, 5, policyOf('hash-topic'));
  const there = new SharedGroups<string>(1, 99, policyOf('hash-topic'));
  for (const name of ['a', 'b']) here.join(member(name, KEY));
  for (const name of ['x', 'y', 'z']) there.join(member(name, KEY));
  here.setPeer(1, KEY, 3, 4);
  there.setPeer(0, KEY, 2, 1);
  const choice = new EasyChoice<string>();
  const counts = new Map<string, number>();
  for (let key = 0; key < 2000; key += 1) {
    choice.topicHash = Math.imul(key, 0x9e37_79b1);
    const nameOf = (groups: SharedGroups<string>, other: SharedGroups<string>): string | undefined => {
      const pick = groups.get(KEY)?.next(choice) ?? -1;
      if (pick >= 0) return groups.get(KEY)?.members[pick].subscriber;
      const group = other.get(KEY);
      return group?.members[group.nextMember(choice)].subscriber;
    };
    const name = nameOf(here, there);
    assert.equal(nameOf(there, here), name);
    counts.set(name ?? '', (counts.get(name ?? '') ?? 0) + 1);
  }
  assert.deepEqual([...counts.keys()].sort(), ['a', 'b', 'x', 'y', 'z']);
  for (const [name, count] of counts) assert.ok(count > 300, name);
});

test('shared groups: least-inflight gives to whoever has the least, here or there', () => {
  const { groups, choice } = groupOf('least-inflight', ['a', 'b']);
  choice.loads.set('a', 5).set('b', 2);
  assert.deepEqual(turns(groups, KEY, 2, choice), ['b', 'b']);
  groups.setPeer(2, KEY, 1, 9);
  const number = groups.get(KEY)?.number ?? 0;
  groups.byNumber(number)?.onLoad(2, 1, 0);
  // What goes there counts until that shard tells again.
  assert.deepEqual(turns(groups, KEY, 4, choice), [2, 2, 'b', 'b']);
  groups.byNumber(number)?.onLoad(2, 0, 0);
  assert.deepEqual(turns(groups, KEY, 1, choice), ['b']);
});

test('shared groups: a shard without a free member is passed over as long as another has one', () => {
  const { groups, choice } = groupOf('round-robin', ['a']);
  groups.setPeer(1, KEY, 1, 4);
  choice.busy.add('a');
  assert.deepEqual(turns(groups, KEY, 3, choice), [1, 1, 1]);
  const group = groups.get(KEY);
  group?.onLoad(1, 0, 100);
  assert.deepEqual(new Set(turns(groups, KEY, 4, choice)), new Set(['a', 1]));
  choice.busy.clear();
  assert.deepEqual(turns(groups, KEY, 3, choice), ['a', 'a', 'a']);
});

test('shared groups: what is told of the load goes to the shards that share a group, and to nobody else', () => {
  const { groups, choice } = groupOf('least-inflight', ['a', 'b']);
  groups.join(member('alone', '$share/h/t'));
  groups.setPeer(1, KEY, 1, 40);
  groups.setPeer(3, '$share/z/t', 1, 41);
  choice.loads.set('a', 3).set('b', 4);
  choice.busy.add('a');
  assert.deepEqual([...groups.loadsOf(choice)], [[1, [[40, 1, 7]]]]);
});
