import type { Decision, Rights, SubscribeAnswer } from '../ports.js';
import type { ParsedRule } from './parsed-rule.js';
import { answerTo } from './subscribe-answer.js';
import { matchesTopic, parsePattern } from './topic-pattern.js';

type Qos = 0 | 1 | 2;
/** What is asked about, as explain() has it. */
type Action = 'publish' | 'subscribe' | 'receive';

const VERDICTS = { yes: 'allow', no: 'deny', guarded: 'partly' } as const satisfies Record<SubscribeAnswer, Decision['verdict']>;

/**
 * What one client may do: the few rules that concern it, in their order. The first that is about a topic decides; if none is, it is forbidden.
 *
 * A rule for some QoS is about what is asked for at that QoS: publishes, and subscriptions. A message may be received if its topic may be
 * subscribed to at any QoS. Retain flags are of no account to subscriptions.
 */
export class ClientRights implements Rights {
  readonly isUnlimited = false;
  readonly #publish: readonly ParsedRule[];
  readonly #subscribe: readonly ParsedRule[];
  /** Rules that were left out, as the name of the client does not fit into them. */
  readonly #unfit: readonly ParsedRule[];

  constructor(rules: readonly ParsedRule[], unfit: readonly ParsedRule[]) {
    this.#publish = rules.filter(({ isOfPublish }) => isOfPublish);
    this.#subscribe = rules.filter(({ isOfSubscribe }) => isOfSubscribe);
    this.#unfit = unfit;
  }

  mayPublish(topic: string, qos: Qos, isRetained: boolean): boolean {
    return this.#ruleOfPublish(topic, qos, isRetained)?.isAllowing === true;
  }

  maySubscribe(filter: string, qos: Qos): SubscribeAnswer {
    return answerTo(
      parsePattern(filter),
      this.#subscribe.filter(({ qosBits }) => ((qosBits >> qos) & 1) === 1),
    );
  }

  mayReceive(topic: string): boolean {
    return this.#ruleOfReceive(topic)?.isAllowing === true;
  }

  decide(action: 'publish' | 'subscribe', topic: string, qos: Qos, isRetained: boolean): Decision {
    if (action === 'subscribe')
      return { verdict: VERDICTS[this.maySubscribe(topic, qos)], rules: this.#decidingOn(topic, qos).map(({ name }) => name) };
    const rule = this.#ruleOfPublish(topic, qos, isRetained);
    return { verdict: rule?.isAllowing === true ? 'allow' : 'deny', rules: rule === undefined ? [] : [rule.name] };
  }

  explain(action: Action, topic: string, qos: Qos, isRetained: boolean): string {
    const what = `${action === 'receive' ? 'receiving' : action === 'publish' ? 'publishing to' : 'subscribing to'} ${topic}`;
    if (action === 'subscribe') return `${what}: ${this.#inWords(topic, qos)}`;
    const rule = action === 'publish' ? this.#ruleOfPublish(topic, qos, isRetained) : this.#ruleOfReceive(topic);
    if (rule !== undefined) return `${what}: ${sentenceOf(rule)}`;
    const left = this.#unfit.length === 0 ? '' : `; ${this.#unfit.length} do not fit the client's name (${this.#unfit[0].name})`;
    return `${what}: forbidden, for no rule is about it${left}`;
  }

  #inWords(filter: string, qos: Qos): string {
    const answer = this.maySubscribe(filter, qos);
    const deciding = this.#decidingOn(filter, qos).map(sentenceOf);
    const words = { yes: 'allowed', no: 'forbidden', guarded: 'allowed in part, each topic is asked for' } as const;
    return `${words[answer]}; rules about it: ${deciding.length === 0 ? 'none' : deciding.join('; ')}`;
  }

  /** Who decides about some of what the filter matches: the answer of each rule alone is other than that of none. */
  #decidingOn(filter: string, qos: Qos): readonly ParsedRule[] {
    const pattern = parsePattern(filter);
    const rules = this.#subscribe.filter(({ qosBits }) => ((qosBits >> qos) & 1) === 1);
    return rules.filter((rule) => answerTo(pattern, [{ ...rule, isAllowing: true }]) !== 'no');
  }

  #ruleOfPublish(topic: string, qos: Qos, isRetained: boolean): ParsedRule | undefined {
    const levels = topic.split('/');
    const retainBit = isRetained ? 0b10 : 0b01;
    for (const rule of this.#publish)
      if (((rule.qosBits >> qos) & 1) === 1 && (rule.retainBits & retainBit) !== 0 && matchesTopic(rule.pattern, levels)) return rule;
    return undefined;
  }

  /** The rule that decides at the QoS at which most is allowed. */
  #ruleOfReceive(topic: string): ParsedRule | undefined {
    const levels = topic.split('/');
    let open = 0b111;
    let denying: ParsedRule | undefined;
    for (const rule of this.#subscribe) {
      if ((rule.qosBits & open) === 0 || !matchesTopic(rule.pattern, levels)) continue;
      if (rule.isAllowing) return rule;
      denying ??= rule;
      open &= ~rule.qosBits; // At the others a later rule may allow it.
      if (open === 0) return denying;
    }
    return denying;
  }
}

function sentenceOf({ name, isAllowing, filter }: ParsedRule): string {
  return `rule "${name}" ${isAllowing ? 'allows' : 'forbids'} ${filter}`;
}
