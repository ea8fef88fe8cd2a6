import { EXPLAIN, type ExplainAnswer, type ExplainAsk } from '../../admin/questions/mqtt-explain.js';
import { BrokerError } from '../../base/errors.js';
import { findingsOf } from '../../protocols/mqtt/explain/findings.js';
import { isTopicName } from '../../protocols/mqtt/topic-syntax.js';
import { type Answerer, type AskedNode, answerer } from './answerer.js';

async function explain(node: AskedNode, ask: ExplainAsk): Promise<ExplainAnswer> {
  if (!isTopicName(ask.topic)) throw new BrokerError('RMQ-1036', '(topic: a topic has no wildcards)');
  const { bodies, silent } = await node.askAll('explain', ask);
  const holder = bodies.find(([, { session }]) => session !== null);
  const known = holder ?? bodies.at(0);
  if (known === undefined) throw new BrokerError('RMQ-1024', '(no shard answers)');
  const [shard, { session, log, rewritten, now }] = known;
  // What one shard could not be asked, the others do not know.
  if (session === null && silent.length > 0)
    throw new BrokerError('RMQ-1024', `(shard ${silent.join(', ')}; no other has a session of "${ask.clientId}")`);
  return {
    ...findingsOf({ ...ask, session, log, rewritten, now }),
    shard: session === null ? null : shard,
    session: session === null ? null : { ...session },
    isRetained: bodies.some(([, { isRetained }]) => isRetained),
    events: bodies.flatMap(([, { events }]) => events).sort((left, right) => left.atMs - right.atMs),
    silent,
  };
}

export const EXPLAIN_ANSWERS: readonly Answerer[] = [answerer(EXPLAIN, explain)];
