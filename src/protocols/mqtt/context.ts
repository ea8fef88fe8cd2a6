import { type Authenticator, type BanBook, type DoorWatch, NOBODY_WATCHES, type RightsBook } from '../../auth/ports.js';
import { assert } from '../../base/assert.js';
import type { Clock } from '../../base/clock.js';
import type { Logger } from '../../base/logger.js';
import type { Random } from '../../base/random.js';
import { TimingWheel } from '../../base/timing-wheel.js';
import type { Delayed } from '../../broker/delayed/ports.js';
import {
  type AppendRequest,
  type Broker,
  type ForwardedRun,
  type LogTarget,
  NO_GROUP,
  NO_PUBLISHER,
  NOT_LOGGED,
  type QueueMessage,
  type Route,
  type RunLinks,
  type ShardId,
} from '../../broker/ports.js';
import type { NodeQuotas } from '../../broker/quotas/ports.js';
import type { CommitNumber, GroupId, Journal, PartitionLog } from '../../journal/ports.js';
import type { ShardMetrics } from '../../telemetry/metrics/shard-metrics.js';
import type { CommandSink, ConnectionId, ListId, Transport } from '../../transport/ports.js';
import type { OriginOf } from '../ports.js';
import type { AutoSubscription } from './auto-subscribe.js';
import { CommitTimes } from './commit-times.js';
import type { MqttConnection } from './connection.js';
import { DeadlineHeap } from './deadline-heap.js';
import type { SentDelay } from './delayed/on-delayed-publish.js';
import { FrameMemories } from './durable/frame-memory.js';
import type { MovingSession } from './durable/life.js';
import { PullAnswer } from './durable/serve-pull.js';
import type { HeldSends } from './durable/turn.js';
import { RecentEvents } from './explain/recent-events.js';
import type { MqttLimits } from './limits.js';
import type { StorageUse } from './metering/storage.js';
import { publishRefusals } from './offer.js';
import { Overload, type OverloadLimits } from './overload.js';
import { type PendingRun, PendingRuns } from './pending-runs.js';
import { type Plan, releasePlan } from './plan.js';
import type { Replay } from './replay/replay.js';
import type { OpenReplay } from './replay/serve-replay.js';
import { RouteCache } from './route-cache.js';
import { RunView } from './run-view.js';
import type { MqttSession } from './session.js';
import { DoneLines } from './shared/done-lines.js';
import { MemberChoice } from './shared/member-choice.js';
import type { PendingJoin } from './shared/membership.js';
import type { Share } from './shared/shares.js';
import { type SlowSettings, SlowSubscriptions } from './slow/slow-subscriptions.js';
import { Staging } from './staging.js';
import type { ClientEvents } from './sys/client-events.js';
import type { CurrentValues } from './sys/current-values.js';
import { type TenantSpace, TenantSpaces } from './tenant-space.js';
import type { Tracing } from './trace/tracing.js';

/** Slots of the keep-alive wheel: 409.6 s at 100 ms, longer than most deadlines. */
const WHEEL_SLOTS = 4096;

/** Partitions of this shard that may have records for a filter of a tenant. */
export type ReplayLogs = (tenant: string, filter: string) => readonly PartitionLog[];

export interface MqttParts {
  readonly transport: Transport;
  readonly broker: Broker<MqttSession>;
  readonly runLinks: RunLinks;
  readonly journal: Journal;
  readonly limits: MqttLimits;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly metrics: ShardMetrics;
  readonly shardCount: number;
  /** Connections of all shards. */
  readonly connectionsOfNode: () => number;
  readonly originOf: OriginOf;
  readonly authenticator: Authenticator;
  readonly rights: RightsBook;
  readonly bans: BanBook;
  /** Who hears what happens at the door; nobody, unless said. */
  readonly door?: DoorWatch;
  /** Null: nobody is told what clients do. */
  readonly clientEvents: ClientEvents | null;
  /** Null: it is not measured how long deliveries take. */
  readonly slow: SlowSettings | null;
  readonly delayed: Delayed;
  readonly replayLogs: ReplayLogs;
  readonly storageUse: StorageUse;
  readonly quotas: NodeQuotas;
  readonly overload: OverloadLimits;
  /** Where the retained message of a topic is kept, and all those places. */
  readonly retained: { resolve(topic: string): LogTarget; targets(): readonly LogTarget[] };
}

