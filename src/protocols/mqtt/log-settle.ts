import { assert } from '../../base/assert.js';
import { APPENDED, type Appended } from '../../broker/ports.js';
import { DROP } from '../../telemetry/metrics/drops.js';
import type { MqttConnection } from './connection.js';
import { FIRST_BYTE, REASON } from './constants.js';
import type { MqttContext } from './context.js';
import { NO_ACK, OWN_SHARD, type PendingRun } from './pending-runs.js';
import { frameLength, packetIdOf } from './publish-frame.js';
import type { MqttSession } from './session.js';

/* What follows the commit of a publish: its acknowledgement or refusal, in the order in which publishes came. */

/** The commit is over, here or at the owner. */
export function finish(context: MqttContext, pending: PendingRun, outcome: Appended): void {
  if (outcome !== APPENDED.durable) pending.outcome = outcome;
  if (!pending.isEarly) settle(context, pending);
  drop(context, pending);
}

/** One of the things that the acknowledgement waited for happened. */
export function settle(context: MqttContext, pending: PendingRun): void {
  pending.waits -= 1;
  if (pending.waits > 0) return;
  const { connection, session, from, ackFirstByte } = pending;
  if (from !== OWN_SHARD) {
    context.runLinks.answerAppend(from, pending.ticket, pending.outcome);
    return;
  }
  if (connection === null || ackFirstByte === NO_ACK) {
    pending.onOutcome?.(pending.outcome);
    return;
  }
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
  const line = connection.unacknowledged;
  for (let pending = line.shiftReady(); pending !== null; pending = line.shiftReady()) {
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

/**
 * MQTT 5 hears why and may try again: 0x97 for a full disk, 0x83 for one that failed. Not 0x80, which may mean a right that is missing
 * (`mqtt.reveal_denials`), and is final. MQTT 3 has no word for it but the end of the connection.
 */
function refuse(context: MqttContext, connection: MqttConnection, pending: PendingRun): void {
  const { slab, offset, count, ackFirstByte, version, outcome, refusal } = pending;
  assert(slab !== null, 'the frames are there until they are refused');
  context.counts[DROP.notStored] += count;
  const reason = refusal > 0 ? refusal : outcome === APPENDED.full ? REASON.quotaExceeded : REASON.implementationSpecificError;
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
export function drop(context: MqttContext, pending: PendingRun): void {
  pending.users -= 1;
  if (pending.users > 0) return;
  if (pending.slab !== null) context.staging.release(pending.slab);
  context.pending.give(pending);
}
