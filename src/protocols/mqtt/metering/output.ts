import { DROP } from '../../../telemetry/metrics/drops.js';
import type { MqttContext } from '../context.js';
import { dropFor } from '../explain/session-drops.js';
import type { MqttSession } from '../session.js';

/* What goes to a client beyond its rate: see input.ts. */

/** Whether QoS 0 may go to the client now; if not it is dropped. */
export function mayDeliver(context: MqttContext, session: MqttSession, messages: number, bytes: number): boolean {
  const meter = session.connection?.meter ?? null;
  if (meter === null || !meter.limitsOutput) return true;
  if (meter.takeOutput(messages, bytes, context.nowMs) === 0) return true;
  meter.takeOutput(-messages, -bytes, context.nowMs);
  dropFor(context, session, DROP.deliveryRateLimited, messages);
  return false;
}

/** Whether the next of the queue may go; if not the session is drained again when it may. */
export function mayDrain(context: MqttContext, session: MqttSession): boolean {
  const meter = session.connection?.meter ?? null;
  if (meter === null || !meter.limitsOutput || meter.takeOutput(0, 0, context.nowMs) === 0) return true;
  context.slowedSessions.add(session);
  return false;
}

export function drained(context: MqttContext, session: MqttSession, messages: number, bytes: number): void {
  const meter = session.connection?.meter ?? null;
  if (meter?.limitsOutput === true) meter.takeOutput(messages, bytes, context.nowMs);
}
