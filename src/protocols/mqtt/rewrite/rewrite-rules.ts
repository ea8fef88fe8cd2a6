import type { Logger } from '../../../base/logger.js';
import type { TopicId } from '../../../transport/ports.js';
import { topicToAsk } from '../delayed/delayed-topic.js';
import { ExpressionFault } from './expression-syntax.js';
import { RewriteRule, type RewriteSettings, type Rewritten, UNCHANGED } from './rewrite-rule.js';

/*
  The rules of one tenant, in their order. The first whose filter and expression match a name decides, and what it makes of it is looked at by no
  other: there is one pass, so there is no circle.
*/

/** What becomes of a topic that is published: remembered by its number. */
export interface PublishOutcome {
  readonly rewritten: Rewritten;
  /** UTF-8 of a target that is the same for all clients; null: there is none such. */
  readonly bytes: Uint8Array | null;
}

const STAYS: PublishOutcome = { rewritten: UNCHANGED, bytes: null };

export class RewriteRules {
  readonly #publish: readonly RewriteRule[];
  readonly #subscribe: readonly RewriteRule[];
  readonly #outcomes: PublishOutcome[] = [];
  /** Of the topic numbers that outcomes are known for; 0: of none. */
  readonly #generations: number[] = [];

  constructor(rules: readonly RewriteRule[]) {
    this.#publish = rules.filter(({ settings }) => settings.action !== 'subscribe');
    this.#subscribe = rules.filter(({ settings }) => settings.action !== 'publish');
  }

  get hasPublish(): boolean {
    return this.#publish.length > 0;
  }

  get hasSubscribe(): boolean {
    return this.#subscribe.length > 0;
  }

  /** What is known of a topic number of this shard; null: nothing yet. */
  recall(topic: TopicId, generation: number): PublishOutcome | null {
    return topic < this.#generations.length && this.#generations[topic] === generation + 1 ? this.#outcomes[topic] : null;
  }

  decide(topic: TopicId, generation: number, name: string): PublishOutcome {
    const rewritten = this.ofPublish(name);
    let outcome = STAYS;
    if (rewritten.kind === 'refused') outcome = { rewritten, bytes: null };
    else if (rewritten.kind === 'target')
      outcome = {
        rewritten,
        bytes: rewritten.parts.every((part) => typeof part === 'string') ? Buffer.from(rewritten.parts.join('')) : null,
      };
    while (this.#generations.length <= topic) {
      this.#generations.push(0);
      this.#outcomes.push(STAYS);
    }
    this.#generations[topic] = generation + 1;
    this.#outcomes[topic] = outcome;
    return outcome;
  }

  /** Of `$delayed/<when>/<topic>` the topic in it is another one. */
  ofPublish(topic: string): Rewritten {
    const inner = topicToAsk(topic);
    const rewritten = first(this.#publish, inner);
    if (inner === topic || rewritten.kind !== 'target') return rewritten;
    return { kind: 'target', parts: [topic.slice(0, topic.length - inner.length), ...rewritten.parts] };
  }

  /** @param filter without `$share`. */
  ofSubscribe(filter: string): Rewritten {
    return first(this.#subscribe, filter);
  }
}

function first(rules: readonly RewriteRule[], name: string): Rewritten {
  for (const rule of rules) {
    const rewritten = rule.apply(name);
    if (rewritten !== UNCHANGED) return rewritten;
  }
  return UNCHANGED;
}

/** By tenant. Rules that cannot be applied are named in the log and passed over; what is written by `robust-ctl` was checked before. */
export function compileRewrites(settings: readonly RewriteSettings[], log: Logger): ReadonlyMap<string, RewriteRules> {
  const byTenant = new Map<string, RewriteRule[]>();
  const inOrder = [...settings].sort((left, right) => left.order - right.order || (left.name < right.name ? -1 : 1));
  for (const one of inOrder) {
    const rule = compiled(one, log);
    if (rule === null) continue;
    const rules = byTenant.get(one.tenant);
    if (rules === undefined) byTenant.set(one.tenant, [rule]);
    else rules.push(rule);
  }
  return new Map([...byTenant].map(([tenant, rules]) => [tenant, new RewriteRules(rules)]));
}

function compiled(settings: RewriteSettings, log: Logger): RewriteRule | null {
  try {
    return new RewriteRule(settings);
  } catch (error) {
    if (!(error instanceof ExpressionFault)) throw error;
    const { tenant, name, pattern } = settings;
    log.warn('mqtt.rewrite-unusable', `a rule of topic rewrite is passed over: ${error.message}`, { tenant, name, pattern });
    return null;
  }
}
