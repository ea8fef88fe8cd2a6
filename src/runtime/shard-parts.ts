import { DoorNotes } from '../auth/audit/door-notes.js';
import { UserBook } from '../auth/user-book.js';
import { SystemClock } from '../base/clock.js';
import { SystemRandom } from '../base/random.js';
import { DelayedMessages } from '../broker/delayed/delayed-messages.js';
import type { RetainedLimits } from '../broker/retained.js';
import { ShardBroker } from '../broker/shard-broker.js';
import { StreamResolver } from '../broker/streams/stream-resolver.js';
import type { ShardJournal } from '../journal/shard-journal.js';
import { MqttEngine } from '../protocols/mqtt/adapter.js';
import { CONNECT_BYTES_MAX, type MqttLimits } from '../protocols/mqtt/limits.js';
import type { MqttSession } from '../protocols/mqtt/session.js';
import type { SlowSettings } from '../protocols/mqtt/slow/slow-subscriptions.js';
import { listenersOf } from '../settings/listener-schema.js';
import type { Settings } from '../settings/schema.js';
import { DROP } from '../telemetry/metrics/drops.js';
import { HISTOGRAM } from '../telemetry/metrics/histogram.js';
import { ShardMetrics } from '../telemetry/metrics/shard-metrics.js';
import { NativeTransport } from '../transport/native/native-transport.js';
import { NodeTransport } from '../transport/node/node-transport.js';
import type { Transport } from '../transport/ports.js';
import { AccessBooks } from './access-books.js';
import { AuthLink } from './auth-link.js';
import { Connections } from './connections.js';
import { applySettings, durableLogs, openJournal, replayLogs, storageUse } from './journal-parts.js';
import { Links } from './links.js';
import { ListenerCells, tagsMaxOf } from './listener-cells.js';
import { nodeQuotas, overloadLimits } from './node-quotas.js';
import type { ShardHandOver, ShardNotice } from './orders.js';
import { Origins } from './origins.js';
import { PortLogger } from './port-logger.js';
import { sharedPolicies } from './shared-policies.js';
import { tenantFacts } from './tenant-streams.js';
import type { ThreadCatalogue } from './thread-catalogue.js';
import { ThreadCells } from './thread-cells.js';

/** Connections that are closed and not yet released still have a number. */
const CONNECTIONS_SPARE = 1024;
const MS_PER_SECOND = 1000;

/** The rooms of one shard, built and wired, and not yet turning. */
export interface ShardParts {
  readonly cells: ThreadCells;
  readonly listenerCells: ListenerCells;
  readonly log: PortLogger;
  readonly clock: SystemClock;
  readonly metrics: ShardMetrics;
  readonly transport: Transport;
  readonly links: Links;
  readonly broker: ShardBroker<MqttSession>;
  readonly journal: ShardJournal;
  readonly resolver: StreamResolver;
  readonly mqtt: MqttEngine;
  readonly auth: AuthLink;
  readonly connections: Connections;
  readonly origins: Origins;
  readonly access: AccessBooks;
  readonly door: DoorNotes;
}

/** Index of the MQTT engine in `connections`. */
export const ENGINE_MQTT = 0;

