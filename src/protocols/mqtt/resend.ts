import { DROP } from '../../telemetry/metrics/drops.js';
import { COUNT } from '../../telemetry/metrics/slots.js';
import { FIRST_BYTE } from './constants.js';
import type { MqttContext } from './context.js';
import { dropFor } from './explain/session-drops.js';
import { AWAITS_PUBACK, AWAITS_PUBCOMP, AWAITS_PUBREC } from './outbound.js';
import { frameLength } from './publish-frame.js';
import type { MqttSession } from './session.js';
import { shapeOf } from './shapes.js';
import { encodeSpecial } from './special.js';
import { agedFrame, type Delivery } from './stored-run.js';

/** One message that is in flight and kept, with the packet id it has. */
export function sendKept(context: MqttContext, session: MqttSession, packetId: number, duplicate: 0 | 1): void {
  const kept = session.outbound?.keptOf(packetId) ?? null;
  if (kept === null) return;
  const { delivery, offset } = kept;
  if (sendFrame(context, session, packetId, delivery, offset, duplicate)) {
    if (duplicate === 0) context.counts[COUNT.messagesSent + delivery.qos] += 1;
    return;
  }
  session.outbound?.finish(packetId, 1, delivery.qos === 2 ? AWAITS_PUBREC : AWAITS_PUBACK);
  dropFor(context, session, DROP.tooLarge, 1);
}

/** @returns false if the packet is larger than the client takes. */
function sendFrame(
  context: MqttContext,
  session: MqttSession,
  packetId: number,
  { run, qos, retain, identifiers }: Delivery,
  offset: number,
  duplicate: 0 | 1,
): boolean {
  // Delivery was started before the message expired, so it is completed (§3.3.2.3.3).
  const bytes = run.expiryOffset < 0 ? run.bytes : agedFrame(run, context.nowMs);
  const length = frameLength(bytes, offset);
  if (session.isSpecial) {
    const packet = encodeSpecial(session, bytes, offset, length, run.version, qos, retain, duplicate, packetId, identifiers);
    if (packet !== null) context.commands.sendCopy(session.slot, packet);
    return packet !== null;
  }
  const shape = shapeOf(session.version, qos, retain, duplicate);
  const block = context.commands.buildBlockCopy(bytes, offset, length, 1, run.version, shape, session.version === 5 ? identifiers : null);
  context.commands.sendBlock(session.slot, block, packetId);
  return true;
}

/** After a reconnect, and only then: what was in flight goes out again, in its order, with the same packet ids and DUP (MQTT-4.4.0-1). */
export function resend(context: MqttContext, session: MqttSession): void {
  const outbound = session.outbound;
  if (outbound === null) return;
  const lost: number[] = [];
  outbound.forEach((packetId, state, delivery, offset) => {
    if (state === AWAITS_PUBCOMP) {
      context.commands.ack(session.slot, FIRST_BYTE.pubrel, packetId);
      return;
    }
    if (delivery !== null && !sendFrame(context, session, packetId, delivery, offset, 1)) lost.push(packetId, state);
  });
  // The client came back with a smaller Maximum Packet Size: these count as delivered (MQTT-3.1.2-25).
  for (let i = 0; i < lost.length; i += 2) {
    outbound.finish(lost[i], 1, lost[i + 1]);
    dropFor(context, session, DROP.tooLarge, 1);
  }
}
