import { type LoadPlan, planOfScenario } from '../../bench/robust-bench/load-plan.js';

/** A small plan to vary: one pair of clients. */
export function planWith(changes: Partial<LoadPlan>): LoadPlan {
  const small: Partial<LoadPlan> = {
    publishers: 1,
    subscribers: 1,
    topics: 1,
    size: 64,
    window: 8,
    warmupMs: 0,
    durationMs: 1_000,
    connectTimeoutMs: 1_000,
  };
  return planOfScenario('p2p', { ...small, ...changes });
}
