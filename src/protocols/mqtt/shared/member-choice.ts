import { hashOfText } from '../../../base/fnv.js';
import type { Receiver } from '../../../broker/ports.js';
import type { SharedChoice } from '../../../broker/shared/ports.js';
import type { MqttSession } from '../session.js';

/** What the choice of a member of a shared subscription depends on. One per shard, filled in before each question. */
export class MemberChoice implements SharedChoice<MqttSession> {
  topicHash = 0;
  publisherHash = 0;
  /** Of the message. */
  qos: 0 | 1 | 2 = 0;

  isFree({ subscriber, qos }: Receiver<MqttSession>): boolean {
    if (this.qos === 0 || qos === 0) return subscriber.slot >= 0 && !subscriber.isCongested;
    return subscriber.isReady && (subscriber.outbound === null || subscriber.outbound.room() > 0);
  }

  isThere({ subscriber }: Receiver<MqttSession>): boolean {
    return subscriber.slot >= 0 && !subscriber.isCongested;
  }

  loadOf({ subscriber }: Receiver<MqttSession>): number {
    return (subscriber.outbound?.inFlight ?? 0) + (subscriber.queue?.length ?? 0);
  }
}

/** Of the client that a session is of; worked out once. */
export function publisherHashOf(session: MqttSession): number {
  if (session.publisherHash === 0) session.publisherHash = hashOfText(session.clientId) || 1;
  return session.publisherHash;
}