type Pulled = Extract<QueueMessage, { kind: 'pulled' }>;

/** The state of the MQTT engine of one shard, handed to every verb. */
export class MqttContext {
  readonly transport: Transport;
  /** The transport's; while there are traces one that notes what passes. */
  commands: CommandSink;
  /** Null: there are no traces. */
  tracing: Tracing | null = null;
  readonly broker: Broker<MqttSession>;
  readonly runLinks: RunLinks;
  readonly journal: Journal;
  readonly limits: MqttLimits;
  /** By the flags of a PUBLISH: see offer.ts. */
  readonly publishRefusals: Uint8Array;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Of a connection that is open. */
  readonly originOf: OriginOf;
  readonly authenticator: Authenticator;
  readonly rights: RightsBook;
  readonly bans: BanBook;
  readonly door: DoorWatch;
  readonly staging: Staging;
  /** Runs in the commits of this shard, and those that other shards append, by ticket. */
  readonly pending: PendingRuns = new PendingRuns();
  readonly remotePending: Map<number, PendingRun> = new Map();
  readonly forwardedRun: ForwardedRun = {
    ...{ tenant: 0, sharedGroup: NO_GROUP, topic: 0, generation: 0, version: 4, count: 0, publisher: NO_PUBLISHER, publisherHash: 0 },
    ...{ logGroup: NOT_LOGGED, sequence: 0, space: 0, bytes: new Uint8Array(0), offset: 0, length: 0 },
  };
  readonly appendRequest: AppendRequest = {
    ...{
      ticket: 0,
      tenant: 0,
      topic: 0,
      generation: 0,
      version: 4,
      count: 0,
      publisher: NO_PUBLISHER,
      publisherHash: 0,
      stream: 0,
      partition: 0,
      session: 0,
      notFor: 0,
    },
    ...{ space: 0, bytes: new Uint8Array(0), offset: 0, length: 0 },
  };
  /** Set by the engine: what ends a connection stands above what publishes. */
  endConnection: (connection: MqttConnection, reasonCode: number, sentence: string) => void = () => assert(false, 'the engine sets it');
  /** Set by the engine, likewise: retained messages go on. */
  onQueueShort: (session: MqttSession) => void = () => assert(false, 'the engine sets it');
  /** Set by the runtime. */
  onReleased: (connection: ConnectionId) => void = () => {};
  /** By number; null where the number is another engine's or free. */
  readonly connections: (MqttConnection | null)[] = [];
  connectionCount = 0;
  readonly connectionsOfNode: () => number;
  readonly sessions: Map<string, MqttSession> = new Map();
  readonly overload: Overload;
  /** Null: nobody is told what clients do. */
  readonly clientEvents: ClientEvents | null;
  /** Null: it is not measured how long deliveries take. */
  readonly slow: SlowSubscriptions | null;
  readonly recentEvents: RecentEvents = new RecentEvents();
  /** What `$SYS` says now. */
  currentValues: CurrentValues = new Map();
  /** The tenants of the node. */
  readonly spaces: TenantSpaces;
  /** By tenant; those that have none are not in it. */
  autoSubscriptions: ReadonlyMap<string, readonly AutoSubscription[]> = new Map();
  readonly quotas: NodeQuotas;
  /** Raised when a session with subscriptions goes on line or changes how it is encoded: plans are made anew. */
  sessionEpoch = 0;
  /** Number of the turn, for counts that are good for one turn. */
  turn = 0;
  /** Milliseconds since the epoch as of the last tick or turn: exact enough for expiry. */
  nowMs: number;
  readonly run: RunView = new RunView();
  readonly memberChoice: MemberChoice = new MemberChoice(this);
  /** Members of shared subscriptions on this shard, by what owners of queues call them. */
  readonly members: Map<number, { readonly session: MqttSession; readonly share: Share }> = new Map();
  memberLast = 0;
  readonly joins: Map<number, PendingJoin> = new Map();
  readonly doneLines: DoneLines = new DoneLines(
    (group) => this.ownerOfGroup(group),
    (to, message) => this.broker.sendQueueMessage(to, message),
    (kept) => {
      const ticket = this.takeTicket();
      this.keptTickets.set(ticket, kept);
      return ticket;
    },
  );
  /** What waits for an owner of queues to say that something is durable. */
  readonly keptTickets: Map<number, () => void> = new Map();
  /** One deadline per connection: CONNECT, then silence. Keys are connection numbers, ticks are the transport's. */
  readonly silence: TimingWheel;
  /** Wills that wait and sessions that end. */
  readonly deadlines: DeadlineHeap<MqttSession> = new DeadlineHeap();
  /** Where the look at credentials that end goes on: a number of a connection. */
  expiryAt = 0;
  /** Sessions whose publishers are held back. */
  readonly throttling: Set<MqttSession> = new Set();
  /** Connections held back by a congested link, by shard. */
  readonly linkWaiters: Map<ShardId, ConnectionId[]> = new Map();
  /** Connections held back by their rates, and when they are read again. */
  readonly meterWaiters: DeadlineHeap<MqttConnection> = new DeadlineHeap();
  /** Sessions whose queue waits for their rate. */
  readonly slowedSessions: Set<MqttSession> = new Set();
  /** Connections held back until the journal has caught up. */
  readonly journalWaiters: ConnectionId[] = [];
  /** All shards of the node. */
  readonly shards: readonly ShardId[];
  /** Sessions whose rows somebody waits for, and those whose progress is written now and then. */
  readonly dirtySessions: Set<MqttSession> = new Set();
  /** Questions to the logs of this shard that have to wait: the process has no descriptor left. */
  readonly unserved: { readonly from: ShardId; readonly message: QueueMessage }[] = [];
  readonly frameMemories: FrameMemories = new FrameMemories();
  readonly pullAnswer: PullAnswer = new PullAnswer();
  /** Wills of clients that were on line when the process ended before this one. */
  readonly startupWills: (() => void)[] = [];
  readonly lateProgress: Set<MqttSession> = new Set();
  /** What waits for commits, in their order. */
  readonly heldSends: HeldSends[] = [];
  readonly afterCommit: { readonly commit: CommitNumber; readonly done: () => void; readonly lost: (() => void) | null }[] = [];
  /** Messages that wait here to be published, and those of clients of this shard that are on their way to where they wait, by ticket. */
  readonly delayed: Delayed;
  readonly delays: Map<number, SentDelay> = new Map();
  /** Replays that owners of logs are asked for, by ticket; and those that others ask the logs of this shard for. */
  readonly replays: Map<number, { readonly session: MqttSession; readonly replay: Replay }> = new Map();
  readonly openReplays: Map<string, OpenReplay> = new Map();
  readonly replayLogs: ReplayLogs;
  readonly storageUse: StorageUse;
  /** Every shard has told the filters of its sessions. */
  knowsAllFilters = false;
  readonly resolveRetained: (topic: string) => LogTarget;
  /** Questions to owners of logs, by ticket. */
  readonly pulls: Map<number, MqttSession> = new Map();
  readonly fetches: Map<number, { readonly owner: ShardId; readonly question: QueueMessage; readonly done: (answer: Pulled) => void }> =
    new Map();
  readonly releases: Map<number, { readonly owner: ShardId; readonly question: QueueMessage; readonly done: () => void }> = new Map();
  /** Sessions that another shard is taking over, by uid. */
  readonly moving: Map<number, MovingSession> = new Map();
  isDraining = false;
  /** Work that can wait, in pieces that are short: see `later`. */
  readonly spare: (() => void)[] = [];
  /** Set by the engine: there is some. */
  onSpareWork: () => void = () => {};
  readonly metrics: ShardMetrics;
  /** A slot each, by COUNT, DROP and the others of telemetry/metrics: `counts[DROP.expired] += 1`. */
  readonly counts: Float64Array;
  readonly commitTimes: CommitTimes = new CommitTimes();
  readonly #freeLists: ListId[] = [];
  #listsMade = 0;
  #ticketLast = 0;

