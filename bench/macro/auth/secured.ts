import { faultsOf, type LoadOutcome } from '../../robust-bench/load-outcome.js';
import type { LoadPlan } from '../../robust-bench/load-plan.js';
import { type Metric, medianOf, metricsOf } from '../../robust-bench/metrics.js';
import { runLoad } from '../../robust-bench/run-load.js';
import { BrokerUnderTest } from '../broker-under-test.js';
import { MACRO_SCENARIOS, smallOf } from '../scenarios.js';

/*
  What it costs that clients prove who they are, have 100 rules of access each, belong to a tenant, and that somebody reads /metrics each second: the
  same loads on a broker with its defaults and on one with all that, in turns.

      node dist/bench/macro/auth/secured.js [filter] [--small] [--rounds n]
*/

const TENANT = 'plant';
const USER = 'loader';
const PASSWORD = 'of the load';
/** Of each client; the last one allows what the load does. */
const RULES = 100;
const SCRAPE_MS = 1000;
const SECURED: readonly string[] = ['auth.anonymous=false'];

async function put(broker: BrokerUnderTest, path: string, value: object): Promise<void> {
  const headers = { authorization: `Bearer ${broker.token}`, 'content-type': 'application/json' };
  const response = await fetch(`${broker.httpUrl}/api/v1/${path}`, { method: 'PUT', headers, body: JSON.stringify(value) });
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
}

async function provision(broker: BrokerUnderTest): Promise<void> {
  await put(broker, `tenants/${TENANT}`, {});
  await put(broker, `mqtt/users/${USER}`, { tenant: TENANT, password: PASSWORD });
  for (let index = 1; index < RULES; index += 1) {
    const rule = { order: index, permission: index % 10 === 3 ? 'deny' : 'allow', principal: { kind: 'user', value: USER } };
    await put(broker, `mqtt/acl-rules/site-${index}`, { tenant: TENANT, filter: `site/${index}/+/state`, ...rule });
  }
  await put(broker, 'mqtt/acl-rules/load', { tenant: TENANT, order: RULES, permission: 'allow', filter: 'bench/#' });
}

/** Reads the metrics each second, as Prometheus would. @returns how to end it, which says how often it was. */
function scrape({ httpUrl }: BrokerUnderTest): () => number {
  let scrapes = 0;
  const timer = setInterval(async () => {
    const response = await fetch(`${httpUrl}/metrics`);
    if (response.ok && (await response.text()).length > 0) scrapes += 1;
  }, SCRAPE_MS);
  return () => {
    clearInterval(timer);
    return scrapes;
  };
}

async function runPlain(plan: LoadPlan): Promise<LoadOutcome> {
  const broker = await BrokerUnderTest.start();
  try {
    return await runLoad(plan, broker.target, () => undefined, new AbortController().signal);
  } finally {
    await broker.stop();
  }
}

async function runSecured(plan: LoadPlan): Promise<LoadOutcome> {
  const broker = await BrokerUnderTest.start(...SECURED);
  try {
    await provision(broker);
    const endScraping = scrape(broker);
    const named = { ...plan, username: `${TENANT}@${USER}`, password: PASSWORD };
    const outcome = await runLoad(named, broker.target, () => undefined, new AbortController().signal);
    const scrapes = endScraping();
    if (scrapes === 0 && plan.durationMs > SCRAPE_MS * 2) throw new Error('nobody could read the metrics');
    return outcome;
  } finally {
    await broker.stop();
  }
}

function cell(metric: Metric | undefined, outcomes: readonly LoadOutcome[]): number {
  return metric === undefined ? Number.NaN : (medianOf(metric, outcomes) ?? Number.NaN);
}

const args = process.argv.slice(2);
const isSmall = args.includes('--small');
const rounds = args.includes('--rounds') ? Number(args[args.indexOf('--rounds') + 1]) : isSmall ? 1 : 5;
const filter = args.find((arg, i) => !arg.startsWith('--') && args[i - 1] !== '--rounds') ?? '';
process.stdout.write('| Scenario | received/s | secured | ratio | CPU us/message | secured | ratio | faults |\n');
process.stdout.write('| --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |\n');
for (const scenario of MACRO_SCENARIOS.filter(({ name, plan }) => name.includes(filter) && plan.scenario !== 'conn')) {
  const { name, plan } = isSmall ? smallOf(scenario) : scenario;
  const plain: LoadOutcome[] = [];
  const secured: LoadOutcome[] = [];
  for (let round = 0; round < rounds; round += 1) {
    plain.push(await runPlain(plan));
    secured.push(await runSecured(plan));
  }
  const faults = [...plain, ...secured].flatMap((outcome) => faultsOf(outcome, plan));
  if (faults.length > 0) process.exitCode = 1;
  const cells = ['received_per_second', 'broker_cpu_us_per_message'].flatMap((key) => {
    const metric = metricsOf(plan).find((candidate) => candidate.key === key);
    const [before, after] = [cell(metric, plain), cell(metric, secured)];
    const show = (value: number): string => value.toLocaleString('en-US', { maximumSignificantDigits: 4 });
    return [show(before), show(after), (after / before).toFixed(3)];
  });
  process.stdout.write(`| ${name} | ${cells.join(' | ')} | ${faults.join(', ')} |\n`);
}
