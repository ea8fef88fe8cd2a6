import {
  SUBSCRIPTION_ADD,
  SUBSCRIPTION_LIST,
  SUBSCRIPTION_REMOVE,
  type SubscriptionAddAsk,
  type SubscriptionListAsk,
  type SubscriptionRemoveAsk,
  type SubscriptionRow,
} from '../../admin/questions/mqtt-subscriptions.js';
import type { Done, Page } from '../../admin/questions/question.js';
import { BrokerError } from '../../base/errors.js';
import type { ShardId } from '../../broker/ports.js';
import { type Answerer, type AskedNode, answerer } from './answerer.js';
import { cursorOf, partsOf } from './pages.js';

/** Between the key of a session and a filter, for the order of rows: below every character of either. */
const BELOW = '\u0000';

async function listSubscriptions(node: AskedNode, { after, limit, ...wanted }: SubscriptionListAsk): Promise<Page<SubscriptionRow>> {
  const [afterKey, afterFilter] = partsOf(after, 2);
  const { bodies, silent } = await node.askAll('subscriptions', { afterKey, afterFilter, limit, ...wanted });
  // Up to the least of the sessions at which shards stopped, all is known.
  const seen = bodies.flatMap(([, { seenKey }]) => (seenKey === null ? [] : [seenKey])).sort();
  const known = bodies
    .flatMap(([shard, { subscriptions }]) => subscriptions.map((facts) => ({ ...facts, shard })))
    .filter(({ key }) => seen.length === 0 || key <= seen[0])
    .sort((left, right) => (left.key + BELOW + left.filter < right.key + BELOW + right.filter ? -1 : 1));
  const rows = known.slice(0, limit);
  const last = rows.at(-1);
  const isCut = known.length > limit || bodies.some(([, { subscriptions }]) => subscriptions.length === limit);
  const next = isCut && last !== undefined ? cursorOf(last.key, last.filter) : seen.length > 0 ? cursorOf(seen[0], '') : null;
  return { items: rows.map(({ key: _, ...row }) => row), next, silent };
}

async function addSubscription(node: AskedNode, ask: SubscriptionAddAsk): Promise<Done> {
  const { bodies, silent } = await node.askAll('add-subscription', { ...ask, identifier: 0 });
  const outcome = bodies.map(([, body]) => body).find((body) => body !== 'no-session');
  const { clientId, filter } = ask;
  switch (outcome) {
    case 'done':
      return { text: `subscribed "${clientId}" to ${filter}` };
    case 'bad-filter':
      throw new BrokerError('RMQ-1036', `(filter: ${JSON.stringify(filter)} is no topic filter, or has too many levels)`);
    case 'too-many':
      throw new BrokerError('RMQ-1031', `("${clientId}" has as many subscriptions as it may: mqtt.subscriptions_max)`);
    default:
      throw noSession(clientId, silent);
  }
}

async function removeSubscription(node: AskedNode, ask: SubscriptionRemoveAsk): Promise<Done> {
  const { bodies, silent } = await node.askAll('remove-subscription', ask);
  const outcome = bodies.map(([, body]) => body).find((body) => body !== null);
  if (outcome === undefined) throw noSession(ask.clientId, silent);
  if (outcome === false) throw new BrokerError('RMQ-1023', `("${ask.clientId}" is not subscribed to ${ask.filter})`);
  return { text: `unsubscribed "${ask.clientId}" from ${ask.filter}` };
}

function noSession(clientId: string, silent: readonly ShardId[]): BrokerError {
  if (silent.length > 0) return new BrokerError('RMQ-1024', `(shard ${silent.join(', ')}; no other has the session "${clientId}")`);
  return new BrokerError('RMQ-1023', `(session "${clientId}")`);
}

export const SUBSCRIPTION_ANSWERS: readonly Answerer[] = [
  answerer(SUBSCRIPTION_LIST, listSubscriptions),
  answerer(SUBSCRIPTION_ADD, addSubscription),
  answerer(SUBSCRIPTION_REMOVE, removeSubscription),
];