export function buildShard(handOver: ShardHandOver, catalogue: ThreadCatalogue, post: (notice: ShardNotice) => void): ShardParts {
  const { settings, shard } = handOver;
  const cells = new ThreadCells(handOver.cells);
  const listenerCells = new ListenerCells(handOver.listenerCells, tagsMaxOf(listenersOf(settings.mqtt)), handOver.peers.length);
  const log = new PortLogger(post, cells);
  const clock = new SystemClock();
  const metrics = new ShardMetrics(handOver.metrics);
  const transport = openTransport(handOver);
  const links = new Links({
    self: shard,
    peers: handOver.peers,
    fromMain: handOver.fromMain,
    cells,
    spaces: transport,
    arena: transport.arena,
  });
  const journal = openJournal(handOver, clock, log);
  const resolver = new StreamResolver(journal, catalogue.streams);
  applySettings(journal, catalogue.streams);
  const broker = new ShardBroker<MqttSession>({
    links,
    clock,
    limits: { subscriptionsMax: settings.mqtt.subscriptions_max, retained: retainedLimits(settings) },
    log,
    hashSeed: handOver.hashSeed,
    awaitsHolds: true,
    resolveLog: (topic) => resolver.resolve(topic),
    durableLogs: durableLogs(journal, resolver),
    sharedPolicies: sharedPolicies(settings.mqtt),
    retainedLimitsOf: (tenant) => catalogue.reader.get('retained-settings', { tenant }) ?? null,
    retainedOwnerOf: (topic) => resolver.retained(topic).owner,
  });
  broker.durable.restore(journal.groups.flatMap((group) => [...group.indexKeys()]));
  const limits = mqttLimits(settings);
  const auth = new AuthLink({
    auth: settings.auth,
    profile: settings.security.profile,
    users: new UserBook(() => catalogue.reader),
    clock,
  });
  const origins = new Origins();
  const access = new AccessBooks(catalogue);
  const door = new DoorNotes(settings.mqtt.flapping.enabled);
  const mqtt = new MqttEngine({
    transport,
    broker,
    journal,
    runLinks: links,
    limits,
    clock,
    random: new SystemRandom(),
    log,
    metrics,
    shardCount: handOver.peers.length,
    connectionsOfNode: () => listenerCells.total,
    authenticator: auth,
    rights: access.rules,
    bans: access.bans,
    door,
    slow: slowSettings(settings, handOver.peers.length),
    clientEvents: settings.mqtt.client_events ? { node: settings.node.id } : null,
    quotas: nodeQuotas(handOver),
    overload: overloadLimits(settings),
    originOf: (connection) => origins.of(connection),
    delayed: new DelayedMessages(journal, Math.ceil(settings.mqtt.delayed_messages_max / handOver.peers.length)),
    replayLogs: replayLogs(journal, resolver),
    storageUse: storageUse(journal, resolver),
    retained: { resolve: (topic) => resolver.retained(topic), targets: () => resolver.retainedTargets() },
  });
  mqtt.onTenantsChanged(tenantFacts(catalogue));
  catalogue.onTenants = () => mqtt.onTenantsChanged(tenantFacts(catalogue));
  const tellBroker = links.onPeerReplaced;
  links.onPeerReplaced = (peer) => {
    log.info('shard.peer-replaced', 'another shard was replaced', { peer });
    mqtt.onPeerReplaced(peer);
    tellBroker(peer);
    mqtt.onSessionsReturned(peer);
  };
  links.onRun = (from, run) => mqtt.onForwarded(from, run);
  links.onAppend = (from, request) => mqtt.onAppend(from, request);
  links.onRunDropped = (count) => {
    metrics.counts[DROP.linkFull] += count;
  };
  journal.onFlushed = (milliseconds) => metrics.observe(HISTOGRAM.walFsync, milliseconds);
  links.onPeerStuck = (peer) => post({ kind: 'peer-stuck', peer });
  const connections = new Connections([mqtt]);
  return {
    cells,
    listenerCells,
    log,
    clock,
    metrics,
    transport,
    links,
    broker,
    journal,
    resolver,
    mqtt,
    auth,
    connections,
    origins,
    access,
    door,
  };
}

function openTransport(handOver: ShardHandOver): Transport {
  const { mqtt } = handOver.settings;
  const options = {
    connectionsMax: mqtt.connections_max + CONNECTIONS_SPARE,
    topicsMax: mqtt.topics_max,
    frameBytesMax: Math.max(mqtt.packet_bytes_max, CONNECT_BYTES_MAX),
    counters: new Float64Array(handOver.counters),
  };
  return handOver.transportKind === 'native' ? NativeTransport.open(options) : NodeTransport.open(options);
}

/** Of the node. */
function retainedLimits({ mqtt }: Settings): RetainedLimits {
  return {
    messagesMax: mqtt.retained_messages_max,
    bytesMax: mqtt.retained_bytes_max,
    payloadBytesMax: mqtt.retained_payload_bytes_max,
    expiryMs: mqtt.retained_expiry,
  };
}

function slowSettings({ mqtt: { slow_subscriptions: slow } }: Settings, shards: number): SlowSettings | null {
  if (!slow.enabled) return null;
  const { threshold: thresholdMs, span, stays: staysMs } = slow;
  return { thresholdMs, span, staysMs, entriesMax: Math.ceil(slow.entries_max / shards) };
}

/** Of the node, or of one shard where only that can be counted: all connections may end up on one. */
function mqttLimits({ mqtt, journal }: Settings): MqttLimits {
  return {
    connectionsMax: mqtt.connections_max,
    connectTimeoutMs: mqtt.connect_timeout,
    offer: {
      qosMax: mqtt.qos_max,
      isRetainAvailable: mqtt.retain_available,
      responseInformation: mqtt.response_information,
      denialCode: mqtt.reveal_denials ? 0x87 : 0x80,
      redirect: mqtt.redirect,
      redirectWhen: mqtt.redirect_when,
    },
    packetBytesMax: mqtt.packet_bytes_max,
    topicAliasMax: mqtt.topic_alias_max,
    receiveMax: mqtt.receive_max,
    keepAliveMaxSeconds: Math.ceil(mqtt.keep_alive_max / MS_PER_SECOND),
    sessionExpiryMaxSeconds: Math.ceil(mqtt.session_expiry_max / MS_PER_SECOND),
    clientIdBytesMax: mqtt.client_id_bytes_max,
    inflightMax: mqtt.inflight_max,
    queueMessagesMax: mqtt.queue_messages_max,
    queueBytesMax: mqtt.queue_bytes_max,
    queueDropsOldest: mqtt.queue_overflow === 'drop-oldest',
    topicLevelsMax: mqtt.topic_levels_max,
    allowsExclusive: mqtt.exclusive_subscriptions,
    replaysMax: mqtt.replays_max,
    delayedMaxMs: mqtt.delayed_max,
    outputHighMarkBytes: mqtt.output_high_mark,
    outputLowMarkBytes: mqtt.output_low_mark,
    outputBytesMax: mqtt.output_bytes_max,
    journalPendingBytesMax: journal.pending_bytes_max,
    acknowledgesBeforeFlush: journal.unsafe_ack_before_flush,
  };
}
