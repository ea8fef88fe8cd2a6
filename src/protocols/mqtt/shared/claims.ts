import type { ShardId } from '../../../broker/ports.js';
import type { MqttContext } from '../context.js';
import { AWAITS_PUBACK } from '../outbound.js';
import type { MqttSession } from '../session.js';
import { groupOfPlace, isShared, shareOf } from './places.js';
import type { Claim } from './shares.js';

/*
  QoS 2 messages of shared subscriptions that are a session's (MQTT-4.8.2-4). The session has them in its rows before its client sees them, and tells
  their queues; a crash between the two leaves them in both. So sessions tell again, and queues give nothing before all have told. A claim
  stays in the rows until it is durable where the queue is, also when the client has finished with the message long before.
*/

/** Tells owners what a session has. @param isNewOwner records in memory went with the one before. */
export function claimShared(context: MqttContext, session: MqttSession, owners: readonly ShardId[], isNewOwner: boolean): void {
  const { shares } = session;
  if (shares === null) return;
  session.outbound?.forEachPlace((_id, state, place, sequence) => {
    const key = state === AWAITS_PUBACK || !isShared(place) ? undefined : shares.at(shareOf(place))?.key;
    if (key !== undefined) shares.claim([key, groupOfPlace(place), sequence]);
  });
  for (const { group, sequence, shared } of session.durable?.restored?.flights ?? [])
    if (shared !== undefined) shares.claim([shared, group, sequence]);
  for (const owner of owners) {
    const byKey = new Map<string, Claim[]>();
    for (const claim of shares.claims.values()) {
      const [key, group] = claim;
      if (context.ownerOfGroup(group) !== owner || (isNewOwner && context.journal.isVolatile(group))) continue;
      byKey.set(key, [...(byKey.get(key) ?? []), claim]);
    }
    for (const [key, claims] of byKey) {
      const ticket = context.takeTicket();
      context.keptTickets.set(ticket, () => {
        for (const [, group, sequence] of claims) shares.onKept(group, sequence);
      });
      const places = claims.flatMap(([, group, sequence]) => [group, sequence]);
      context.broker.sendQueueMessage(owner, { kind: 'shared-claim', ticket, key, places });
    }
  }
}

/** After the start: what restored sessions have. Then the queues of all shards may begin. */
export function tellReady(context: MqttContext): void {
  for (const session of context.sessions.values()) claimShared(context, session, context.shards, true);
  for (const owner of context.shards) context.broker.sendQueueMessage(owner, { kind: 'shared-ready' });
}
