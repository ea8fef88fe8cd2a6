import { matchesGlob } from '../../../base/glob.js';
import { plainFilter, tenantOfFilter } from '../../../base/tenant-names.js';
import type { QueueView } from '../../../broker/shared/ports.js';
import { StoreError } from '../../../storage/ports.js';
import type { MqttContext } from '../context.js';
import { parseShared } from '../topic-syntax.js';
import { FirstKeys } from './first-keys.js';
import type { SharedGroupFacts } from './ports.js';

/* Shared subscriptions as operators see them. Members of all shards are known to each of them; what waits, to the one that has the log. */

export interface SharedGroupsAsk {
  /** The key of the last that was seen: only what is behind it. */
  readonly afterKey: string;
  readonly limit: number;
  readonly group: string;
  readonly filter: string;
  readonly tenant: string;
}

export interface SharedGroupPage {
  readonly groups: readonly SharedGroupFacts[];
  readonly isCut: boolean;
}

export function listSharedGroups(context: MqttContext, { afterKey, limit, ...wanted }: SharedGroupsAsk): SharedGroupPage {
  const { queues } = context.broker;
  const first = new FirstKeys(afterKey, limit);
  for (const key of queues.keys()) if (isWanted(key, wanted)) first.offer(key);
  return { groups: first.keys.flatMap((key) => factsOf(context, queues.view(key))), isCut: first.isCut };
}

function isWanted(key: string, { group, filter, tenant }: Omit<SharedGroupsAsk, 'afterKey' | 'limit'>): boolean {
  const shared = parseShared(plainFilter(key));
  if (shared === null) return false;
  if (group !== '' && !matchesGlob(group, shared.group)) return false;
  if (filter !== '' && !matchesGlob(filter, shared.filter)) return false;
  return tenant === '' || matchesGlob(tenant, tenantOfFilter(key));
}

function factsOf(context: MqttContext, view: QueueView | null): SharedGroupFacts[] {
  const shared = view === null ? null : parseShared(plainFilter(view.key));
  if (view === null || shared === null) return [];
  const { key, strategy, isQueued, members, waiting, inHand } = view;
  return [
    {
      ...{ key, ...shared, tenant: tenantOfFilter(key), strategy, isKept: isQueued, members: members.length },
      durableMembers: members.filter(({ isDurable }) => isDurable).length,
      onlineMembers: members.filter(({ window }) => window > 0).length,
      ...{ waiting, inHand, oldestAtMs: oldestOf(context, view) },
    },
  ];
}

function oldestOf(context: MqttContext, { oldest }: QueueView): number {
  let firstMs = 0;
  for (const [group, sequence] of oldest) {
    try {
      context.journal.group(group)?.readRecords(Float64Array.of(sequence), 0, 1, 1, (_sequence, _partition, { timestamp }) => {
        firstMs = firstMs === 0 ? timestamp : Math.min(firstMs, timestamp);
        return false;
      });
    } catch (error) {
      if (!(error instanceof StoreError && error.fault === 'busy')) throw error;
    }
  }
  return firstMs;
}
