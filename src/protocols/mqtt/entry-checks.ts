import type { Identity } from '../../auth/ports.js';
import type { ConnectionId } from '../../transport/ports.js';
import { endConnection } from './close.js';
import { REASON } from './constants.js';
import type { MqttContext } from './context.js';
import { takeIdentity } from './rights.js';
import type { MqttSession } from './session.js';
import { endSession } from './session-end.js';

/* What let a client in may end while it is here: its credentials expire, its source knows it no more, or it is banned. */

/** Each connection is looked at once a second: so many ticks of 100 ms. */
const ROUND_TICKS = 10;

/** Ends connections whose credentials have ended. Bounded: a tenth of all on each tick. */
export function endExpired(context: MqttContext): void {
  const { connections, nowMs } = context;
  if (connections.length === 0) return;
  for (let left = Math.ceil(connections.length / ROUND_TICKS); left > 0; left -= 1) {
    context.expiryAt = context.expiryAt >= connections.length - 1 ? 0 : context.expiryAt + 1;
    const connection = connections[context.expiryAt];
    if (connection === null || connection.expiresAtMs === 0 || connection.expiresAtMs > nowMs) continue;
    endConnection(context, connection, REASON.maximumConnectTime, 'the credentials have expired');
  }
}

/** The tenant of the session is gone: so are its client and what it kept. */
export function endByTenant(context: MqttContext, session: MqttSession): void {
  const { connection } = session;
  if (connection !== null) endConnection(context, connection, REASON.administrativeAction, 'the tenant was deleted');
  endSession(context, session);
}

/** A ban was added: whoever it hits goes. */
export function endBanned(context: MqttContext): void {
  for (const connection of context.connections) {
    const identity = connection?.session?.identity ?? null;
    if (connection === null || identity === null || connection.phase !== 'connected') continue;
    const ban = context.bans.banOf(identity.tenant, identity.clientId, identity.user, identity.address, context.nowMs);
    if (ban !== null) endConnection(context, connection, REASON.administrativeAction, 'banned');
  }
}

/** The source of a client says otherwise than when it came. null: it does not let it in any more. */
export function onIdentityChanged(context: MqttContext, connectionId: ConnectionId, now: Identity | null): void {
  const connection = context.connections[connectionId] ?? null;
  const session = connection?.session ?? null;
  if (connection === null || session === null || connection.phase === 'closing') return;
  if (now === null) endConnection(context, connection, REASON.notAuthorized, 'the account was changed or is gone');
  else takeIdentity(context, connection, session, now);
}
