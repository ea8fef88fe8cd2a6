import { Command, InvalidArgumentError, Option } from 'commander';
import {
  addressesOf,
  certificatesOf,
  countOf,
  durationOf,
  endpointOf,
  processOf,
  qosOf,
  sizeOf,
  trusting,
  urlOf,
  versionOf,
} from './flags.js';
import {
  type Endpoint,
  faultOfPlan,
  type LoadPlan,
  PLAN_DEFAULTS,
  SCENARIOS,
  type ScenarioName,
  type Target,
  type TransportChoice,
  WINDOW_MAX,
} from './load-plan.js';
import type { SeriesRequest } from './run-series.js';

/** One source address has about 28,000 ports to connect from; near that we spread over several, where loopback gives us more. */
const CONNECTIONS_PER_ADDRESS = 20_000;
const LOOPBACK_SPREAD = '127.0.0.2-17';
const CLIENTS_MAX = 1_000_000;
const ROUNDS_WHEN_COMPARING = 3;

/** What commander collects; every value went through the parser of its option. */
interface Flags {
  readonly host: string;
  readonly port: number;
  readonly url?: Endpoint;
  readonly subscribersUrl?: Endpoint;
  readonly ca?: string;
  readonly insecure?: boolean;
  readonly publishers?: number;
  readonly subscribers?: number;
  readonly topics?: number;
  readonly connections?: number;
  readonly idle?: number;
  readonly qos: 0 | 1 | 2;
  readonly size: number;
  readonly rate: number;
  readonly window: number;
  readonly batch: number;
  readonly duration: number;
  readonly warmup: number;
  readonly drain: number;
  readonly version: 4 | 5;
  readonly threads: number;
  readonly sourceAddresses?: string[];
  readonly connectRate: number;
  readonly connectTimeout: number;
  readonly keepAlive: number;
  readonly topicPrefix?: string;
  readonly username: string;
  readonly password: string;
  readonly transport: TransportChoice;
  readonly output: 'table' | 'json';
  readonly pid?: number;
  readonly against?: Endpoint;
  readonly againstPid?: number;
  readonly rounds?: number;
}

const EXAMPLES: Readonly<Record<ScenarioName, readonly [string, string, string]>> = {
  conn: [
    'robust-bench mqtt conn --connections 10000 --connect-rate 2000 --pid 4711',
    'robust-bench mqtt conn --connections 50000 --threads 2 --duration 60s --keep-alive 30',
    'robust-bench mqtt conn --host 10.0.0.5 --connections 1000 --output json',
  ],
  pub: [
    'robust-bench mqtt pub --publishers 100 --qos 1 --window 20',
    'robust-bench mqtt pub --publishers 10 --rate 5000 --size 4KiB --duration 30s',
    'robust-bench mqtt pub --topics 1 --topic-prefix plant/line',
  ],
  sub: [
    'robust-bench mqtt sub --subscribers 100 --duration 30s',
    'robust-bench mqtt sub --subscribers 1 --topics 1 --topic-prefix plant/line',
    'robust-bench mqtt sub --subscribers 1000 --version 5 --qos 1 --output json',
  ],
  fanout: [
    'robust-bench mqtt fanout --subscribers 1000',
    'robust-bench mqtt fanout --subscribers 1000 --rate 40 --pid 4711',
    'robust-bench mqtt fanout --qos 1 --window 20 --against 127.0.0.1:1884',
  ],
  fanin: [
    'robust-bench mqtt fanin --publishers 100 --qos 1 --window 20',
    'robust-bench mqtt fanin --publishers 1000 --rate 50000 --duration 30s',
    'robust-bench mqtt fanin --url mqtts://127.0.0.1:1884 --insecure --against 127.0.0.1:1883',
  ],
  p2p: [
    'robust-bench mqtt p2p --publishers 50 --subscribers 50 --topics 50 --qos 1',
    'robust-bench mqtt p2p --publishers 200 --subscribers 200 --topics 200 --qos 1 --rate 20000',
    'robust-bench mqtt p2p --version 5 --against 127.0.0.1:1884 --pid 4711 --against-pid 4712',
  ],
};

