import type { MqttContext } from '../context.js';
import { drainQueue } from '../drain.js';
import { resumeByMeter } from '../throttle.js';

/** Each tick: who waited for its rate goes on. */
export function releaseMetered(context: MqttContext): void {
  resumeByMeter(context);
  if (context.slowedSessions.size === 0) return;
  const sessions = [...context.slowedSessions];
  context.slowedSessions.clear();
  for (const session of sessions) if (session.slot >= 0 && !session.isCongested) drainQueue(context, session);
}
