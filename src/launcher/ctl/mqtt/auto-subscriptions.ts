import { Option } from 'commander';
import { AUTO_SUBSCRIPTIONS } from '../../../admin/questions/mqtt-rules.js';
import { showList, tellDone } from '../pages.js';
import { confirm } from '../terminal.js';
import { type LimitFlag, limit, qosNumber, type TenantFlag, tenant, type VerbGroup, verb, type YesFlag, yes } from '../verb.js';

interface AddFlags extends TenantFlag {
  readonly qos: 0 | 1 | 2;
  readonly noLocal?: boolean;
  readonly retainAsPublished?: boolean;
  readonly retainHandling: 0 | 1 | 2;
}

export const AUTO_SUBSCRIBE: VerbGroup = {
  topic: 'auto-subscribe',
  summary: 'Subscriptions that every client gets when it connects',
  verbs: [
    verb<LimitFlag & { readonly tenant: string }>({
      verb: 'list',
      summary: 'List auto-subscriptions, by tenant and name',
      args: [],
      options: [limit(), new Option('--tenant <name>', 'only of this tenant').default('')],
      examples: ['mqtt auto-subscribe list', 'mqtt auto-subscribe list --tenant acme', 'mqtt auto-subscribe list -o json'],
      run: (call, _args, { limit: count, tenant: ofTenant }) =>
        showList(
          call,
          AUTO_SUBSCRIPTIONS.list,
          { after: '', limit: count, tenant: ofTenant, prefix: '' },
          ['NAME', 'TENANT', 'FILTER', '>QOS', 'OPTIONS', '>RETAIN HANDLING'],
          ({ name, tenant: of, filter, qos, noLocal, retainAsPublished, retainHandling }) => {
            const options = [...(noLocal ? ['no-local'] : []), ...(retainAsPublished ? ['retain-as-published'] : [])];
            return [name, of, filter, String(qos), options.length === 0 ? '-' : options.join(','), String(retainHandling)];
          },
        ),
    }),
    verb<AddFlags>({
      verb: 'add',
      summary: 'Subscribe every client that connects from now on to a filter',
      args: ['<name>', '<filter>'],
      options: [
        tenant(),
        new Option('-q, --qos <qos>', 'highest QoS of what is delivered').argParser(qosNumber).default(1),
        new Option('--no-local', 'not what the client publishes itself'),
        new Option('--retain-as-published', 'with the retain flag as it was published'),
        new Option('--retain-handling <0|1|2>', 'retained messages: always, only of a new subscription, never')
          .argParser(qosNumber)
          .default(0),
      ],
      examples: [
        "mqtt auto-subscribe add commands 'commands/${clientid}/#'",
        'mqtt auto-subscribe add news news/all --qos 0 --retain-handling 1',
        "mqtt auto-subscribe add inbox 'users/${username}/inbox' --qos 2 --tenant acme",
      ],
      run: (call, [name, filter], flags) =>
        tellDone(call, AUTO_SUBSCRIPTIONS.put, {
          ...{ tenant: flags.tenant, name, filter, qos: flags.qos, noLocal: flags.noLocal === true },
          ...{ retainAsPublished: flags.retainAsPublished === true, retainHandling: flags.retainHandling, expected: null },
        }),
    }),
    verb<TenantFlag & YesFlag>({
      verb: 'delete',
      summary: 'Delete an auto-subscription; sessions keep what they have',
      args: ['<name>'],
      options: [tenant(), yes()],
      examples: [
        'mqtt auto-subscribe delete news',
        'mqtt auto-subscribe delete news --yes',
        'mqtt auto-subscribe delete news --tenant acme --yes',
      ],
      run: async (call, [name], flags) => {
        await confirm(call.terminal, flags.yes === true, `Delete the auto-subscription "${name}"?`);
        return await tellDone(call, AUTO_SUBSCRIPTIONS.delete, { tenant: flags.tenant, name, expected: null });
      },
    }),
  ],
};
