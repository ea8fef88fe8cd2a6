import type { LoadPlan } from '../../bench/robust-bench/load-plan.js';

/** A small plan to vary. */
export function planWith(changes: Partial<LoadPlan>): LoadPlan {
  return {
    scenario: 'p2p',
    version: 4,
    publishers: 1,
    subscribers: 1,
    idle: 0,
    topics: 1,
    topicPrefix: 'bench',
    qos: 0,
    size: 64,
    rate: 0,
    window: 8,
    warmupMs: 0,
    durationMs: 1_000,
    drainMsMax: 1_000,
    threads: 1,
    connectRate: 0,
    connectTimeoutMs: 1_000,
    keepAliveSeconds: 0,
    sourceAddresses: [],
    username: '',
    password: '',
    transport: 'auto',
    ...changes,
  };
}
