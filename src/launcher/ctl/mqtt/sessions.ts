import { sessionKey } from '../../../base/tenant-names.js';
import { deleteSession, listSessions, showSession } from '../session-verbs.js';
import { type LimitFlag, limit, pattern, type TenantFlag, tenant, type VerbGroup, verb, type YesFlag, yes } from '../verb.js';

/** The same as `robust-ctl session`. */
export const SESSIONS: VerbGroup = {
  topic: 'session',
  summary: 'Sessions, whether their clients are there or away',
  verbs: [
    verb<LimitFlag & { readonly match: string }>({
      verb: 'list',
      summary: 'List sessions: who is connected or since when away, and what waits for them',
      args: [],
      options: [limit(), pattern('--match <pattern>', 'client identifiers')],
      examples: ['mqtt session list', "mqtt session list --match 'sensor-*' --limit 1000", 'mqtt session list -o json'],
      run: (call, _args, { limit: count, match }) => listSessions({ ...call, action: { kind: 'session-list', limit: count, match } }),
    }),
    verb<TenantFlag>({
      verb: 'show',
      summary: 'Show all of one session: subscriptions, will, positions in the logs, counters',
      args: ['<client-id>'],
      options: [tenant()],
      examples: ['mqtt session show sensor-17', 'mqtt session show sensor-17 -o json', 'mqtt session show sensor-17 --tenant acme'],
      run: (call, [clientId], flags) =>
        showSession({ ...call, action: { kind: 'session-show', clientId: sessionKey(flags.tenant, clientId) } }),
    }),
    verb<TenantFlag & YesFlag>({
      verb: 'delete',
      summary: 'End a session and its connection; what waits for it is lost',
      args: ['<client-id>'],
      options: [tenant(), yes()],
      examples: ['mqtt session delete sensor-17', 'mqtt session delete sensor-17 --yes', 'mqtt session delete sensor-17 --yes -o json'],
      run: (call, [clientId], flags) =>
        deleteSession({
          ...call,
          action: { kind: 'session-delete', clientId: sessionKey(flags.tenant, clientId), isConfirmed: flags.yes === true },
        }),
    }),
  ],
};
