import { assert } from '../../base/assert.js';
import { APPENDED, type Appended, type AppendRequest, type LogTarget, type Route, type ShardId } from '../../broker/ports.js';
import type { GroupLog, PartitionLog } from '../../journal/ports.js';
import { HISTOGRAM } from '../../telemetry/metrics/histogram.js';
import type { TopicId } from '../../transport/ports.js';
import type { MqttConnection } from './connection.js';
import { FIRST_BYTE } from './constants.js';
import type { MqttContext } from './context.js';
import { forgetReceived as forgetReceivedRow, receive } from './durable/received-ids.js';
import { drop, finish, settle } from './log-settle.js';
import type { PendingRun } from './pending-runs.js';
import { planOf } from './plan.js';
import { reasonFor, retainLast, routeOf, spread } from './publish.js';
import { fixedHeaderLength, frameLength, packetIdOf } from './publish-frame.js';
import { appendFrame, appendPlainRun } from './record.js';
import type { MqttSession } from './session.js';
import { publisherHashOf } from './shared/member-choice.js';
import type { TenantSpace } from './tenant-space.js';
import { NO_NUMBER } from './tenant-space.js';
import { throttleByJournal, throttleByLink } from './throttle.js';

/*
  Publishes that go to the log. Nothing is delivered or acknowledged before the commit that holds it is durable: what a subscriber saw
  is there after a crash, and a QoS 2 message that is sent again finds itself.
*/

/**
 * The run in `context.run`, which came in this turn, to the log of its topic. It is delivered and acknowledged when it is durable.
 * @param hasProperties it is one frame of MQTT 5 with properties.
 */
export function logRun(
  context: MqttContext,
  connection: MqttConnection | null,
  topic: TopicId,
  route: Route<MqttSession>,
  target: LogTarget,
  hasProperties: boolean,
): void {
  const run = context.run;
  if (run.qos === 2 && connection !== null) {
    logQos2(context, connection, topic, route, target, hasProperties);
    return;
  }
  logStretch(context, connection, topic, route, target, run.offset, run.length, run.count, hasProperties);
}

/** The one frame in `context.run`, which no client waits for, and whose retained message is somebody else's business. `done` when it is durable or lost. */
export function logFrame(
  context: MqttContext,
  space: TenantSpace,
  topic: TopicId,
  target: LogTarget,
  done: (outcome: Appended) => void,
): void {
  const { offset, length } = context.run;
  const pending = context.pending.take();
  stage(context, pending, offset, length, 1);
  pending.topic = topic;
  pending.generation = context.transport.topicGenerations[topic];
  pending.target = target;
  pending.space = space;
  pending.onOutcome = done;
  pending.waits = 1;
  pending.users = 1; // This call.
  if (target.owner === context.broker.shard) appendHere(context, pending, target, true);
  else appendThere(context, pending, target);
  drop(context, pending);
}

/** QoS 2: what was taken before is acknowledged again when its commit is durable, and not appended (§4.3.3). */
function logQos2(
  context: MqttContext,
  connection: MqttConnection,
  topic: TopicId,
  route: Route<MqttSession>,
  target: LogTarget,
  hasProperties: boolean,
): void {
  const session = connection.session;
  assert(session !== null, 'the hot path admits PUBLISH only when connected');
  const { offset, count } = context.run;
  const received = session.openReceived();
  if (session.durable !== null) {
    logDurableQos2(context, connection, session, topic, route, target, hasProperties);
    return;
  }
  let position = offset;
  let stretch = offset;
  let stretchCount = 0;
  for (let i = 0; i < count; i += 1) {
    const length = frameLength(context.run.bytes, position);
    if (received.add(packetIdOf(context.run.bytes, position))) {
      stretchCount += 1;
    } else {
      if (stretchCount > 0) logStretch(context, connection, topic, route, target, stretch, position - stretch, stretchCount, hasProperties);
      acknowledgeRepeated(context, connection, session, position, length);
      stretch = position + length;
      stretchCount = 0;
    }
    position += length;
  }
  if (stretchCount > 0) logStretch(context, connection, topic, route, target, stretch, position - stretch, stretchCount, hasProperties);
}

