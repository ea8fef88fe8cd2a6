import { InvalidArgumentError, Option } from 'commander';
import { BANS, type Ban } from '../../../admin/questions/mqtt-access.js';
import { parseDuration } from '../../../settings/units.js';
import { secondText } from '../columns.js';
import { showList, tellDone } from '../pages.js';
import { confirm } from '../terminal.js';
import { type LimitFlag, limit, type TenantFlag, tenant, type VerbGroup, verb, type YesFlag, yes } from '../verb.js';

const KINDS: readonly Ban['kind'][] = ['client', 'user', 'address', 'client-pattern', 'user-pattern'];

interface AddFlags extends TenantFlag {
  readonly for?: number;
  readonly until?: number;
  readonly reason: string;
}

export const BAN_VERBS: VerbGroup = {
  topic: 'ban',
  summary: 'Who is kept out, whatever its password',
  verbs: [
    verb<LimitFlag & { readonly tenant: string }>({
      verb: 'list',
      summary: 'List bans, by tenant, kind and value',
      args: [],
      options: [limit(), new Option('--tenant <name>', 'only of this tenant').default('')],
      examples: ['mqtt ban list', 'mqtt ban list --tenant acme', 'mqtt ban list -o json'],
      run: (call, _args, { limit: count, tenant: ofTenant }) =>
        showList(
          call,
          BANS.list,
          { after: '', limit: count, tenant: ofTenant, prefix: '' },
          ['KIND', 'VALUE', 'TENANT', 'UNTIL', 'BY', 'REASON'],
          ({ kind, value, tenant: of, untilMs, by, reason }) => [
            ...[kind, value, of, untilMs === 0 ? 'for ever' : secondText(untilMs)],
            ...[by === '' ? '-' : by, reason === '' ? '-' : reason],
          ],
        ),
    }),
    verb<AddFlags>({
      verb: 'add',
      summary: 'Keep a client, a user or an address out; who is connected is disconnected',
      args: [`<${KINDS.join('|')}>`, '<value>'],
      options: [
        tenant(),
        new Option('--for <duration>', 'so long (10m, 7d); without it for ever').argParser(durationMs),
        new Option('--until <time>', 'until then (2026-05-01T12:00:00Z)').argParser(timeMs).conflicts('for'),
        new Option('--reason <text>', 'why').default(''),
      ],
      examples: [
        'mqtt ban add client sensor-17 --for 10m --reason "floods"',
        'mqtt ban add address 203.0.113.0/24',
        "mqtt ban add client-pattern 'test-*' --until 2026-12-31T00:00:00Z",
      ],
      faultOf: ([kind]) => (isKind(kind) ? null : `the kind is one of ${KINDS.join(', ')}`),
      run: (call, [kind, value], flags) => {
        const untilMs = flags.until ?? (flags.for === undefined ? 0 : Date.now() + flags.for);
        const reason = flags.reason;
        return tellDone(call, BANS.put, {
          ...{ tenant: flags.tenant, kind: isKind(kind) ? kind : 'client', value, untilMs, reason, by: 'robust-ctl', expected: null },
        });
      },
    }),
    verb<TenantFlag & YesFlag>({
      verb: 'delete',
      summary: 'Let somebody in again',
      args: [`<${KINDS.join('|')}>`, '<value>'],
      options: [tenant(), yes()],
      examples: [
        'mqtt ban delete client sensor-17',
        'mqtt ban delete address 203.0.113.0/24 --yes',
        "mqtt ban delete client-pattern 'test-*' --yes -o json",
      ],
      faultOf: ([kind]) => (isKind(kind) ? null : `the kind is one of ${KINDS.join(', ')}`),
      run: async (call, [kind, value], flags) => {
        await confirm(call.terminal, flags.yes === true, `Delete the ban of ${kind} "${value}"?`);
        return await tellDone(call, BANS.delete, { tenant: flags.tenant, kind: isKind(kind) ? kind : 'client', value, expected: null });
      },
    }),
  ],
};

function isKind(text: string): text is Ban['kind'] {
  return KINDS.some((kind) => kind === text);
}

function durationMs(text: string): number {
  const ms = parseDuration(text);
  if (ms === null) throw new InvalidArgumentError('It is no duration like 10m.');
  return ms;
}

function timeMs(text: string): number {
  const ms = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(ms)) throw new InvalidArgumentError('It is no time like 2026-05-01T12:00:00Z.');
  return ms;
}
