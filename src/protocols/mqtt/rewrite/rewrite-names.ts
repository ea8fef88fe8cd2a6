import type { Identity } from '../../../auth/ports.js';
import { isRoutingName } from '../../../base/tenant-names.js';
import type { TopicId } from '../../../transport/ports.js';
import { WireWriter } from '../../../wire/writer.js';
import type { MqttConnection } from '../connection.js';
import { FIELD_BYTES_MAX } from '../constants.js';
import type { MqttContext } from '../context.js';
import type { SubscriptionFields } from '../packets.js';
import type { ClientNames } from '../placeholders.js';
import { takeFrames } from '../publish.js';
import { fixedHeaderLength, frameLength } from '../publish-frame.js';
import type { MqttSession } from '../session.js';
import { checkFilter, isTopicName, parseShared } from '../topic-syntax.js';
import type { Will } from '../will.js';
import { type TargetParts, targetFor } from './rewrite-rule.js';
import type { RewriteRules } from './rewrite-rules.js';

/*
  Topic rewrite: what clients call a topic becomes what it is called inside, before anything else looks at it. So rights, streams, retained messages
  and subscriptions know the second name alone, and a right that is taken away holds wherever that name is met. A name that a rule is about and makes
  nothing proper of is refused: were it let through unchanged, a client could leave the rule by its choice of words.
*/

/** In place of a topic number: the rules refuse it. */
export const NO_TOPIC = -1;
/** MQTT 5.0 §1.5.5. */
const REMAINING_MAX = 268_435_455;

/**
 * The run in `context.run` gets the topic that the rules give it.
 * @returns the number of the topic to go on with: the same where no rule is about it, NO_TOPIC where it is refused.
 */
export function rewriteRun(context: MqttContext, connection: MqttConnection, rules: RewriteRules, topic: TopicId): TopicId {
  const generation = context.transport.topicGenerations[topic];
  const outcome = rules.recall(topic, generation) ?? rules.decide(topic, generation, context.transport.topicName(topic));
  const { rewritten } = outcome;
  if (rewritten.kind === 'unchanged') return topic;
  if (rewritten.kind === 'refused') return NO_TOPIC;
  const bytes = outcome.bytes ?? bytesFor(connection, rewritten.parts);
  if (bytes === null || !isProperTopic(context, bytes)) return NO_TOPIC;
  const { bytes: source, offset, length, count, version } = context.run;
  const frames = withTopic(source, offset, length, count, bytes);
  return frames === null ? NO_TOPIC : takeFrames(context, connection, bytes, frames, count, version);
}

/** The will with the topic that the rules give it; null: they refuse it. */
export function rewriteWill(rules: RewriteRules, will: Will, identity: Identity): Will | null {
  const rewritten = rules.ofPublish(will.topic);
  if (rewritten.kind === 'unchanged') return will;
  if (rewritten.kind === 'refused') return null;
  const topic = targetFor(rewritten.parts, { clientId: identity.clientId, user: identity.user, host: identity.address });
  return topic === null || !isTopicName(topic) || isRoutingName(topic) ? null : { ...will, topic };
}

/** What is subscribed to, with the filters that the rules give them; an empty filter, which is none, where they refuse one. */
export function rewriteSubscriptions(
  context: MqttContext,
  session: MqttSession,
  asked: readonly SubscriptionFields[],
): readonly SubscriptionFields[] {
  const rules = context.spaces.rewritesOf(session.tenant);
  if (rules === null || !rules.hasSubscribe) return asked;
  return asked.map((fields) => ({ ...fields, filter: filterFor(rules, session, fields.filter) ?? '' }));
}

/**
 * The filters that an UNSUBSCRIBE is about: as the rules are now, or, where the session has no such subscription, as the client says them. It may be
 * older than the rules.
 */
export function rewriteUnsubscribed(
  context: MqttContext,
  session: MqttSession,
  asked: readonly string[],
  isSubscribed: (filter: string) => boolean,
): readonly string[] {
  const rules = context.spaces.rewritesOf(session.tenant);
  if (rules === null || !rules.hasSubscribe) return asked;
  return asked.map((filter) => {
    const rewritten = filterFor(rules, session, filter);
    return rewritten !== null && isSubscribed(rewritten) ? rewritten : filter;
  });
}

function filterFor(rules: RewriteRules, session: MqttSession, filter: string): string | null {
  const inner = parseShared(filter)?.filter ?? filter;
  const rewritten = rules.ofSubscribe(inner);
  if (rewritten.kind === 'unchanged') return filter;
  const target = rewritten.kind === 'refused' ? null : targetFor(rewritten.parts, namesOf(session));
  // Nothing but the inner part of a shared subscription becomes another: a rule puts nobody into a group.
  return target === null || checkFilter(target, Number.MAX_SAFE_INTEGER) !== 'ok'
    ? null
    : filter.slice(0, filter.length - inner.length) + target;
}

function bytesFor({ session }: MqttConnection, parts: TargetParts): Uint8Array | null {
  const target = session === null ? null : targetFor(parts, namesOf(session));
  return target === null ? null : Buffer.from(target);
}

function isProperTopic(context: MqttContext, bytes: Uint8Array): boolean {
  if (bytes.length === 0 || bytes.length > FIELD_BYTES_MAX) return false;
  return context.transport.internTopic(bytes) >= 0 && isTopicName(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString());
}

export function namesOf({ clientId, identity, owner }: MqttSession): ClientNames {
  return { clientId, user: identity?.user ?? owner ?? '', host: identity?.address ?? '' };
}

/** The frames of a run with another topic; all else stays, byte for byte. Null: one would be longer than a packet can be. */
function withTopic(source: Uint8Array, offset: number, length: number, count: number, topic: Uint8Array): Uint8Array | null {
  // A remaining length may take up to three bytes more than before.
  const writer = new WireWriter(new Uint8Array(length + count * (topic.length + 3)));
  let at = offset;
  for (let i = 0; i < count; i += 1) {
    const frame = frameLength(source, at);
    const body = at + fixedHeaderLength(source, at);
    const rest = body + 2 + ((source[body] << 8) | source[body + 1]);
    const remaining = 2 + topic.length + (at + frame - rest);
    if (remaining > REMAINING_MAX) return null;
    writer.writeU8(source[at]);
    writer.writeVarint(remaining);
    writer.writeU16(topic.length);
    writer.writeBytes(topic, 0, topic.length);
    writer.writeBytes(source, rest, at + frame - rest);
    at += frame;
  }
  return writer.bytes.subarray(0, writer.position);
}