/** The owner of the log knows, message by message, what it has of the session: also what an earlier process took. */
function logDurableQos2(
  context: MqttContext,
  connection: MqttConnection,
  session: MqttSession,
  topic: TopicId,
  route: Route<MqttSession>,
  target: LogTarget,
  hasProperties: boolean,
): void {
  const { space, bytes, offset, length: runLength, count, version } = context.run;
  let position = offset;
  for (let i = 0; i < count; i += 1) {
    const length = frameLength(bytes, position);
    const packetId = packetIdOf(bytes, position);
    session.openReceived().add(packetId);
    session.durable?.receivedGroups.set(packetId, target.owner);
    logStretch(context, connection, topic, route, target, position, length, 1, hasProperties);
    position += length;
  }
  context.run.set(space, bytes, offset, runLength, count, version);
}

/** What was taken before on an earlier connection may not be durable yet: then the answer waits until it is. */
export function acknowledgeRepeated(
  context: MqttContext,
  connection: MqttConnection,
  session: MqttSession,
  offset: number,
  length: number,
): void {
  const pending = context.pending.take();
  stage(context, pending, offset, length, 1);
  pending.connection = connection;
  pending.session = session;
  pending.ackFirstByte = FIRST_BYTE.pubrec;
  pending.isRepeated = true;
  pending.waits = 1;
  pending.users = 1;
  connection.unacknowledged.push(pending);
  if (session.pendingQos2 > 0) session.repeated.push(pending);
  else settle(context, pending);
}

function logStretch(
  context: MqttContext,
  connection: MqttConnection | null,
  topic: TopicId,
  route: Route<MqttSession>,
  target: LogTarget,
  offset: number,
  length: number,
  count: number,
  hasProperties: boolean,
): void {
  const run = context.run;
  const pending = context.pending.take();
  stage(context, pending, offset, length, count);
  pending.topic = topic;
  pending.generation = context.transport.topicGenerations[topic];
  pending.space = context.spaceOf(route.tenant);
  pending.target = target;
  pending.connection = connection;
  pending.session = connection === null ? null : connection.session;
  pending.waits = 1;
  pending.users = 1; // This call.
  if (route.shared.length > 0 && pending.session !== null) pending.publisherHash = publisherHashOf(pending.session);
  if (run.qos === 2) pending.sessionUid = pending.session?.durable?.uid ?? 0;
  const { notOwn } = planOf(context, route);
  if (notOwn !== null && pending.session !== null && notOwn.has(pending.session)) pending.notFor = pending.session.durable?.uid ?? 0;
  if (connection !== null && run.qos > 0) {
    pending.ackFirstByte = run.qos === 1 ? FIRST_BYTE.puback : FIRST_BYTE.pubrec;
    pending.ackReason = reasonFor(run, route);
    pending.users += 1;
    connection.unacknowledged.push(pending);
    if (run.qos === 2 && pending.session !== null) pending.session.pendingQos2 += 1;
  }
  if (run.retain === 1) {
    pending.waits += 1;
    pending.users += 1;
    retainLast(context, route.routing, offset, length, count, () => {
      settle(context, pending);
      drop(context, pending);
    });
  }
  if (target.owner === context.broker.shard) appendHere(context, pending, target, hasProperties);
  else appendThere(context, pending, target);
  drop(context, pending);
}

export function stage(context: MqttContext, pending: PendingRun, offset: number, length: number, count: number): void {
  const run = context.run;
  const slab = context.staging.take(run.bytes, offset, length);
  pending.slab = slab;
  pending.offset = slab.filled - length;
  pending.length = length;
  pending.count = count;
  pending.version = run.version;
}

