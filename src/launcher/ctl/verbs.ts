import { InvalidArgumentError, Option } from 'commander';
import { faultsOfStream, STREAM_SCHEMA, type StreamSettings } from '../../settings/journal-schema.js';
import { parseDuration } from '../../settings/units.js';
import { appendList, type RunCall, wholeNumber } from './verb.js';

/* Every verb of robust-ctl: what it takes, what its help says, and what it comes to. */

export type CtlAction =
  | { readonly kind: 'stream-list' }
  | { readonly kind: 'stream-describe'; readonly name: string }
  | { readonly kind: 'stream-create'; readonly stream: StreamSettings }
  | { readonly kind: 'stream-delete'; readonly name: string; readonly isConfirmed: boolean }
  | TailAction
  | { readonly kind: 'stream-export'; readonly name: string; readonly path: string | null }
  | { readonly kind: 'session-list'; readonly limit: number; readonly match: string }
  | { readonly kind: 'session-show'; readonly clientId: string }
  | { readonly kind: 'session-delete'; readonly clientId: string; readonly isConfirmed: boolean }
  | { readonly kind: 'cluster-status' }
  | { readonly kind: 'cluster-members' }
  | { readonly kind: 'cluster-join'; readonly address: string; readonly token: string }
  | { readonly kind: 'cluster-leave'; readonly node: string; readonly isConfirmed: boolean }
  | { readonly kind: 'cluster-transfer'; readonly node: string }
  | { readonly kind: 'journal-status' }
  | { readonly kind: 'journal-verify' }
  | { readonly kind: 'journal-repair'; readonly isConfirmed: boolean }
  /** Of a verb that is one piece: verb.ts. */
  | { readonly kind: 'run'; readonly run: (call: RunCall) => Promise<number> };

export interface TailAction {
  readonly kind: 'stream-tail';
  readonly name: string;
  /** Null: all. */
  readonly partition: number | null;
  /** Null: so that `count` records come. */
  readonly from: TailStart | null;
  /** Null: 20, or with `from` and `isFollowing` all. */
  readonly count: number | null;
  readonly isFollowing: boolean;
}

export type TailStart =
  | { readonly kind: 'offset'; readonly offset: number }
  | { readonly kind: 'earliest' }
  | { readonly kind: 'latest' }
  | { readonly kind: 'time'; readonly timestampMs: number }
  | { readonly kind: 'ago'; readonly ms: number };

/** As commander gives them, by the long names below. */
export interface Flags {
  readonly config?: string;
  readonly dataPath?: string;
  readonly set?: readonly string[];
  readonly output?: string;
  readonly yes?: boolean;
  readonly partitions?: number;
  readonly filters?: readonly string[];
  readonly key?: string;
  readonly flush?: string;
  readonly storage?: string;
  readonly retentionTime?: string;
  readonly retentionBytes?: string;
  readonly retentionRecords?: number;
  readonly tombstoneTime?: string;
  readonly compact?: boolean;
  readonly qos0?: string;
  readonly partition?: number;
  readonly from?: TailStart;
  readonly follow?: boolean;
  readonly count?: number;
  readonly limit?: number;
  readonly match?: string;
  readonly token?: string;
}

export interface VerbPage {
  readonly verb: string;
  readonly summary: string;
  readonly description?: string;
  /** What its argument is called; null: it has none. */
  readonly name: string | null;
  readonly options: readonly Option[];
  readonly examples: readonly [string, ...string[]];
  /** @returns what is wrong with the flags, in words, if something is. */
  readonly action: (name: string, flags: Flags) => CtlAction | string;
}

export interface Topic {
  readonly topic: string;
  readonly summary: string;
  readonly pages: readonly VerbPage[];
}

const YES = new Option('-y, --yes', 'do not ask');

