import type { Decision, Identity } from '../../../auth/ports.js';
import { sessionKey } from '../../../base/tenant-names.js';
import type { MqttContext } from '../context.js';
import { topicToAsk } from '../delayed/delayed-topic.js';
import { targetFor } from '../rewrite/rewrite-rule.js';
import { filterToMatch, fullFilter } from '../topic-syntax.js';

/* What the rules come to, as this shard has them: for somebody who is not there, or for a client that is. */

export interface AccessAsk {
  /** Asked about unless the client of `clientId` is to be, and is connected here. */
  readonly identity: Identity;
  readonly prefersSession: boolean;
  readonly action: 'publish' | 'subscribe';
  /** A filter may be of a shared subscription: the rules are asked about what is shared. */
  readonly topic: string;
  readonly qos: 0 | 1 | 2;
  readonly isRetained: boolean;
}

export interface AccessAnswer extends Decision {
  readonly sentence: string;
  /** As rewrite makes it; empty: rewrite refuses it, whatever the rules say. */
  readonly topic: string;
  readonly isOfSession: boolean;
}

export function testAccess(
  context: MqttContext,
  { identity: given, prefersSession, action, topic, qos, isRetained }: AccessAsk,
): AccessAnswer {
  const session = prefersSession ? context.sessions.get(sessionKey(given.tenant, given.clientId)) : undefined;
  const there = session !== undefined && session.connection !== null ? session.identity : null;
  const identity = there ?? given;
  const isOfSession = there !== null;
  const asked = action === 'subscribe' ? filterToMatch(fullFilter(topic)) : topic;
  const renamed = rewritten(context, identity, action, asked);
  const inside = action === 'publish' ? topicToAsk(renamed) : renamed;
  if (inside === '')
    return { verdict: 'deny', rules: [], sentence: `a topic rewrite refuses ${asked} to this client`, topic: '', isOfSession };
  const rights = context.rights.compile(identity);
  return {
    ...rights.decide(action, inside, qos, isRetained),
    sentence: rights.explain(action, inside, qos, isRetained),
    topic: inside,
    isOfSession,
  };
}

function rewritten(context: MqttContext, { tenant, clientId, user, address }: Identity, action: AccessAsk['action'], name: string): string {
  const rules = context.spaces.rewritesOf(tenant);
  if (rules === null) return name;
  const outcome = action === 'publish' ? rules.ofPublish(name) : rules.ofSubscribe(name);
  if (outcome.kind === 'unchanged') return name;
  return outcome.kind === 'refused' ? '' : (targetFor(outcome.parts, { clientId, user, host: address }) ?? '');
}
