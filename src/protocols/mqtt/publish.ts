import { assert } from '../../base/assert.js';
import { NO_GROUP, NO_PUBLISHER, NOT_LOGGED, type Route, type ShardId } from '../../broker/ports.js';
import { DROP } from '../../telemetry/metrics/drops.js';
import type { TopicId } from '../../transport/ports.js';
import type { MqttConnection } from './connection.js';
import { REASON } from './constants.js';
import type { MqttContext } from './context.js';
import { decodePublishProperties, PublishView } from './decode-publish.js';
import { deliver, deliverToMember } from './deliver.js';
import { type Plan, planOf } from './plan.js';
import { frameLength } from './publish-frame.js';
import { mayReceive } from './rights.js';
import type { RunView } from './run-view.js';
import type { MqttSession } from './session.js';
import { publisherHashOf } from './shared/member-choice.js';
import type { TenantSpace } from './tenant-space.js';
import { throttleByLink } from './throttle.js';

const view = new PublishView();

/** Of an acknowledgement. MQTT 5 §3.4.2.1: No matching subscribers, or success; MQTT 3 has none. */
export function reasonFor(run: RunView, route: Route<MqttSession>): number {
  if (run.version !== 5) return 0;
  return route.receivers.length === 0 && route.shards.length === 0 && route.shared.length === 0
    ? REASON.noMatchingSubscribers
    : REASON.success;
}

/** The route of a tenant's topic interned on this shard. */
export function routeOf(context: MqttContext, { routes }: TenantSpace, topic: TopicId): Route<MqttSession> {
  const generation = context.transport.topicGenerations[topic];
  return (
    routes.find(topic, generation) ??
    routes.compile(topic, generation, routes.nameOf(topic, generation) ?? context.transport.topicName(topic))
  );
}

/**
 * The run in `context.run` to everybody: receivers of this shard, then the other shards that have some.
 * @param connection who published, to be held back if a link is congested; null if nobody of this shard.
 */
export function spread(context: MqttContext, connection: MqttConnection | null, topic: TopicId, route: Route<MqttSession>): void {
  const plan = planOf(context, route);
  deliver(context, plan);
  if (plan.isUnheard && context.run.logGroup === NOT_LOGGED) context.counts[DROP.noSubscriber] += context.run.count;
  for (const shard of route.shards) forwardRun(context, connection, plan.tenantNumber, shard, NO_GROUP, topic);
  if (plan.queues.length > 0 && context.run.logGroup >= 0 && context.run.qos > 0) noteQueues(context, plan);
  if (plan.shared.length > 0) spreadShared(context, connection, topic, route, plan);
}

/** The run is durable, and in the indexes of the queues. */
function noteQueues({ run }: MqttContext, { queues }: Plan): void {
  const publisherHash = run.session === null ? run.publisherHash : publisherHashOf(run.session);
  for (const queue of queues) queue.note(run.logGroup, run.sequence, run.count, publisherHash);
}

/** Shared subscriptions take turns message by message, so the run is taken apart. */
function spreadShared(
  context: MqttContext,
  connection: MqttConnection | null,
  topic: TopicId,
  route: Route<MqttSession>,
  { shared, topicHash, tenantNumber }: Plan,
): void {
  const run = context.run;
  const choice = context.memberChoice;
  choice.ask(route.topic, topicHash, run.session === null ? run.publisherHash : publisherHashOf(run.session), run.qos);
  const { space, bytes, offset, length, count, version, connection: publisher, session, publisherShard, publisher: remote } = run;
  const { logGroup, sequence, qos } = run;
  const restore = (): void => {
    run.connection = publisher;
    run.session = session;
    run.publisherShard = publisherShard;
    run.publisher = remote;
  };
  let position = offset;
  for (let i = 0; i < count; i += 1) {
    const frame = frameLength(bytes, position);
    run.set(space, bytes, position, frame, 1, version);
    restore();
    for (const { group, queue, members } of shared) {
      if (queue !== null && qos > 0 && logGroup >= 0 && queue.takes(logGroup, sequence + i)) continue;
      const turn = group.next(choice);
      if (turn < 0) forwardRun(context, connection, tenantNumber, ~turn, group.numberOn(~turn), topic);
      else if (mayReceive(context, members[turn].sessions[0], route.topic)) deliverToMember(context, members[turn]);
    }
    position += frame;
  }
  run.set(space, bytes, offset, length, count, version);
  restore();
}

