import type { StreamDefinition } from '../broker/streams/definition.js';
import type { StreamId } from '../journal/ports.js';
import { Doorbell } from '../ring/doorbell.js';
import { COUNT } from '../telemetry/metrics/slots.js';
import type { ConnectionId } from '../transport/ports.js';
import { applySettings, forgetStreams } from './journal-parts.js';
import type { ShardHandOver, ShardNotice, ShardOrder, ShardStatus } from './orders.js';
import type { ShardQuestion } from './questions.js';
import { answerOf, faultOf } from './shard-answers.js';
import { ShardBridges } from './shard-bridges.js';
import { ShardListeners } from './shard-listeners.js';
import { buildShard, ENGINE_MQTT, type ShardParts } from './shard-parts.js';
import { tenantFacts } from './tenant-streams.js';
import type { ThreadCatalogue } from './thread-catalogue.js';

const TICK_MS = 100;
/** The status goes to main every so many ticks. */
const STATUS_TICKS = 10;
/** By then every session of an earlier process has said which indexes it wants. */
const UNWANTED_TICKS = 600;

/** The message port of the thread, as a shard uses it. */
export interface ShardPort {
  post(notice: ShardNotice): void;
  onOrder(take: (order: ShardOrder) => void): void;
}

/*
  One shard: a set of connections, and the turns of its thread. Four things start a turn, and each ends it in this order:

    rows of the transport:   engines | (the transport submits by itself)              | flush
    records of other rings:  engines | transport.submit | release the rings' space    | flush | submit what relief brought
    a commit of the journal: engines | transport.submit                               | flush | submit
    the tick of 100 ms:      engines | transport.submit                               | flush | submit

  `flush`: rows of sessions and queues, what goes to other shards, and what goes to the journal, each together.

  Nothing runs between turns, so state needs no locks; a turn is bounded, so that each of them comes to its right.
*/
export class Shard {
  readonly #handOver: ShardHandOver;
  readonly #catalogue: ThreadCatalogue;
  readonly #post: (notice: ShardNotice) => void;
  readonly #parts: ShardParts;
  readonly #doorbell: Doorbell;
  readonly #listeners: ShardListeners;
  readonly #bridges: ShardBridges;
  #timer: NodeJS.Timeout | null = null;
  #ticks = 0;
  #isScheduled = false;
  /** The WebSocket listener could not listen again after a pause, and goes on trying. */
  #isResuming = false;
  #phase: 'serving' | 'draining' | 'drained' | 'closed' = 'serving';

