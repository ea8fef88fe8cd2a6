import { routingName } from '../../../base/tenant-names.js';
import type { MqttContext } from '../context.js';
import { buildPublish } from '../encode-publish.js';
import { routeOf, spread, takeFrame } from '../publish.js';

/** What the server itself says under `$SYS`: a topic and its text. */
export interface ServerMessage {
  readonly topic: string;
  readonly text: string;
}

const NO_PROPERTIES: Uint8Array = new Uint8Array(0);

/** Within a turn. To whoever subscribed to it on any shard, with QoS 0; it is never in a log. Where nobody did, it costs a look at the subscriptions. */
export function publishServerMessage(context: MqttContext, tenant: string, { topic, text }: ServerMessage): void {
  const { receivers, shards, shared } = context.broker.compileRoute(routingName(tenant, topic));
  if (receivers.length === 0 && shards.length === 0 && shared.length === 0) return;
  const topicBytes = Buffer.from(topic);
  const number = takeFrame(context, null, topicBytes, frameOf(topicBytes, Buffer.from(text)), 5);
  spread(context, null, number, routeOf(context, context.spaceOf(tenant), number));
}

/** Of QoS 0, for MQTT 5. */
export function frameOf(topic: Uint8Array, payload: Uint8Array): Uint8Array {
  return buildPublish({
    ...{ version: 5, topic, qos: 0, isRetained: false, isDuplicate: false, packetId: 0, properties: NO_PROPERTIES, payload },
  });
}
