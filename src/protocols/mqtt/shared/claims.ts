import { pack, unpack } from 'msgpackr';
import type { ShardId } from '../../../broker/ports.js';
import type { GroupLog } from '../../../journal/ports.js';
import type { MqttContext } from '../context.js';
import type { DurableSession } from '../durable/durable-session.js';
import { AWAITS_PUBACK } from '../outbound.js';
import type { MqttSession } from '../session.js';
import { groupOfPlace, isShared, shareOf } from './places.js';
import type { Claim, Shares } from './shares.js';

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
        for (const claim of claims) shares.onKept(claim);
      });
      const places = claims.flatMap(([, group, sequence]) => [group, sequence]);
      context.broker.sendQueueMessage(owner, { kind: 'shared-claim', ticket, key, places });
    }
  }
}

/*
  A session that ends may have claims: what it was sent nobody else gets (MQTT-4.8.2-5), also after a crash.

    table `shared-claims` of the group of its shard: the session's number -> its claims, until they are durable where the queues are
*/
const CLAIMS_TABLE = 'shared-claims';

/** The session has ended. What it had in hand it has told its queues in this turn. */
export function outliveSession(context: MqttContext, { uid, home }: DurableSession, shares: Shares): void {
  if (shares.claims.size === 0) return;
  keepClaims(context, home, String(uid), [...shares.claims.values()]);
}

/** Tells the owners, and keeps a row until all have it. */
function keepClaims(context: MqttContext, home: GroupLog, name: string, claims: readonly Claim[]): void {
  const table = home.table(CLAIMS_TABLE);
  table.put(name, pack(claims));
  let open = claims.length;
  for (const [key, group, sequence] of claims) {
    const ticket = context.takeTicket();
    context.keptTickets.set(ticket, () => {
      open -= 1;
      if (open === 0) table.delete(name);
    });
    context.broker.sendQueueMessage(context.ownerOfGroup(group), { kind: 'shared-claim', ticket, key, places: [group, sequence] });
  }
}

/** After the start: what restored sessions have, and what others had that ended. Then the queues of all shards may begin. */
export function tellReady(context: MqttContext): void {
  for (const home of context.journal.sessionGroups)
    for (const [name, value] of [...home.table(CLAIMS_TABLE).entries()]) {
      const claims = (unpack(value) as Claim[]).filter(([, group]) => !context.journal.isVolatile(group)); // Our own words: `keepClaims` wrote them.
      if (claims.length === 0) home.table(CLAIMS_TABLE).delete(name);
      else keepClaims(context, home, name, claims);
    }
  for (const session of context.sessions.values()) claimShared(context, session, context.shards, true);
  for (const owner of context.shards) context.broker.sendQueueMessage(owner, { kind: 'shared-ready' });
}
