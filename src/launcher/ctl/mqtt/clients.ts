import { CLIENT_DISCONNECT, CLIENT_LIST, CLIENT_SHOW, type ClientRow } from '../../../admin/questions/mqtt-clients.js';
import { EXIT } from '../../command-line.js';
import { bytesText, facts, numberText, secondText } from '../columns.js';
import { showList, tellDone } from '../pages.js';
import { json } from '../stream-verbs.js';
import { confirm } from '../terminal.js';
import { type LimitFlag, limit, pattern, type TenantFlag, tenant, type VerbGroup, verb, type YesFlag, yes } from '../verb.js';

interface ListFlags extends LimitFlag {
  readonly match: string;
  readonly user: string;
  readonly address: string;
  readonly tenant: string;
  readonly listener: string;
}

const HEAD = ['CLIENT ID', 'USER', 'ADDRESS', 'LISTENER', 'MQTT', 'SINCE', '>SHARD', '>SUBSCRIPTIONS', '>QUEUED', '>IN FLIGHT'];

export const CLIENTS: VerbGroup = {
  topic: 'client',
  summary: 'Clients that are connected',
  verbs: [
    verb<ListFlags>({
      verb: 'list',
      summary: 'List clients that are connected, by tenant and client identifier',
      args: [],
      options: [
        limit(),
        pattern('--match <pattern>', 'client identifiers'),
        pattern('--user <pattern>', 'users'),
        pattern('--address <pattern>', 'addresses'),
        pattern('--tenant <pattern>', 'tenants'),
        pattern('--listener <pattern>', 'listeners'),
      ],
      examples: [
        'mqtt client list',
        "mqtt client list --match 'sensor-*' --address '10.0.*'",
        "mqtt client list --user alice --listener 'mqtt.*' -o json",
      ],
      run: (call, _args, { limit: count, match, user, address, tenant: tenants, listener }) => {
        const ask = { after: '', limit: count, match, user, address, tenant: tenants, listener };
        return showList(call, CLIENT_LIST, ask, HEAD, cellsOf);
      },
    }),
    verb<TenantFlag>({
      verb: 'show',
      summary: 'Show a client that is connected',
      args: ['<client-id>'],
      options: [tenant()],
      examples: ['mqtt client show sensor-17', 'mqtt client show sensor-17 --tenant acme', 'mqtt client show sensor-17 -o json'],
      run: async ({ node, form, terminal }, [clientId], flags) => {
        const { client } = await node.put(CLIENT_SHOW, { clientId, tenant: flags.tenant });
        await terminal.out(form === 'json' ? json(client) : pageText(client));
        return EXIT.ok;
      },
    }),
    verb<TenantFlag & YesFlag>({
      verb: 'disconnect',
      summary: 'End the connection of a client; its session stays as long as it may',
      args: ['<client-id>'],
      options: [tenant(), yes()],
      examples: [
        'mqtt client disconnect sensor-17',
        'mqtt client disconnect sensor-17 --tenant acme --yes',
        'mqtt client disconnect sensor-17 --yes -o json',
      ],
      run: async (call, [clientId], flags) => {
        await confirm(call.terminal, flags.yes === true, `Disconnect "${clientId}"?`);
        return await tellDone(call, CLIENT_DISCONNECT, { clientId, tenant: flags.tenant });
      },
    }),
  ],
};

function cellsOf(client: ClientRow): string[] {
  return [
    client.clientId,
    client.user === '' ? '-' : client.user,
    addressText(client),
    client.listener,
    versionText(client.version),
    secondText(client.connectedAtMs),
    String(client.shard),
    numberText(client.subscriptions),
    numberText(client.queued),
    numberText(client.inFlight),
  ];
}

function pageText(client: ClientRow): string {
  const { keepAliveSeconds, expirySeconds } = client;
  return facts([
    ['Client', client.clientId],
    ['Tenant', client.tenant],
    ['User', client.user === '' ? 'none' : client.user],
    ['Address', addressText(client)],
    ['Listener', client.listener],
    ['Protocol', `MQTT ${versionText(client.version)}`],
    ['Connected', secondText(client.connectedAtMs)],
    ['Keep-alive', keepAliveSeconds === 0 ? 'none' : `${keepAliveSeconds} s`],
    ['Session', expirySeconds === null ? 'never expires' : expirySeconds === 0 ? 'ends with the connection' : `stays ${expirySeconds} s`],
    ['Subscriptions', numberText(client.subscriptions)],
    ['Queued', numberText(client.queued)],
    ['In flight', numberText(client.inFlight)],
    ['Output', `${bytesText(client.outputBytes)}${client.isCongested ? ', congested' : ''}`],
    ['Shard', String(client.shard)],
  ]);
}

function addressText({ address, port }: ClientRow): string {
  if (address === '') return '-';
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

function versionText(version: number): string {
  return version === 5 ? '5.0' : version === 4 ? '3.1.1' : '3.1';
}