function appendHere(context: MqttContext, pending: PendingRun, target: LogTarget, hasProperties: boolean): void {
  const { journal } = context;
  const { slab, offset, length, count, version } = pending;
  assert(slab !== null, 'the frames are staged');
  pending.users += 1;
  if (journal.state !== 'writable') {
    finish(context, pending, journal.state === 'full' ? APPENDED.full : APPENDED.failed);
    return;
  }
  if (pending.sessionUid !== 0) {
    const log = context.journal.group(target.group);
    assert(log !== undefined, 'the log is of this shard');
    if (!receive(log, pending.sessionUid, packetIdOf(slab.bytes, offset))) {
      // It is there, and durable when the commit is that this row rides in.
      pending.commit = journal.openCommit;
      context.pending.push(pending);
      return;
    }
  }
  const partition = partitionOf(context, target);
  const batch = partition.open(context.nowMs);
  pending.batch = batch;
  pending.recordIndex = batch.count;
  pending.commit = batch.commit;
  context.commitTimes.note(batch.commit);
  if (hasProperties) appendFrame(batch, target, slab.bytes, offset, length, version, context.nowMs, pending.notFor);
  else appendPlainRun(batch, target, slab.bytes, offset, count, version, context.nowMs, pending.notFor);
  indexRun(context, pending, partition.group);
  context.pending.push(pending);
  if (target.settings.flush === 'interval' || context.limits.acknowledgesBeforeFlush) {
    // The stream's owner chose to lose the last milliseconds in a crash rather than to wait for the disk.
    pending.isEarly = true;
    settle(context, pending);
  }
  if (pending.connection !== null && journal.pendingBytes > context.limits.journalPendingBytesMax)
    throttleByJournal(context, pending.connection);
}

/** Filters of durable sessions that match get the records in their indexes. */
function indexRun(context: MqttContext, { topic, space, batch, recordIndex, count }: PendingRun, group: GroupLog): void {
  if (batch === null || space === null) return;
  const { durable } = routeOf(context, space, topic);
  for (const filter of durable) group.openIndex(filter).add(batch, recordIndex, count);
}

function partitionOf(context: MqttContext, target: LogTarget): PartitionLog {
  return context.journal.partition(target.stream, target.partition, target.settings);
}

function appendThere(context: MqttContext, pending: PendingRun, target: LogTarget): void {
  pending.users += 1;
  request(context, pending, target);
}

/** Sends the run to the owner of its log. */
function request(context: MqttContext, pending: PendingRun, target: LogTarget): void {
  const request = context.appendRequest;
  const { slab } = pending;
  assert(slab !== null, 'the frames are staged');
  const ticket = context.takeTicket();
  pending.ticket = ticket;
  context.remotePending.set(ticket, pending);
  request.ticket = ticket;
  request.tenant = pending.space?.number ?? NO_NUMBER;
  request.topic = pending.topic;
  request.generation = pending.generation;
  request.version = pending.version;
  request.count = pending.count;
  request.publisher = pending.connection === null ? -1 : pending.connection.id;
  request.publisherHash = pending.publisherHash;
  request.stream = target.stream;
  request.partition = target.partition;
  request.session = pending.sessionUid;
  request.notFor = pending.notFor;
  request.bytes = slab.bytes;
  request.offset = pending.offset;
  request.length = pending.length;
  const flows = context.runLinks.append(target.owner, request);
  if (!flows && pending.connection !== null) throttleByLink(context, pending.connection, target.owner);
}

/** A run of another shard's client for a log of ours. */
export function onAppend(context: MqttContext, from: ShardId, request: AppendRequest): void {
  const run = context.run;
  run.set(request.space, request.bytes, request.offset, request.length, request.count, request.version);
  const topicOffset = request.offset + fixedHeaderLength(request.bytes, request.offset);
  const topicLength = (request.bytes[topicOffset] << 8) | request.bytes[topicOffset + 1];
  const topic = context.transport.internTopic(request.bytes.subarray(topicOffset + 2, topicOffset + 2 + topicLength));
  assert(topic >= 0, 'shards agree on what a topic is');
  const space = context.spaces.ofNumber(request.tenant);
  const target = space === null ? null : routeOf(context, space, topic).log;
  const pending = context.pending.take();
  stage(context, pending, request.offset, request.length, request.count);
  pending.topic = topic;
  pending.generation = context.transport.topicGenerations[topic];
  pending.space = space;
  pending.target = target;
  pending.from = from;
  pending.ticket = request.ticket;
  pending.publisher = request.publisher;
  pending.publisherHash = request.publisherHash;
  pending.sessionUid = request.session;
  pending.notFor = request.notFor;
  pending.waits = 1;
  // Settings of streams reach the shards one after another: a topic may have moved meanwhile. Its publisher tries again.
  if (target === null || target.owner !== context.broker.shard) {
    pending.users += 1;
    finish(context, pending, APPENDED.failed);
  } else appendHere(context, pending, target, request.version === 5 && request.count === 1);
}

