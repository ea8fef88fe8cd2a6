import type { Identity } from '../auth/ports.js';
import type { Clock } from '../base/clock.js';
import { hashOfText } from '../base/fnv.js';
import type { Logger } from '../base/logger.js';
import { SystemRandom } from '../base/random.js';
import { Bridge, type BridgeReport } from '../connectors/mqtt/bridge.js';
import type { TopicRule } from '../connectors/mqtt/topic-rules.js';
import type { BridgeSettings, BridgeTopicSettings } from '../settings/bridge-schema.js';
import type { Settings } from '../settings/schema.js';
import type { ConnectionId, ConnectionOptions, Transport } from '../transport/ports.js';
import { LocalCarrier, openSocket } from './bridge-carriers.js';
import type { Origins } from './origins.js';

/** Tags of bridges' connections begin here: behind those of any listener. */
const TAG_FIRST = 0x8000;

export interface BridgeParts {
  readonly settings: Settings;
  readonly shard: number;
  readonly shardCount: number;
  /** Of this node, unlike that of any other. */
  readonly brokerId: string;
  readonly transport: Transport;
  readonly connectionOptions: ConnectionOptions;
  readonly origins: Origins;
  /** Gives a new connection to the protocol. */
  readonly open: (connection: ConnectionId, tag: number) => void;
  readonly clock: Clock;
  readonly log: Logger;
}

/** The bridges of this shard: each is on the shard that its name hashes to, which its successor does too. */
export class ShardBridges {
  readonly #bridges: readonly Bridge[];

  constructor(parts: BridgeParts) {
    const { settings, shard, shardCount, origins } = parts;
    this.#bridges = settings.mqtt.bridges.flatMap((bridge, index) => {
      if ((hashOfText(bridge.name) >>> 0) % shardCount !== shard) return [];
      const tag = TAG_FIRST + index;
      const internal = identityOf(bridge);
      origins.listen(tag, () => ({ ...INTERNAL_ORIGIN, listener: `bridge ${bridge.name}`, tenant: bridge.tenant, internal }));
      return [bridgeOf(parts, bridge, tag)];
    });
  }

  reports(): readonly BridgeReport[] {
    return this.#bridges.map((bridge) => bridge.report());
  }

  onTick(): void {
    for (const bridge of this.#bridges) bridge.onTick();
  }

  close(): void {
    for (const bridge of this.#bridges) bridge.close();
  }
}

const INTERNAL_ORIGIN = { address: '', port: 0, isEncrypted: true, certificate: null, pskIdentity: '' } as const;

function identityOf({ name, tenant, local_user: user }: BridgeSettings): Identity {
  const isSuperuser = user === '';
  const source = `bridge ${name}`;
  return { tenant, user: isSuperuser ? source : user, clientId: '', address: '', isSuperuser, source, expiresAtMs: 0, rules: null };
}

function bridgeOf(parts: BridgeParts, bridge: BridgeSettings, tag: number): Bridge {
  const { settings, brokerId, transport, connectionOptions, open, clock, log } = parts;
  return new Bridge({
    name: bridge.name,
    brokerId,
    version: bridge.version === 4 ? 4 : 5,
    clientId: bridge.client_id === '' ? `robustmq-${settings.node.id}-${bridge.name}` : bridge.client_id,
    user: bridge.user,
    password: bridge.password,
    keepAliveSeconds: Math.ceil(bridge.keep_alive / 1000),
    inFlightMax: bridge.inflight,
    reconnectMsMin: bridge.reconnect_min,
    reconnectMsMax: bridge.reconnect_max,
    out: rulesOf(bridge.topics, 'out'),
    in: rulesOf(bridge.topics, 'in'),
    openRemote: (client) => openSocket(bridge, client, clock),
    openLocal: (client) => {
      const carrier = new LocalCarrier(transport, connectionOptions, client, clock);
      if (carrier.connection >= 0) open(carrier.connection, tag);
      return carrier;
    },
    clock,
    random: new SystemRandom(),
    log,
  });
}

function rulesOf(topics: readonly BridgeTopicSettings[], way: 'out' | 'in'): readonly TopicRule[] {
  return topics
    .filter(({ direction }) => direction === way || direction === 'both')
    .map(({ filter, qos, local_prefix: localPrefix, remote_prefix: remotePrefix }) => {
      return { filter, qos: qos === 0 ? 0 : 1, localPrefix, remotePrefix };
    });
}
