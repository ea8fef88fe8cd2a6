import type { Route } from '../../broker/ports.js';
import type { TopicId } from '../../transport/ports.js';
import type { MqttConnection } from './connection.js';
import type { MqttContext } from './context.js';
import { deliver } from './deliver.js';
import { planOf } from './plan.js';
import { NO_SPACE } from './run-view.js';
import type { MqttSession } from './session.js';
import { throttleByLink } from './throttle.js';

/** MQTT 5 §3.4.2.1: No matching subscribers, or success. */
export function reasonOf(route: Route<MqttSession>): number {
  return route.receivers.length === 0 && route.shards.length === 0 ? 0x10 : 0;
}

/** The route of a topic interned on this shard. */
export function routeOf(context: MqttContext, topic: TopicId): Route<MqttSession> {
  const generation = context.transport.topicGenerations[topic];
  const routes = context.routes;
  return routes.find(topic, generation) ?? routes.compile(topic, generation, routes.nameOf(topic, generation) ?? context.transport.topicName(topic));
}

/**
 * The run in `context.run` to everybody: receivers of this shard, then the other shards that have some.
 * @param connection who published, to be held back if a link is congested; null if nobody of this shard.
 */
export function spread(context: MqttContext, connection: MqttConnection | null, topic: TopicId, route: Route<MqttSession>): void {
  deliver(context, planOf(context, route));
  if (route.shards.length === 0) return;
  const run = context.run;
  const generation = context.transport.topicGenerations[topic];
  for (const shard of route.shards) {
    const flows = context.runLinks.forward(shard, topic, generation, run.version, run.count, run.bytes, run.offset, run.length);
    if (!flows && connection !== null) throttleByLink(context, connection, shard);
  }
}

/**
 * Publishes one frame that is not in the arena: a will, or a PUBLISH whose alias was resolved.
 * @param frame a PUBLISH of `version` with its full topic, whose UTF-8 bytes are `topicBytes`.
 */
export function publishFrame(context: MqttContext, connection: MqttConnection | null, topicBytes: Uint8Array, frame: Uint8Array, version: 4 | 5): Route<MqttSession> {
  const topic = context.transport.internTopic(topicBytes);
  const route = routeOf(context, topic);
  const run = context.run;
  run.set(NO_SPACE, frame, 0, frame.length, 1, version);
  if (connection !== null) {
    run.connection = connection.id;
    run.session = connection.session;
  }
  spread(context, connection, topic, route);
  return route;
}

/** Makes the run in `context.run` the retained message of its topic: the last frame counts, an empty payload removes (§3.3.1.3). */
export function retainRun(context: MqttContext, topic: string, lastFrameOffset: number, lastFrameLength: number, isEmpty: boolean, done: () => void): void {
  const run = context.run;
  const settle = (status: 'stored' | 'quota-exceeded'): void => {
    if (status === 'quota-exceeded') context.counters.retainedRefused += 1;
    done();
  };
  if (isEmpty) {
    context.broker.retain(topic, null, settle);
    return;
  }
  const stored = run.count === 1 ? run.stored(context.nowMs) : null;
  const frame = stored === null ? run.bytes.slice(lastFrameOffset, lastFrameOffset + lastFrameLength) : stored.bytes;
  const message = { topic, frame, version: run.version, receivedAtMs: context.nowMs, expiresAtMs: stored === null ? 0 : stored.expiresAtMs };
  context.broker.retain(topic, message, settle);
}