const STREAM_PAGES: readonly VerbPage[] = [
  {
    verb: 'list',
    summary: 'List the streams, and how much is in them',
    name: null,
    options: [],
    examples: ['stream list', 'stream list -o json', 'stream list --data-path ./data'],
    action: () => ({ kind: 'stream-list' }),
  },
  {
    verb: 'describe',
    summary: 'Show the settings of a stream, and its partitions with their offsets',
    name: 'stream',
    options: [],
    examples: ['stream describe mqtt', 'stream describe orders -o json', 'stream describe orders --config config/server.toml'],
    action: (name) => ({ kind: 'stream-describe', name }),
  },
  {
    verb: 'create',
    summary: 'Make a stream, and bind topics to it',
    name: 'stream',
    options: [
      new Option('--partitions <count>', 'partitions; can grow, never shrink (16)').argParser(wholeNumber),
      new Option('--filters <a/#,b/+>', 'topic filters whose messages go to it; may be repeated').argParser(appendList),
      new Option('--key <template>', 'key of a record: {topic}, {level:2} and text ({topic})'),
      new Option('--flush <when>', 'when a publish is acknowledged (commit)').choices(['commit', 'interval', 'none']),
      new Option('--storage <where>', 'memory is gone with the process, and has flush none (lmdb)').choices(['lmdb', 'memory']),
      new Option('--retention-time <duration>', 'older records go; 0: never (7d)'),
      new Option('--retention-bytes <size>', 'of a partition; 0: no limit (1GiB)'),
      new Option('--retention-records <count>', 'of a partition; 0: no limit (0)').argParser(wholeNumber),
      new Option('--compact', 'only the last record of each key is kept'),
      new Option('--tombstone-time <duration>', 'a record without value is kept so long when compacted (1d)'),
      new Option('--qos0 <yes>', 'QoS 0 publishes go to it too (true)').choices(['true', 'false']),
    ],
    examples: [
      'stream create orders --partitions 8 --filters "shop/+/orders,orders/#"',
      "stream create states --compact --key '{level:2}' --retention-time 0 --filters 'state/#'",
      'stream create ticks --storage memory --retention-bytes 64MiB --qos0=false',
    ],
    action: createAction,
  },
  {
    verb: 'delete',
    summary: 'Delete a stream with all its records',
    name: 'stream',
    options: [YES],
    examples: ['stream delete orders', 'stream delete orders --yes', 'stream delete orders --yes -o json'],
    action: (name, { yes = false }) => ({ kind: 'stream-delete', name, isConfirmed: yes }),
  },
  {
    verb: 'tail',
    summary: 'Show the last records of a stream, or those from some place on, and follow it',
    description: 'Show the last records of a stream, or those from some place on, and follow it. With -o json a line for each record',
    name: 'stream',
    options: [
      new Option('-p, --partition <number>', 'this partition only').argParser(wholeNumber),
      new Option('--from <place>', 'offset, earliest, latest, a time (2026-05-01T12:00:00Z), or how long ago (10m)').argParser(tailStart),
      new Option('-f, --follow', 'go on with what comes, until Ctrl-C'),
      new Option('-n, --count <records>', 'so many records (20; with --from and --follow all)').argParser(wholeNumber),
    ],
    examples: ['stream tail mqtt -n 5', 'stream tail orders --from 10m --follow', 'stream tail orders --partition 3 --from 1200 -o json'],
    action: (name, { partition = null, from = null, follow = false, count = null }) => {
      return { kind: 'stream-tail', name, partition, from, isFollowing: follow, count };
    },
  },
  {
    verb: 'export',
    summary: 'Write all records of a stream as lines of JSON',
    description:
      'Write all records that a stream has now as lines of JSON, partition by partition. Bytes that are not UTF-8 are written as {"base64": ...}',
    name: 'stream',
    options: [new Option('--output <file>', 'file that is made when all is written; without it standard output')],
    examples: [
      'stream export orders --output orders.jsonl',
      'stream export orders | gzip > orders.jsonl.gz',
      'stream export mqtt.retained',
    ],
    action: (name, { output = null }) => ({ kind: 'stream-export', name, path: output }),
  },
];

const SESSION_PAGES: readonly VerbPage[] = [
  {
    verb: 'list',
    summary: 'List sessions: who is connected or since when away, and what waits for them',
    name: null,
    options: [
      new Option('--limit <count>', 'at most so many, by client identifier').argParser(wholeNumber).default(100),
      new Option('--match <pattern>', 'client identifiers like this; * and ? stand for any').default(''),
    ],
    examples: ['session list', "session list --match 'sensor-*' --limit 1000", 'session list -o json'],
    action: (_name, { limit = 100, match = '' }) => ({ kind: 'session-list', limit, match }),
  },
  {
    verb: 'show',
    summary: 'Show all of one session: subscriptions, will, positions in the logs, counters',
    name: 'client-id',
    options: [],
    examples: ['session show sensor-17', 'session show sensor-17 -o json', 'session show sensor-17 --data-path ./data'],
    action: (clientId) => ({ kind: 'session-show', clientId }),
  },
  {
    verb: 'delete',
    summary: 'End a session and its connection; what waits for it is lost',
    name: 'client-id',
    options: [YES],
    examples: ['session delete sensor-17', 'session delete sensor-17 --yes', 'session delete sensor-17 --yes -o json'],
    action: (clientId, { yes = false }) => ({ kind: 'session-delete', clientId, isConfirmed: yes }),
  },
];

const JOURNAL_PAGES: readonly VerbPage[] = [
  {
    verb: 'status',
    summary: 'Show how the journal of each shard is: state, segments, bytes, what waits for the disk',
    name: null,
    options: [],
    examples: ['journal status', 'journal status -o json', 'journal status --data-path ./data'],
    action: () => ({ kind: 'journal-status' }),
  },
  {
    verb: 'verify',
    summary: 'Read every file of a stopped broker, and say what is damaged',
    description: 'Read every file of a stopped broker, and say what is damaged. Nothing is changed. Ends with 1 if something is damaged',
    name: null,
    options: [],
    examples: ['journal verify', 'journal verify --data-path ./data', 'journal verify -o json'],
    action: () => ({ kind: 'journal-verify' }),
  },
  {
    verb: 'repair',
    summary: 'Set damaged files of a stopped broker aside, so that it starts without them',
    description:
      'Set damaged files of a stopped broker aside, so that it starts without them: their records are missing then. Nothing is deleted',
    name: null,
    options: [YES],
    examples: ['journal repair', 'journal repair --yes --data-path ./data', 'journal repair --yes -o json'],
    action: (_name, { yes = false }) => ({ kind: 'journal-repair', isConfirmed: yes }),
  },
];

