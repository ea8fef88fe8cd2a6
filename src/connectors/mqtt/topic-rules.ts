/** What a bridge carries, as the settings say it. */
export interface TopicRule {
  readonly filter: string;
  readonly qos: 0 | 1;
  readonly localPrefix: string;
  readonly remotePrefix: string;
}

/** One way of the rules: where they are subscribed to, and what becomes of a topic. */
export class TopicRules {
  readonly #rules: readonly TopicRule[];
  readonly #from: 'localPrefix' | 'remotePrefix';
  readonly #to: 'localPrefix' | 'remotePrefix';

  constructor(rules: readonly TopicRule[], way: 'out' | 'in') {
    this.#rules = rules;
    this.#from = way === 'out' ? 'localPrefix' : 'remotePrefix';
    this.#to = way === 'out' ? 'remotePrefix' : 'localPrefix';
  }

  get isEmpty(): boolean {
    return this.#rules.length === 0;
  }

  /** Whole filters, in order of the rules. */
  get subscriptions(): readonly { readonly filter: string; readonly qos: 0 | 1 }[] {
    return this.#rules.map((rule) => ({ filter: rule[this.#from] + rule.filter, qos: rule.qos }));
  }

  /** The topic on the other side, by the first rule that it fits; null: by none, which a broker does not send. */
  translate(topic: string): string | null {
    for (const rule of this.#rules) {
      const prefix = rule[this.#from];
      if (!topic.startsWith(prefix)) continue;
      const rest = topic.slice(prefix.length);
      if (matches(rule.filter, rest)) return rule[this.#to] + rest;
    }
    return null;
  }
}

/** MQTT 5.0 §4.7. */
export function matches(filter: string, topic: string): boolean {
  const wanted = filter.split('/');
  const levels = topic.split('/');
  if (topic.startsWith('$') && (wanted[0] === '#' || wanted[0] === '+')) return false;
  for (const [i, level] of wanted.entries()) {
    if (level === '#') return true;
    if (i >= levels.length || (level !== '+' && level !== levels[i])) return false;
  }
  return wanted.length === levels.length;
}
