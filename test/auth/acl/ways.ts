import type { AccessRule } from '../../../src/auth/ports.js';

/* The rows and columns of the matrix (acl-matrix.test.ts). The two ways of a bridge are in bridge-rights.test.ts. */

export type Qos = 0 | 1 | 2;

/** What rules say. Those about the publisher are `publish`, those about the receiver `receive`. */
export interface Verdict {
  readonly name: string;
  readonly about: 'publish' | 'receive' | 'nobody';
  readonly when: 'before' | 'meanwhile';
  readonly rule: (qos: Qos) => Partial<AccessRule>;
  /** Of the filter `t/+`: all, or the topic of the message only. */
  readonly part: 'all' | 'topic';
  /** Whether it forbids the message of this way. */
  readonly forbids: (way: Way) => boolean;
}

const always = (): boolean => true;
export const VERDICTS: readonly Verdict[] = [
  { name: 'nothing is forbidden', about: 'nobody', when: 'before', part: 'all', rule: () => ({}), forbids: () => false },
  { name: 'publishing is forbidden', about: 'publish', when: 'before', part: 'all', rule: () => ({}), forbids: always },
  {
    name: 'publishing at this QoS is forbidden',
    about: 'publish',
    when: 'before',
    part: 'all',
    rule: (qos) => ({ qos: [qos] }),
    forbids: always,
  },
  {
    ...{ name: 'publishing at the other QoS is forbidden', about: 'publish', when: 'before', part: 'all' },
    ...{ rule: (qos) => ({ qos: [0, 1, 2].filter((other) => other !== qos) }), forbids: () => false },
  },
  {
    ...{ name: 'publishing with the retain flag is forbidden', about: 'publish', when: 'before', part: 'all' },
    ...{ rule: () => ({ retain: 'retained' }), forbids: ({ isRetained }) => isRetained },
  },
  {
    ...{ name: 'publishing without the retain flag is forbidden', about: 'publish', when: 'before', part: 'all' },
    ...{ rule: () => ({ retain: 'plain' }), forbids: ({ isRetained }) => !isRetained },
  },
  { name: 'publishing is forbidden meanwhile', about: 'publish', when: 'meanwhile', part: 'all', rule: () => ({}), forbids: always },
  { name: 'subscribing is forbidden', about: 'receive', when: 'before', part: 'all', rule: () => ({}), forbids: always },
  {
    name: 'subscribing at this QoS is forbidden',
    about: 'receive',
    when: 'before',
    part: 'all',
    rule: (qos) => ({ qos: [qos] }),
    forbids: always,
  },
  { name: 'subscribing is forbidden in part', about: 'receive', when: 'before', part: 'topic', rule: () => ({}), forbids: always },
  { name: 'subscribing is forbidden meanwhile', about: 'receive', when: 'meanwhile', part: 'all', rule: () => ({}), forbids: always },
  {
    name: 'subscribing is forbidden meanwhile in part',
    about: 'receive',
    when: 'meanwhile',
    part: 'topic',
    rule: () => ({}),
    forbids: always,
  },
];

/** The clients of one case, as a way moves them. */
export interface Stage {
  readonly verdict: Verdict;
  readonly filter: string;
  readonly topic: string;
  subscribe(filter: string, kind?: 'shared' | 'plain'): Promise<void>;
  publish(topic: string, retain: boolean): Promise<void>;
  /** @returns what ends the connection without a word. */
  connectWithWill(topic: string, retain?: boolean): Promise<() => void>;
  leave(): Promise<void>;
  comeBack(): Promise<void>;
}

/** How a message passes. `meanwhile` waits until the rules that come then are in force. */
export interface Way {
  readonly name: string;
  readonly isRetained: boolean;
  /** It goes by the log, which QoS 0 does not. */
  readonly isDurable?: true;
  /** The receiver subscribes only after the rules changed: it is told then, not kept from messages. */
  readonly subscribesLate?: true;
  /** The message was taken before the rules changed: what is forbidden to its publisher later does not concern it. */
  readonly publishesEarly?: true;
  pass(act: Stage, meanwhile: () => Promise<void>): Promise<void>;
}

export const WAYS: readonly Way[] = [
  {
    name: 'live',
    isRetained: false,
    async pass(act, meanwhile) {
      await act.subscribe(act.filter);
      await meanwhile();
      await act.publish(act.topic, false);
    },
  },
  {
    name: 'live, with the retain flag',
    isRetained: true,
    async pass(act, meanwhile) {
      await act.subscribe(act.filter);
      await meanwhile();
      await act.publish(act.topic, true);
    },
  },
  {
    name: 'will',
    isRetained: false,
    async pass(act, meanwhile) {
      await act.subscribe(act.filter);
      const die = await act.connectWithWill(act.topic);
      await meanwhile();
      die();
    },
  },
  {
    name: 'will, with the retain flag',
    isRetained: true,
    async pass(act, meanwhile) {
      await act.subscribe(act.filter);
      const die = await act.connectWithWill(act.topic, true);
      await meanwhile();
      die();
    },
  },
  {
    name: 'retained, on subscribe',
    isRetained: true,
    subscribesLate: true,
    publishesEarly: true,
    async pass(act, meanwhile) {
      await act.publish(act.topic, true);
      await meanwhile();
      await act.subscribe(act.filter);
    },
  },
  {
    name: 'shared subscription',
    isRetained: false,
    async pass(act, meanwhile) {
      await act.subscribe(act.filter, 'shared');
      await meanwhile();
      await act.publish(act.topic, false);
    },
  },
  {
    name: 'queue of a session that is away',
    isRetained: false,
    isDurable: true,
    publishesEarly: true,
    async pass(act, meanwhile) {
      await act.subscribe(act.filter);
      await act.leave();
      await act.publish(act.topic, false);
      await meanwhile();
      await act.comeBack();
    },
  },
  {
    name: 'queue of a shared subscription whose member is away',
    isRetained: false,
    isDurable: true,
    publishesEarly: true,
    async pass(act, meanwhile) {
      await act.subscribe(act.filter, 'shared');
      await act.leave();
      await act.publish(act.topic, false);
      await meanwhile();
      await act.comeBack();
    },
  },
  {
    name: 'replay of what the log has',
    isRetained: false,
    isDurable: true,
    subscribesLate: true,
    publishesEarly: true,
    async pass(act, meanwhile) {
      await act.publish(act.topic, false);
      await meanwhile();
      await act.subscribe(`$replay/earliest/${act.filter}`);
    },
  },
  {
    name: 'replay of the last of each topic',
    isRetained: false,
    isDurable: true,
    subscribesLate: true,
    publishesEarly: true,
    async pass(act, meanwhile) {
      await act.publish(act.topic, false);
      await meanwhile();
      await act.subscribe(`$replay/last/${act.filter}`);
    },
  },
  {
    name: 'replay that has come to the end of the log and goes on',
    isRetained: false,
    isDurable: true,
    async pass(act, meanwhile) {
      await act.subscribe(`$replay/earliest/${act.filter}`);
      await meanwhile();
      await act.publish(act.topic, false);
    },
  },
  {
    name: 'later, delayed',
    isRetained: false,
    publishesEarly: true,
    async pass(act, meanwhile) {
      await act.subscribe(act.filter);
      await act.publish(`$delayed/${act.verdict.when === 'meanwhile' ? 8 : 1}/${act.topic}`, false);
      await meanwhile();
    },
  },
];
