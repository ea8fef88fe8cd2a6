import { createHash, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SystemClock } from '../base/clock.js';
import { BrokerError, systemCodeOf } from '../base/errors.js';
import { SystemRandom } from '../base/random.js';
import { MetadataNode } from '../metadata/metadata-node.js';
import type { PeerTls } from '../metadata/peers/peer-transport.js';
import type { NodeIdentity } from '../metadata/store/identity.js';
import { type Founding, MetadataStore } from '../metadata/store/metadata-store.js';
import { DRIVER_LIMITS } from '../raft/driver/limits.js';
import type { NodeId } from '../raft/messages.js';
import type { GrpcSettings, MetadataSettings } from '../settings/metadata-schema.js';
import { peersOf, VOTERS_MAX } from '../settings/peers.js';
import { StoreError } from '../storage/ports.js';
import type { MetadataHandOver, MetadataNotice } from './metadata-orders.js';
import { PortLogger } from './port-logger.js';
import { ThreadCells } from './thread-cells.js';

/** The parts of the metadata thread, opened and wired, and not yet serving. */
export interface MetadataParts {
  readonly store: MetadataStore;
  readonly log: PortLogger;
  readonly clock: SystemClock;
  readonly tls: PeerTls | null;
}

/** @throws BrokerError RMQ-1001, RMQ-1027, RMQ-1035. */
export async function openMetadata(handOver: MetadataHandOver, post: (notice: MetadataNotice) => void): Promise<MetadataParts> {
  const { settings, legacy, cells } = handOver;
  const log = new PortLogger(post, new ThreadCells(cells));
  const tls = readTls(settings.grpc);
  const store = openStore(settings.data_path, settings.journal.flush_deadline);
  store.queue.onFull = (isFull) => {
    if (isFull) log.error('metadata.full', 'the disk of the metadata is full: nothing is committed here until there is room');
    else log.info('metadata.room', 'the disk of the metadata has room again');
  };
  if (store.identity === null) {
    if (legacy === null && handOver.hasJournal) throw new BrokerError('RMQ-1035', `(in ${settings.data_path})`);
    await store.found(foundingOf(settings.node.id, settings.metadata, legacy !== null));
  }
  return { store, log, clock: new SystemClock(), tls };
}

/** @param firstPeers whoever is known before the catalogue is there. @throws BrokerError RMQ-1027. */
export function buildNode(
  { store, log, clock, tls }: MetadataParts,
  handOver: MetadataHandOver,
  firstPeers: ReadonlyMap<NodeId, string>,
): MetadataNode {
  const { settings, version } = handOver;
  const random = new SystemRandom();
  try {
    return new MetadataNode({
      store,
      firstPeers,
      self: { name: settings.node.id, roles: settings.roles, version },
      tls,
      limits: { ...DRIVER_LIMITS, snapshotBytes: settings.metadata.snapshot_bytes },
      votersMax: VOTERS_MAX,
      drawBelow: (limit) => random.below(limit),
      clock,
      log,
    });
  } catch (error) {
    throw storeFailure(error);
  }
}

/** Of the settings: where the first voters are. */
export function firstPeersOf(metadata: MetadataSettings): ReadonlyMap<NodeId, string> {
  return new Map(peersOf(metadata).map(({ address }, at) => [at + 1, address]));
}

/** First voters of one cluster say the same of it without having spoken to each other. */
function foundingOf(nodeName: string, metadata: MetadataSettings, hasLegacy: boolean): Founding {
  const peers = peersOf(metadata);
  const uuid = randomUUID();
  if (peers.length < 2) return { kind: 'first-voters', identity: { clusterId: randomUUID(), nodeId: 1, uuid }, voters: [1] };
  if (hasLegacy)
    throw new BrokerError('RMQ-1034', '(this data directory has streams of its own, and metadata.peers names other nodes)', {
      cure: 'Start this node alone first, then let the others join it: `robust-ctl cluster join`',
    });
  const named = createHash('sha256')
    .update(`robustmq\n${metadata.peers.toSorted().join('\n')}\n${metadata.token}`)
    .digest('hex');
  const clusterId = [named.slice(0, 8), named.slice(8, 12), named.slice(12, 16), named.slice(16, 20), named.slice(20, 32)].join('-');
  const nodeId = peers.findIndex(({ name }) => name === nodeName) + 1;
  const identity: NodeIdentity = { clusterId, nodeId, uuid };
  return { kind: 'first-voters', identity, voters: peers.map((_, at) => at + 1) };
}

function openStore(dataPath: string, flushDeadlineMs: number): MetadataStore {
  try {
    return MetadataStore.open(join(dataPath, 'metadata'), flushDeadlineMs);
  } catch (error) {
    throw storeFailure(error);
  }
}

function storeFailure(error: unknown): unknown {
  return error instanceof StoreError ? new BrokerError('RMQ-1027', `(${error.message})`, { cause: error }) : error;
}

function readTls({ tls }: GrpcSettings): PeerTls | null {
  if (tls.cert === '') return null;
  const readPem = (path: string): Buffer => {
    try {
      return readFileSync(path);
    } catch (error) {
      throw new BrokerError('RMQ-1001', `from ${path}: ${systemCodeOf(error)}`, { cause: error });
    }
  };
  return { cert: readPem(tls.cert), key: readPem(tls.key), ca: readPem(tls.ca) };
}
