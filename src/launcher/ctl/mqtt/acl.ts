import { InvalidArgumentError, Option } from 'commander';
import { ACL_RULES, type AclRule } from '../../../admin/questions/mqtt-access.js';
import { showList, tellDone } from '../pages.js';
import { confirm } from '../terminal.js';
import { type LimitFlag, limit, type TenantFlag, tenant, type VerbGroup, verb, wholeNumber, type YesFlag, yes } from '../verb.js';
import { ACL_TEST } from './acl-test.js';

interface AddFlags extends TenantFlag {
  readonly user?: string;
  readonly client?: string;
  readonly address?: string;
  readonly action: AclRule['actions'];
  readonly qos: readonly number[];
  readonly retain: AclRule['retain'];
  readonly order: number;
}

const HEAD = ['>ORDER', 'NAME', 'TENANT', 'PERMISSION', 'WHO', 'ACTIONS', 'FILTER', 'QOS', 'RETAIN'];

export const ACL: VerbGroup = {
  topic: 'acl',
  summary: 'Rules of access: who may publish and subscribe to what',
  verbs: [
    verb<LimitFlag & { readonly tenant: string; readonly prefix: string }>({
      verb: 'list',
      summary: 'List rules of access, by tenant and name',
      args: [],
      options: [
        limit(),
        new Option('--tenant <name>', 'only of this tenant').default(''),
        new Option('--prefix <text>', 'names that begin so').default(''),
      ],
      examples: ['mqtt acl list', 'mqtt acl list --tenant acme', 'mqtt acl list --prefix sensors- -o json'],
      run: (call, _args, { limit: count, tenant: ofTenant, prefix }) =>
        showList(call, ACL_RULES.list, { after: '', limit: count, tenant: ofTenant, prefix }, HEAD, cellsOf),
    }),
    verb<AddFlags>({
      verb: 'add',
      summary: 'Write a rule: allow or deny topics to a user, a client, an address or everybody',
      description:
        'Write a rule: allow or deny topics to a user, a client, an address or everybody. Rules with a lower order are looked at first, and the first ' +
        'that fits decides. As soon as there is one rule, what no rule allows is denied',
      args: ['<name>', '<allow|deny>', '<filter>'],
      options: [
        tenant(),
        new Option('--user <name>', 'it is about this user'),
        new Option('--client <id>', 'it is about this client identifier'),
        new Option('--address <address>', 'it is about this address or network (10.0.0.0/8)'),
        new Option('--action <publish,subscribe>', 'publish, subscribe, or both').argParser(actions).default(['publish', 'subscribe']),
        new Option('--qos <0,1,2>', 'only these').argParser(qosList).default([]),
        new Option('--retain <which>', 'which publishes').choices(['any', 'retained', 'plain']).default('any'),
        new Option('--order <number>', 'lower ones are looked at first').argParser(wholeNumber).default(100),
      ],
      examples: [
        "mqtt acl add own-topics allow 'devices/${clientid}/#'",
        "mqtt acl add alice-reads allow 'site/#' --user alice --action subscribe --order 10",
        "mqtt acl add no-guests deny '#' --address 192.168.7.0/24 --order 1",
      ],
      faultOf: ([, permission], { user, client, address }) => {
        if (!isPermission(permission)) return 'say allow or deny behind the name';
        return [user, client, address].filter((given) => given !== undefined).length > 1
          ? 'a rule is about one of --user, --client, --address'
          : null;
      },
      run: (call, [name, permission, filter], flags) =>
        tellDone(call, ACL_RULES.put, {
          ...{ tenant: flags.tenant, name, order: flags.order, permission: isPermission(permission) ? permission : 'deny' },
          ...{ principal: principalOf(flags), actions: flags.action, filter, qos: flags.qos, retain: flags.retain, expected: null },
        }),
    }),
    ACL_TEST,
    verb<TenantFlag & YesFlag>({
      verb: 'delete',
      summary: 'Delete a rule of access',
      args: ['<name>'],
      options: [tenant(), yes()],
      examples: ['mqtt acl delete no-guests', 'mqtt acl delete no-guests --yes', 'mqtt acl delete no-guests --tenant acme --yes -o json'],
      run: async (call, [name], flags) => {
        await confirm(call.terminal, flags.yes === true, `Delete the rule "${name}"?`);
        return await tellDone(call, ACL_RULES.delete, { tenant: flags.tenant, name, expected: null });
      },
    }),
  ],
};

function isPermission(text: string): text is AclRule['permission'] {
  return text === 'allow' || text === 'deny';
}

function principalOf({ user, client, address }: AddFlags): AclRule['principal'] {
  if (user !== undefined) return { kind: 'user', value: user };
  if (client !== undefined) return { kind: 'client', value: client };
  return address === undefined ? { kind: 'any', value: '' } : { kind: 'address', value: address };
}

function actions(text: string): AclRule['actions'] {
  return text.split(',').map((part) => {
    if (part !== 'publish' && part !== 'subscribe') throw new InvalidArgumentError('It is publish, subscribe, or publish,subscribe.');
    return part;
  });
}

function qosList(text: string): readonly number[] {
  return text.split(',').map((part) => {
    if (!/^[012]$/.test(part)) throw new InvalidArgumentError('They are 0, 1 and 2.');
    return Number(part);
  });
}

function cellsOf(rule: AclRule): string[] {
  const { principal, qos } = rule;
  return [
    String(rule.order),
    rule.name,
    rule.tenant,
    rule.permission,
    principal.kind === 'any' ? 'everybody' : `${principal.kind} ${principal.value}`,
    rule.actions.join(','),
    rule.filter,
    qos.length === 0 ? 'any' : qos.join(','),
    rule.retain,
  ];
}
