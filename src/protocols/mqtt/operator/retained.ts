import type { StoredMessage } from '../../../broker/ports.js';
import type { MqttContext } from '../context.js';
import { decodePublishProperties, PublishView } from '../decode-publish.js';
import { FirstKeys } from './first-keys.js';

/* Retained messages whose topics this shard owns, as operators see and delete them. Topics and filters are routing names (base/tenant-names.ts). */

const view = new PublishView();

export interface RetainedFacts {
  readonly topic: string;
  readonly qos: number;
  readonly bytes: number;
  readonly receivedAtMs: number;
  /** 0: never. */
  readonly expiresAtMs: number;
}

export interface RetainedAsk {
  /** The topic that was seen last. */
  readonly after: string;
  readonly limit: number;
  readonly filter: string;
}

/** The first topics behind `after` that match the filter. */
export function listRetained(
  context: MqttContext,
  { after, limit, filter }: RetainedAsk,
): { readonly retained: readonly RetainedFacts[]; readonly isCut: boolean } {
  const byTopic = new Map(context.broker.retainedHere(filter).map((message) => [message.topic, message]));
  const first = new FirstKeys(after, limit);
  for (const topic of byTopic.keys()) first.offer(topic);
  const retained = first.keys.flatMap((topic) => {
    const message = byTopic.get(topic);
    return message === undefined ? [] : [factsOf(message)];
  });
  return { retained, isCut: first.isCut };
}

/** Null: this shard has none of this topic. */
export function showRetained(
  context: MqttContext,
  { topic }: { readonly topic: string },
): (RetainedFacts & { readonly payload: Uint8Array }) | null {
  const message = context.broker.retainedHere(topic).at(0);
  if (message === undefined) return null;
  const facts = factsOf(message); // Decodes.
  return { ...facts, payload: message.frame.slice(view.payloadOffset, view.payloadOffset + view.payloadLength) };
}

/** @returns how many of the topics this shard had a message of; they are gone for good. */
export async function deleteRetained(context: MqttContext, { filter }: { readonly filter: string }): Promise<number> {
  const messages = context.broker.retainedHere(filter);
  const outcomes = await Promise.all(
    messages.map(({ topic }) => new Promise<string>((resolve) => context.broker.retain(topic, null, resolve))),
  );
  return outcomes.filter((outcome) => outcome === 'stored').length;
}

function factsOf({ topic, frame, version, receivedAtMs, expiresAtMs }: StoredMessage): RetainedFacts {
  decodePublishProperties(frame, 0, frame.length, version, view);
  return { topic, qos: (frame[0] >> 1) & 3, bytes: view.payloadLength, receivedAtMs, expiresAtMs };
}