/** The command line. `onRequest` gets what the user asked for, checked. */
export function createProgram(onRequest: (request: SeriesRequest) => Promise<void>): Command {
  const program = new Command('robust-bench').description(
    'Load generator: measures throughput, latency, loss and order of a message broker.',
  );
  program.showHelpAfterError('(--help shows the options)').addHelpText(
    'after',
    `
Examples:
  $ robust-bench mqtt fanout                       1 publisher, 1000 subscribers
  $ robust-bench mqtt p2p --qos 1 --rate 20000     latency at a given rate
  $ robust-bench mqtt fanin --against 10.0.0.5:1883  the same load on two brokers in turn

Exit codes: 0 sound, 1 messages lost, out of order or connections dropped, 2 wrong usage, 3 broker unreachable, 4 refused by the broker.`,
  );
  const mqtt = program.command('mqtt').description('load an MQTT broker');
  for (const scenario of ['conn', 'pub', 'sub', 'fanout', 'fanin', 'p2p'] as const) {
    const command = mqtt.command(scenario).description(SCENARIOS[scenario].summary);
    addFlags(command, scenario);
    command.addHelpText('after', `\nExamples:\n${EXAMPLES[scenario].map((example) => `  $ ${example}`).join('\n')}`);
    command.action(async () => {
      const flags = command.opts<Flags>();
      const plan = planOf(scenario, flags);
      const fault = faultOfPlan(plan);
      if (fault !== '') command.error(`error: ${fault}`, { exitCode: 2 });
      await onRequest({
        plan,
        targets: targetsOf(flags),
        rounds: flags.rounds ?? (flags.against === undefined ? 1 : ROUNDS_WHEN_COMPARING),
        output: flags.output,
      });
    });
  }
  // Commander ends with 1 on wrong usage; 1 says here that a run was not sound.
  for (const command of [program, mqtt, ...mqtt.commands]) {
    command.exitOverride((error) => {
      if (error instanceof InvalidArgumentError || (error.exitCode !== 0 && error.exitCode !== 2)) error.exitCode = 2;
      throw error;
    });
  }
  return program;
}

function addFlags(command: Command, scenario: ScenarioName): void {
  const defaults = SCENARIOS[scenario];
  command
    .option('--host <host>', 'broker to load', '127.0.0.1')
    .option('--port <port>', 'its port', countOf(1, 65_535), 1883)
    .addOption(
      new Option('--url <url>', 'instead of both: mqtt://, mqtts://, ws:// or wss://host:port/path')
        .argParser(urlOf)
        .conflicts(['host', 'port']),
    )
    .option('--ca <file>', 'PEM file of the authorities to believe (mqtts, wss)', certificatesOf)
    .option('--insecure', 'believe any certificate (mqtts, wss)')
    .addOption(new Option('--version <version>', 'MQTT version: 3 or 5').argParser(versionOf).default(PLAN_DEFAULTS.version, '3'));
  if (scenario === 'conn') command.option('--connections <n>', `connections to open (default: ${defaults.idle})`, countOf(1, CLIENTS_MAX));
  else command.option('--idle <n>', 'further connections that only stay (default: 0)', countOf(0, CLIENTS_MAX));
  if (defaults.publishers > 0)
    command.option('--publishers <n>', `publishing clients (default: ${defaults.publishers})`, countOf(0, CLIENTS_MAX));
  if (defaults.subscribers > 0)
    command.option('--subscribers <n>', `subscribing clients (default: ${defaults.subscribers})`, countOf(0, CLIENTS_MAX));
  if (defaults.subscribers > 0 && defaults.publishers > 0)
    command.option('--subscribers-url <url>', 'where subscribers connect to, if elsewhere than publishers', urlOf);
  if (scenario !== 'conn') {
    command
      .option('--topics <n>', `topics; client i takes topic i mod n (default: ${defaults.topics})`, countOf(1, CLIENTS_MAX))
      .option('--topic-prefix <prefix>', 'topics are <prefix>/<number> (default: bench, with a random part where both ends are ours)');
  }
  command
    .option('--qos <qos>', 'quality of service, both ways', qosOf, PLAN_DEFAULTS.qos)
    .option('--size <bytes>', 'payload size', sizeOf, PLAN_DEFAULTS.size)
    .option('--rate <n>', 'messages per second over all publishers; 0: as fast as it goes', countOf(0, 100_000_000), PLAN_DEFAULTS.rate)
    .option('--window <n>', 'QoS 1 and 2: messages in flight per publisher', countOf(1, WINDOW_MAX), PLAN_DEFAULTS.window)
    .option('--batch <n>', 'messages of one publisher in one write, at most', countOf(1, 2_048), PLAN_DEFAULTS.batch)
    .addOption(
      new Option('--duration <time>', 'measured time').argParser(durationOf(100, 1_800_000)).default(PLAN_DEFAULTS.durationMs, '10s'),
    )
    .addOption(
      new Option('--warmup <time>', 'load before measuring begins').argParser(durationOf(0, 600_000)).default(PLAN_DEFAULTS.warmupMs, '1s'),
    )
    .addOption(
      new Option('--drain <time>', 'how long the rest may take to arrive')
        .argParser(durationOf(0, 600_000))
        .default(PLAN_DEFAULTS.drainMsMax, '30s'),
    )
    .option('--threads <n>', 'threads of the generator', countOf(1, 64), PLAN_DEFAULTS.threads)
    .option('--source-addresses <list>', `local addresses to connect from, such as ${LOOPBACK_SPREAD}`, addressesOf)
    .option('--connect-rate <n>', 'new connections per second; 0: as fast as it goes', countOf(0, 1_000_000), PLAN_DEFAULTS.connectRate)
    .addOption(
      new Option('--connect-timeout <time>', 'per connection')
        .argParser(durationOf(100, 600_000))
        .default(PLAN_DEFAULTS.connectTimeoutMs, '20s'),
    )
    .option(
      '--keep-alive <seconds>',
      'MQTT keep-alive; 0: none',
      countOf(0, 65_535),
      scenario === 'conn' ? 300 : PLAN_DEFAULTS.keepAliveSeconds,
    )
    .option('--username <name>', 'for brokers that ask', PLAN_DEFAULTS.username)
    .option('--password <password>', 'for brokers that ask', PLAN_DEFAULTS.username)
    .addOption(
      new Option('--transport <kind>', 'socket layer of the generator')
        .choices(['auto', 'native', 'node'])
        .default(PLAN_DEFAULTS.transport),
    )
    .addOption(new Option('-o, --output <form>', 'form of the report, on standard output').choices(['table', 'json']).default('table'))
    .option('--pid <pid>', "broker's process, to report its CPU and memory", processOf)
    .option('--against <host:port>', 'run the same load on a second broker, in turn', endpointOf)
    .option('--against-pid <pid>', "the second broker's process", processOf)
    .option('--rounds <n>', `repeat and report medians (default: 1, with --against ${ROUNDS_WHEN_COMPARING})`, countOf(1, 100));
}

