import { closeSync } from 'node:fs';
import { SystemClock } from '../base/clock.js';
import type { Logger } from '../base/logger.js';
import { SystemRandom } from '../base/random.js';
import type { ShardId } from '../broker/ports.js';
import type { JournalShape } from '../journal/placement.js';
import type { Settings } from '../settings/schema.js';
import { AccessKeeper } from './access-keeper.js';
import { adminAccess, type NodeFacts } from './admin-access.js';
import { AuthKeeper } from './auth-keeper.js';
import { brokerIdOf } from './broker-id.js';
import { Dealer } from './dealer.js';
import { withConnectionsThatFit } from './descriptor-share.js';
import { DescriptorWatch } from './descriptor-watch.js';
import { Enquiries } from './enquiries.js';
import { endInHaste } from './haste.js';
import { hasLanes, openShape } from './journal-shape.js';
import { readLegacyStreams, setLegacyStreamsAside } from './legacy-streams.js';
import { Listeners, type OpenListener } from './listeners.js';
import { MetadataLink } from './metadata-link.js';
import { NodeAnswers } from './node-answers.js';
import { QuotaMemory } from './node-quotas.js';
import type { ShardFailure, ShardHandOver, ShardOrder } from './orders.js';
import { levelIndexOf } from './port-logger.js';
import type { NodeQuestion } from './questions.js';
import { ShardCounters } from './shard-counters.js';
import { spawnShard } from './spawn.js';
import { spawnAuth } from './spawn-auth.js';
import { statusReport } from './status-report.js';
import { StreamCatalogue } from './stream-catalogue.js';
import { Supervisor } from './supervisor.js';
import { TenantStreams } from './tenant-streams.js';
import { ThreadCells } from './thread-cells.js';
import type { TlsFiles } from './tls/tls-files.js';
import { Topology } from './topology.js';
import { chooseTransport, type TransportKind } from './transport-choice.js';
import { untilShards } from './until-shards.js';
import { NodeWatch } from './watch/node-watch.js';

const TICK_MS = 100;
/** Files of certificates are looked at every so many ticks. */
const LOOK_TICKS = 30;
/** Clients have so long to take their last words before they are cut off. */
const DRAIN_MS_MAX = 5000;
/** A shard that was told to end and does not is ended. */
const END_MS_MAX = 3000;

/** How shards are watched; for tests, which cannot wait as long. */
export interface Watching {
  /** A shard that serves and is silent for so long hangs. */
  readonly silenceMsMax?: number;
}

interface NodeParts {
  readonly settings: Settings;
  readonly log: Logger;
  readonly transportKind: TransportKind;
  readonly cells: ThreadCells;
  readonly shape: JournalShape;
  readonly metadata: MetadataLink;
  readonly listeners: Listeners;
  readonly watching: Watching;
}

/** A node that is up: every listener is open, every shard serves. On the main thread. */
export class RunningNode {
  readonly transportKind: TransportKind;
  readonly shardCount: number;
  /** Called once when the node cannot go on. */
  onFatal: (error: unknown) => void = () => {};
  readonly #settings: Settings;
  readonly #log: Logger;
  readonly #cells: ThreadCells;
  readonly #topology: Topology;
  readonly #counters: ShardCounters;
  readonly #hashSeed: number = new SystemRandom().nextU32() >>> 1;
  readonly #shape: JournalShape;
  readonly #quotas: QuotaMemory;
  readonly #metadata: MetadataLink;
  readonly #catalogue: StreamCatalogue;
  readonly #tenantStreams: TenantStreams;
  readonly #supervisor: Supervisor;
  readonly #auth: AuthKeeper;
  readonly #access: AccessKeeper;
  readonly #enquiries: Enquiries;
  readonly #answers: NodeAnswers;
  readonly #dealer: Dealer;
  readonly #descriptors: DescriptorWatch;
  readonly #listeners: Listeners;
  readonly #watch: NodeWatch;
  #ticks = 0;
  readonly #timer: NodeJS.Timeout;
  readonly #onProcessExit = (): void => endInHaste(this.#cells, this.#supervisor, this.shardCount);
  /** What shards are told of the catalogue when the streams of the settings are in it; null: they are. */
  #heldOrders: ShardOrder[] | null = [];
  #stopped: Promise<void> | null = null;

