import { faultsOf } from './load-outcome.js';
import type { LoadPlan, Target } from './load-plan.js';
import { formatJson, formatSecond, formatTable, type Series } from './report.js';
import { runLoad } from './run-load.js';
import type { Tally } from './tally.js';
import { totalOf } from './tally.js';

export interface SeriesRequest {
  readonly plan: LoadPlan;
  /** The broker under test, and perhaps one to compare it with. */
  readonly targets: readonly Target[];
  readonly rounds: number;
  readonly output: 'table' | 'json';
}

/** Where the program writes: results to `out`, words on the way to `live` (null: nobody watches). */
export interface Screen {
  readonly out: (text: string) => void;
  readonly live: ((line: string) => void) | null;
}

/**
 * Runs the load on each broker in turn, A B A B: what else the machine does then hits both alike.
 * @returns whether every round on the first broker was sound.
 */
export async function runSeries(request: SeriesRequest, screen: Screen, signal: AbortSignal): Promise<boolean> {
  const { plan, targets, rounds } = request;
  const series = targets.map((target) => ({ target, rounds: [] as Series['rounds'][number][] }));
  for (let round = 1; round <= rounds; round++) {
    for (const each of series) {
      if (rounds > 1 || series.length > 1) screen.live?.(`round ${round} of ${rounds}: ${each.target.host}:${each.target.port}`);
      each.rounds.push(await runLoad(plan, each.target, liveView(screen), signal));
    }
  }
  screen.out(request.output === 'json' ? formatJson(plan, series) : formatTable(plan, series));
  return series[0].rounds.every((outcome) => faultsOf(outcome, plan).length === 0);
}

function liveView(screen: Screen): (second: number, tallies: readonly Tally[], phase: string) => void {
  let before: number[] = [];
  return (second, tallies, phase) => {
    screen.live?.(formatSecond(second, phase, tallies, before));
    before = Array.from({ length: tallies[0]?.counters.length ?? 0 }, (_, counter) => totalOf(tallies, counter));
  };
}
