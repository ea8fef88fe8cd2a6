import { cpus } from 'node:os';
import Table from 'cli-table3';
import { measureSuite } from './measure.js';
import { SUITES } from './suites.js';

/* Entry of `npm run bench [filter]`: the suites whose name contains the filter. */

const TIME_MS = 1_000;

const filter = process.argv[2] ?? '';
const chosen = SUITES.filter((suite) => suite.name.includes(filter));
if (chosen.length === 0) {
  process.stderr.write(`no suite has "${filter}" in its name; there are: ${SUITES.map((suite) => suite.name).join(', ')}\n`);
  process.exitCode = 2;
}

const table = new Table({
  head: ['suite', 'task', 'ns each', 'million/s', '±%'],
  colAligns: ['left', 'left', 'right', 'right', 'right'],
  style: { head: [], border: [] },
});
for (const suite of chosen) {
  process.stderr.write(`${suite.name} ...\n`);
  for (const result of measureSuite(suite, TIME_MS)) {
    table.push([
      result.suite,
      result.task,
      result.nanosecondsPerOperation.toFixed(1),
      (result.operationsPerSecond / 1e6).toFixed(2),
      result.errorPercent.toFixed(1),
    ]);
  }
}
if (chosen.length > 0) process.stdout.write(`${table.toString()}\n${cpus()[0]?.model ?? process.arch}, Node ${process.version}\n`);