  constructor(parts: MqttParts) {
    this.transport = parts.transport;
    this.commands = parts.transport.commands;
    this.broker = parts.broker;
    this.runLinks = parts.runLinks;
    this.journal = parts.journal;
    this.staging = new Staging(parts.transport);
    this.limits = parts.limits;
    this.publishRefusals = publishRefusals(parts.limits.offer);
    this.clock = parts.clock;
    this.random = parts.random;
    this.log = parts.log;
    this.metrics = parts.metrics;
    this.counts = parts.metrics.counts;
    this.originOf = parts.originOf;
    this.authenticator = parts.authenticator;
    this.rights = parts.rights;
    this.bans = parts.bans;
    this.door = parts.door ?? NOBODY_WATCHES;
    this.quotas = parts.quotas;
    this.overload = new Overload(parts.overload, parts.clock.monotonicMs());
    this.spaces = new TenantSpaces(
      parts.quotas,
      (tenant) => this.newRouteCache(tenant),
      () => this.nowMs,
    );
    this.nowMs = parts.clock.nowMs();
    this.clientEvents = parts.clientEvents;
    this.slow = parts.slow === null ? null : new SlowSubscriptions(parts.slow);
    this.delayed = parts.delayed;
    this.replayLogs = parts.replayLogs;
    this.storageUse = parts.storageUse;
    this.resolveRetained = parts.retained.resolve;
    this.connectionsOfNode = parts.connectionsOfNode;
    this.shards = Array.from({ length: parts.shardCount }, (_, shard) => shard);
    this.silence = new TimingWheel(WHEEL_SLOTS, parts.transport.now());
  }

