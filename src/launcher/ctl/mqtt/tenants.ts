import { InvalidArgumentError, Option } from 'commander';
import { TENANTS, type Tenant } from '../../../admin/questions/mqtt-rules.js';
import { parseSize } from '../../../settings/units.js';
import { showList, tellDone } from '../pages.js';
import { confirm } from '../terminal.js';
import { type LimitFlag, limit, type VerbGroup, verb, wholeNumber, type YesFlag, yes } from '../verb.js';

interface SetFlags {
  readonly connections: number;
  readonly messageRate: number;
  readonly byteRate: number;
  readonly sessions: number;
  readonly subscriptions: number;
  readonly retained: number;
  readonly storage: number;
  readonly streams: number;
  readonly comment: string;
}

const quota = (flags: string, what: string): Option => new Option(flags, `${what}; 0: no limit`).default(0);

export const TENANT_VERBS: VerbGroup = {
  topic: 'tenant',
  summary: 'Tenants: each has topics, sessions, users and rules of its own, and quotas',
  verbs: [
    verb<LimitFlag>({
      verb: 'list',
      summary: 'List tenants and their quotas',
      args: [],
      options: [limit()],
      examples: ['mqtt tenant list', 'mqtt tenant list --limit 1000', 'mqtt tenant list -o json'],
      run: (call, _args, { limit: count }) =>
        showList(call, TENANTS.list, { after: '', limit: count, tenant: '', prefix: '' }, ['TENANT', 'QUOTAS', 'COMMENT'], cellsOf),
    }),
    verb<SetFlags>({
      verb: 'set',
      summary: 'Make a tenant, or give one other quotas',
      description: 'Make a tenant, or give one other quotas: those that are not given have no limit',
      args: ['<name>'],
      options: [
        quota('--connections <count>', 'connections').argParser(wholeNumber),
        quota('--message-rate <count>', 'messages per second').argParser(wholeNumber),
        quota('--byte-rate <size>', 'bytes per second').argParser(bytes),
        quota('--sessions <count>', 'sessions').argParser(wholeNumber),
        quota('--subscriptions <count>', 'subscriptions').argParser(wholeNumber),
        quota('--retained <count>', 'retained messages').argParser(wholeNumber),
        quota('--storage <size>', 'bytes in streams and retained messages, on each node').argParser(bytes),
        quota('--streams <count>', 'streams').argParser(wholeNumber),
        new Option('--comment <text>', 'for people').default(''),
      ],
      examples: [
        'mqtt tenant set acme',
        'mqtt tenant set acme --connections 1000 --message-rate 5000 --byte-rate 4MiB',
        'mqtt tenant set acme --storage 10GiB --comment "on trial"',
      ],
      run: (call, [name], flags) =>
        tellDone(call, TENANTS.put, {
          name,
          quotas: {
            ...{ connections: flags.connections, messagesPerSecond: flags.messageRate, bytesPerSecond: flags.byteRate },
            ...{ sessions: flags.sessions, subscriptions: flags.subscriptions, retained: flags.retained },
            ...{ storageBytes: flags.storage, streams: flags.streams },
          },
          comment: flags.comment,
          expected: null,
        }),
    }),
    verb<YesFlag>({
      verb: 'delete',
      summary: 'Delete a tenant that has nothing in it any more',
      args: ['<name>'],
      options: [yes()],
      examples: ['mqtt tenant delete acme', 'mqtt tenant delete acme --yes', 'mqtt tenant delete acme --yes -o json'],
      run: async (call, [name], flags) => {
        await confirm(call.terminal, flags.yes === true, `Delete the tenant "${name}"?`);
        return await tellDone(call, TENANTS.delete, { name, expected: null });
      },
    }),
  ],
};

function bytes(text: string): number {
  const size = parseSize(text);
  if (size === null) throw new InvalidArgumentError('It is no size like 4MiB.');
  return size;
}

function cellsOf({ name, quotas, comment }: Tenant): string[] {
  const limits = Object.entries(quotas).filter(([, value]) => value > 0);
  return [
    name,
    limits.length === 0 ? 'none' : limits.map(([what, value]) => `${what} ${value}`).join(', '),
    comment === '' ? '-' : comment,
  ];
}
