import { loadavg } from 'node:os';
import { faultsOf, type LoadOutcome } from '../robust-bench/load-outcome.js';
import { medianOf, metricsOf } from '../robust-bench/metrics.js';
import { runLoad } from '../robust-bench/run-load.js';
import { BrokerUnderTest } from './broker-under-test.js';
import type { MacroScenario } from './scenarios.js';

interface Measured {
  readonly scenario: MacroScenario;
  readonly outcomes: LoadOutcome[];
}

const KEYS = ['received_per_second', 'broker_cpu_us_per_message', 'broker_cores', 'generator_cores', 'latency_p99_us'] as const;

/**
 * Every scenario in turn, round by round, each round on a fresh broker: what else the machine does hits all alike. A scenario without a
 * scheme is what those behind it are compared with.
 * @returns whether every round was sound.
 */
export async function compareCarriers(
  scenarios: readonly MacroScenario[],
  rounds: number,
  write: (text: string) => void,
): Promise<boolean> {
  const measured: readonly Measured[] = scenarios.map((scenario) => ({ scenario, outcomes: [] }));
  for (let round = 0; round < rounds; round++) {
    const broker = await BrokerUnderTest.start();
    try {
      for (const { scenario, outcomes } of measured) outcomes.push(await runOn(broker, scenario));
    } finally {
      await broker.stop();
    }
  }
  write(`load average ${loadavg()[0].toFixed(1)}\n\n`);
  write('| Scenario | received/s | ratio | broker CPU us/message | CPU ratio | broker cores | generator cores | p99 us | faults |\n');
  write('| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |\n');
  let plain: readonly number[] = [];
  let isSound = true;
  for (const { scenario, outcomes } of measured) {
    const metrics = metricsOf(scenario.plan);
    const values = KEYS.map((key) => {
      const metric = metrics.find((each) => each.key === key);
      return metric === undefined ? Number.NaN : (medianOf(metric, outcomes) ?? Number.NaN);
    });
    if (scenario.scheme === undefined) plain = values;
    const faults = outcomes.flatMap((outcome) => faultsOf(outcome, scenario.plan));
    isSound &&= faults.length === 0;
    write(`| ${scenario.name} | ${cellsOf(values, plain).join(' | ')} | ${faults.join(', ')} |\n`);
  }
  return isSound;
}

/** One scenario, with the carrier it names. */
export async function runOn(broker: BrokerUnderTest, { plan, scheme }: MacroScenario): Promise<LoadOutcome> {
  const target = scheme === undefined ? broker.target : await broker.targetOver(scheme);
  return runLoad(plan, target, () => undefined, new AbortController().signal);
}

/** CPU per message is the other way round: how many plain messages one of these costs. */
function cellsOf([rate, cpu, brokerCores, generatorCores, p99]: readonly number[], plain: readonly number[]): string[] {
  const ratioOf = (value: number, other: number): string => (value / other).toFixed(2);
  return [
    Math.round(rate).toLocaleString('en-US'),
    ratioOf(rate, plain[0]),
    cpu.toFixed(3),
    ratioOf(cpu, plain[1]),
    brokerCores.toFixed(2),
    generatorCores.toFixed(2),
    Math.round(p99).toLocaleString('en-US'),
  ];
}
