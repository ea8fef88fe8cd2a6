import { randomFillSync, randomUUID } from 'node:crypto';
import type { Clock } from '../base/clock.js';
import type { ResourceKind } from '../metadata/catalogue/resources.js';
import { MetadataClient } from '../metadata/client/metadata-client.js';
import { ClusterService, type JoinRequest as JoinCall } from '../metadata/grpc/generated/robustmq/v1/cluster.js';
import { NODE_ROLE } from '../metadata/grpc/wire-words.js';
import type { MetadataNode, SelfDescription } from '../metadata/metadata-node.js';
import type { PeerTls } from '../metadata/peers/peer-transport.js';
import type { NodeIdentity } from '../metadata/store/identity.js';
import type { NodeId } from '../raft/messages.js';

/** What an operator made, and would lose. */
const OWN_KINDS: readonly ResourceKind[] = [
  'user',
  'acl-rule',
  'ban',
  'offset',
  'retained-settings',
  'auto-subscription',
  'topic-rewrite',
  'connector',
  'rule',
  'schema',
];
const STREAMS_MAX = 1_000_000;

export interface JoinRequest {
  readonly address: string;
  readonly token: string;
  readonly self: SelfDescription;
  readonly tls: PeerTls | null;
  readonly clock: Clock;
}

export interface Joined {
  readonly identity: NodeIdentity;
  readonly peers: ReadonlyMap<NodeId, string>;
}

/** Why this node may not give up its own metadata, in words; null if there is nothing to lose. */
export function faultOfJoining(node: MetadataNode): string | null {
  if (!node.isAlone) return 'this node is in a cluster with others: let it leave first';
  if (node.address === '') return 'grpc.enabled is false, and nodes of a cluster need it';
  const { reader } = node;
  const [stream] = reader.list('stream', { limit: STREAMS_MAX }).filter(({ origin }) => origin !== 'system');
  if (stream !== undefined)
    return `it has the stream "${stream.name}", and its records would be taken for those of another: start it with an empty data_path`;
  if (reader.count('tenant') > 1) return 'it has tenants of its own: start it with an empty data_path';
  const kind = OWN_KINDS.find((it) => reader.count(it) > 0);
  return kind === undefined ? null : `it has records of the kind ${kind} of its own: start it with an empty data_path`;
}

/** Asks any node of the cluster; its leader allocates the number. @throws BrokerError RMQ-1029, RMQ-1032, RMQ-1034. */
export async function askToJoin({ address, token, self, tls, clock }: JoinRequest): Promise<Joined> {
  const client = new MetadataClient({
    addresses: [address],
    token,
    tls: tls === null ? null : { ca: tls.ca, own: { cert: tls.cert, key: tls.key } },
    clock,
    fillRandom: (bytes) => void randomFillSync(bytes),
  });
  try {
    const uuid = randomUUID();
    const call: JoinCall = {
      uuid,
      name: self.name,
      address: self.address,
      roles: self.roles.map((role) => NODE_ROLE.toWire(role)),
      version: self.version,
    };
    const { clusterId, nodeId, peers } = await client.call(ClusterService.join, call);
    return { identity: { clusterId, nodeId, uuid }, peers: new Map(peers.map(({ id, address: at }) => [id, at])) };
  } finally {
    client.close();
  }
}
