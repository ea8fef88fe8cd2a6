import type { MqttContext } from '../context.js';
import type { MqttSession } from '../session.js';
import { DeliveryMarks, type TopicSource } from './delivery-marks.js';

/*
  Who takes long for its messages: the slowest pairs of session and topic of this shard, by the longest time that a delivery took. Three spans can be
  looked at:

    whole      from when the broker took the message up for delivery until its PUBACK or PUBCOMP
    internal   from there until it was sent: it waited for the window, or for a client that was congested
    response   from when it was sent until its PUBACK or PUBCOMP

  QoS 0 has no acknowledgement, and nobody knows how long it took.
*/

export type SlowSpan = 'whole' | 'internal' | 'response';

export interface SlowSettings {
  readonly thresholdMs: number;
  readonly span: SlowSpan;
  /** Pairs that are remembered. */
  readonly entriesMax: number;
  /** A pair that was not slow again for so long is forgotten. */
  readonly staysMs: number;
}

export interface SlowSubscription {
  readonly key: string;
  readonly clientId: string;
  readonly tenant: string;
  readonly topic: string;
  readonly longestMs: number;
  readonly lastMs: number;
  readonly lastAtMs: number;
  /** How often it was slow. */
  readonly count: number;
}

export class SlowSubscriptions {
  readonly #settings: SlowSettings;
  readonly #entries: Map<string, SlowSubscription> = new Map();

  constructor(settings: SlowSettings) {
    this.#settings = settings;
  }

  /** A delivery is in flight from now on. @param publishedMs when the broker took it up. */
  onSent(context: MqttContext, session: MqttSession, firstPacketId: number, count: number, publishedMs: number, topic: TopicSource): void {
    session.marks ??= new DeliveryMarks();
    session.marks.note(firstPacketId, count, publishedMs, context.nowMs, topic);
  }

  /** @param lastPacketId of those that the client acknowledged together. */
  onAcknowledged(session: MqttSession, lastPacketId: number, nowMs: number): void {
    const { span, thresholdMs } = this.#settings;
    session.marks?.acknowledge(lastPacketId, (topic, publishedMs, sentMs) => {
      const tookMs = span === 'whole' ? nowMs - publishedMs : span === 'internal' ? sentMs - publishedMs : nowMs - sentMs;
      if (tookMs >= thresholdMs) this.#note(session, typeof topic === 'string' ? topic : topicOfStored(topic), tookMs, nowMs);
    });
  }

  onTick(nowMs: number): void {
    for (const [id, { lastAtMs }] of this.#entries) if (nowMs - lastAtMs > this.#settings.staysMs) this.#entries.delete(id);
  }

  /** The slowest first. */
  list(limit: number): SlowSubscription[] {
    return [...this.#entries.values()].sort((left, right) => right.longestMs - left.longestMs).slice(0, limit);
  }

  #note({ key, clientId, tenant }: MqttSession, topic: string, tookMs: number, nowMs: number): void {
    const id = `${key}\n${topic}`;
    const known = this.#entries.get(id);
    if (known === undefined && this.#entries.size >= this.#settings.entriesMax && !this.#makeRoom(tookMs)) return;
    const longestMs = Math.max(tookMs, known?.longestMs ?? 0);
    this.#entries.set(id, { key, clientId, tenant, topic, longestMs, lastMs: tookMs, lastAtMs: nowMs, count: (known?.count ?? 0) + 1 });
  }

  /** The least slow goes for one that is slower. @returns false if there is none such. */
  #makeRoom(tookMs: number): boolean {
    let least: string | null = null;
    let leastMs = tookMs;
    for (const [id, { longestMs }] of this.#entries) {
      if (longestMs >= leastMs) continue;
      least = id;
      leastMs = longestMs;
    }
    return least !== null && this.#entries.delete(least);
  }
}

function topicOfStored({ bytes }: Exclude<TopicSource, string>): string {
  let body = 2;
  while (bytes[body - 1] >= 0x80) body += 1;
  return Buffer.from(bytes.buffer, bytes.byteOffset + body + 2, (bytes[body] << 8) | bytes[body + 1]).toString();
}

/** For operators. */
export function listSlow(context: MqttContext, { limit }: { readonly limit: number }): readonly SlowSubscription[] | null {
  return context.slow?.list(limit) ?? null;
}
