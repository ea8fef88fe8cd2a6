import { generate, type Packet } from 'mqtt-packet';
import { RulesBook } from '../../src/auth/acl/rules-book.js';
import { BanTable } from '../../src/auth/bans/ban-table.js';
import { openAuthenticator } from '../../src/auth/open.js';
import { assert } from '../../src/base/assert.js';
import { SystemClock } from '../../src/base/clock.js';
import { SILENT_LOGGER } from '../../src/base/logger.js';
import { SystemRandom } from '../../src/base/random.js';
import { DelayedMessages } from '../../src/broker/delayed/delayed-messages.js';
import type { PeerLinks, RunLinks } from '../../src/broker/ports.js';
import type { NodeQuotas } from '../../src/broker/quotas/ports.js';
import { QuotaTable } from '../../src/broker/quotas/quota-table.js';
import { ShardBroker } from '../../src/broker/shard-broker.js';
import type { Journal } from '../../src/journal/ports.js';
import { MqttEngine } from '../../src/protocols/mqtt/adapter.js';
import type { MqttLimits } from '../../src/protocols/mqtt/limits.js';
import { OFFER_EVERYTHING } from '../../src/protocols/mqtt/offer.js';
import type { MqttSession } from '../../src/protocols/mqtt/session.js';
import { ShardMetrics } from '../../src/telemetry/metrics/shard-metrics.js';
import { COUNTERS_COUNT, type CommandSink, type ConnectionId, EVENT, ROW_INTS, type Transport } from '../../src/transport/ports.js';
import { nullSink } from './null-sink.js';

const CONNECTIONS_MAX = 4096;
const ARENA_BYTES = 1 << 20;
const TOPIC = 0;

const LIMITS: MqttLimits = {
  ...{
    connectionsMax: CONNECTIONS_MAX,
    connectTimeoutMs: 10_000,
    packetBytesMax: 2_000_000,
    offer: OFFER_EVERYTHING,
    topicAliasMax: 10,
    receiveMax: 65_535,
  },
  ...{ keepAliveMaxSeconds: 0, sessionExpiryMaxSeconds: 3_600, clientIdBytesMax: 65_535, inflightMax: 16_384, queueMessagesMax: 100_000 },
  ...{
    queueBytesMax: 1 << 26,
    queueDropsOldest: true,
    topicLevelsMax: 128,
    allowsExclusive: true,
    replaysMax: 0,
    delayedMaxMs: 0,
    outputHighMarkBytes: 1 << 20,
    outputLowMarkBytes: 1 << 18,
    outputBytesMax: 1 << 26,
  },
  ...{ journalPendingBytesMax: 1 << 26, acknowledgesBeforeFlush: false },
};

/** No shard but this one. */
const NO_PEERS: PeerLinks = { self: 0, shardCount: 1, send: () => undefined, onMessage: () => undefined, onPeerReplaced: () => undefined };
const NO_RUNS: RunLinks = {
  forward: () => true,
  append: unused,
  answerAppend: unused,
  onAppended: () => undefined,
  onLinkRelieved: () => undefined,
};
/** The broker resolves no topic to a log. */
const NO_JOURNAL: Journal = {
  ...{
    state: 'writable',
    groups: [],
    sessionGroups: [],
    ownerOf: () => 0,
    groupOf: unused,
    isVolatile: unused,
    group: unused,
    partition: unused,
    find: unused,
  },
  ...{
    deletePartition: unused,
    trim: unused,
    openCommit: 1,
    closedCommit: 0,
    pendingBytes: 0,
    flush: unused,
    onTick: unused,
    close: unused,
  },
  ...{ onCommitted: unused, onFailed: unused, onStateChanged: unused },
};

function unused(): never {
  throw new Error('this part of the transport is not on the stage');
}

const NO_LIMITS: NodeQuotas = {
  rows: new QuotaTable(QuotaTable.memoryFor(64, 1), 1, 0, 0),
  onExcess: 'pause',
  client: [0, 0, 0, 0, 0],
  address: null,
  user: null,
  node: null,
};

/** The MQTT engine with the real broker and no sockets: rows go in by hand, commands go nowhere. All messages have one topic. */
export class MqttStage {
  readonly #engine: MqttEngine;
  readonly #rows: Int32Array = new Int32Array(16 * ROW_INTS);
  readonly #arena: Uint8Array = new Uint8Array(ARENA_BYTES);
  /** First packet id of the latest block sent. */
  lastPacketId = 0;
  #connections = 0;