/** The owner of the log answered. */
export function onAppended(context: MqttContext, ticket: number, outcome: Appended): void {
  const pending = context.remotePending.get(ticket);
  if (pending === undefined) return; // Its owner died and was given up.
  context.remotePending.delete(ticket);
  finish(context, pending, outcome);
}

/** A commit is durable: everything up to it is delivered and acknowledged, in order. */
export function onCommitted(context: MqttContext, commit: number): void {
  for (let pending = context.pending.shift(commit); pending !== null; pending = context.pending.shift(commit)) {
    if (pending.batch !== null) deliverPending(context, pending);
    finish(context, pending, APPENDED.durable);
  }
  const latencyMs = context.commitTimes.take(commit);
  if (latencyMs >= 0) context.metrics.observe(HISTOGRAM.publishLatency, latencyMs);
}

/** A commit failed: what it held was never taken. */
export function onCommitFailed(context: MqttContext, commit: number, why: 'full' | 'failed'): void {
  for (let pending = context.pending.shift(commit); pending !== null; pending = context.pending.shift(commit)) {
    const { sessionUid, batch, slab, offset } = pending;
    if (sessionUid !== 0 && batch !== null && slab !== null)
      forgetReceivedRow(batch.partition.group, sessionUid, packetIdOf(slab.bytes, offset));
    finish(context, pending, why === 'full' ? APPENDED.full : APPENDED.failed);
  }
}

/**
 * A shard was replaced, and what it had not answered may be in its log or not. Its successor is asked again, as a client would that hears
 * nothing: at least once is kept. Not so where once is promised: those publishers hear that it is not known.
 */
export function onOwnerReplaced(context: MqttContext, owner: ShardId): void {
  for (const [ticket, pending] of [...context.remotePending]) {
    const { target } = pending;
    if (target?.owner !== owner) continue;
    context.remotePending.delete(ticket);
    if (pending.ackFirstByte === FIRST_BYTE.pubrec && pending.sessionUid === 0) finish(context, pending, APPENDED.failed);
    else request(context, pending, target);
  }
}

function deliverPending(context: MqttContext, pending: PendingRun): void {
  const { slab, batch, from, publisher, space } = pending;
  assert(slab !== null && batch !== null && space !== null, 'what is delivered was appended');
  let { topic } = pending;
  if (context.transport.topicGenerations[topic] !== pending.generation) {
    // The topic's number was given to another one meanwhile.
    const body = pending.offset + fixedHeaderLength(slab.bytes, pending.offset);
    topic = context.transport.internTopic(slab.bytes.subarray(body + 2, body + 2 + ((slab.bytes[body] << 8) | slab.bytes[body + 1])));
  }
  const run = context.run;
  run.set(slab.space, slab.bytes, pending.offset, pending.length, pending.count, pending.version);
  run.logGroup = batch.partition.group.id;
  run.sequence = batch.baseSequence + pending.recordIndex;
  run.publisherHash = pending.publisherHash;
  const { connection } = pending;
  const isHere = connection !== null && connection.session === pending.session;
  if (isHere) {
    run.connection = connection.id;
    run.session = pending.session;
  } else {
    run.session = pending.session; // Also if its client has another connection by now.
    run.publisherShard = from;
    run.publisher = publisher;
  }
  spread(context, isHere ? connection : null, topic, routeOf(context, space, topic));
}
