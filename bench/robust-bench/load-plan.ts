export type ScenarioName = 'conn' | 'pub' | 'sub' | 'fanout' | 'fanin' | 'p2p';
export type TransportChoice = 'auto' | 'native' | 'node';

/** One load, ready to run: what the command line asked for, with nothing left to decide. Crosses to the load threads as it is. */
export interface LoadPlan {
  readonly scenario: ScenarioName;
  readonly version: 4 | 5;
  readonly publishers: number;
  readonly subscribers: number;
  /** Connections that do nothing but stay. */
  readonly idle: number;
  /** Publisher p and subscriber s meet on topics p mod topics and s mod topics. */
  readonly topics: number;
  readonly topicPrefix: string;
  readonly qos: 0 | 1 | 2;
  /** Payload bytes. */
  readonly size: number;
  /** Messages per second over all publishers; 0: as fast as windows and sockets allow. */
  readonly rate: number;
  /** Messages of QoS 1 and 2 in flight per publisher. */
  readonly window: number;
  /** Messages that one publisher sends in one write at most. */
  readonly batch: number;
  readonly warmupMs: number;
  readonly durationMs: number;
  /** How long the rest may take to arrive after the window. */
  readonly drainMsMax: number;
  readonly threads: number;
  /** New connections per second over all threads; 0: as fast as they are accepted. */
  readonly connectRate: number;
  readonly connectTimeoutMs: number;
  readonly keepAliveSeconds: number;
  /** Local addresses to spread connections over; empty: the kernel chooses. */
  readonly sourceAddresses: readonly string[];
  readonly username: string;
  readonly password: string;
  readonly transport: TransportChoice;
}

/** What carries MQTT to a broker that is not spoken to over plain TCP. */
export interface CarrierChoice {
  readonly scheme: 'mqtts' | 'ws' | 'wss';
  /** As the user wrote it: for the certificate and the Host header. */
  readonly hostName: string;
  /** Of the WebSocket. */
  readonly path: string;
  /** PEM text of the authorities to believe; null: those that Node knows. */
  readonly ca: string | null;
  /** Any certificate will do. */
  readonly isInsecure: boolean;
}

/** Where clients connect to. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
  /** Null or absent: plain TCP. */
  readonly carrier?: CarrierChoice | null;
}

export interface Target extends Endpoint {
  /** Where the subscribers connect to, if elsewhere than the others. */
  readonly subscribersTo?: Endpoint | null;
  /** Process of the broker, to read its CPU time and memory from /proc; 0 if unknown. */
  readonly pid: number;
}

export const PAYLOAD_BYTES_MIN = 16;
export const WINDOW_MAX = 16_384;
/** Publisher-subscriber pairs whose order is followed: 3 numbers of 4 bytes each. */
const STREAMS_MAX = 32_000_000;

export interface ScenarioDefaults {
  readonly publishers: number;
  readonly subscribers: number;
  readonly topics: number;
  readonly idle: number;
  readonly summary: string;
}

export const SCENARIOS: Readonly<Record<ScenarioName, ScenarioDefaults>> = {
  conn: { publishers: 0, subscribers: 0, topics: 1, idle: 1000, summary: 'open connections and hold them' },
  pub: { publishers: 100, subscribers: 0, topics: 100, idle: 0, summary: 'publish; nobody listens' },
  sub: { publishers: 0, subscribers: 100, topics: 100, idle: 0, summary: 'subscribe and count what others publish' },
  fanout: { publishers: 1, subscribers: 1000, topics: 1, idle: 0, summary: 'few publishers, many subscribers of one topic' },
  fanin: { publishers: 100, subscribers: 1, topics: 1, idle: 0, summary: 'many publishers, one subscriber' },
  p2p: { publishers: 50, subscribers: 50, topics: 50, idle: 0, summary: 'pairs of one publisher and one subscriber' },
};

/** What a load is unless its scenario or the command line says otherwise. */
export const PLAN_DEFAULTS: Omit<LoadPlan, keyof ScenarioDefaults | 'scenario'> = {
  version: 4,
  topicPrefix: 'bench',
  qos: 0,
  size: 128,
  rate: 0,
  window: 20,
  batch: 64,
  warmupMs: 1_000,
  durationMs: 10_000,
  drainMsMax: 30_000,
  threads: 1,
  connectRate: 0,
  connectTimeoutMs: 20_000,
  keepAliveSeconds: 0,
  sourceAddresses: [],
  username: '',
  password: '',
  transport: 'auto',
};

/** A scenario with some things changed. */
export function planOfScenario(scenario: ScenarioName, changes: Partial<LoadPlan>): LoadPlan {
  const { publishers, subscribers, topics, idle } = SCENARIOS[scenario];
  return { ...PLAN_DEFAULTS, scenario, publishers, subscribers, topics, idle, ...changes };
}

/** Publishers of one topic: the most that a subscriber hears. */
export function publishersPerTopic(plan: LoadPlan): number {
  return Math.ceil(plan.publishers / plan.topics);
}

/** Subscribers of a topic: how many deliveries each of its messages owes. */
export function subscribersOfTopic(plan: LoadPlan, topic: number): number {
  return topic >= plan.subscribers ? 0 : Math.ceil((plan.subscribers - topic) / plan.topics);
}

/** What is wrong with a plan, in words for the user; empty if it can run. */
export function faultOfPlan(plan: LoadPlan): string {
  if (plan.size < PAYLOAD_BYTES_MIN && plan.publishers > 0)
    return `--size is at least ${PAYLOAD_BYTES_MIN}: the payload carries publisher, sequence and time`;
  if (plan.window > WINDOW_MAX) return `--window is at most ${WINDOW_MAX}`;
  if (plan.subscribers * publishersPerTopic(plan) > STREAMS_MAX) return 'too many publisher-subscriber pairs to follow: use more --topics';
  if (plan.publishers + plan.subscribers + plan.idle === 0) return 'nothing to do: give --publishers, --subscribers or --connections';
  if (plan.threads > plan.publishers + plan.subscribers + plan.idle) return '--threads is more than there are connections';
  if (plan.topicPrefix.length === 0 || /[+#\0]/.test(plan.topicPrefix)) return '--topic-prefix is a topic name without wildcards';
  return '';
}
