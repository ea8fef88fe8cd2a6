import { Option } from 'commander';
import { TOPIC_REWRITES, type TopicRewrite } from '../../../admin/questions/mqtt-rules.js';
import { showList, tellDone } from '../pages.js';
import { confirm } from '../terminal.js';
import { type LimitFlag, limit, type TenantFlag, tenant, type VerbGroup, verb, wholeNumber, type YesFlag, yes } from '../verb.js';

interface AddFlags extends TenantFlag {
  readonly action: TopicRewrite['action'];
  readonly order: number;
}

export const REWRITES: VerbGroup = {
  topic: 'rewrite',
  summary: 'Topic rewrite: topics that clients name become others',
  verbs: [
    verb<LimitFlag & { readonly tenant: string }>({
      verb: 'list',
      summary: 'List rules of topic rewrite, by tenant and name',
      args: [],
      options: [limit(), new Option('--tenant <name>', 'only of this tenant').default('')],
      examples: ['mqtt rewrite list', 'mqtt rewrite list --tenant acme', 'mqtt rewrite list -o json'],
      run: (call, _args, { limit: count, tenant: ofTenant }) =>
        showList(
          call,
          TOPIC_REWRITES.list,
          { after: '', limit: count, tenant: ofTenant, prefix: '' },
          ['>ORDER', 'NAME', 'TENANT', 'ACTION', 'FILTER', 'PATTERN', 'TARGET'],
          (rule) => [String(rule.order), rule.name, rule.tenant, rule.action, rule.filter, rule.pattern, rule.target],
        ),
    }),
    verb<AddFlags>({
      verb: 'add',
      summary: 'Write a rule: topics that match the filter and the expression become the target',
      description:
        'Write a rule: topics that match the filter and the regular expression become the target, in which $1 is the first group of the expression, and ' +
        '${clientid} and ${username} are those of the client',
      args: ['<name>', '<filter>', '<pattern>', '<target>'],
      options: [
        tenant(),
        new Option('--action <which>', 'what is rewritten').choices(['publish', 'subscribe', 'all']).default('all'),
        new Option('--order <number>', 'lower ones are looked at first').argParser(wholeNumber).default(100),
      ],
      examples: [
        "mqtt rewrite add old-names 'old/#' '^old/(.+)$' 'new/$1'",
        "mqtt rewrite add per-client 'state' '^state$' 'devices/${clientid}/state' --action publish",
        "mqtt rewrite add y-to-z 'y/+/z/#' '^y/(.+)/z/(.+)$' 'y/z/$2' --order 10 --tenant acme",
      ],
      run: (call, [name, filter, pattern, target], flags) =>
        tellDone(call, TOPIC_REWRITES.put, {
          ...{ tenant: flags.tenant, name, order: flags.order, action: flags.action, filter, pattern, target, expected: null },
        }),
    }),
    verb<TenantFlag & YesFlag>({
      verb: 'delete',
      summary: 'Delete a rule of topic rewrite',
      args: ['<name>'],
      options: [tenant(), yes()],
      examples: [
        'mqtt rewrite delete old-names',
        'mqtt rewrite delete old-names --yes',
        'mqtt rewrite delete old-names --tenant acme --yes',
      ],
      run: async (call, [name], flags) => {
        await confirm(call.terminal, flags.yes === true, `Delete the topic rewrite "${name}"?`);
        return await tellDone(call, TOPIC_REWRITES.delete, { tenant: flags.tenant, name, expected: null });
      },
    }),
  ],
};
