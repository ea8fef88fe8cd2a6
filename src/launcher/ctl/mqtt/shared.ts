import { SHARED_GROUPS } from '../../../admin/questions/mqtt-shared.js';
import { numberText } from '../columns.js';
import { showList } from '../pages.js';
import { type LimitFlag, limit, pattern, type VerbGroup, verb } from '../verb.js';

interface ListFlags extends LimitFlag {
  readonly group: string;
  readonly filter: string;
  readonly tenant: string;
}

export const SHARED_VERBS: VerbGroup = {
  topic: 'shared',
  summary: 'Shared subscriptions: who is in them, and what waits for them',
  verbs: [
    verb<ListFlags>({
      verb: 'list',
      summary: 'List shared subscriptions, with members, strategy and what waits',
      args: [],
      options: [
        limit(),
        pattern('--group <pattern>', 'names of groups'),
        pattern('--filter <pattern>', 'filters'),
        pattern('--tenant <pattern>', 'tenants'),
      ],
      examples: ['mqtt shared list', "mqtt shared list --group 'workers*'", "mqtt shared list --filter 'jobs/#' -o json"],
      run: (call, _args, { limit: count, group, filter, tenant }) =>
        showList(
          call,
          SHARED_GROUPS,
          { after: '', limit: count, group, filter, tenant },
          ['GROUP', 'FILTER', 'TENANT', 'STRATEGY', '>MEMBERS', '>ON LINE', '>DURABLE', 'KEPT', '>WAITING', '>IN HAND', 'OLDEST'],
          (row) => [
            row.group,
            row.filter,
            row.tenant,
            row.strategy,
            numberText(row.members),
            numberText(row.onlineMembers),
            numberText(row.durableMembers),
            row.isKept ? 'yes' : 'no',
            numberText(row.waiting),
            numberText(row.inHand),
            row.oldestAtMs === 0 ? '-' : new Date(row.oldestAtMs).toISOString(),
          ],
        ),
    }),
  ],
};
