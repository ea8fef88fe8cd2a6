import { RareEvents } from './rare-events.js';
import { type RunResult, World } from './world.js';
import { drawOptions } from './world-options.js';

/*
  node dist/test/simulation/run.js                    some seeds
    --seeds N       so many of them                   --first S     from this one on
    --hours H       until so many hours of clusters   --minutes M   of the safety phase of each
    --seed S        only this one                     --trace       and say what happens
    --first-failure end with the first one that fails
*/

export function runSeed(seed: number, safetyMs: number, onTrace: ((sentence: string) => void) | null = null): RunResult {
  return new World(drawOptions(seed, safetyMs), onTrace).run();
}

interface Arguments {
  readonly first: number;
  readonly seeds: number;
  readonly hours: number;
  readonly minutes: number;
  readonly isTracing: boolean;
  readonly endsWithFailure: boolean;
}

function parseArguments(words: readonly string[]): Arguments {
  const numberOf = (name: string, otherwise: number): number => {
    const at = words.indexOf(`--${name}`);
    const value = at < 0 ? otherwise : Number(words[at + 1]);
    if (!Number.isFinite(value)) throw new Error(`--${name} wants a number`);
    return value;
  };
  const only = numberOf('seed', -1);
  const hours = numberOf('hours', 0);
  return {
    first: only >= 0 ? only : numberOf('first', 1),
    seeds: only >= 0 ? 1 : numberOf('seeds', hours > 0 ? 1_000_000 : 100),
    hours,
    minutes: numberOf('minutes', 6),
    isTracing: words.includes('--trace'),
    endsWithFailure: words.includes('--first-failure'),
  };
}

function main(): void {
  const { first, seeds, hours, minutes, isTracing, endsWithFailure } = parseArguments(process.argv.slice(2));
  const write = (line: string): void => void process.stdout.write(`${line}\n`);
  const rare = new RareEvents();
  const startedMs = performance.now();
  let simulatedMs = 0;
  let operations = 0;
  let events = 0;
  let undecided = 0;
  let failures = 0;
  let seed = first;
  for (; seed < first + seeds && (hours === 0 || simulatedMs < hours * 3_600_000); seed += 1) {
    const result = runSeed(seed, minutes * 60_000, isTracing ? write : null);
    simulatedMs += result.simulatedMs;
    operations += result.operations;
    events += result.events;
    undecided += result.undecided;
    rare.add(result.rare);
    if (result.failure === null) continue;
    failures += 1;
    write(`seed ${seed} failed after ${(result.simulatedMs / 1000).toFixed(1)} s: ${result.failure}`);
    write(`  ${JSON.stringify(result.options)}`);
    if (endsWithFailure) break;
  }
  const wallMs = performance.now() - startedMs;
  for (const [what, times] of rare.entries()) write(`${String(times).padStart(9)}  ${what}`);
  write(`seeds ${first}..${seed - 1}, ${failures} failed, ${undecided} histories undecided, ${operations} operations, ${events} events`);
  write(
    `${(simulatedMs / 3_600_000).toFixed(2)} hours of clusters in ${(wallMs / 1000).toFixed(1)} s: ${(simulatedMs / wallMs).toFixed(0)} times real time`,
  );
  process.exitCode = failures === 0 ? 0 : 1;
}

if (process.argv[1]?.endsWith('/simulation/run.js')) main();
