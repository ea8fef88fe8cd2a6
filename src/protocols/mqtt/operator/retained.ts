import type { RetainedPlace, StoredMessage } from '../../../broker/ports.js';
import type { MqttContext } from '../context.js';
import { decodePublishProperties, PublishView } from '../decode-publish.js';
import { FirstKeys } from './first-keys.js';

/*
  Retained messages whose topics this shard owns, as operators see and delete them. Topics and filters are routing names (base/tenant-names.ts). What
  matches a filter is looked through page by page, each in a turn of its own: a million of them stall nobody.
*/

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
export async function listRetained(
  context: MqttContext,
  { after, limit, filter }: RetainedAsk,
): Promise<{ readonly retained: readonly RetainedFacts[]; readonly isCut: boolean }> {
  const first = new FirstKeys(after, limit);
  await forEachPage(context, filter, (messages) => {
    for (const { topic } of messages) first.offer(topic);
  });
  const retained = first.keys.flatMap((topic) => {
    const message = context.broker.firstRetained(topic).messages.at(0);
    return message === undefined ? [] : [factsOf(message)];
  });
  return { retained, isCut: first.isCut };
}

/** Null: this shard has none of this topic. */
export function showRetained(
  context: MqttContext,
  { topic }: { readonly topic: string },
): (RetainedFacts & { readonly payload: Uint8Array }) | null {
  const message = context.broker.firstRetained(topic).messages.at(0);
  if (message === undefined) return null;
  const facts = factsOf(message); // Decodes.
  return { ...facts, payload: message.frame.slice(view.payloadOffset, view.payloadOffset + view.payloadLength) };
}

/** @returns how many of the topics this shard had a message of; they are gone for good. */
export async function deleteRetained(context: MqttContext, { filter }: { readonly filter: string }): Promise<number> {
  let deleted = 0;
  const outcomes: Promise<void>[] = [];
  await forEachPage(context, filter, (messages) => {
    for (const { topic } of messages)
      outcomes.push(
        new Promise((resolve) =>
          context.broker.retain(topic, null, (status) => {
            if (status === 'stored') deleted += 1;
            resolve();
          }),
        ),
      );
  });
  await Promise.all(outcomes);
  return deleted;
}

/** Visits pages, each in a turn of the shard. */
function forEachPage(context: MqttContext, filter: string, visit: (messages: readonly StoredMessage[]) => void): Promise<void> {
  return new Promise((resolve) => {
    const take = (messages: readonly StoredMessage[], next: RetainedPlace | null): void => {
      visit(messages);
      if (next === null) resolve();
      else context.later(() => context.broker.nextRetained(filter, next, take));
    };
    const { messages, next } = context.broker.firstRetained(filter);
    take(messages, next);
  });
}

function factsOf({ topic, frame, version, receivedAtMs, expiresAtMs }: StoredMessage): RetainedFacts {
  decodePublishProperties(frame, 0, frame.length, version, view);
  return { topic, qos: (frame[0] >> 1) & 3, bytes: view.payloadLength, receivedAtMs, expiresAtMs };
}