  static async start(given: Settings, log: Logger, watching: Watching = {}): Promise<RunningNode> {
    const transportKind = chooseTransport(given, log);
    const settings = withConnectionsThatFit(given, log);
    // What is accepted before the dealer stands waits in the backlog: accepting starts with the next turn of this thread.
    const early: { deal: Dealer['deal'] } = { deal: () => {} };
    const cells = ThreadCells.create(settings.runtime.shards);
    cells.logLevel = levelIndexOf(log);
    const hasJournal = hasLanes(settings.data_path);
    const legacy = readLegacyStreams(settings.data_path);
    const shape = openShape(settings, legacy?.shape ?? null);
    // It loads and opens its files while this thread opens listeners and shards load theirs.
    const metadata = new MetadataLink({ settings, cells: cells.memory, shape, hasJournal, legacy }, log);
    let listeners: Listeners;
    try {
      listeners = await Listeners.open(settings, transportKind, log, (tag, descriptors, count) => early.deal(tag, descriptors, count));
    } catch (error) {
      await metadata.stop();
      throw error;
    }
    const node = new RunningNode({ settings, log, transportKind, cells, shape, metadata, listeners, watching });
    early.deal = (tag, descriptors, count) => node.#dealer.deal(tag, descriptors, count);
    try {
      await node.#startThreads();
      setLegacyStreamsAside(settings.data_path);
      void listeners.certificates.provideDevelopment(Date.now()); // Behind the start: who comes before it is there waits.
      listeners.http?.serve(adminAccess(node.#facts), settings.data_path, log);
    } catch (error) {
      await node.stop();
      throw error;
    }
    return node;
  }

  private constructor({ settings, log, transportKind, cells, shape, metadata, listeners, watching }: NodeParts) {
    const shardCount = settings.runtime.shards;
    this.#settings = settings;
    this.#log = log;
    this.#cells = cells;
    this.#shape = shape;
    this.#metadata = metadata;
    this.#catalogue = new StreamCatalogue(metadata.catalogue, (commands) => metadata.propose(commands));
    this.#tenantStreams = new TenantStreams(metadata.catalogue, (commands) => metadata.propose(commands), log);
    this.transportKind = transportKind;
    this.shardCount = shardCount;
    this.#listeners = listeners;
    listeners.certificates.onChanged = (tag, material) => this.#supervisor.postToAll({ kind: 'tls', tag, material });
    this.#topology = new Topology(shardCount);
    this.#quotas = new QuotaMemory(shardCount);
    this.#counters = new ShardCounters(shardCount);
    this.#supervisor = new Supervisor({
      topology: this.#topology,
      cells: this.#cells,
      spawn: spawnShard,
      handOver: (shard, replacesDead) => this.#handOver(shard, replacesDead),
      clock: new SystemClock(),
      log,
      ...watching,
    });
    const supervisor = this.#supervisor;
    this.#enquiries = new Enquiries(supervisor);
    supervisor.onAnswer = (ticket, answer) => this.#enquiries.onAnswer(ticket, answer);
    this.#descriptors = new DescriptorWatch(log, shardCount);
    this.#watch = new NodeWatch({
      ...{ settings, log, clock: new SystemClock(), cells, counters: this.#counters },
      ...{ supervisor, descriptors: this.#descriptors, certificates: () => this.#listeners.certificates.expiries },
      sources: () => this.#auth.status?.sources ?? {},
    });
    supervisor.onTraced = (parts) => this.#watch.onTraced(parts);
    this.#answers = new NodeAnswers({
      watch: this.#watch,
      shardCount,
      shape,
      catalogue: this.#catalogue,
      enquiries: this.#enquiries,
      reader: metadata.catalogue.reader,
      clock: new SystemClock(),
      propose: (commands) => metadata.propose(commands),
      askCluster: (question) => metadata.ask(question),
    });
    this.#auth = new AuthKeeper({
      handOver: { settings, cells: cells.memory },
      spawn: spawnAuth,
      log,
      userCount: () => metadata.catalogue.reader.count('user'),
      wantFull: () => metadata.wantFull(),
      isServing: (shard) => supervisor.isServing(shard),
      postToShard: (shard, order, ports) => supervisor.post(shard, order, ports),
    });
    this.#access = new AccessKeeper({ settings, catalogue: metadata.catalogue, propose: (commands) => metadata.propose(commands), log });
    supervisor.onDoorNotes = (notes) => this.#access.onNotes(notes);
    metadata.onChanged = (changes) => this.#access.onChanged(changes);
    metadata.onMqttCall = async ({ method, request, by }) => {
      const { VERBS } = await import('./mqtt-api/verbs.js');
      return await VERBS[method].answer((question, ask) => this.query({ verb: 'ask', question, ask }, by), request);
    };
    metadata.onFull = (chunks) => {
      this.#tellShards({ kind: 'catalogue', chunks });
      this.#auth.onFull(chunks);
    };
    metadata.onDelta = (delta) => {
      this.#tellShards({ kind: 'catalogue-change', delta });
      this.#auth.onDelta(delta);
    };
    this.#dealer = new Dealer({
      cells: this.#cells,
      connectionsMax: settings.mqtt.connections_max,
      rings: Array.from({ length: shardCount }, (_, shard) => this.#topology.fromMainTo(shard)),
      isServing: (shard) => this.#supervisor.isServing(shard),
      closeDescriptor: (descriptor) => closeSync(descriptor),
    });
    this.#supervisor.onShardDown = (shard) => this.#onShardDown(shard);
    this.#supervisor.onShardServing = (shard) => {
      this.#auth.onShardServing(shard);
      this.#watch.onShardServing(shard);
      if (this.#descriptors.isShort) this.#supervisor.post(shard, { kind: 'pause-accepting' }); // It came after the others were told.
    };
    process.on('exit', this.#onProcessExit);
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    this.#keepLogLevel();
  }

  get listeners(): readonly OpenListener[] {
    return this.#listeners.open;
  }

  /** Which one runs and why. */
  get webSocketEngine(): string {
    return this.#listeners.webSocketChoice?.reason ?? 'none, mqtt.ws is disabled';
  }

  /** host:port of the control plane; empty: it is disabled. */
  get grpcAddress(): string {
    return this.#metadata.grpcAddress;
  }

  /** host:port of metrics, health and API; empty: it is disabled. */
  get httpAddress(): string {
    return this.#listeners.http?.address ?? '';
  }

  connections(): number {
    return Array.from({ length: this.shardCount }, (_, shard) => this.#cells.connectionsOf(shard)).reduce((sum, count) => sum + count, 0);
  }

  connectionsOf(shard: ShardId): number {
    return this.#cells.connectionsOf(shard);
  }

  /** What an operator asks. Plain data. @param by who it is, for the audit log. @throws BrokerError. */
  query(question: NodeQuestion, by = 'control socket'): Promise<object> {
    return this.#access.witness(question, by, this.#answers.answer(question));
  }

  /** For the audit log. */
  noteReload(by: string, outcome: object): void {
    this.#access.noteReload(by, outcome);
  }

  /** Of TLS listeners. */
  get certificates(): TlsFiles {
    return this.#listeners.certificates;
  }

  /** Plain data. */
  status(): object {
    return statusReport(this.#facts);
  }

  /** Has one shard fail as by a bug; the supervisor replaces it. For tests. */
  terminateShard(shard: ShardId, how: ShardFailure = 'throw'): void {
    this.#supervisor.failShard(shard, how);
  }

  /** Has the thread of authentication end as by a bug. For tests. */
  failAuthentication(): void {
    this.#auth.failThread();
  }

  /** Whether a shard serves. For tests. */
  isServing(shard: ShardId): boolean {
    return this.#supervisor.isServing(shard);
  }

  /** Stops accepting, tells clients, waits until they are gone or 5 s, and ends the shards. Idempotent. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    const supervisor = this.#supervisor;
    this.#listeners.close();
    supervisor.drain();
    await untilShards(this.#supervisor, () => supervisor.areAllDrained, DRAIN_MS_MAX);
    supervisor.stop();
    if (!(await untilShards(this.#supervisor, () => supervisor.areAllEnded, END_MS_MAX))) {
      this.#log.warn('shard.slow-end', 'a shard did not end when told and is ended');
      supervisor.terminateAll();
      await untilShards(this.#supervisor, () => supervisor.areAllEnded, END_MS_MAX);
    }
    await this.#listeners.http?.close(); // Until now it says that the node is not ready.
    await this.#auth.stop();
    await this.#metadata.stop();
    await this.#access.stop();
    clearInterval(this.#timer);
    this.#watch.close();
    process.off('exit', this.#onProcessExit);
  }

  /** Shards load while the metadata service finds its cluster; they open their logs when they have the catalogue. */
  async #startThreads(): Promise<void> {
    let failure: unknown = null;
    this.#supervisor.onFatal = (error) => {
      failure = error;
      this.#supervisor.onChange();
    };
    this.#supervisor.start();
    await this.#metadata.ready();
    await this.#catalogue.takeSettings(this.#settings.streams);
    void this.#tenantStreams.look();
    const held = this.#heldOrders ?? [];
    this.#heldOrders = null;
    for (const order of held) this.#supervisor.postToAll(order);
    await untilShards(this.#supervisor, () => this.#supervisor.areAllServing || failure !== null, Number.POSITIVE_INFINITY);
    if (failure !== null) throw failure;
    await this.#auth.ready();
    this.#supervisor.onFatal = (error) => this.onFatal(error);
    this.#metadata.onFatal = (error) => this.onFatal(error);
  }

  /** Of the catalogue. The whole of it is what a shard that starts waits for, and a reset for the others. */
  #tellShards(order: ShardOrder): void {
    if (this.#heldOrders === null) this.#supervisor.postToAll(order);
    else if (order.kind === 'catalogue') this.#heldOrders = [order];
    else this.#heldOrders.push(order);
  }

  get #facts(): NodeFacts {
    return {
      ...{ transportKind: this.transportKind, counters: this.#counters, supervisor: this.#supervisor, cells: this.#cells },
      ...{ dealer: this.#dealer, descriptors: this.#descriptors, metadata: this.#metadata, auth: this.#auth, listeners: this.#listeners },
      isServing: () => this.#stopped === null,
      ask: (question, ask, by) => this.query({ verb: 'ask', question, ask }, by),
    };
  }

  #tick(): void {
    this.#ticks += 1;
    if (this.#ticks % LOOK_TICKS === 0) this.#listeners.certificates.look(Date.now());
    this.#keepLogLevel();
    this.#watchDescriptors();
    this.#quotas.tick();
    this.#supervisor.tick();
    this.#auth.tick(performance.now());
    this.#watch.tick();
  }

  /** Main's own acceptor pauses by itself. */
  #watchDescriptors(): void {
    const wasShort = this.#descriptors.isShort;
    this.#descriptors.tick(this.connections());
    const { isShort } = this.#descriptors;
    if (isShort !== wasShort) this.#supervisor.postToAll({ kind: isShort ? 'pause-accepting' : 'resume-accepting' });
  }

  #keepLogLevel(): void {
    this.#cells.logLevel = levelIndexOf(this.#log);
  }

  #onShardDown(shard: ShardId): void {
    this.#enquiries.onShardDown(shard);
    this.#watch.onShardDown(shard);
    this.#quotas.onShardDown(shard);
    this.#auth.onShardDown(shard);
    this.#counters.onShardDown(shard);
    for (const listener of this.#listeners.onShardDown(shard)) this.#supervisor.postToAll({ kind: 'accept-from', listener });
    this.#dealer.replace(shard, this.#topology.fromMainTo(shard));
  }

  #handOver(shard: ShardId, replacesDead: boolean): ShardHandOver {
    if (replacesDead) this.#metadata.wantFull(); // It waits for the catalogue; the others have it.
    return {
      shard,
      settings: this.#settings,
      transportKind: this.transportKind,
      peers: this.#topology.peersOf(shard),
      fromMain: this.#topology.fromMainTo(shard),
      cells: this.#cells.memory,
      ...this.#counters.handOver(shard),
      ...this.#listeners.handOver(),
      replacesDead,
      hashSeed: this.#hashSeed,
      brokerId: brokerIdOf(this.#settings),
      quotas: this.#quotas.memory,
      shape: this.#shape,
    };
  }
}

/** Starts everything; throws BrokerError and leaves nothing open if a part does not start. */
export function startNode(settings: Settings, log: Logger, watching: Watching = {}): Promise<RunningNode> {
  return RunningNode.start(settings, log, watching);
}