  static async open(handOver: ShardHandOver, catalogue: ThreadCatalogue, port: ShardPort): Promise<Shard> {
    const shard = new Shard(handOver, catalogue, (notice) => port.post(notice));
    await shard.#start();
    port.onOrder((order) => shard.#onOrder(order));
    port.post({ kind: 'serving' });
    return shard;
  }

  private constructor(handOver: ShardHandOver, catalogue: ThreadCatalogue, post: (notice: ShardNotice) => void) {
    this.#handOver = handOver;
    this.#catalogue = catalogue;
    catalogue.onStreams = (streams, deleted) => this.#takeStreams(streams, deleted);
    catalogue.onMqttRules = () => this.#takeMqttRules();
    this.#post = post;
    this.#parts = buildShard(handOver, catalogue, post);
    this.#takeMqttRules();
    const { cells, links, journal, mqtt, auth, access } = this.#parts;
    catalogue.onAccess = () => this.#onCommit(() => access.commit());
    auth.inTurn = (run) => this.#onCommit(run);
    journal.onCommitted = (commit) => this.#onCommit(() => mqtt.onCommitted(commit));
    journal.onFailed = (commit, why) => this.#onCommit(() => mqtt.onCommitFailed(commit, why));
    mqtt.onSpareWork = () => this.#scheduleSpareTurn();
    journal.onStateChanged = (state) => {
      if (state === 'failed') this.#post({ kind: 'journal-failed' });
    };
    this.#bridges = this.#openBridges();
    this.#doorbell = new Doorbell(
      cells.cells,
      cells.doorbellOf(handOver.shard),
      () => links.hasWork,
      () => this.#workRings(),
    );
    links.onAccepted = (tag, descriptors) => {
      cells.addAdopted(handOver.shard, descriptors.length);
      this.#listeners.adopt(tag, descriptors, descriptors.length);
      this.#publishCount();
    };
    this.#listeners = new ShardListeners({
      handOver,
      cells: this.#parts.listenerCells,
      transport: this.#parts.transport,
      origins: this.#parts.origins,
      log: this.#parts.log,
      connection: mqtt.connectionOptions,
      onOpen: (connection, tag) => {
        if (this.#isOpenFor(connection)) this.#parts.connections.open(connection, ENGINE_MQTT, tag);
      },
      beginMustClose: () => cells.beginMustClose(handOver.shard),
    });
    mqtt.onReleased = (connection) => this.#listeners.onReleased(connection);
  }

  /** Lets go of everything that must not outlive the thread. Idempotent; safe after an error in any turn. */
  close(): void {
    if (this.#phase === 'closed') return;
    this.#phase = 'closed';
    this.#listeners.close(); // First: with its listener open, uWebSockets.js aborts the process when the thread ends.
    this.#parts.cells.endMustClose(this.#handOver.shard);
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#parts.auth.close();
    this.#doorbell.close();
    this.#parts.transport.close();
  }

  async #start(): Promise<void> {
    const { transport, mqtt, journal } = this.#parts;
    this.#beat();
    transport.start((rowCount) => this.#onTurn(rowCount));
    this.#timer = setInterval(() => this.#onTick(), TICK_MS);
    await this.#listeners.start();
    this.#workRings();
    await new Promise<void>((resolve) =>
      this.#onCommit(() => {
        forgetStreams(journal, this.#catalogue.deleted);
        mqtt.start(resolve);
      }),
    );
  }

  /** A connection that comes while we drain is closed before a protocol sees it. */
  #isOpenFor(connection: ConnectionId): boolean {
    if (this.#phase === 'serving') return true;
    this.#parts.transport.commands.close(connection, 0);
    return false;
  }

  #onTurn(rowCount: number): void {
    const { connections, transport, links, mqtt, journal } = this.#parts;
    mqtt.beginTurn();
    connections.dispatch(transport.rows, rowCount);
    mqtt.endTurn();
    links.flush();
    journal.flush();
    this.#publishCount();
    if (mqtt.wantsTurn) this.#workSoon();
  }

  /** What a commit held is delivered and acknowledged, or refused; that may append more. */
  #onCommit(over: () => void): void {
    if (this.#phase === 'closed') return;
    const { transport, links, mqtt, journal } = this.#parts;
    mqtt.beginTurn();
    over();
    transport.submit();
    mqtt.endTurn();
    links.flush();
    journal.flush();
    transport.submit();
    if (mqtt.wantsTurn) this.#workSoon();
  }

  #workRings(): void {
    if (this.#isScheduled || this.#phase === 'closed') return;
    const { transport, links, mqtt, journal } = this.#parts;
    mqtt.beginTurn();
    links.receive();
    transport.submit();
    links.release();
    mqtt.endTurn();
    links.flush();
    journal.flush();
    transport.submit();
    if (links.hasWork || mqtt.wantsTurn || !this.#doorbell.sleep()) this.#workSoon();
  }

  #workSoon(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.#workRings();
    });
  }

  /** Sockets and rings come to their right between two of them. */
  #scheduleSpareTurn(): void {
    setImmediate(() => {
      this.#onCommit(() => {
        if (this.#parts.mqtt.onSpareTurn()) this.#scheduleSpareTurn();
      });
    });
  }

  #onTick(): void {
    const { mqtt, broker, transport, links, clock, journal, auth } = this.#parts;
    const nowMs = clock.nowMs();
    this.#beat();
    mqtt.beginTurn();
    mqtt.onTick(nowMs);
    auth.onTick();
    broker.onTick(nowMs);
    transport.submit();
    journal.onTick(nowMs);
    mqtt.endTurn();
    links.flush();
    journal.flush();
    transport.submit();
    if (mqtt.wantsTurn) this.#workSoon();
    this.#listeners.tick();
    this.#publishCount();
    this.#tellTraced();
    if (this.#phase === 'serving') this.#bridges.onTick();
    this.#ticks += 1;
    if (this.#ticks === UNWANTED_TICKS) broker.durable.dropUnwanted();
    if (this.#ticks % STATUS_TICKS === 0) {
      this.#post({ kind: 'status', status: this.#status() });
      const notes = this.#parts.door.take();
      if (notes !== null) this.#post({ kind: 'door', notes });
      this.#setGauges();
      if (this.#isResuming) this.#resumeAccepting();
    }
    if (this.#phase === 'draining' && this.#parts.connections.count === 0) {
      this.#phase = 'drained';
      this.#post({ kind: 'drained' });
    }
  }

  #beat(): void {
    this.#parts.cells.beat(this.#handOver.shard);
  }

  #publishCount(): void {
    this.#parts.cells.setConnections(this.#handOver.shard, this.#parts.connections.count + this.#listeners.waiting);
  }

  #onOrder(order: ShardOrder): void {
    const { links, transport, mqtt } = this.#parts;
    switch (order.kind) {
      case 'replace-peer':
        links.replacePeer(order.peer, order.rings, () => transport.submit());
        transport.submit();
        this.#workRings(); // The successor may have spoken before we had its rings.
        return;
      case 'accept-from':
        this.#listeners.acceptFrom(order.listener);
        return;
      case 'pause-accepting':
        this.#isResuming = false;
        this.#listeners.pauseAccepting();
        return;
      case 'resume-accepting':
        this.#resumeAccepting();
        return;
      case 'tls':
        this.#listeners.setMaterial(order.tag, order.material);
        return;
      case 'all-serving':
        this.#onCommit(() => mqtt.onAllServing());
        return;
      case 'catalogue':
        this.#catalogue.load(order.chunks);
        return;
      case 'catalogue-change':
        this.#catalogue.apply(order.delta);
        return;
      case 'query':
        this.#tellTraced();
        void this.#answer(order.ticket, order.question);
        return;
      case 'auth':
        if (order.port === null) this.#parts.auth.disconnect();
        else this.#parts.auth.connect(order.port);
        return;
      case 'traces':
        this.#tellTraced();
        this.#onCommit(() => mqtt.setTraces(order.specs));
        return;
      case 'server-messages':
        if (order.areCurrent) mqtt.setCurrentValues(order.messages);
        if (order.arePublished) this.#onCommit(() => mqtt.publishServerMessages(order.messages));
        return;
      case 'drain':
        if (this.#phase !== 'serving') return;
        this.#phase = 'draining';
        this.#bridges.close();
        mqtt.beginDrain();
        transport.submit();
        links.flush();
        return;
      case 'stop':
        this.#end();
        return;
      case 'fail':
        while (order.how === 'hang');
        throw new Error(`shard ${this.#handOver.shard} was told to fail`);
    }
  }

  /** What was acknowledged is durable already; the rest of what was written reaches the disk too, so that the next start is short. */
  async #end(): Promise<void> {
    const { journal } = this.#parts;
    this.close();
    await journal.close();
    process.exit(0);
  }

  /** What goes wrong by a bug ends the shard, as in any other turn. */
  async #answer(ticket: number, question: ShardQuestion): Promise<void> {
    const { shard, peers } = this.#handOver;
    const { journal, mqtt } = this.#parts;
    const asked = { shard, shardCount: peers.length, journal, mqtt, inTurn: (run: () => void) => this.#onCommit(run) };
    try {
      this.#post({ kind: 'answer', ticket, answer: { fault: null, body: await answerOf(asked, question) } });
    } catch (error) {
      this.#post({ kind: 'answer', ticket, answer: { fault: faultOf(error) } });
    }
  }

  #openBridges(): ShardBridges {
    const { settings, shard, peers, brokerId } = this.#handOver;
    const { transport, mqtt, origins, clock, log } = this.#parts;
    return new ShardBridges({
      settings,
      shard,
      shardCount: peers.length,
      brokerId,
      transport,
      connectionOptions: mqtt.connectionOptions,
      origins,
      open: (connection, tag) => {
        origins.note(connection, tag);
        this.#parts.connections.open(connection, ENGINE_MQTT, tag);
      },
      clock,
      log,
    });
  }

  #takeStreams(streams: readonly StreamDefinition[], deleted: readonly StreamId[]): void {
    const { broker, journal, mqtt, resolver } = this.#parts;
    this.#onCommit(() => {
      resolver.update(streams);
      applySettings(journal, streams);
      broker.onStreamsChanged();
      mqtt.onTenantsChanged(tenantFacts(this.#catalogue));
      mqtt.onStreamsChanged();
      forgetStreams(journal, deleted);
    });
  }

  #tellTraced(): void {
    const parts = this.#parts.mqtt.takeTraces();
    if (parts.length > 0) this.#post({ kind: 'traced', parts });
  }

  #takeMqttRules(): void {
    const { mqtt } = this.#parts;
    mqtt.onRewritesChanged(this.#catalogue.topicRewrites);
    mqtt.onAutoSubscriptionsChanged(this.#catalogue.autoSubscriptions);
  }

  /** Whoever took the port meanwhile may let it go again. */
  #resumeAccepting(): void {
    const lost = this.#listeners.resumeAccepting();
    if (lost.length > 0 && !this.#isResuming)
      this.#parts.log.warn('listener.lost', 'a WebSocket port cannot be listened on again, and is tried each second', { listeners: lost });
    this.#isResuming = lost.length > 0;
  }

  #setGauges(): void {
    const { mqtt, broker, links, journal, metrics } = this.#parts;
    const { counts } = metrics;
    counts[COUNT.sessions] = mqtt.sessionCount;
    counts[COUNT.subscriptions] = broker.subscriptionCount;
    counts[COUNT.retained] = broker.retainedCount;
    counts[COUNT.linkBytesWaiting] = links.bytesWaiting;
    counts[COUNT.journalPendingBytes] = journal.pendingBytes;
    counts[COUNT.journalFull] = journal.state === 'full' ? 1 : 0;
  }

  #status(): ShardStatus {
    const { connections, mqtt, broker, links, journal } = this.#parts;
    return {
      connections: connections.count,
      sessions: mqtt.sessionCount,
      subscriptions: broker.subscriptionCount,
      retained: broker.retainedCount,
      linkBytesWaiting: links.bytesWaiting,
      linkDroppedMessages: links.droppedMessages,
      shedLevel: mqtt.shedLevel,
      isJournalFull: journal.state === 'full',
      bridges: this.#bridges.reports(),
    };
  }
}
