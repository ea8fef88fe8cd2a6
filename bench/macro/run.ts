import { faultsOf, type LoadOutcome } from '../robust-bench/load-outcome.js';
import { describeMachine } from '../robust-bench/machine.js';
import { medianOf, metricsOf } from '../robust-bench/metrics.js';
import { runLoad } from '../robust-bench/run-load.js';
import { BrokerUnderTest } from './broker-under-test.js';
import { compareCarriers } from './carriers.js';
import { CARRIER_SCENARIOS, MACRO_SCENARIOS, smallOf } from './scenarios.js';

/*
  Entry: node dist/bench/macro/run.js [filter] [--small] [--rounds n]
  A fresh broker for every scenario whose name contains the filter; prints rows for the results page (bench/README.md).

  node dist/bench/macro/run.js transports [--small] [--rounds n] [--seconds n]
  Fan-in over TLS and WebSocket beside plain TCP, in turn on one broker for each round, and the ratios.
*/

const args = process.argv.slice(2);
const isSmall = args.includes('--small');
const rounds = args.includes('--rounds') ? Number(args[args.indexOf('--rounds') + 1]) : isSmall ? 1 : 3;
const seconds = args.includes('--seconds') ? Number(args[args.indexOf('--seconds') + 1]) : 0;
const filter = args.find((arg, i) => !arg.startsWith('--') && args[i - 1] !== '--rounds' && args[i - 1] !== '--seconds') ?? '';
const KEYS = [
  'received_per_second',
  'acked_per_second',
  'latency_p50_us',
  'latency_p99_us',
  'broker_cpu_us_per_message',
  'broker_kib_per_connection',
];

const machine = describeMachine();
process.stdout.write(`${machine.cpu}, ${machine.cores} cores, Linux ${machine.kernel}, Node ${machine.node}, medians of ${rounds}\n\n`);
if (filter === 'transports') {
  const scenarios = CARRIER_SCENARIOS.map((scenario) => (isSmall ? smallOf(scenario) : scenario)).map((scenario) =>
    seconds === 0 ? scenario : { ...scenario, plan: { ...scenario.plan, durationMs: seconds * 1_000 } },
  );
  const isSound = await compareCarriers(scenarios, rounds, (text) => process.stdout.write(text));
  process.exit(isSound ? 0 : 1);
}
process.stdout.write('| Scenario | received/s | acknowledged/s | p50 us | p99 us | broker CPU us/message | KiB/connection | faults |\n');
process.stdout.write('| --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |\n');
for (const scenario of MACRO_SCENARIOS.filter(({ name }) => name.includes(filter))) {
  const { name, plan } = isSmall ? smallOf(scenario) : scenario;
  const outcomes: LoadOutcome[] = [];
  for (let round = 0; round < rounds; round++) {
    const broker = await BrokerUnderTest.start();
    try {
      outcomes.push(await runLoad(plan, broker.target, () => undefined, new AbortController().signal));
    } finally {
      await broker.stop();
    }
  }
  const metrics = new Map(metricsOf(plan).map((metric) => [metric.key, medianOf(metric, outcomes)]));
  const cells = KEYS.map((key) => metrics.get(key)?.toLocaleString('en-US', { maximumSignificantDigits: 4 }) ?? '');
  const faults = outcomes.flatMap((outcome) => faultsOf(outcome, plan));
  if (faults.length > 0) process.exitCode = 1;
  process.stdout.write(`| ${name} | ${cells.join(' | ')} | ${faults.join(', ')} |\n`);
}
