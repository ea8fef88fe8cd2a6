import type { SubscribeRequest } from '../../broker/ports.js';
import type { MqttContext } from './context.js';
import { dropFilter } from './durable/life.js';
import { noteRecord } from './durable/turn.js';
import type { MqttSession } from './session.js';

/*
  Exclusive subscriptions: of all sessions that subscribe to `$exclusive/<filter>`, one has it at a time, on the whole node; it gets what a
  subscription to the filter gets. The filter is the key: `a/+` and `a/b` are two.
*/

export const EXCLUSIVE_PREFIX = '$exclusive/';

export function isExclusive(filter: string): boolean {
  return filter.startsWith(EXCLUSIVE_PREFIX);
}

/** The filter that is subscribed to. */
export function withoutExclusive(filter: string): string {
  return isExclusive(filter) ? filter.slice(EXCLUSIVE_PREFIX.length) : filter;
}

/** Claims what is exclusive of these. `done` with those that the session may have. */
export function claimExclusive(
  context: MqttContext,
  session: MqttSession,
  requests: readonly SubscribeRequest[],
  done: (isRefused: (request: SubscribeRequest) => boolean) => void,
): void {
  const refused = new Set<SubscribeRequest>();
  // What becomes a plain subscription is anybody's again.
  for (const { filter, options } of requests) if (options.isExclusive !== true) context.broker.exclusive.release(filter, session.key);
  const claimed = requests.filter(({ options }) => options.isExclusive === true);
  let open = claimed.length + 1;
  const settle = (): void => {
    open -= 1;
    if (open > 0) return;
    // It ended meanwhile, when this was not yet its own.
    if (session.hasEnded) for (const { filter } of claimed) context.broker.exclusive.release(filter, session.key);
    else done((request) => refused.has(request));
  };
  for (const request of claimed)
    context.broker.exclusive.claim(request.filter, session.key, (isGranted) => {
      if (!isGranted) refused.add(request);
      settle();
    });
  settle();
}

/** The session is here with what it held, after a restart or from another shard. */
export function restoreExclusive(context: MqttContext, session: MqttSession, requests: readonly SubscribeRequest[]): void {
  for (const { filter, options } of requests) if (options.isExclusive === true) context.broker.exclusive.restore(filter, session.key);
}

/** It is unsubscribed from, or was not granted after all. */
export function releaseExclusive(context: MqttContext, session: MqttSession, filter: string): void {
  context.broker.exclusive.release(filter, session.key);
}

/** The session ends here; if it moves, it holds everything where it goes. Before its subscriptions are forgotten. */
export function leaveExclusive(context: MqttContext, session: MqttSession): void {
  const { exclusive } = context.broker;
  for (const { filter, options } of context.broker.subscriptionsOf(session)) {
    if (options.isExclusive !== true) continue;
    if (session.isMoving) exclusive.handOver(filter, session.key);
    else exclusive.release(filter, session.key);
  }
}

/** Somebody else got it while nobody knew of this session: it has one subscription less. */
export function onExclusiveLost(context: MqttContext, filter: string, key: string): void {
  const session = context.sessions.get(key);
  if (session === undefined) return;
  const isStill = context.broker
    .subscriptionsOf(session)
    .some((request) => request.filter === filter && request.options.isExclusive === true);
  if (!isStill) return;
  context.broker.unsubscribe(session, [filter]);
  if (session.durable !== null) dropFilter(context, session.durable, filter);
  noteRecord(context, session);
}
