import { ACCESS_TEST, type AccessTestAnswer, type AccessTestAsk } from '../../admin/questions/mqtt-access-test.js';
import type { Identity } from '../../auth/ports.js';
import { BrokerError } from '../../base/errors.js';
import { checkFilter, isTopicName } from '../../protocols/mqtt/topic-syntax.js';
import { type Answerer, type AskedNode, answerer } from './answerer.js';

async function testAccess(
  node: AskedNode,
  { tenant, user, clientId, address, action, topic, qos, retain }: AccessTestAsk,
): Promise<AccessTestAnswer> {
  if (action === 'publish' && !isTopicName(topic)) throw new BrokerError('RMQ-1036', '(topic: what is published to has no wildcards)');
  if (action === 'subscribe' && checkFilter(topic, Number.MAX_SAFE_INTEGER) === 'malformed')
    throw new BrokerError('RMQ-1036', '(topic: it is no topic filter)');
  const identity: Identity = {
    ...{ tenant, user, clientId, address, source: '', expiresAtMs: 0, rules: null },
    isSuperuser: user !== '' && node.catalogue.get('user', { tenant, name: user })?.isSuperuser === true,
  };
  const prefersSession = clientId !== '' && user === '' && address === '';
  const ask = { identity, prefersSession, action, topic, qos, isRetained: retain } as const;
  // All shards have the same rules; only one may have the client.
  if (!prefersSession) return await node.askAny('access', ask);
  const { bodies, silent } = await node.askAll('access', ask);
  const known = bodies.find(([, { isOfSession }]) => isOfSession) ?? (silent.length === 0 ? bodies.at(0) : undefined);
  if (known === undefined) throw new BrokerError('RMQ-1024', `(shard ${silent.join(', ')}; no other has the client "${clientId}")`);
  return known[1];
}

export const ACCESS_ANSWERS: readonly Answerer[] = [answerer(ACCESS_TEST, testAccess)];