function planOf(scenario: ScenarioName, flags: Flags): LoadPlan {
  const defaults = SCENARIOS[scenario];
  const publishers = flags.publishers ?? defaults.publishers;
  const subscribers = flags.subscribers ?? defaults.subscribers;
  const idle = flags.connections ?? flags.idle ?? defaults.idle;
  const clients = publishers + subscribers + idle;
  const host = flags.url?.host ?? flags.host;
  const isLoopback = host.startsWith('127.') || host === 'localhost';
  const spread = isLoopback && clients > CONNECTIONS_PER_ADDRESS ? addressesOf(LOOPBACK_SPREAD) : [];
  // Where both ends are ours the topics are too: two loads on one broker do not hear each other.
  const ownPrefix =
    publishers > 0 && subscribers > 0
      ? `${PLAN_DEFAULTS.topicPrefix}/${Math.floor(Math.random() * 2 ** 31).toString(36)}`
      : PLAN_DEFAULTS.topicPrefix;
  return {
    scenario,
    version: flags.version,
    publishers,
    subscribers,
    idle,
    topics: flags.topics ?? (scenario === 'p2p' ? Math.max(1, publishers) : defaults.topics),
    topicPrefix: flags.topicPrefix ?? ownPrefix,
    qos: flags.qos,
    size: flags.size,
    rate: flags.rate,
    window: flags.window,
    batch: flags.batch,
    warmupMs: flags.warmup,
    durationMs: flags.duration,
    drainMsMax: flags.drain,
    threads: flags.threads,
    connectRate: flags.connectRate,
    connectTimeoutMs: flags.connectTimeout,
    keepAliveSeconds: flags.keepAlive,
    sourceAddresses: flags.sourceAddresses ?? spread,
    username: flags.username,
    password: flags.password,
    transport: flags.transport,
  };
}

function targetsOf(flags: Flags): Target[] {
  const trusted = <E extends Endpoint>(endpoint: E): E => trusting(endpoint, flags.ca, flags.insecure === true);
  const elsewhere = flags.subscribersUrl === undefined ? {} : { subscribersTo: trusted(flags.subscribersUrl) };
  const ours: Target = { ...trusted(flags.url ?? { host: flags.host, port: flags.port }), ...elsewhere, pid: flags.pid ?? 0 };
  return flags.against === undefined ? [ours] : [ours, { ...trusted(flags.against), pid: flags.againstPid ?? 0 }];
}
