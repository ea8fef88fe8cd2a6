import { assert } from '../../base/assert.js';
import { hashOfBytes } from '../../base/fnv.js';
import { DEFAULT_TENANT, tenantOfFilter } from '../../base/tenant-names.js';
import { type AppendRequest, type ForwardedRun, type LogTarget, NO_GROUP, type ShardId } from '../../broker/ports.js';
import type { CommitNumber } from '../../journal/ports.js';
import { DROP } from '../../telemetry/metrics/drops.js';
import { REFUSAL } from '../../telemetry/metrics/refusals.js';
import { COUNT, LISTENERS_MAX } from '../../telemetry/metrics/slots.js';
import { type ConnectionId, type ConnectionOptions, FRAMING } from '../../transport/ports.js';
import type { ProtocolEngine } from '../ports.js';
import { type AutoSubscription, groupAutoSubscriptions } from './auto-subscribe.js';
import { endConnection } from './close.js';
import { MqttConnection } from './connection.js';
import { REASON } from './constants.js';
import { MqttContext, type MqttParts } from './context.js';
import { onDelayOwnerReplaced } from './delayed/on-delayed-publish.js';
import { publishDue } from './delayed/publish-due.js';
import { deliver, deliverToMember } from './deliver.js';
import { relocateFilters } from './durable/life.js';
import { onLogOwnerReplaced, onQueueMessage, serveAgain } from './durable/messages.js';
import { restoreSessions, takeBackSessions } from './durable/restore.js';
import { persistRetained, restoreRetained } from './durable/retained-log.js';
import { onRowsCommitted, writeLateProgress, writeRows } from './durable/turn.js';
import { endBanned, endByTenant, endExpired, onIdentityChanged } from './entry-checks.js';
import { onExclusiveLost } from './exclusive.js';
import { onRows } from './hot-path.js';
import { CONNECT_BYTES_MAX } from './limits.js';
import { onAppend, onAppended, onCommitFailed, onCommitted, onOwnerReplaced } from './log-publish.js';
import { countInTenant, countTenant } from './metering/entry.js';
import { releaseMetered } from './metering/release.js';
import { measureStorage } from './metering/storage.js';
import { redirectionOf } from './offer.js';
import {
  type Backlog,
  countBacklogs,
  endSessionByOperator,
  listSessions,
  type SessionDetails,
  type SessionPosition,
  type SessionSummary,
  showSession,
} from './operator/inspection.js';
import { answerOperator, type OperatorQuestionName } from './operator/questions.js';
import { watchOverload } from './overload.js';
import { groupOfOne, planOf } from './plan.js';
import { fixedHeaderLength } from './publish-frame.js';
import { goOnWithReplays, onReplayOwnerReplaced } from './replay/replay.js';
import { forgetReplaysOf, wakeReplays } from './replay/serve-replay.js';
import { goOnWithRetained } from './retained-replay.js';
import type { RewriteSettings } from './rewrite/rewrite-rule.js';
import { compileRewrites } from './rewrite/rewrite-rules.js';
import { onRightsChanged } from './rights.js';
import { onDeadline } from './session-end.js';
import { tellReady } from './shared/claims.js';
import { claimFromSuccessor, onQueueOwnerReplaced } from './shared/membership.js';
import { MqttQueueHost } from './shared/queue-host.js';
import { currentValues } from './sys/current-values.js';
import { publishServerMessage, type ServerMessage } from './sys/server-message.js';
import { dropOutdated, judgeClaim, keepOrphan, onSurrender } from './take-over.js';
import type { TenantFacts } from './tenant-space.js';
import { releaseJournal, releaseLink, releaseStalled } from './throttle.js';
import { setTraces } from './trace/set-traces.js';
import type { TracePart, TraceSpec } from './trace/tracing.js';

const MS_PER_TICK = 100;
const STOPPING = { reasonCode: REASON.serverShuttingDown, sentence: 'the server is shutting down', serverReference: null };
/** So long a turn for work that can wait goes on beginning pieces of it, each of about a millisecond. */
const SPARE_MS = 2;
/** The space of delayed messages that were published is given back every so many ticks. */
const TRIM_TICKS = 50;
/** Rounds of giving and taking that one turn makes, where members need no acknowledgement. */
const QUEUE_ROUNDS_MAX = 8;

/** MQTT 3.1, 3.1.1 and 5.0 on one shard: the face that the runtime sees. */
export class MqttEngine implements ProtocolEngine {
  readonly name = 'mqtt';
  readonly connectionOptions: ConnectionOptions;
  /** There is more to do at once, and nothing that will bring a turn. */
  wantsTurn = false;
  /** Set once by the runtime: there is work that can wait, and it calls `onSpareTurn` soon. */
  onSpareWork: () => void = () => {};
  readonly #context: MqttContext;
  #ticks = 0;
  readonly #retained: () => readonly LogTarget[];

