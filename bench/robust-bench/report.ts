import Table from 'cli-table3';
import colors from 'picocolors';
import { faultsOf, type LoadOutcome } from './load-outcome.js';
import type { LoadPlan, Target } from './load-plan.js';
import { describeMachine } from './machine.js';
import { type Metric, medianOf, metricsOf } from './metrics.js';
import { TALLY, type Tally, totalOf } from './tally.js';

/** All rounds of one load on one broker. */
export interface Series {
  readonly target: Target;
  readonly rounds: readonly LoadOutcome[];
}

/** Sending later than this is seen in the latencies. */
const LAG_US_MAX = 1_000;

/** Rows stand close together: a report fits on a screen. */
const NO_LINES = { mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': '' } as const;

/** For people: one row per metric, one column per broker. */
export function formatTable(plan: LoadPlan, series: readonly Series[]): string {
  const [ours, other] = series;
  const head = ['', ...series.map((each) => `${each.target.host}:${each.target.port}`), ...(other === undefined ? [] : ['ratio'])];
  const table = new Table({
    head,
    chars: NO_LINES,
    style: { head: [], border: [] },
    colAligns: head.map((_, column) => (column === 0 ? 'left' : 'right')),
  });
  for (const metric of metricsOf(plan)) {
    const medians = series.map((each) => medianOf(metric, each.rounds));
    if (medians.every((median) => median === null)) continue;
    const label = metric.unit === '' ? metric.label : `${metric.label} (${metric.unit})`;
    table.push([label, ...medians.map(formatNumber), ...(other === undefined ? [] : [formatRatio(metric, medians[0], medians[1])])]);
  }
  const lines = [headline(plan), table.toString()];
  if (ours.rounds.length > 1)
    lines.push(`Medians of ${ours.rounds.length} rounds${other === undefined ? '' : ', brokers in turn; ratio = first / second'}.`);
  const machine = describeMachine();
  lines.push(`${machine.cpu}, ${machine.cores} cores, Linux ${machine.kernel}, Node ${machine.node}`);
  for (const each of series) lines.push(...verdictLines(plan, each));
  return lines.join('\n');
}

/** For programs: everything that was measured, every round. */
export function formatJson(plan: LoadPlan, series: readonly Series[]): string {
  const metrics = metricsOf(plan);
  const medians = (each: Series): Record<string, number | null> =>
    Object.fromEntries(metrics.map((metric) => [metric.key, medianOf(metric, each.rounds)]));
  const ratios =
    series.length < 2
      ? {}
      : {
          ratios: Object.fromEntries(
            metrics.map((metric) => [metric.key, ratioOf(medianOf(metric, series[0].rounds), medianOf(metric, series[1].rounds))]),
          ),
        };
  // Credentials of a broker have no business in a file of results.
  const { username: _username, password: _password, ...shown } = plan;
  const report = {
    machine: describeMachine(),
    plan: shown,
    brokers: series.map((each) => ({
      ...each.target,
      median: medians(each),
      faults: each.rounds.flatMap((round) => faultsOf(round, plan)),
      rounds: each.rounds,
    })),
    ...ratios,
  };
  return JSON.stringify(withSnakeKeys(report), null, 2);
}

/** Keys as in the settings and the metrics: `received_per_second`. */
function withSnakeKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withSnakeKeys);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`), withSnakeKeys(inner)]),
  );
}

/** One line of the live view. */
export function formatSecond(second: number, phase: string, tallies: readonly Tally[], before: readonly number[]): string {
  const rate = (counter: number): string => formatNumber(totalOf(tallies, counter) - (before[counter] ?? 0));
  const waiting = totalOf(tallies, TALLY.sent) - totalOf(tallies, TALLY.acked);
  const parts = [
    `${String(second).padStart(4)} s`,
    phase.padEnd(10),
    `connections ${formatNumber(totalOf(tallies, TALLY.ready))}`,
    `sent ${rate(TALLY.sent)}/s`,
    totalOf(tallies, TALLY.acked) === 0 ? '' : `acknowledged ${rate(TALLY.acked)}/s, waiting ${formatNumber(waiting)}`,
    `received ${formatNumber(totalOf(tallies, TALLY.received) + totalOf(tallies, TALLY.foreign) - (before[TALLY.received] ?? 0) - (before[TALLY.foreign] ?? 0))}/s`,
  ];
  return parts.filter((part) => part !== '').join('  ');
}

function headline(plan: LoadPlan): string {
  const clients = [
    plan.publishers > 0 ? `${plan.publishers} publishers` : '',
    plan.subscribers > 0 ? `${plan.subscribers} subscribers` : '',
    plan.idle > 0 ? `${plan.idle} idle` : '',
  ].filter((part) => part !== '');
  const pace = plan.publishers === 0 ? '' : plan.rate === 0 ? ', as fast as it goes' : `, ${formatNumber(plan.rate)} messages/s`;
  const messages = plan.publishers + plan.subscribers === 0 ? '' : `, QoS ${plan.qos}, ${plan.size} B${pace}`;
  return colors.bold(`${plan.scenario}: ${clients.join(', ')}${messages}, ${plan.durationMs / 1_000} s`);
}

function verdictLines(plan: LoadPlan, series: Series): string[] {
  const name = `${series.target.host}:${series.target.port}`;
  const faults = series.rounds.flatMap((round) => faultsOf(round, plan));
  const lines = faults.map((fault) => colors.red(`${name}: ${fault}`));
  // With a rate the generator spins until the next message is due: being busy says nothing, being late does.
  if (plan.rate > 0 && series.rounds.some((round) => round.lag.p99 > LAG_US_MAX)) {
    lines.push(colors.yellow(`${name}: messages left late; part of the latency is the generator's. Try --threads, or a quieter machine.`));
  } else if (plan.rate === 0 && series.rounds.some((round) => round.generatorCores > 0.95 * plan.threads)) {
    lines.push(colors.yellow(`${name}: the load generator was busy all the time; the broker may be faster than this. Try --threads.`));
  }
  return lines;
}

function ratioOf(ours: number | null, other: number | null): number | null {
  return ours === null || other === null || other === 0 ? null : ours / other;
}

function formatRatio(metric: Metric, ours: number | null, other: number | null): string {
  const ratio = ratioOf(ours, other);
  if (ratio === null) return '';
  const text = `${ratio.toFixed(2)}x`;
  if (metric.better === 'neither' || ratio === 1) return text;
  return ratio > 1 === (metric.better === 'more') ? colors.green(text) : colors.red(text);
}

function formatNumber(value: number | null): string {
  if (value === null) return '';
  const digits = Math.abs(value) >= 100 || Number.isInteger(value) ? 0 : Math.abs(value) >= 1 ? 1 : 3;
  return value.toLocaleString('en-US', { maximumFractionDigits: digits, minimumFractionDigits: digits });
}
