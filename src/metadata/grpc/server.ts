import { setTimeout as delay } from 'node:timers/promises';
import type { ServiceDefinition as Definition, UntypedServiceImplementation as Implementation } from '@grpc/grpc-js';
import { logVerbosity, Server, ServerCredentials, setLogVerbosity } from '@grpc/grpc-js';
import { assert } from '../../base/assert.js';
import { authorityOf } from '../../base/authority.js';
import type { Clock } from '../../base/clock.js';
import { BrokerError } from '../../base/errors.js';
import type { Logger } from '../../base/logger.js';
import { CertificatesOnRequest } from '../peers/certificates-on-request.js';
import { CallGate } from './call-gate.js';
import { catalogueCalls } from './catalogue-calls.js';
import { ChangeHistory } from './change-history.js';
import { checkedDefinition, REQUEST_BYTES_MAX } from './checked-definition.js';
import { clusterCalls } from './cluster-calls.js';
import { CatalogueService as catalogueDefinition } from './generated/robustmq/v1/catalogue.js';
import { ClusterService as clusterDefinition } from './generated/robustmq/v1/cluster.js';
import { StreamsService as streamsDefinition } from './generated/robustmq/v1/streams.js';
import type { Introspection } from './introspection.js';
import { MQTT_DEFINITION, mqttCalls } from './mqtt-calls.js';
import type { MetadataAccess, MqttAccess, StreamDefaults } from './ports.js';
import { streamCalls } from './stream-calls.js';

/** Calls and streams of one connection; its client waits with more. */
const CONNECTION_STREAMS_MAX = 1000;
/** A connection whose other end is gone is noticed after these two together, and what its calls hold is freed. */
const KEEPALIVE_MS = 20_000;
const KEEPALIVE_ANSWER_MS = 10_000;
/** What health checks need takes long to load; a node that starts has its processors for itself so long. */
const INTROSPECTION_MS = 500;

export interface ServerTls {
  readonly cert: Buffer;
  readonly key: Buffer;
  /** A client with a certificate that this authority signed needs no token; null: none is asked for. */
  readonly ca: Buffer | null;
}

/** Something else that the same port offers, and that looks after itself who may use it. */
export interface Offer {
  readonly definition: Definition;
  /** Of what it is sent. */
  readonly messageBytesMax: number;
  readonly implementation: Implementation;
}

export interface GrpcServerOptions {
  readonly host: string;
  /** 0: a free one. */
  readonly port: number;
  readonly tls: ServerTls | null;
  /** Of the cluster. Empty: nobody is asked for one. */
  readonly token: string;
  /** Without token and certificate everybody may do everything: only on loopback, or if the settings say so. */
  readonly allowsStrangers: boolean;
  readonly access: MetadataAccess;
  readonly mqtt: MqttAccess;
  readonly streamDefaults: StreamDefaults;
  readonly offers: readonly Offer[];
  readonly clock: Clock;
  readonly log: Logger;
}

interface Parts {
  readonly server: Server;
  readonly gate: CallGate;
  readonly access: MetadataAccess;
  readonly history: ChangeHistory;
}

/** The public API of the metadata service, and whatever else comes by the same port. */
export class GrpcServer {
  readonly port: number;
  readonly #parts: Parts;
  readonly #unwatch: () => void;
  readonly #introspection: Promise<Introspection>;
  #isIntrospectable = false;

  /** @throws BrokerError RMQ-1003. */
  static async start(options: GrpcServerOptions): Promise<GrpcServer> {
    const { access, tls, token, clock, log, offers } = options;
    const asksForCertificates = tls !== null && tls.ca !== null;
    assert(options.allowsStrangers || token !== '' || asksForCertificates, 'strangers are known from others');
    setLogVerbosity(logVerbosity.NONE); // It would write to standard error what is reported here anyway.
    const gate = new CallGate({ token, asksForCertificates, clock, log });
    const history = new ChangeHistory(access.reader.revision);
    const server = new Server({
      'grpc.max_receive_message_length': Math.max(REQUEST_BYTES_MAX, ...offers.map(({ messageBytesMax }) => messageBytesMax)),
      'grpc.max_concurrent_streams': CONNECTION_STREAMS_MAX,
      'grpc.keepalive_time_ms': KEEPALIVE_MS,
      'grpc.keepalive_timeout_ms': KEEPALIVE_ANSWER_MS,
    });
    server.addService(checkedDefinition(clusterDefinition), clusterCalls(access, gate));
    server.addService(checkedDefinition(catalogueDefinition), catalogueCalls(access, gate, history));
    server.addService(checkedDefinition(streamsDefinition), streamCalls(access, gate, options.streamDefaults));
    server.addService(checkedDefinition(MQTT_DEFINITION), mqttCalls(options.mqtt, gate));
    for (const { definition, implementation } of offers) server.addService(definition, implementation);
    const port = await bind(server, options);
    return new GrpcServer({ server, gate, access, history }, port);
  }

  private constructor(parts: Parts, port: number) {
    const { access, history } = parts;
    this.#parts = parts;
    this.port = port;
    this.#unwatch = access.watch((delta) => history.add(delta));
    this.#introspection = this.#introspect();
  }

  /** Public calls that are under way. */
  get callsUnderWay(): number {
    return this.#parts.gate.underWay;
  }

  /**
   * Until the first true only the verbs of the cluster are served: the catalogue may still be read from the disk. Later it is what health checks
   * are told. Resolves when they can ask.
   */
  async setServing(isServing: boolean): Promise<void> {
    const { gate, access, history } = this.#parts;
    if (isServing) {
      if (history.revision !== access.reader.revision) history.reset(access.reader.revision);
      gate.beginServing();
    }
    (await this.#introspection).setServing(isServing);
  }

  /** Watches and sessions end at once; calls have so long to be answered. */
  async stop(drainMs: number): Promise<void> {
    this.#unwatch();
    const { server, gate } = this.#parts;
    gate.close();
    if (this.#isIntrospectable) await this.setServing(false);
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => server.forceShutdown(), drainMs);
      server.tryShutdown(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  async #introspect(): Promise<Introspection> {
    await delay(INTROSPECTION_MS, undefined, { ref: false });
    const { addIntrospection } = await import('./introspection.js');
    this.#isIntrospectable = true;
    return addIntrospection(this.#parts.server);
  }
}

function bind(server: Server, { host, port, tls }: GrpcServerOptions): Promise<number> {
  const address = authorityOf(host, port);
  const credentials = credentialsOf(tls);
  return new Promise((resolve, reject) => {
    server.bindAsync(address, credentials, (error, bound) => {
      if (error === null) resolve(bound);
      else reject(new BrokerError('RMQ-1003', `on ${address} (grpc): ${error.message}`, { cause: error }));
    });
  });
}

function credentialsOf(tls: ServerTls | null): ServerCredentials {
  if (tls === null) return ServerCredentials.createInsecure();
  const { cert, key, ca } = tls;
  return ca === null
    ? ServerCredentials.createSsl(null, [{ private_key: key, cert_chain: cert }])
    : new CertificatesOnRequest({ cert, key, ca });
}
