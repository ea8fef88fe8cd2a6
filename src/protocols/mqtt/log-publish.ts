import { assert } from '../../base/assert.js';
import { APPENDED, type Appended, type AppendRequest, type LogTarget, type Route, type ShardId } from '../../broker/ports.js';
import type { PartitionLog } from '../../journal/ports.js';
import type { TopicId } from '../../transport/ports.js';
import type { MqttConnection } from './connection.js';
import { FIRST_BYTE, REASON } from './constants.js';
import type { MqttContext } from './context.js';
import { NO_ACK, OWN_SHARD, type PendingRun } from './pending-runs.js';
import { reasonFor, retainLast, routeOf, spread } from './publish.js';
import { fixedHeaderLength, frameLength, packetIdOf } from './publish-frame.js';
import { appendFrame, appendPlainRun } from './record.js';
import type { MqttSession } from './session.js';
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

/** What was taken before on an earlier connection may not be durable yet: then the answer waits until it is. */
function acknowledgeRepeated(context: MqttContext, connection: MqttConnection, session: MqttSession, offset: number, length: number): void {
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
  pending.target = target;
  pending.connection = connection;
  pending.session = connection === null ? null : connection.session;
  pending.waits = 1;
  pending.users = 1; // This call.
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
    retainLast(context, route.topic, offset, length, count, () => {
      settle(context, pending);
      drop(context, pending);
    });
  }
  if (target.owner === context.broker.shard) appendHere(context, pending, target, hasProperties);
  else appendThere(context, pending, target);
  drop(context, pending);
}

function stage(context: MqttContext, pending: PendingRun, offset: number, length: number, count: number): void {
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
  const batch = partitionOf(context, target).open(context.nowMs);
  pending.batch = batch;
  pending.recordIndex = batch.count;
  pending.commit = batch.commit;
  if (hasProperties) appendFrame(batch, target, slab.bytes, offset, length, version, context.nowMs);
  else appendPlainRun(batch, target, slab.bytes, offset, count, version, context.nowMs);
  context.pending.push(pending);
  if (target.settings.flush === 'interval' || context.limits.acknowledgesBeforeFlush) {
    // The stream's owner chose to lose the last milliseconds in a crash rather than to wait for the disk.
    pending.isEarly = true;
    settle(context, pending);
  }
  if (pending.connection !== null && journal.pendingBytes > context.limits.journalPendingBytesMax)
    throttleByJournal(context, pending.connection);
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
  request.topic = pending.topic;
  request.generation = pending.generation;
  request.version = pending.version;
  request.count = pending.count;
  request.publisher = pending.connection === null ? -1 : pending.connection.id;
  request.stream = target.stream;
  request.partition = target.partition;
  request.session = 0;
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
  const target = routeOf(context, topic).log;
  const pending = context.pending.take();
  stage(context, pending, request.offset, request.length, request.count);
  pending.topic = topic;
  pending.generation = context.transport.topicGenerations[topic];
  pending.target = target;
  pending.from = from;
  pending.ticket = request.ticket;
  pending.publisher = request.publisher;
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
    deliverPending(context, pending);
    finish(context, pending, APPENDED.durable);
  }
}

/** A commit failed: what it held was never taken. */
export function onCommitFailed(context: MqttContext, commit: number, why: 'full' | 'failed'): void {
  for (let pending = context.pending.shift(commit); pending !== null; pending = context.pending.shift(commit))
    finish(context, pending, why === 'full' ? APPENDED.full : APPENDED.failed);
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
    if (pending.ackFirstByte === FIRST_BYTE.pubrec) finish(context, pending, APPENDED.failed);
    else request(context, pending, target);
  }
}

function deliverPending(context: MqttContext, pending: PendingRun): void {
  const { slab, batch, from, publisher } = pending;
  assert(slab !== null && batch !== null, 'what is delivered was appended');
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
  const { connection } = pending;
  const isHere = connection !== null && connection.session === pending.session;
  if (isHere) {
    run.connection = connection.id;
    run.session = pending.session;
  } else {
    run.publisherShard = from;
    run.publisher = publisher;
  }
  spread(context, isHere ? connection : null, topic, routeOf(context, topic));
}

