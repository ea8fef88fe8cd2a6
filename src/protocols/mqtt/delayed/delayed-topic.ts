import { parseInstant } from '../instant.js';
import { isTopicName } from '../topic-syntax.js';

/*
  Topics of messages that are to be published later:

    $delayed/<when>/<topic>

    when    300                     so many seconds from now
            1893456000              above 4,294,967 (49.7 days): seconds since the epoch, as EMQX has it
            2030-01-01T00:00:00Z    or with fractions of seconds, or an offset like -05:00 (a + cannot be in a topic)
*/

export const DELAYED_PREFIX = '$delayed/';
/** Numbers up to it are lengths of time. */
const DELAY_SECONDS_MAX = 4_294_967;
/** Year 9999, as far as dates are written. */
const EPOCH_MS_MAX = 253_402_300_800_000;
/** Where a message cannot wait to be published to. */
const INNER_REFUSED = /^\$(?:delayed|share|queue|exclusive|replay|SYS|tenant)(?:\/|\$|$)/;

/** When a message is due: so long after it came, or at a time. */
export interface When {
  readonly kind: 'after' | 'at';
  readonly ms: number;
}

export interface DelayedTopic {
  readonly when: When;
  /** Where the message is published when it is due. */
  readonly topic: string;
}

export function isDelayedTopic(topic: string): boolean {
  return topic.startsWith(DELAYED_PREFIX);
}

/** @returns null if a topic with the prefix does not say when, or where to. */
export function parseDelayed(text: string): DelayedTopic | null {
  const end = text.indexOf('/', DELAYED_PREFIX.length);
  if (end < 0) return null;
  const when = parseWhen(text.slice(DELAYED_PREFIX.length, end));
  const topic = text.slice(end + 1);
  if (when === null || !isTopicName(topic) || INNER_REFUSED.test(topic)) return null;
  return { when, topic };
}

/** What the rules are asked for: a delayed message needs the right to publish where it will be published. */
export function topicToAsk(topic: string): string {
  return isDelayedTopic(topic) ? (parseDelayed(topic)?.topic ?? topic) : topic;
}

function parseWhen(text: string): When | null {
  if (/^\d{1,12}$/.test(text)) {
    const seconds = Number(text);
    if (seconds <= DELAY_SECONDS_MAX) return { kind: 'after', ms: seconds * 1000 };
    return seconds * 1000 <= EPOCH_MS_MAX ? { kind: 'at', ms: seconds * 1000 } : null;
  }
  const ms = parseInstant(text);
  return ms === null ? null : { kind: 'at', ms };
}

/** What was due in the past is due now. */
export function dueMsOf({ kind, ms }: When, nowMs: number): number {
  return kind === 'after' ? nowMs + ms : Math.max(ms, nowMs);
}
