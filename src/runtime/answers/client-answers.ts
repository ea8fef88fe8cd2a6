import {
  CLIENT_DISCONNECT,
  CLIENT_LIST,
  CLIENT_SHOW,
  type ClientAsk,
  type ClientListAsk,
  type ClientRow,
} from '../../admin/questions/mqtt-clients.js';
import type { Done, Page } from '../../admin/questions/question.js';
import { BrokerError } from '../../base/errors.js';
import { sessionKey } from '../../base/tenant-names.js';
import type { ShardId } from '../../broker/ports.js';
import type { ClientFacts } from '../../protocols/mqtt/operator/ports.js';
import { type Answerer, type AskedNode, answerer } from './answerer.js';
import { cursorOf, mergePages, partsOf } from './pages.js';

async function listClients(node: AskedNode, { after, limit, ...wanted }: ClientListAsk): Promise<Page<ClientRow>> {
  const [key] = partsOf(after, 1);
  const { bodies, silent } = await node.askAll('clients', { after: key, limit, ...wanted });
  const pages = bodies.map(([shard, { clients, isCut }]) => ({ rows: clients.map((facts) => ({ facts, shard })), isCut }));
  const { rows, isCut } = mergePages(pages, limit, ({ facts }) => facts.key);
  const last = rows.at(-1);
  return {
    items: rows.map(({ facts, shard }) => rowOf(facts, shard)),
    next: isCut && last !== undefined ? cursorOf(last.facts.key) : null,
    silent,
  };
}

async function showClient(node: AskedNode, { tenant, clientId }: ClientAsk): Promise<{ readonly client: ClientRow }> {
  const { bodies, silent } = await node.askAll('client', { key: sessionKey(tenant, clientId) });
  for (const [shard, facts] of bodies) if (facts !== null) return { client: rowOf(facts, shard) };
  throw noClient(clientId, silent);
}

async function disconnectClient(node: AskedNode, ask: ClientAsk): Promise<Done> {
  const { bodies, silent } = await node.askAll('disconnect-client', ask);
  if (!bodies.some(([, wasThere]) => wasThere)) throw noClient(ask.clientId, silent);
  return { text: `disconnected "${ask.clientId}"` };
}

function rowOf({ key: _, ...facts }: ClientFacts, shard: ShardId): ClientRow {
  return { ...facts, shard };
}

function noClient(clientId: string, silent: readonly ShardId[]): BrokerError {
  if (silent.length > 0) return new BrokerError('RMQ-1024', `(shard ${silent.join(', ')}; no other has the client "${clientId}")`);
  return new BrokerError('RMQ-1023', `(client "${clientId}" is not connected)`, { cure: 'Look for it with `robust-ctl mqtt client list`' });
}

export const CLIENT_ANSWERS: readonly Answerer[] = [
  answerer(CLIENT_LIST, listClients),
  answerer(CLIENT_SHOW, showClient),
  answerer(CLIENT_DISCONNECT, disconnectClient),
];
