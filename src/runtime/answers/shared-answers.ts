import { SHARED_GROUPS, type SharedGroupRow, type SharedGroupsAsk } from '../../admin/questions/mqtt-shared.js';
import type { Page } from '../../admin/questions/question.js';
import type { SharedGroupFacts } from '../../protocols/mqtt/operator/ports.js';
import { type Answerer, type AskedNode, answerer } from './answerer.js';
import { cursorOf, partsOf } from './pages.js';

/** Each shard tells what waits in its logs: a group is the sum of what all of them say. */
async function listSharedGroups(node: AskedNode, { after, limit, ...wanted }: SharedGroupsAsk): Promise<Page<SharedGroupRow>> {
  const [afterKey] = partsOf(after, 1);
  const { bodies, silent } = await node.askAll('shared-groups', { afterKey, limit, ...wanted });
  // Up to the least of the keys at which shards stopped, all is known.
  const ends = bodies.flatMap(([, { groups, isCut }]) => (isCut ? [groups[groups.length - 1].key] : [])).sort();
  const byKey = new Map<string, SharedGroupFacts>();
  for (const [, { groups }] of bodies)
    for (const facts of groups) {
      if (ends.length > 0 && facts.key > ends[0]) continue;
      const known = byKey.get(facts.key);
      byKey.set(facts.key, known === undefined ? facts : sumOf(known, facts));
    }
  const all = [...byKey.values()].sort((left, right) => (left.key < right.key ? -1 : 1));
  const rows = all.slice(0, limit);
  const last = rows.at(-1);
  const isCut = all.length > limit || ends.length > 0;
  return { items: rows.map(({ key: _, ...row }) => row), next: isCut && last !== undefined ? cursorOf(last.key) : null, silent };
}

function sumOf(left: SharedGroupFacts, right: SharedGroupFacts): SharedGroupFacts {
  const times = [left.oldestAtMs, right.oldestAtMs].filter((atMs) => atMs > 0);
  return {
    ...left,
    isKept: left.isKept || right.isKept,
    members: Math.max(left.members, right.members),
    durableMembers: Math.max(left.durableMembers, right.durableMembers),
    onlineMembers: Math.max(left.onlineMembers, right.onlineMembers),
    waiting: left.waiting + right.waiting,
    inHand: left.inHand + right.inHand,
    oldestAtMs: times.length === 0 ? 0 : Math.min(...times),
  };
}

export const SHARED_ANSWERS: readonly Answerer[] = [answerer(SHARED_GROUPS, listSharedGroups)];
