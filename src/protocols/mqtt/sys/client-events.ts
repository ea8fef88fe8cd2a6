import { plainFilter } from '../../../base/tenant-names.js';
import type { SubscribeRequest } from '../../../broker/ports.js';
import type { MqttConnection } from '../connection.js';
import type { MqttContext } from '../context.js';
import type { MqttSession } from '../session.js';
import { publishServerMessage } from './server-message.js';

/*
  What clients do, for whoever subscribes to it, as JSON in the words of other brokers:

    $SYS/brokers/<node>/clients/<client id>/connected | disconnected | subscribed | unsubscribed

  It is published in the tenant of the client, so that no tenant sees the clients of another. A client identifier may have characters that a level
  cannot: / + # are %2F %2B %23 in the topic, and themselves in the JSON.
*/

const PROTOCOL_NAME = { 3: 'MQIsdp', 4: 'MQTT', 5: 'MQTT' } as const;
const ESCAPES: Readonly<Record<string, string>> = { '/': '%2F', '+': '%2B', '#': '%23' };

type EventKind = 'connected' | 'disconnected' | 'subscribed' | 'unsubscribed';

/** Where they go; null in the context: nobody wants them, and they cost nothing. */
export interface ClientEvents {
  readonly node: string;
}

export function tellConnected(
  context: MqttContext,
  connection: MqttConnection,
  session: MqttSession,
  isClean: boolean,
  keepAlive: number,
): void {
  context.recentEvents.note(session.key, 'connected', whereText(context, connection), context.nowMs);
  if (context.clientEvents === null) return;
  const { expirySeconds, claimedAtMs } = session;
  publish(context, context.clientEvents, session, 'connected', {
    ...whereOf(context, connection, session),
    keepalive: keepAlive,
    clean_start: isClean,
    expiry_interval: expirySeconds,
    connected_at: claimedAtMs,
    connack: 0,
  });
}

/** @param reason in words. */
export function tellDisconnected(context: MqttContext, connection: MqttConnection, session: MqttSession, reason: string): void {
  context.recentEvents.note(session.key, 'disconnected', reason, context.nowMs);
  if (context.clientEvents === null) return;
  publish(context, context.clientEvents, session, 'disconnected', {
    ...whereOf(context, connection, session),
    reason,
    connected_at: session.claimedAtMs,
    disconnected_at: context.nowMs,
  });
}

export function tellSubscribed(context: MqttContext, session: MqttSession, { filter, options }: SubscribeRequest, isNew: boolean): void {
  context.recentEvents.note(session.key, 'subscribed', `${plainFilter(filter)} with QoS ${options.qos}`, context.nowMs);
  if (context.clientEvents === null) return;
  const { qos, noLocal, retainAsPublished, retainHandling } = options;
  publish(context, context.clientEvents, session, 'subscribed', {
    topic: plainFilter(filter),
    subopts: { qos, nl: noLocal ? 1 : 0, rap: retainAsPublished ? 1 : 0, rh: retainHandling, is_new: isNew },
  });
}

/** @param filter as the client said it. */
export function tellUnsubscribed(context: MqttContext, session: MqttSession, filter: string): void {
  context.recentEvents.note(session.key, 'unsubscribed', filter, context.nowMs);
  if (context.clientEvents === null) return;
  publish(context, context.clientEvents, session, 'unsubscribed', { topic: filter });
}

function publish(context: MqttContext, { node }: ClientEvents, session: MqttSession, kind: EventKind, fields: object): void {
  const { clientId, tenant, identity, owner } = session;
  const level = clientId.replace(/[/+#]/g, (character) => ESCAPES[character]);
  const text = JSON.stringify({ clientid: clientId, username: identity?.user ?? owner ?? '', ...fields, ts: context.nowMs });
  publishServerMessage(context, tenant, { topic: `$SYS/brokers/${node}/clients/${level}/${kind}`, text });
}

function whereText(context: MqttContext, { id, version }: MqttConnection): string {
  const { address, port, listener } = context.originOf(id);
  return `from ${address}:${port} on ${listener}, MQTT ${version === 5 ? '5.0' : version === 4 ? '3.1.1' : '3.1'}`;
}

function whereOf(context: MqttContext, connection: MqttConnection, { identity }: MqttSession): object {
  const { port, listener } = context.originOf(connection.id);
  return {
    ipaddress: identity?.address ?? '',
    sockport: port,
    listener,
    proto_name: PROTOCOL_NAME[connection.version],
    proto_ver: connection.version,
  };
}
