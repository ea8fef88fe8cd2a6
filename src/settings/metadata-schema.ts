import { z } from 'zod';
import { count, MIB, size } from './forms.js';
import { peersOf, VOTERS_MAX } from './peers.js';

/* Settings of the metadata service and of the gRPC port, by which nodes and operators reach it. Sizes are bytes. */

export interface MetadataSettings {
  /** `name=host:port` of each first voter, this node among them; none: a cluster of one. Only looked at while there is no cluster in data_path. */
  readonly peers: readonly string[];
  /** Shared by the nodes of a cluster, and by whoever may change it. */
  readonly token: string;
  readonly snapshot_bytes: number;
}

export interface GrpcTlsSettings {
  /** Paths of PEM files; all three or none. */
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
}

export interface GrpcSettings {
  readonly enabled: boolean;
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  /** host:port by which others reach this node; empty: host and port. */
  readonly advertised: string;
  readonly tls: GrpcTlsSettings;
}

const PEER_FORM = /^([A-Za-z0-9][A-Za-z0-9._-]{0,62})=(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):(\d{1,5})$/;
const ADDRESS_FORM = /^$|^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):(\d{1,5})$/;

export const METADATA_SCHEMA: z.ZodType<MetadataSettings, Partial<Record<keyof MetadataSettings, unknown>>> = z.strictObject({
  peers: z
    .array(z.string().regex(PEER_FORM, 'must be name=host:port'))
    .max(VOTERS_MAX)
    .default([])
    .describe('First voters of the metadata service, as name=host:port, this node among them'),
  token: z
    .string()
    .regex(/^$|^[\x21-\x7e]{16,256}$/, 'must be 16 to 256 printable characters without blanks')
    .default('')
    .describe('Secret of the cluster, for nodes that join and for operators'),
  snapshot_bytes: size(64 * MIB, 64 * 1024, 1024 * MIB, 'Commands in the log from which on a snapshot is taken'),
});

export const GRPC_SCHEMA: z.ZodType<GrpcSettings, Partial<Record<keyof GrpcSettings, unknown>>> = z.strictObject({
  enabled: z.boolean().default(true).describe('Control plane, and the way between nodes'),
  host: z.string().min(1).max(255).default('127.0.0.1').describe('Address to listen on'),
  port: count(1228, 0, 65_535, 'Port; 0 picks a free one'),
  advertised: z.string().regex(ADDRESS_FORM, 'must be host:port').default('').describe('host:port by which other nodes reach this one'),
  tls: z
    .strictObject({
      cert: z.string().default('').describe('Certificate of this node (PEM file)'),
      key: z.string().default('').describe('Its private key (PEM file)'),
      ca: z.string().default('').describe('Authority that signed the certificates of all nodes (PEM file)'),
    })
    .prefault({}),
});

/** Records and the broker that takes them are on one node, until groups of the journal have copies on several. */
export function faultOfRoles(roles: readonly string[]): string | null {
  if (roles.includes('broker') !== roles.includes('journal')) return 'broker and journal go together in this version';
  return new Set(roles).size < roles.length ? 'has a role twice' : null;
}

/** What is wrong with the two together. */
export function faultsOfMetadata(
  nodeName: string,
  metadata: MetadataSettings,
  grpc: GrpcSettings,
  isLoopback: boolean,
): readonly (readonly [path: string, what: string])[] {
  const faults: (readonly [string, string])[] = [];
  const names = peersOf(metadata).map(({ name }) => name);
  if (new Set(names).size < names.length) faults.push(['metadata.peers', 'has a name twice']);
  if (names.length > 0 && !names.includes(nodeName)) faults.push(['metadata.peers', `does not name this node, node.id = "${nodeName}"`]);
  if (names.length > 1 && !grpc.enabled) faults.push(['grpc.enabled', 'nodes of a cluster need it']);
  const { cert, key, ca } = grpc.tls;
  const given = [cert, key, ca].filter((path) => path !== '').length;
  if (given !== 0 && given !== 3) faults.push(['grpc.tls.cert', 'cert, key and ca are given together or not at all']);
  if (grpc.enabled && !isLoopback && given === 0)
    faults.push(['grpc.host', 'is reached by other machines: that needs grpc.tls.cert, key and ca']);
  if (grpc.enabled && !isLoopback && metadata.token === '')
    faults.push(['metadata.token', 'is needed when other machines reach grpc.host']);
  return faults;
}
