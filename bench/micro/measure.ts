import { Bench } from 'tinybench';
import type { MicroSuite } from './suite.js';

export interface MicroResult {
  readonly suite: string;
  readonly task: string;
  readonly operationsPerSecond: number;
  readonly nanosecondsPerOperation: number;
  /** Relative margin of error of the mean, percent. */
  readonly errorPercent: number;
}

/** Runs the tasks of a suite one after another. @param timeMs per task, after as much warm-up as tinybench thinks right. */
export function measureSuite(suite: MicroSuite, timeMs: number): MicroResult[] {
  const tasks = suite.open();
  const bench = new Bench({ name: suite.name, time: timeMs, warmupTime: timeMs / 4, throws: true });
  for (const task of tasks) bench.add(task.name, task.run);
  bench.runSync();
  return tasks.map((task) => {
    const result = bench.getTask(task.name)?.result;
    if (result?.state !== 'completed') throw new Error(`${suite.name}, ${task.name}: ended as ${result?.state ?? 'unknown'}`);
    // The median call: a garbage collection or another process does not move it.
    const nanosecondsPerOperation = (result.latency.p50 * 1e6) / task.operations;
    return {
      suite: suite.name,
      task: task.name,
      operationsPerSecond: 1e9 / nanosecondsPerOperation,
      nanosecondsPerOperation,
      errorPercent: result.latency.rme,
    };
  });
}
