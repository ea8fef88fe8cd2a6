import { hashOfText } from '../../../base/fnv.js';
import type { Receiver } from '../../../broker/ports.js';
import type { SharedChoice } from '../../../broker/shared/ports.js';
import type { MqttContext } from '../context.js';
import { fixedHeaderLength } from '../publish-frame.js';
import { isKeptFrom } from '../rights.js';
import type { MqttSession } from '../session.js';

/** What the choice of a member of a shared subscription depends on. One per shard, filled in before each question. */
export class MemberChoice implements SharedChoice<MqttSession> {
  topicHash = 0;
  publisherHash = 0;
  /** Of the message. */
  qos: 0 | 1 | 2 = 0;
  readonly #context: MqttContext;
  /** Null: as in the frame, or none if there is no frame either. */
  #topic: string | null = null;
  #bytes: Uint8Array | null = null;
  #offset = 0;

  constructor(context: MqttContext) {
    this.#context = context;
  }

  ask(topic: string, topicHash: number, publisherHash: number, qos: 0 | 1 | 2): void {
    this.#topic = topic;
    this.topicHash = topicHash;
    this.publisherHash = publisherHash;
    this.qos = qos;
  }

  /** Of a message whose topic is nowhere but in its frame: the name is made only if somebody's rights depend on it. */
  askForFrame(bytes: Uint8Array, offset: number, topicHash: number, publisherHash: number, qos: 0 | 1 | 2): void {
    this.#topic = null;
    this.#bytes = bytes;
    this.#offset = offset;
    this.topicHash = topicHash;
    this.publisherHash = publisherHash;
    this.qos = qos;
  }

  /** Of no message in particular. */
  askForAny(): void {
    this.#topic = null;
    this.#bytes = null;
    this.qos = 1;
  }

  isFree(member: Receiver<MqttSession>): boolean {
    const { subscriber, qos } = member;
    if (!this.isThere(member)) return false;
    if (this.qos === 0 || qos === 0) return true;
    return subscriber.isReady && (subscriber.outbound === null || subscriber.outbound.room() > 0);
  }

  isThere({ subscriber }: Receiver<MqttSession>): boolean {
    return subscriber.slot >= 0 && !subscriber.isCongested && !this.isForbidden(subscriber);
  }

  loadOf({ subscriber }: Receiver<MqttSession>): number {
    return (subscriber.outbound?.inFlight ?? 0) + (subscriber.queue?.length ?? 0);
  }

  /** Whether the rules keep the message from this member. */
  isForbidden(session: MqttSession): boolean {
    if (this.#topic === null && this.#bytes === null) return false;
    return isKeptFrom(this.#context, session, this);
  }

  /** Of the message. */
  get topic(): string {
    if (this.#topic === null) this.#topic = this.#bytes === null ? '' : topicOf(this.#bytes, this.#offset);
    return this.#topic;
  }
}

function topicOf(bytes: Uint8Array, offset: number): string {
  const body = offset + fixedHeaderLength(bytes, offset);
  const length = (bytes[body] << 8) | bytes[body + 1];
  return Buffer.from(bytes.buffer, bytes.byteOffset + body + 2, length).toString();
}

/** Of the client that a session is of; worked out once. */
export function publisherHashOf(session: MqttSession): number {
  if (session.publisherHash === 0) session.publisherHash = hashOfText(session.clientId) || 1;
  return session.publisherHash;
}
