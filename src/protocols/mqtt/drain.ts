import { assert } from '../../base/assert.js';
import { DROP } from '../../telemetry/metrics/drops.js';
import { COUNT } from '../../telemetry/metrics/slots.js';
import type { MqttContext } from './context.js';
import { pull } from './durable/pull.js';
import { holdPublishes } from './durable/turn.js';
import { dropFor } from './explain/session-drops.js';
import type { MessageQueue, QueueEntry } from './message-queue.js';
import { drained, mayDrain } from './metering/output.js';
import type { Outbound } from './outbound.js';
import { frameLength, framesLength } from './publish-frame.js';
import { rightsOf } from './rights.js';
import type { MqttSession } from './session.js';
import { shapeOf } from './shapes.js';
import { isShared } from './shared/places.js';
import { encodeSpecial } from './special.js';
import { agedFrame } from './stored-run.js';
import { releaseWaiters } from './throttle.js';

/** Frames that leave a queue as one block. */
const BLOCK_FRAMES_MAX = 256;

/**
 * Sends what waits for a session, as far as its window and its connection allow. Called when either opens. Sends about a high mark's worth
 * at a time, so that a long queue is never all in the output; what is acknowledged or relieved brings the next part.
 */
export function drainQueue(context: MqttContext, session: MqttSession): void {
  const queue = session.queue;
  if (queue !== null) {
    rightsOf(context, session); // If rules changed, what they forbid leaves the queue first.
    let budget = context.limits.outputHighMarkBytes;
    while (session.slot >= 0 && !session.isCongested && budget > 0) {
      const entry = queue.peek();
      if (entry === undefined || !mayDrain(context, session)) break;
      const left = queue.length;
      const sent = sendSome(context, session, queue, entry);
      if (sent < 0) break;
      budget -= sent;
      drained(context, session, left - queue.length, sent);
    }
  }
  session.updateReady();
  if (session.durable !== null) pull(context, session);
  if (session.retainedReplays !== null || session.replays !== null) context.onQueueShort(session);
  if (session.isReady && session.waiters !== null) releaseWaiters(context, session);
}

/** @returns bytes sent, or -1 if the window is full. */
function sendSome(context: MqttContext, session: MqttSession, queue: MessageQueue, entry: QueueEntry): number {
  const { run, qos } = entry.delivery;
  if (run.expiresAtMs > 0 && run.expiresAtMs <= context.nowMs) {
    dropFor(context, session, DROP.expired, entry.remaining);
    settleEntry(session, entry, entry.remaining);
    queue.take(entry.remaining, framesLength(run.bytes, entry.offset, entry.remaining));
    return 0;
  }
  const outbound = qos > 0 ? session.openOutbound(context.limits) : null;
  const room = outbound === null ? entry.remaining : outbound.room();
  if (room === 0) return -1;
  if (session.durable !== null && qos === 2 && entry.delivery.log !== null) return holdSome(context, session, queue, entry, room);
  if (session.isSpecial) return sendSpecial(context, session, queue, entry, outbound);
  const count = Math.min(entry.remaining, room, BLOCK_FRAMES_MAX);
  const length = framesLength(run.bytes, entry.offset, count);
  const bytes = run.expiryOffset < 0 ? run.bytes : agedFrame(run, context.nowMs);
  const shape = shapeOf(session.version, qos, entry.delivery.retain, 0);
  const block = context.commands.buildBlockCopy(
    bytes,
    entry.offset,
    length,
    count,
    run.version,
    shape,
    session.version === 5 ? entry.delivery.identifiers : null,
  );
  const packetId = outbound === null ? 0 : openIds(context, session, outbound, entry, count);
  context.commands.sendBlock(session.slot, block, packetId);
  if (outbound === null) settleEntry(session, entry, count);
  context.counts[COUNT.messagesSent + qos] += count;
  queue.take(count, length);
  return length;
}

/** QoS 2 of a session that outlives this process: nothing is sent before its packet ids are durable. */
function holdSome(context: MqttContext, session: MqttSession, queue: MessageQueue, entry: QueueEntry, room: number): number {
  const count = Math.min(entry.remaining, room, BLOCK_FRAMES_MAX);
  const length = framesLength(entry.delivery.run.bytes, entry.offset, count);
  holdPublishes(context, session, openIds(context, session, session.openOutbound(context.limits), entry, count), count);
  queue.take(count, length);
  return length;
}

/** The next `count` messages of an entry need not be sent, or nobody will say that they came. */
function settleEntry(session: MqttSession, { delivery, frame: first }: QueueEntry, count: number): void {
  const { log } = delivery;
  if (log === null) return;
  for (let i = first; i < first + count; i += 1) session.settle(log.group, log.sequences[i]);
}

function sendSpecial(
  context: MqttContext,
  session: MqttSession,
  queue: MessageQueue,
  entry: QueueEntry,
  outbound: Outbound | null,
): number {
  const { run, qos, retain, identifiers } = entry.delivery;
  const length = frameLength(run.bytes, entry.offset);
  const bytes = run.expiryOffset < 0 ? run.bytes : agedFrame(run, context.nowMs);
  // The size does not depend on the packet id: an oversize packet takes none.
  const packet = encodeSpecial(
    session,
    bytes,
    entry.offset,
    length,
    run.version,
    qos,
    retain,
    0,
    qos > 0 ? (outbound as Outbound).nextPacketId : 0,
    identifiers,
  );
  if (packet === null) {
    dropFor(context, session, DROP.tooLarge, 1);
    settleEntry(session, entry, 1);
  } else {
    if (outbound !== null) openIds(context, session, outbound, entry, 1);
    else settleEntry(session, entry, 1);
    context.commands.sendCopy(session.slot, packet);
    context.counts[COUNT.messagesSent + qos] += 1;
  }
  queue.take(1, length);
  return length;
}

/** Packet ids for the next `count` frames of an entry. @returns the first. */
function openIds(context: MqttContext, session: MqttSession, outbound: Outbound, entry: QueueEntry, count: number): number {
  const { qos } = entry.delivery;
  assert(qos > 0, 'QoS 0 has no packet id');
  const first = outbound.open(count, qos as 1 | 2);
  const { log } = entry.delivery;
  if (outbound.keepsMessages) outbound.keepRun(first, entry.delivery, entry.offset, count, entry.frame);
  else if (log !== null && isShared(log.group)) outbound.placeRun(first, log, count, entry.frame);
  const { run } = entry.delivery;
  context.slow?.onSent(context, session, first, count, run.receivedAtMs, run);
  return first;
}
