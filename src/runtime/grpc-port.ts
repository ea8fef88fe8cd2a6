import { authorityOf } from '../base/authority.js';
import type { Clock } from '../base/clock.js';
import type { Logger } from '../base/logger.js';
import type { MetadataAccess, MqttAccess } from '../metadata/grpc/ports.js';
import { GrpcServer } from '../metadata/grpc/server.js';
import type { NodeAccess } from '../metadata/node-access.js';
import { FRAME_BYTES_MAX } from '../metadata/peers/peer-link.js';
import type { PeerTls } from '../metadata/peers/peer-transport.js';
import type { Settings } from '../settings/schema.js';
import type { MetadataHandOver } from './metadata-orders.js';

const DRAIN_MS_MAX = 1000;

/** The node's gRPC port: peers come in from the start, and the public API says that it serves when the catalogue is there. */
export interface GrpcPort {
  /** 0: disabled. */
  readonly port: number;
  beginServing(): Promise<void>;
  close(): Promise<void>;
}

/** What is offered there. */
export interface GrpcParts {
  readonly access: MetadataAccess;
  /** Of peers. */
  readonly door: NodeAccess['door'];
  readonly mqtt: MqttAccess;
}

const CLOSED: GrpcPort = { port: 0, beginServing: () => Promise.resolve(), close: () => Promise.resolve() };

/** @throws BrokerError RMQ-1003. */
export async function openGrpcPort(
  { settings: { grpc, metadata }, streamDefaults }: MetadataHandOver,
  tls: PeerTls | null,
  { access, door, mqtt }: GrpcParts,
  { clock, log }: { readonly clock: Clock; readonly log: Logger },
): Promise<GrpcPort> {
  if (!grpc.enabled) return CLOSED;
  const server = await GrpcServer.start({
    host: grpc.host,
    port: grpc.port,
    tls,
    token: metadata.token,
    allowsStrangers: metadata.token === '' && tls === null, // The settings see to it that this is on loopback.
    access,
    mqtt,
    streamDefaults,
    offers: [{ ...door, messageBytesMax: FRAME_BYTES_MAX }],
    clock,
    log,
  });
  return { port: server.port, beginServing: () => server.setServing(true), close: () => server.stop(DRAIN_MS_MAX) };
}

/** host:port by which other nodes reach this one; empty: not at all. */
export function addressOf({ grpc }: Settings, { port }: GrpcPort): string {
  if (grpc.advertised !== '') return grpc.advertised;
  if (port === 0) return '';
  return authorityOf(grpc.host, port);
}
