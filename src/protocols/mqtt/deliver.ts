import { DROP } from '../../telemetry/metrics/drops.js';
import { COUNT } from '../../telemetry/metrics/slots.js';
import type { BlockId } from '../../transport/ports.js';
import type { MqttContext } from './context.js';
import { drainQueue } from './drain.js';
import { passesOver, takesPush } from './durable/pull.js';
import { enqueue } from './enqueue.js';
import { dropFor } from './explain/session-drops.js';
import { mayDeliver } from './metering/output.js';
import { type Group, groupOfOne, NO_LIST, type Plan } from './plan.js';
import { frameLength } from './publish-frame.js';
import { NO_SPACE, type RunView } from './run-view.js';
import type { MqttSession } from './session.js';
import { shapeOf } from './shapes.js';
import { encodeSpecial } from './special.js';
import type { Delivery } from './stored-run.js';
import { throttle } from './throttle.js';

const NO_BLOCK = -1;

/** The run in `context.run` to everybody the plan names. Each receiver's share is independent: a slow one costs its own budget. */
export function deliver(context: MqttContext, plan: Plan): void {
  const run = context.run;
  if (context.slow !== null) run.topicName = plan.topic;
  if (plan.denied > 0) context.counts[DROP.receiverDenied] += plan.denied * run.count;
  if (run.qos === 0) {
    for (const group of plan.all) deliverQos0(context, group, run);
  } else {
    for (const group of plan.zero) deliverQos0(context, group, run);
    for (const group of plan.acknowledged) deliverAcknowledged(context, group, run);
  }
  for (const receiver of plan.special) {
    if (receiver.noLocal && isOwn(context, receiver.subscriber, run)) continue;
    deliverSpecial(context, groupOfOne(receiver), run);
  }
}

/** Whether the run is one that the session published itself, and therefore does not get (MQTT-3.8.3-3). */
function isOwn(context: MqttContext, session: MqttSession, run: RunView): boolean {
  if (session !== run.session) return false;
  if (session.durable !== null && run.logGroup >= 0) passesOver(context, session, session.durable);
  return true;
}

/** The run in `context.run` to one member of a shared subscription. */
export function deliverToMember(context: MqttContext, member: Group): void {
  const run = context.run;
  const session = member.sessions[0];
  if (session.isSpecial && session.slot >= 0) deliverSpecial(context, member, run);
  else if (run.qos === 0 || member.qos === 0) deliverQos0(context, member, run);
  else deliverAcknowledged(context, member, run);
}

function deliverQos0(context: MqttContext, group: Group, run: RunView): void {
  const commands = context.commands;
  const block = buildBlock(context, group, run, 0);
  const except = group.noLocal ? run.connection : -1;
  if (group.list !== NO_LIST) {
    commands.sendBlockToList(group.list, block, except);
    // Those that are congested are passed over by the transport, which counts them itself.
    const receivers = group.sessions.length - (except >= 0 && run.session !== null && group.sessions.includes(run.session) ? 1 : 0);
    context.counts[COUNT.messagesSent] += run.count * receivers;
    return;
  }
  for (const session of group.sessions) {
    if (session.slot < 0 || session.slot === except) continue;
    if (session.isCongested) dropFor(context, session, DROP.congested, run.count);
    else {
      commands.sendBlock(session.slot, block, 0);
      context.counts[COUNT.messagesSent] += run.count;
    }
  }
}

function deliverAcknowledged(context: MqttContext, group: Group, run: RunView): void {
  const commands = context.commands;
  const sessions = group.sessions;
  const count = run.count;
  const qos = Math.min(run.qos, group.qos) as 1 | 2;
  let block: BlockId = NO_BLOCK;
  let delivery: Delivery | null = null;
  let held = 0;
  let sent = 0;
  let heldBy: MqttSession | null = null;
  for (let i = 0; i < sessions.length; i += 1) {
    const session = sessions[i];
    if (group.noLocal && isOwn(context, session, run)) continue;
    // What the log has and the client cannot get now, it gets from the log.
    if (session.durable !== null && run.logGroup >= 0 && !takesPush(context, session, session.durable)) continue;
    if (session.isReady && (qos === 1 || session.durable === null)) {
      const outbound = session.outbound ?? session.openOutbound(context.limits);
      if (outbound.room() >= count) {
        if (block === NO_BLOCK) block = buildBlock(context, group, run, qos);
        const first = outbound.open(count, qos);
        if (outbound.keepsMessages) {
          delivery ??= deliveryOf(context, run, qos, group.retainAsPublished === 1 ? run.retain : 0, group.identifiers);
          outbound.keepRun(first, delivery, 0, count);
        }
        commands.sendBlock(session.slot, block, first);
        context.slow?.onSent(context, session, first, count, context.nowMs, run.topicName ?? run.stored(context.nowMs));
        sent += count;
        continue;
      }
    }
    delivery ??= deliveryOf(context, run, qos, group.retainAsPublished === 1 ? run.retain : 0, group.identifiers);
    enqueue(context, session, delivery);
    if (session.slot < 0) continue;
    // The run may have been too long for the window, not the window full.
    if (!session.isCongested) drainQueue(context, session);
    if (!session.isReady && !session.isStalled) {
      held += 1;
      heldBy = session;
    }
  }
  context.counts[COUNT.messagesSent + qos] += sent;
  // Where most receivers lag, the publisher is too fast: it waits for the last of them. A few slow ones slow nobody down.
  if (heldBy !== null && held * 2 > sessions.length) throttle(context, run.connection, heldBy);
}

function buildBlock(context: MqttContext, group: Group, run: RunView, qos: 0 | 1 | 2): BlockId {
  const shape = shapeOf(group.version, qos, group.retainAsPublished === 1 ? run.retain : 0, 0);
  if (run.space === NO_SPACE)
    return context.commands.buildBlockCopy(run.bytes, run.offset, run.length, run.count, run.version, shape, group.identifiers);
  return context.commands.buildBlock(run.space, run.offset, run.length, run.count, run.version, shape, group.identifiers);
}

function deliveryOf(context: MqttContext, run: RunView, qos: 0 | 1 | 2, retain: 0 | 1, identifiers: Uint8Array | null): Delivery {
  return { run: run.stored(context.nowMs), qos, retain, identifiers, log: run.places };
}

function deliverSpecial(context: MqttContext, group: Group, run: RunView): void {
  const session = group.sessions[0];
  const qos = Math.min(run.qos, group.qos) as 0 | 1 | 2;
  const retain = group.retainAsPublished === 1 ? run.retain : 0;
  if (qos > 0) {
    if (session.durable !== null && run.logGroup >= 0 && !takesPush(context, session, session.durable)) return;
    enqueue(context, session, deliveryOf(context, run, qos, retain, group.identifiers));
    drainQueue(context, session);
    return;
  }
  if (session.slot < 0) return;
  if (session.isCongested) {
    dropFor(context, session, DROP.congested, run.count);
    return;
  }
  if (!mayDeliver(context, session, run.count, run.length)) return;
  let offset = run.offset;
  for (let i = 0; i < run.count; i += 1) {
    const length = frameLength(run.bytes, offset);
    const packet = encodeSpecial(session, run.bytes, offset, length, run.version, 0, retain, 0, 0, group.identifiers);
    if (packet === null) dropFor(context, session, DROP.tooLarge, 1);
    else {
      context.commands.sendCopy(session.slot, packet);
      context.counts[COUNT.messagesSent] += 1;
    }
    offset += length;
  }
}