  constructor(parts: MqttParts) {
    const context = new MqttContext(parts);
    this.#context = context;
    this.#retained = parts.retained.targets;
    const { limits } = parts;
    this.connectionOptions = {
      framing: FRAMING.mqtt,
      frameBytesMax: CONNECT_BYTES_MAX,
      highMarkBytes: limits.outputHighMarkBytes,
      lowMarkBytes: limits.outputLowMarkBytes,
      gated: true,
      outputBytesMax: limits.outputBytesMax,
    };
    parts.broker.directory.onSurrender = (clientId, discard, claimant, answer) => onSurrender(context, clientId, discard, claimant, answer);
    parts.broker.directory.judgeClaim = (clientId, owner) => judgeClaim(context, clientId, owner);
    parts.broker.directory.onOutdated = (clientId) => dropOutdated(context, clientId);
    parts.broker.directory.onReturn = (isMeant) => takeBackSessions(context, isMeant);
    parts.broker.directory.onOrphan = (clientId, state) => keepOrphan(context, clientId, state);
    parts.broker.exclusive.onLost = (filter, key) => onExclusiveLost(context, filter, key);
    context.onQueueShort = (session) => {
      goOnWithRetained(context, session);
      goOnWithReplays(context, session);
    };
    context.onSpareWork = () => this.onSpareWork();
    context.endConnection = (connection, reasonCode, sentence) => endConnection(context, connection, reasonCode, sentence);
    context.spaces.recount = (space, sign) => countTenant(context, space, sign);
    parts.broker.onSubscribed = (filter, amount) => countInTenant(context, tenantOfFilter(filter), 'subscriptions', amount);
    parts.rights.onChanged = () => onRightsChanged(context);
    parts.bans.onAdded = () => endBanned(context);
    parts.authenticator.onIdentityChanged = (owner, now) => onIdentityChanged(context, owner, now);
    parts.broker.persistRetained = (topic, message, done) => persistRetained(context, topic, message, done);
    parts.broker.queues.host = new MqttQueueHost(context);
    parts.broker.onQueueMessage = (from, message) => onQueueMessage(context, from, message);
    parts.runLinks.onAppended = (_from, ticket, outcome) => onAppended(context, ticket, outcome);
    parts.runLinks.onLinkRelieved = (shard) => releaseLink(context, shard);
  }