  constructor(topic: string) {
    const commands: CommandSink = {
      ...nullSink,
      sendBlock: (_connection, _block, firstPacketId) => {
        this.lastPacketId = firstPacketId;
      },
    };
    const clock = new SystemClock();
    const broker = new ShardBroker<MqttSession>({
      links: NO_PEERS,
      clock,
      limits: { subscriptionsMax: 100, retained: { messagesMax: 100, bytesMax: 0, payloadBytesMax: 0, expiryMs: 0 } },
    });
    this.#engine = new MqttEngine({
      transport: this.#transport(topic, commands),
      broker,
      runLinks: NO_RUNS,
      journal: NO_JOURNAL,
      shardCount: 1,
      connectionsOfNode: () => 0,
      originOf: () => ({
        listener: 'mqtt.tcp',
        address: '127.0.0.1',
        port: 1,
        isEncrypted: false,
        certificate: null,
        pskIdentity: '',
        tenant: '',
      }),
      limits: LIMITS,
      clock,
      random: new SystemRandom(),
      log: SILENT_LOGGER,
      metrics: new ShardMetrics(),
      authenticator: openAuthenticator(),
      rights: new RulesBook(),
      bans: new BanTable(),
      clientEvents: null,
      slow: null,
      delayed: new DelayedMessages(NO_JOURNAL, 0),
      quotas: NO_LIMITS,
      overload: { lagMaxMs: Number.POSITIVE_INFINITY, memoryMaxBytes: 1, memoryBytes: () => 0 },
      replayLogs: () => [],
      storageUse: () => new Map(),
      retained: { resolve: unused, targets: unused },
    });
  }

  /** A client that is connected, and subscribed if `filter` is not empty. */
  connect(version: 4 | 5, filter: string, qos: 0 | 1): ConnectionId {
    const connection = this.#connections++;
    assert(connection < CONNECTIONS_MAX, 'the stage has room');
    this.#engine.onOpen(connection, 0);
    const protocol = { protocolId: 'MQTT', protocolVersion: version } as const;
    this.#frame(connection, { cmd: 'connect', ...protocol, clean: true, clientId: `client-${connection}`, keepalive: 0 }, version);
    if (filter !== '') this.#frame(connection, { cmd: 'subscribe', messageId: 1, subscriptions: [{ topic: filter, qos }] }, version);
    return connection;
  }

  /** A run of PUBLISH frames of one client comes in. */
  publish(connection: ConnectionId, frames: Uint8Array, count: number): void {
    this.#arena.set(frames);
    const first = frames[0];
    const topicBytes = (frames[3] << 8) | frames[4]; // Behind a remaining length of two bytes.
    this.#row(EVENT.publish, connection, frames.length, count, TOPIC, 3, first | (topicBytes << 8));
  }

  /** PUBACK for `count` consecutive packet ids. */
  acknowledge(connection: ConnectionId, firstPacketId: number, count: number): void {
    this.#row(EVENT.acks, connection, 4 * count, count, firstPacketId, 2, 0x40);
  }

  #frame(connection: ConnectionId, packet: Packet, version: 4 | 5): void {
    const bytes = generate(packet, { protocolVersion: version });
    this.#arena.set(bytes);
    this.#row(EVENT.frame, connection, bytes.length, 1, 0, 2, bytes[0]);
  }

  #row(kind: number, connection: ConnectionId, length: number, count: number, number: number, header: number, extra: number): void {
    const rows = this.#rows;
    rows[0] = kind;
    rows[1] = connection;
    rows[2] = 0;
    rows[3] = length;
    rows[4] = count;
    rows[5] = number;
    rows[6] = header;
    rows[7] = extra;
    this.#engine.onRows(0, 1);
  }

  #transport(topic: string, commands: CommandSink): Transport {
    return {
      ...{ kind: 'node', commands, arena: this.#arena, rows: this.#rows, topicsMax: 1, topicGenerations: new Int32Array(1) },
      ...{ activity: new Int32Array(CONNECTIONS_MAX), counters: new Float64Array(COUNTERS_COUNT) },
      ...{ start: unused, submit: () => undefined, now: () => 0, adopt: unused, acceptFrom: unused, connect: unused, openVirtual: unused },
      ...{
        pushVirtual: unused,
        serveVirtual: unused,
        acknowledgeOutput: unused,
        closeVirtual: unused,
        takeSocket: unused,
        refuse: unused,
        peerOf: () => ({ address: '127.0.0.1', port: 1 }),
      },
      ...{
        outputBytesOf: () => 0,
        registerSpace: unused,
        unregisterSpace: unused,
        internTopic: () => TOPIC,
        topicName: () => topic,
        close: unused,
      },
    };
  }
}