const CLUSTER_PAGES: readonly VerbPage[] = [
  {
    verb: 'status',
    summary: 'Show what this node knows of its cluster: who leads, how far the metadata is',
    name: null,
    options: [],
    examples: ['cluster status', 'cluster status -o json', 'cluster status --data-path ./data'],
    action: () => ({ kind: 'cluster-status' }),
  },
  {
    verb: 'members',
    summary: 'List the nodes of the cluster, and which of them vote',
    description: 'List the nodes of the cluster, and which of them vote. How far each is behind is known to the leader alone',
    name: null,
    options: [],
    examples: ['cluster members', 'cluster members -o json', 'cluster members --data-path ./data'],
    action: () => ({ kind: 'cluster-members' }),
  },
  {
    verb: 'join',
    summary: 'Let this node join the cluster that another node is in',
    description:
      'Let this node join the cluster that another node is in. It gives up its own metadata, so it must not have streams, users or rules of its own',
    name: 'address',
    options: [new Option('--token <token>', 'secret of the cluster: its metadata.token').makeOptionMandatory()],
    examples: [
      'cluster join 10.0.0.1:1228 --token s3cret-of-the-cluster',
      'cluster join node-1.example.org:1228 --token "$TOKEN" --data-path ./data',
      'cluster join 127.0.0.1:1228 --token "$TOKEN" -o json',
    ],
    action: (address, { token = '' }) =>
      /^\S+:\d{1,5}$/.test(address) ? { kind: 'cluster-join', address, token } : 'the address must be host:port',
  },
  {
    verb: 'leave',
    summary: 'Take a node out of the cluster, for good',
    description:
      'Take a node out of the cluster, for good: its number is never used again. It may be the node that is asked, or one that is lost',
    name: 'node',
    options: [YES],
    examples: ['cluster leave node-3', 'cluster leave 3 --yes', 'cluster leave node-3 --yes -o json'],
    action: (node, { yes = false }) => ({ kind: 'cluster-leave', node, isConfirmed: yes }),
  },
  {
    verb: 'transfer',
    summary: 'Hand the leadership of the metadata service to a node',
    name: 'node',
    options: [],
    examples: ['cluster transfer node-2', 'cluster transfer 2', 'cluster transfer node-2 -o json'],
    action: (node) => ({ kind: 'cluster-transfer', node }),
  },
];

export const TOPICS: readonly Topic[] = [
  { topic: 'cluster', summary: 'Nodes of the cluster, and who leads its metadata', pages: CLUSTER_PAGES },
  { topic: 'stream', summary: 'Streams: named logs, and the records in them', pages: STREAM_PAGES },
  { topic: 'session', summary: 'Sessions of MQTT clients', pages: SESSION_PAGES },
  { topic: 'journal', summary: 'The journal on the disk', pages: JOURNAL_PAGES },
];

function createAction(name: string, flags: Flags): CtlAction | string {
  const { partitions, filters, key, flush, storage, compact, qos0 } = flags;
  const given = {
    name,
    partitions,
    filters,
    key,
    storage,
    flush: flush ?? (storage === 'memory' ? 'none' : undefined),
    retention_time: flags.retentionTime,
    retention_bytes: flags.retentionBytes,
    retention_records: flags.retentionRecords,
    compact,
    tombstone_time: flags.tombstoneTime,
    qos0: qos0 === undefined ? undefined : qos0 === 'true',
  };
  const checked = STREAM_SCHEMA.safeParse(Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)));
  if (checked.data === undefined) {
    const [issue] = checked.error.issues;
    const flag = String(issue.path[0] ?? 'name').replaceAll('_', '-');
    return `${flag === 'name' ? 'the name of the stream' : `--${flag}`} ${lowered(issue.message.replace(/^Invalid (input|option): /, ''))}`;
  }
  const [fault] = faultsOfStream(checked.data);
  return fault ?? { kind: 'stream-create', stream: checked.data };
}

function tailStart(text: string): TailStart {
  if (text === 'earliest' || text === 'latest') return { kind: text };
  if (/^\d{1,15}$/.test(text)) return { kind: 'offset', offset: Number(text) };
  const ms = parseDuration(text);
  if (ms !== null) return { kind: 'ago', ms };
  const timestampMs = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(timestampMs)) throw new InvalidArgumentError('It is no offset, no time, and not earliest or latest.');
  return { kind: 'time', timestampMs };
}

function lowered(sentence: string): string {
  return `${sentence[0]?.toLowerCase() ?? ''}${sentence.slice(1)}`;
}
