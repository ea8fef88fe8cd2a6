import { matchesGlob } from '../../../base/glob.js';
import { sessionKey } from '../../../base/tenant-names.js';
import { endConnection } from '../close.js';
import { REASON } from '../constants.js';
import type { MqttContext } from '../context.js';
import { EXPIRY_NEVER, type MqttSession } from '../session.js';
import { FirstKeys } from './first-keys.js';
import type { ClientFacts } from './ports.js';

/* Clients of this shard that are connected, as operators see them. */

/** 100 ms ticks in one and a half seconds: by so much silence exceeds the keep-alive. */
const TICKS_PER_KEEP_ALIVE_SECOND = 15;

export interface ClientsAsk {
  /** Key of the last one that was seen. */
  readonly after: string;
  readonly limit: number;
  /** Patterns with * and ?; empty: anything. */
  readonly match: string;
  readonly user: string;
  readonly address: string;
  readonly tenant: string;
  readonly listener: string;
}

/** The first behind `after` that match, by key. */
export function listClients(context: MqttContext, ask: ClientsAsk): { readonly clients: readonly ClientFacts[]; readonly isCut: boolean } {
  const first = new FirstKeys(ask.after, ask.limit);
  for (const [key, session] of context.sessions) if (isWanted(context, session, ask)) first.offer(key);
  const clients = first.keys.flatMap((key) => {
    const facts = showClient(context, { key });
    return facts === null ? [] : [facts];
  });
  return { clients, isCut: first.isCut };
}

/** Null: it is not connected here. */
export function showClient(context: MqttContext, { key }: { readonly key: string }): ClientFacts | null {
  const session = context.sessions.get(key);
  const connection = session?.connection ?? null;
  if (session === undefined || connection === null) return null;
  const { address, port, listener } = context.originOf(connection.id);
  return {
    key,
    clientId: session.clientId,
    tenant: session.tenant,
    user: userOf(session),
    address,
    port,
    listener,
    version: connection.version,
    connectedAtMs: session.claimedAtMs,
    keepAliveSeconds: Math.floor(connection.silenceTicksMax / TICKS_PER_KEEP_ALIVE_SECOND),
    expirySeconds: session.expirySeconds === EXPIRY_NEVER ? null : session.expirySeconds,
    subscriptions: context.broker.subscriptionsOf(session).length,
    queued: session.queue?.length ?? 0,
    inFlight: session.outbound?.inFlight ?? 0,
    outputBytes: context.transport.outputBytesOf(connection.id),
    isCongested: session.isCongested,
  };
}

/** Empty: nobody in particular. */
function userOf(session: MqttSession): string {
  return session.identity?.user ?? session.owner ?? '';
}

/** The client hears why. False: it is not connected here. */
export function disconnectClient(context: MqttContext, ask: { readonly tenant: string; readonly clientId: string }): boolean {
  const connection = context.sessions.get(sessionKey(ask.tenant, ask.clientId))?.connection ?? null;
  if (connection === null) return false;
  endConnection(context, connection, REASON.administrativeAction, 'an operator ended the connection');
  return true;
}

function isWanted(context: MqttContext, session: MqttSession, { match, user, address, tenant, listener }: ClientsAsk): boolean {
  const { connection } = session;
  if (connection === null || connection.phase !== 'connected') return false;
  if (match !== '' && !matchesGlob(match, session.clientId)) return false;
  if (tenant !== '' && !matchesGlob(tenant, session.tenant)) return false;
  if (user !== '' && !matchesGlob(user, userOf(session))) return false;
  if (address === '' && listener === '') return true;
  const origin = context.originOf(connection.id);
  return (address === '' || matchesGlob(address, origin.address)) && (listener === '' || matchesGlob(listener, origin.listener));
}