/** The commit is over, here or at the owner. */
function finish(context: MqttContext, pending: PendingRun, outcome: Appended): void {
  if (outcome !== APPENDED.durable) pending.outcome = outcome;
  if (!pending.isEarly) settle(context, pending);
  drop(context, pending);
}

/** One of the things that the acknowledgement waited for happened. */
function settle(context: MqttContext, pending: PendingRun): void {
  pending.waits -= 1;
  if (pending.waits > 0) return;
  const { connection, session, from, ackFirstByte } = pending;
  if (from !== OWN_SHARD) {
    context.runLinks.answerAppend(from, pending.ticket, pending.outcome);
    return;
  }
  if (connection === null || ackFirstByte === NO_ACK) return;
  acknowledgeInOrder(context, connection);
  if (ackFirstByte === FIRST_BYTE.pubrec && session !== null && !pending.isRepeated) settleQos2(context, session);
}

/** A QoS 2 run of the session is durable or refused. With the last of them, those that came again meanwhile have their answer too. */
function settleQos2(context: MqttContext, session: MqttSession): void {
  session.pendingQos2 -= 1;
  if (session.pendingQos2 > 0 || session.repeated.length === 0) return;
  for (const repeated of session.repeated.splice(0)) settle(context, repeated);
}

/** Acknowledgements leave in the order of the publishes, whatever the order of their commits (MQTT-4.6.0-2, MQTT-4.6.0-3). */
function acknowledgeInOrder(context: MqttContext, connection: MqttConnection): void {
  const queue = connection.unacknowledged;
  let done = 0;
  while (done < queue.length && queue[done].waits === 0) {
    done += 1;
  }
  if (done === 0) return;
  const ready = done === queue.length ? queue.splice(0) : queue.splice(0, done);
  for (const pending of ready) {
    acknowledge(context, connection, pending);
    drop(context, pending);
  }
}

function acknowledge(context: MqttContext, connection: MqttConnection, pending: PendingRun): void {
  const { slab, session, ackFirstByte } = pending;
  assert(slab !== null, 'the frames are there until they are acknowledged');
  if (pending.outcome !== APPENDED.durable) {
    forgetReceived(pending);
    if (connection.phase === 'connected') refuse(context, connection, pending);
    return;
  }
  if (connection.phase !== 'connected' || (session !== null && connection.session !== session)) return;
  context.commands.ackRun(connection.id, ackFirstByte, pending.ackReason, slab.space, pending.offset, pending.count);
}

/** MQTT 5 hears why and may try again; MQTT 3 has no word for it but the end of the connection. */
function refuse(context: MqttContext, connection: MqttConnection, pending: PendingRun): void {
  const { slab, offset, count, ackFirstByte, version, outcome } = pending;
  assert(slab !== null, 'the frames are there until they are refused');
  context.counters.publishesRefused += count;
  const reason = outcome === APPENDED.full ? REASON.quotaExceeded : REASON.unspecifiedError;
  if (version === 5) context.commands.ackRun(connection.id, ackFirstByte, reason, slab.space, offset, count);
  else context.endConnection(connection, reason, 'the message could not be stored');
}

/** A refused QoS 2 message is new when it comes again. */
function forgetReceived({ slab, offset, count, ackFirstByte, session }: PendingRun): void {
  const received = session?.received ?? null;
  if (ackFirstByte !== FIRST_BYTE.pubrec || received === null || slab === null) return;
  let position = offset;
  for (let i = 0; i < count; i += 1) {
    received.remove(packetIdOf(slab.bytes, position));
    position += frameLength(slab.bytes, position);
  }
}

/** A list or a callback refers to it no more. */
function drop(context: MqttContext, pending: PendingRun): void {
  pending.users -= 1;
  if (pending.users > 0) return;
  if (pending.slab !== null) context.staging.release(pending.slab);
  context.pending.give(pending);
}
