import { DROP } from '../../telemetry/metrics/drops.js';
import type { MqttContext } from './context.js';
import { dropFor } from './explain/session-drops.js';
import type { MqttSession } from './session.js';
import type { Delivery } from './stored-run.js';

/** Puts a delivery in the session's queue. What has no room is dropped, or left to the log. */
export function enqueue(context: MqttContext, session: MqttSession, delivery: Delivery): void {
  const refused = session.openQueue(context.limits).append(delivery);
  if (refused > 0 && session.durable !== null && delivery.log !== null)
    session.durable.giveBack(delivery.log, delivery.run.count - refused);
  else dropFor(context, session, DROP.queueFull, refused);
  session.updateReady();
}
