import type { QueueMessage, ShardId } from '../../../broker/ports.js';
import { COUNT } from '../../../telemetry/metrics/slots.js';
import { REASON } from '../constants.js';
import type { MqttContext } from '../context.js';
import { forgetReceived, receive } from '../durable/received-ids.js';
import { whenDurable } from '../durable/turn.js';
import { routeOf } from '../publish.js';
import { fixedHeaderLength, packetIdOf } from '../publish-frame.js';
import { appendDelayed } from '../record.js';

type Delay = Extract<QueueMessage, { kind: 'delay' }>;

/** A message for a log of this shard, to be kept until it is due. Answered when it is durable. */
export function onDelay(context: MqttContext, from: ShardId, question: Delay): void {
  const { ticket, frame, version, dueMs, publisher, tenant, session } = question;
  const answer = (refusal: number): void => context.broker.sendQueueMessage(from, { kind: 'delayed', ticket, refusal });
  const { journal, delayed, nowMs } = context;
  const body = fixedHeaderLength(frame, 0);
  const topic = context.transport.internTopic(frame.subarray(body + 2, body + 2 + ((frame[body] << 8) | frame[body + 1])));
  const target = topic < 0 ? null : routeOf(context, context.spaceOf(tenant), topic).log;
  if (target === null || target.owner !== context.broker.shard) {
    answer(REASON.implementationSpecificError); // The topic goes to another log since a moment ago: its publisher tries again.
    return;
  }
  if (journal.state !== 'writable') {
    answer(journal.state === 'full' ? REASON.quotaExceeded : REASON.implementationSpecificError);
    return;
  }
  const log = delayed.logOf(target);
  const packetId = session === 0 || log === undefined ? 0 : packetIdOf(frame, 0);
  if (log !== undefined && packetId > 0 && !receive(log, session, packetId)) {
    whenDurable(context, () => answer(0)); // It came before, and is there.
    return;
  }
  const forget = (): void => {
    if (log !== undefined && packetId > 0) forgetReceived(log, session, packetId);
  };
  if (delayed.isFull) {
    forget();
    answer(REASON.quotaExceeded);
    return;
  }
  delayed.append(target, nowMs, dueMs, (batch, actualDueMs) => {
    appendDelayed(batch, frame, version, { nowMs, dueMs: actualDueMs, publisher, tenant });
  });
  context.counts[COUNT.delayedTaken] += 1;
  whenDurable(
    context,
    () => answer(0),
    () => {
      forget();
      answer(REASON.quotaExceeded);
    },
  );
}