function forwardRun(
  context: MqttContext,
  connection: MqttConnection | null,
  tenant: number,
  shard: ShardId,
  group: number,
  topic: TopicId,
): void {
  const run = context.run;
  const forwarded = context.forwardedRun;
  forwarded.tenant = tenant;
  forwarded.sharedGroup = group;
  forwarded.topic = topic;
  forwarded.generation = context.transport.topicGenerations[topic];
  forwarded.version = run.version;
  forwarded.count = run.count;
  forwarded.publisher = run.publisherShard === shard ? run.publisher : NO_PUBLISHER;
  forwarded.publisherHash = group === NO_GROUP ? 0 : context.memberChoice.publisherHash;
  forwarded.logGroup = run.logGroup;
  forwarded.sequence = run.sequence;
  forwarded.bytes = run.bytes;
  forwarded.offset = run.offset;
  forwarded.length = run.length;
  const flows = context.runLinks.forward(shard, forwarded);
  if (!flows && connection !== null) throttleByLink(context, connection, shard);
}

/** `takeFrames` of one: a will, or a PUBLISH whose alias was resolved. */
export function takeFrame(
  context: MqttContext,
  connection: MqttConnection | null,
  topicBytes: Uint8Array,
  frame: Uint8Array,
  version: 4 | 5,
): TopicId {
  return takeFrames(context, connection, topicBytes, frame, 1, version);
}

/**
 * Puts frames that did not come from a socket as they are into `context.run`. They stay where the transport can see them until the turn is over.
 * @param frames of PUBLISH of `version`, `count` of them, with their full topic, whose UTF-8 bytes are `topicBytes`.
 */
export function takeFrames(
  context: MqttContext,
  connection: MqttConnection | null,
  topicBytes: Uint8Array,
  frames: Uint8Array,
  count: number,
  version: 4 | 5,
): TopicId {
  const topic = context.transport.internTopic(topicBytes);
  assert(topic >= 0, 'the grammar and the transport agree on what a topic name is');
  const slab = context.staging.take(frames, 0, frames.length);
  context.staging.release(slab);
  const run = context.run;
  run.set(slab.space, slab.bytes, slab.filled - frames.length, frames.length, count, version);
  if (connection !== null) {
    run.connection = connection.id;
    run.session = connection.session;
  }
  return topic;
}

/** Retains the last of the frames as the message of a routing name; they are in the memory of the run. `done` when its owner has stored it, or refused. */
export function retainLast(context: MqttContext, topic: string, offset: number, length: number, count: number, done: () => void): void {
  const { bytes, version } = context.run;
  let last = offset;
  for (let i = 1; i < count; i += 1) last += frameLength(bytes, last);
  decodePublishProperties(bytes, last, offset + length - last, version, view);
  retainRun(context, topic, last, offset + length - last, view.payloadLength === 0, done);
}

/** Makes the run in `context.run` the retained message of its topic: the last frame counts, an empty payload removes (§3.3.1.3). */
export function retainRun(
  context: MqttContext,
  topic: string,
  lastFrameOffset: number,
  lastFrameLength: number,
  isEmpty: boolean,
  done: () => void,
): void {
  const run = context.run;
  const settle = (status: 'stored' | 'quota-exceeded'): void => {
    if (status === 'quota-exceeded') context.counts[DROP.retainedFull] += 1;
    done();
  };
  if (isEmpty) {
    context.broker.retain(topic, null, settle);
    return;
  }
  const stored = run.count === 1 ? run.stored(context.nowMs) : null;
  const frame = stored === null ? run.bytes.slice(lastFrameOffset, lastFrameOffset + lastFrameLength) : stored.bytes;
  const message = {
    topic,
    frame,
    version: run.version,
    receivedAtMs: context.nowMs,
    expiresAtMs: stored === null ? 0 : stored.expiresAtMs,
  };
  context.broker.retain(topic, message, settle);
}