  /** Every shard knows the filters of all sessions: what the start has to publish finds whoever waits for it. */
  onAllServing(): void {
    this.#context.knowsAllFilters = true;
    this.#context.broker.exclusive.onAllServing();
    for (const publish of this.#context.startupWills.splice(0)) publish();
  }

  /** Which tenants there are. The sessions of those that are gone end. */
  onTenantsChanged(tenants: ReadonlyMap<string, TenantFacts>): void {
    const context = this.#context;
    context.spaces.update(tenants);
    context.sessionEpoch += 1;
    for (const session of [...context.sessions.values()]) if (!tenants.has(session.tenant)) endByTenant(context, session);
  }

  /** Rules of topic rewrite: all there are. */
  onRewritesChanged(rules: readonly RewriteSettings[]): void {
    this.#context.spaces.updateRewrites(compileRewrites(rules, this.#context.log));
  }

  /** Within a turn. Main says so: to whoever on this node subscribed to it. */
  publishServerMessages(messages: readonly ServerMessage[]): void {
    for (const message of messages) publishServerMessage(this.#context, DEFAULT_TENANT, message);
  }

  /** What `$SYS` says from now on to those who subscribe. */
  setCurrentValues(values: readonly ServerMessage[]): void {
    this.#context.currentValues = currentValues(values, this.#context.nowMs);
  }

  get shedLevel(): number {
    return this.#context.overload.level;
  }

  /** Within a turn. Traces that there are from now on. */
  setTraces(specs: readonly TraceSpec[]): void {
    setTraces(this.#context, specs);
  }

  /** What traces have noted since the last time. */
  takeTraces(): readonly TracePart[] {
    return this.#context.tracing?.take() ?? [];
  }

  /** Auto-subscriptions: all there are. Clients get them when they connect. */
  onAutoSubscriptionsChanged(rules: readonly AutoSubscription[]): void {
    this.#context.autoSubscriptions = groupAutoSubscriptions(rules);
  }

  /** Topics may go to other logs from now on: whoever waits for one of them follows it there. */
  onStreamsChanged(): void {
    relocateFilters(this.#context);
  }

  /** Sessions that the journal has are here again. `done` when every shard knows what they want. */
  start(done: () => void): void {
    restoreRetained(this.#context, this.#retained());
    this.#context.broker.directory.announce(restoreSessions(this.#context, done));
    tellReady(this.#context);
  }

  set onReleased(tell: (connection: ConnectionId) => void) {
    this.#context.onReleased = tell;
  }

  get connectionCount(): number {
    return this.#context.connectionCount;
  }

  get sessionCount(): number {
    return this.#context.sessions.size;
  }

  /** For operators: see inspection.ts. */
  listSessions(after: string, limit: number, match: string): { readonly sessions: readonly SessionSummary[]; readonly total: number } {
    return listSessions(this.#context, after, limit, match);
  }

  showSession(clientId: string): SessionDetails | null {
    return showSession(this.#context, clientId);
  }

  countBacklogs(positions: readonly SessionPosition[], countMax: number): readonly Backlog[] {
    return countBacklogs(this.#context, positions, countMax);
  }

  /** Within a turn. */
  endSession(clientId: string, done: () => void): boolean {
    return endSessionByOperator(this.#context, clientId, done);
  }

  /** Within a turn. See operator/questions.ts. */
  answerOperator(name: OperatorQuestionName, ask: unknown): unknown {
    return answerOperator(this.#context, name, ask);
  }

  onOpen(connection: ConnectionId, listenerTag: number): void {
    const context = this.#context;
    while (context.connections.length <= connection) context.connections.push(null);
    assert(context.connections[connection] === null, 'a number is not given out before it is released');
    const opened = new MqttConnection(connection, Math.min(listenerTag, LISTENERS_MAX - 1));
    context.connections[connection] = opened;
    context.counts[COUNT.connections + opened.listener] += 1;
    context.connectionCount += 1;
    context.counts[COUNT.connectionsAccepted] += 1;
    context.silence.schedule(connection, context.transport.now() + Math.ceil(context.limits.connectTimeoutMs / MS_PER_TICK));
    // Over the limit nobody is read: a CONNECT would only cost us. The close tells.
    if (context.connectionsOfNode() > context.limits.connectionsMax) {
      context.counts[REFUSAL.quota] += 1;
      endConnection(context, context.connectionOf(connection), REASON.quotaExceeded, 'too many connections');
    }
  }

  onRows(from: number, to: number): void {
    const context = this.#context;
    context.turn += 1;
    context.nowMs = context.clock.nowMs();
    onRows(context, from, to);
  }

  beginTurn(): void {
    const context = this.#context;
    context.nowMs = context.clock.nowMs(); // Also of turns without rows: records that other shards send get it.
    context.staging.beginTurn();
  }

  endTurn(): void {
    const context = this.#context;
    const { doneLines, broker } = context;
    this.wantsTurn = true;
    for (let round = 0; this.wantsTurn && round < QUEUE_ROUNDS_MAX; round += 1) {
      doneLines.flush();
      this.wantsTurn = broker.queues.turn() || !doneLines.isEmpty;
    }
    writeRows(context);
  }

  onForwarded(from: ShardId, forwarded: ForwardedRun): void {
    const context = this.#context;
    const { sharedGroup, topic, generation, bytes, offset, publisher } = forwarded;
    const run = context.run;
    run.set(forwarded.space, bytes, offset, forwarded.length, forwarded.count, forwarded.version);
    run.logGroup = forwarded.logGroup;
    run.sequence = forwarded.sequence;
    const connection = publisher < 0 ? null : context.connections[publisher];
    if (connection !== null && connection !== undefined) {
      run.connection = connection.id;
      run.session = connection.session;
    }
    // Peers forward to us what they have receivers for here; what reached us goes no further.
    if (sharedGroup !== NO_GROUP) {
      const choice = context.memberChoice;
      choice.askForFrame(bytes, offset, topicHashOf(bytes, offset), forwarded.publisherHash, run.qos);
      const member = context.broker.sharedMember(sharedGroup, choice);
      if (member === null) context.counts[DROP.groupEmpty] += 1;
      else if (choice.isForbidden(member.subscriber)) context.counts[DROP.receiverDenied] += 1;
      else deliverToMember(context, groupOfOne(member));
      return;
    }
    const space = context.spaces.ofNumber(forwarded.tenant);
    if (space === null) return; // Nobody of it was ever here.
    let routes = space.peerRoutes.get(from);
    if (routes === undefined) {
      routes = context.newRouteCache(space.name);
      space.peerRoutes.set(from, routes);
    }
    const route =
      routes.find(topic, generation) ?? routes.compile(topic, generation, routes.nameOf(topic, generation) ?? topicOf(bytes, offset));
    deliver(context, planOf(context, route));
  }

  onAppend(from: ShardId, request: AppendRequest): void {
    onAppend(this.#context, from, request);
  }

  onCommitted(commit: CommitNumber): void {
    const context = this.#context;
    context.nowMs = context.clock.nowMs();
    context.delayed.onCommitted(commit);
    onCommitted(context, commit);
    onRowsCommitted(context, commit, false);
    if (context.openReplays.size > 0) wakeReplays(context);
    releaseJournal(context);
  }

  onCommitFailed(commit: CommitNumber, why: 'full' | 'failed'): void {
    this.#context.delayed.onLost(commit);
    onCommitFailed(this.#context, commit, why);
    if (why === 'full') onRowsCommitted(this.#context, commit, true);
    releaseJournal(this.#context);
  }

  onPeerReplaced(peer: ShardId): void {
    for (const { peerRoutes } of this.#context.spaces.all()) peerRoutes.get(peer)?.clear();
    onOwnerReplaced(this.#context, peer);
    onLogOwnerReplaced(this.#context, peer);
    onDelayOwnerReplaced(this.#context, peer);
    forgetReplaysOf(this.#context, peer);
    onReplayOwnerReplaced(this.#context, peer);
    onQueueOwnerReplaced(this.#context, peer);
    releaseLink(this.#context, peer);
  }

  /** After the broker knows too: sessions that were on their way to the dead shard are here again. */
  onSessionsReturned(peer: ShardId): void {
    claimFromSuccessor(this.#context, peer);
  }

  onTick(nowMs: number): void {
    const context = this.#context;
    context.nowMs = nowMs;
    context.silence.advance(context.transport.now(), (connection) => this.#onSilence(connection));
    context.deadlines.advance(nowMs, (session) => onDeadline(context, session));
    releaseStalled(context);
    watchOverload(context);
    context.slow?.onTick(nowMs);
    endExpired(context);
    releaseMetered(context);
    writeLateProgress(context);
    serveAgain(context);
    publishDue(context);
    if (this.#ticks % TRIM_TICKS === 0) context.delayed.trim();
    measureStorage(context, this.#ticks);
    this.#ticks += 1;
    context.memberChoice.askForAny();
    context.broker.tellSharedLoads(context.memberChoice);
  }

  /** A turn for work that can wait: some of it, not all. @returns whether there is more. */
  onSpareTurn(): boolean {
    const { spare, clock } = this.#context;
    const endMs = clock.monotonicMs() + SPARE_MS;
    for (let left = spare.length; left > 0 && clock.monotonicMs() < endMs; left -= 1) spare.shift()?.();
    return spare.length > 0;
  }

  beginDrain(): void {
    const context = this.#context;
    if (context.isDraining) return;
    context.isDraining = true;
    const { reasonCode, sentence, serverReference } = redirectionOf(context.limits.offer, true) ?? STOPPING;
    for (const connection of context.connections) {
      if (connection !== null) endConnection(context, connection, reasonCode, sentence, serverReference);
    }
  }

  /** The deadline of a connection came up: it may have spoken since it was set. */
  #onSilence(id: ConnectionId): void {
    const context = this.#context;
    const connection = context.connections[id];
    if (connection === null || connection === undefined) return;
    if (connection.phase !== 'connected') {
      endConnection(context, connection, REASON.unspecifiedError, 'no CONNECT in time');
      return;
    }
    const due = context.transport.activity[id] + connection.silenceTicksMax;
    if (due > context.transport.now()) {
      context.silence.schedule(id, due);
      return;
    }
    context.counts[COUNT.keepAliveExpired] += 1;
    endConnection(context, connection, REASON.keepAliveTimeout, 'nothing heard for one and a half times the keep-alive');
  }
}

/** As of the publisher's shard, which has it from its plan. */
function topicHashOf(bytes: Uint8Array, offset: number): number {
  const body = offset + fixedHeaderLength(bytes, offset);
  return hashOfBytes(bytes, body + 2, body + 2 + ((bytes[body] << 8) | bytes[body + 1]));
}

/** The topic of the first frame of a run. */
function topicOf(bytes: Uint8Array, offset: number): string {
  const body = offset + fixedHeaderLength(bytes, offset);
  const length = (bytes[body] << 8) | bytes[body + 1];
  return Buffer.from(bytes.buffer, bytes.byteOffset + body + 2, length).toString();
}
