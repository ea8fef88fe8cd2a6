import { type CarrierChoice, type LoadPlan, planOfScenario } from '../robust-bench/load-plan.js';

export interface MacroScenario {
  readonly name: string;
  readonly plan: LoadPlan;
  /** Of the publishers; subscribers, and everybody where it is absent, speak plain TCP. */
  readonly scheme?: CarrierChoice['scheme'];
}

/** The loads that the results page quotes. 128-byte payloads, MQTT 3.1.1, window 20. */
export const MACRO_SCENARIOS: readonly MacroScenario[] = [
  { name: 'fanout-q0', plan: planOfScenario('fanout', {}) },
  { name: 'fanout-q1', plan: planOfScenario('fanout', { qos: 1 }) },
  { name: 'fanin-q0', plan: planOfScenario('fanin', {}) },
  { name: 'fanin-q1', plan: planOfScenario('fanin', { qos: 1 }) },
  { name: 'p2p-q1', plan: planOfScenario('p2p', { qos: 1 }) },
  { name: 'paced-fanout', plan: planOfScenario('fanout', { rate: 40 }) },
  { name: 'paced-p2p', plan: planOfScenario('p2p', { publishers: 200, subscribers: 200, topics: 200, qos: 1, rate: 20_000 }) },
  { name: 'idle-10k', plan: planOfScenario('conn', { idle: 10_000 }) },
];

/** Plain fan-in and the same over TLS and WebSocket: each of them is compared with the plain one before it. */
export const CARRIER_SCENARIOS: readonly MacroScenario[] = ([0, 1] as const).flatMap((qos) => [
  { name: `fanin-q${qos}`, plan: planOfScenario('fanin', { qos }) },
  { name: `fanin-q${qos}-tls`, plan: planOfScenario('fanin', { qos }), scheme: 'mqtts' as const },
  { name: `fanin-q${qos}-ws`, plan: planOfScenario('fanin', { qos }), scheme: 'ws' as const },
]);

const SMALL_CLIENTS_MAX = 20;

/** The same shape in a fraction of a second: shows that it works, not how fast. */
export function smallOf({ name, plan, scheme }: MacroScenario): MacroScenario {
  const few = (count: number): number => Math.min(count, SMALL_CLIENTS_MAX);
  return {
    name,
    ...(scheme === undefined ? {} : { scheme }),
    plan: {
      ...plan,
      ...{ publishers: few(plan.publishers), subscribers: few(plan.subscribers), topics: few(plan.topics), idle: few(plan.idle) },
      ...{ rate: Math.min(plan.rate, 500), warmupMs: 20, durationMs: 100, drainMsMax: 3_000 },
    },
  };
}
