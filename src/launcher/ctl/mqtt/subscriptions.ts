import { Option } from 'commander';
import {
  SUBSCRIPTION_ADD,
  SUBSCRIPTION_LIST,
  SUBSCRIPTION_REMOVE,
  type SubscriptionRow,
} from '../../../admin/questions/mqtt-subscriptions.js';
import { showList, tellDone } from '../pages.js';
import { type LimitFlag, limit, pattern, qosNumber, type TenantFlag, tenant, type VerbGroup, verb } from '../verb.js';

interface ListFlags extends LimitFlag {
  readonly match: string;
  readonly filter: string;
  readonly topic: string;
  readonly tenant: string;
}

interface AddFlags extends TenantFlag {
  readonly qos: 0 | 1 | 2;
  readonly noLocal?: boolean;
  readonly retainAsPublished?: boolean;
}

export const SUBSCRIPTIONS: VerbGroup = {
  topic: 'subscription',
  summary: 'What sessions are subscribed to',
  verbs: [
    verb<ListFlags>({
      verb: 'list',
      summary: 'List subscriptions, by client and filter',
      args: [],
      options: [
        limit(),
        pattern('--match <pattern>', 'client identifiers'),
        pattern('--filter <pattern>', 'filters'),
        new Option('--topic <topic>', 'only filters that match this topic').default(''),
        pattern('--tenant <pattern>', 'tenants'),
      ],
      examples: [
        'mqtt subscription list',
        'mqtt subscription list --topic site/1/pump/7/state',
        "mqtt subscription list --match 'sensor-*' --filter '$share/*' -o json",
      ],
      run: (call, _args, { limit: count, match, filter, topic, tenant: tenants }) => {
        const ask = { after: '', limit: count, match, filter, topic, tenant: tenants };
        return showList(call, SUBSCRIPTION_LIST, ask, ['CLIENT ID', 'FILTER', '>QOS', 'OPTIONS', '>IDENTIFIER', '>SHARD'], cellsOf);
      },
    }),
    verb<AddFlags>({
      verb: 'add',
      summary: 'Subscribe the session of a client, as if it had done so itself',
      description:
        'Subscribe the session of a client, as if it had done so itself; it gets what is published from then on. A session that it opens anew does not have it',
      args: ['<client-id>', '<filter>'],
      options: [
        tenant(),
        new Option('-q, --qos <qos>', 'highest QoS of what is delivered').argParser(qosNumber).default(1),
        new Option('--no-local', 'not what the client publishes itself'),
        new Option('--retain-as-published', 'with the retain flag as it was published'),
      ],
      examples: [
        "mqtt subscription add sensor-17 'commands/17/#'",
        "mqtt subscription add sensor-17 'commands/+' --qos 2 --tenant acme",
        'mqtt subscription add sensor-17 alarms -o json',
      ],
      run: (call, [clientId, filter], flags) =>
        tellDone(call, SUBSCRIPTION_ADD, {
          clientId,
          tenant: flags.tenant,
          filter,
          qos: flags.qos,
          noLocal: flags.noLocal === true,
          retainAsPublished: flags.retainAsPublished === true,
          retainHandling: 0,
        }),
    }),
    verb<TenantFlag>({
      verb: 'remove',
      summary: 'Take a subscription from the session of a client',
      args: ['<client-id>', '<filter>'],
      options: [tenant()],
      examples: [
        "mqtt subscription remove sensor-17 'commands/17/#'",
        'mqtt subscription remove sensor-17 alarms --tenant acme',
        'mqtt subscription remove sensor-17 alarms -o json',
      ],
      run: (call, [clientId, filter], flags) => tellDone(call, SUBSCRIPTION_REMOVE, { clientId, tenant: flags.tenant, filter }),
    }),
  ],
};

function cellsOf({ clientId, filter, qos, noLocal, retainAsPublished, identifier, shard }: SubscriptionRow): string[] {
  const options = [...(noLocal ? ['no-local'] : []), ...(retainAsPublished ? ['retain-as-published'] : [])];
  return [
    clientId,
    filter,
    String(qos),
    options.length === 0 ? '-' : options.join(','),
    identifier === 0 ? '-' : String(identifier),
    String(shard),
  ];
}