  newRouteCache(tenant: string): RouteCache {
    return new RouteCache(this.broker, tenant, (route: Route<MqttSession>) => {
      if (route.plan !== null) releasePlan(this, route.plan as Plan);
      route.plan = null;
    });
  }

  spaceOf(tenant: string): TenantSpace {
    return this.spaces.of(tenant);
  }

  connectionOf(id: ConnectionId): MqttConnection {
    const connection = this.connections[id];
    assert(connection !== null && connection !== undefined, 'rows come only between open and closed');
    return connection;
  }

  /** The shard that has the log of a group. */
  ownerOfGroup(group: GroupId): ShardId {
    return this.journal.ownerOf(group);
  }

  /** Runs a piece of work soon, in a turn in which other things may be done before and after it. */
  later(run: () => void): void {
    this.spare.push(run);
    if (this.spare.length === 1) this.onSpareWork();
  }

  /** Of a run that another shard appends; 31 bits, so that it is a small integer. */
  takeTicket(): number {
    this.#ticketLast = this.#ticketLast === 0x7fff_ffff ? 1 : this.#ticketLast + 1;
    return this.#ticketLast;
  }

  takeList(): ListId {
    const free = this.#freeLists.pop();
    if (free !== undefined) return free;
    this.#listsMade += 1;
    return this.#listsMade - 1;
  }

  freeList(list: ListId): void {
    this.commands.listSet(list, EMPTY, 0);
    this.#freeLists.push(list);
  }
}

const EMPTY: Int32Array = new Int32Array(0);
