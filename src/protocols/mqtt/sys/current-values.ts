import { matchesFilter } from '../../../base/filter-match.js';
import { DEFAULT_TENANT } from '../../../base/tenant-names.js';
import type { SubscribeRequest } from '../../../broker/ports.js';
import type { MqttContext } from '../context.js';
import { enqueue } from '../enqueue.js';
import { encodeSubscriptionIdentifiers } from '../properties.js';
import { mayReceive } from '../rights.js';
import { describeRun } from '../run-view.js';
import type { MqttSession } from '../session.js';
import type { StoredRun } from '../stored-run.js';
import { frameOf, type ServerMessage } from './server-message.js';

/*
  Numbers of the node under `$SYS`, as main last told them. Who subscribes gets them at once, like retained messages, though they are none: nothing
  of them is stored. They are of the node, so no tenant but the default one sees them.
*/

/** By topic. */
export type CurrentValues = ReadonlyMap<string, StoredRun>;

export function currentValues(messages: readonly ServerMessage[], nowMs: number): CurrentValues {
  return new Map(messages.map(({ topic, text }) => [topic, describeRun(frameOf(Buffer.from(topic), Buffer.from(text)), 1, 5, nowMs)]));
}

/** Puts what matches a new subscription into the session's queue. @returns whether there was anything. */
export function offerCurrentValues(
  context: MqttContext,
  session: MqttSession,
  { filter, options }: SubscribeRequest,
  isNew: boolean,
): boolean {
  const { retainHandling, identifier } = options;
  if (session.tenant !== DEFAULT_TENANT || retainHandling === 2 || (retainHandling === 1 && !isNew)) return false;
  const identifiers = identifier === 0 ? null : encodeSubscriptionIdentifiers([identifier]);
  let isAny = false;
  for (const [topic, run] of context.currentValues) {
    if (!matchesFilter(filter, topic) || !mayReceive(context, session, topic)) continue;
    enqueue(context, session, { run, qos: 0, retain: 1, identifiers, log: null });
    isAny = true;
  }
  return isAny;
}
