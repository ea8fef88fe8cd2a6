import { authorityOf } from '../base/authority.js';
import { BrokerError } from '../base/errors.js';
import type { Logger } from '../base/logger.js';
import type { ShardId } from '../broker/ports.js';
import { isTlsKind, type ListenerDefinition, listenersOf, pathOfListener } from '../settings/listener-schema.js';
import type { Settings } from '../settings/schema.js';
import { NativeAcceptor } from '../transport/native/native-acceptor.js';
import { NodeAcceptor } from '../transport/node/node-acceptor.js';
import { type Acceptor, COUNTER, COUNTERS_COUNT, type OnAccepted } from '../transport/ports.js';
import { claimSocketPath, removeSocket } from '../transport/socket-path.js';
import { chooseWsEngine, type WsEngineChoice } from '../transport/websocket/choose-engine.js';
import { claimPort } from '../transport/websocket/claim-port.js';
import { HttpPort } from './http-port.js';
import { ListenerCells, tagsMaxOf } from './listener-cells.js';
import type { ListenerHandOver, ShardHandOver } from './orders.js';
import { TlsFiles } from './tls/tls-files.js';

/** No listener of the acceptor: uWebSockets.js listens by itself. */
const NONE = -1;
const SCHEMES = { tcp: 'mqtt', tls: 'mqtts', ws: 'ws', wss: 'wss', unix: 'unix' } as const;

export interface OpenListener {
  /** As in the settings. */
  readonly name: string;
  readonly url: string;
  /** The path of a unix socket. */
  readonly host: string;
  /** 0: of a unix socket. */
  readonly port: number;
  readonly isTls: boolean;
}

interface Bound {
  readonly definition: ListenerDefinition;
  readonly port: number;
  listener: number;
  readonly engine: 'uws' | 'ws' | null;
}

/**
 * The ports of the node, on the main thread. All of them are taken before any shard starts, so that a port in use is one clear
 * error and nothing is half started. With the native transport main accepts and deals; else the shards accept, on a descriptor
 * that they share. uWebSockets.js listens on each shard by itself, on a port that was claimed here.
 */
export class Listeners {
  readonly open: OpenListener[] = [];
  readonly certificates: TlsFiles;
  /** Null if it is disabled. It outlives the others: until the end it says that the node is not ready. */
  http: HttpPort | null = null;
  /** Of mqtt.ws; null if it is disabled. */
  webSocketChoice: WsEngineChoice | null = null;
  readonly #bound: Bound[] = [];
  readonly #acceptor: Acceptor;
  readonly #cells: ListenerCells;
  /** Of main's acceptor, by COUNTER. */
  readonly #counters: Float64Array = new Float64Array(COUNTERS_COUNT);

  /** @throws BrokerError RMQ-1003, RMQ-1017, RMQ-1038. */
  static async open(settings: Settings, transportKind: 'native' | 'node', log: Logger, onAccepted: OnAccepted): Promise<Listeners> {
    const listeners = new Listeners(settings, transportKind, log, onAccepted);
    try {
      for (const definition of listenersOf(settings.mqtt)) await listeners.#bind(definition);
      if (settings.http.enabled) listeners.http = await HttpPort.claim(settings.http);
    } catch (error) {
      listeners.close();
      throw error;
    }
    return listeners;
  }

  private constructor(settings: Settings, transportKind: 'native' | 'node', log: Logger, onAccepted: OnAccepted) {
    const definitions = listenersOf(settings.mqtt);
    this.certificates = new TlsFiles(definitions, settings.data_path, log);
    this.#cells = ListenerCells.create(tagsMaxOf(definitions), settings.runtime.shards);
    this.#acceptor = transportKind === 'native' ? NativeAcceptor.open(onAccepted, this.#counters) : new NodeAcceptor();
  }

  /** Connections that main could not accept; where shards accept, they count. */
  get acceptErrors(): number {
    return this.#counters[COUNTER.acceptErrors];
  }

  /** By which connections are counted. */
  tags(): readonly { readonly name: string; readonly tag: number }[] {
    return this.#bound.map(({ definition: { name, tag } }) => ({ name, tag }));
  }

  /** For a shard that starts. */
  handOver(): Pick<ShardHandOver, 'listeners' | 'listenerCells' | 'tls'> {
    return { listeners: this.#forShards(), listenerCells: this.#cells.memory, tls: this.certificates.all };
  }

  #forShards(): ListenerHandOver[] {
    return this.#bound.map(({ definition: { tag }, port, listener, engine }) => {
      return { tag, port, engine, descriptor: listener === NONE ? NONE : this.#acceptor.listeningDescriptorOf(listener) };
    });
  }

  /**
   * A shard died, and its thread closed the descriptors that it shared with the others. Opens them anew.
   * @returns what the other shards must accept from now.
   */
  onShardDown(shard: ShardId): ListenerHandOver[] {
    this.#cells.clearShard(shard);
    if (this.#acceptor.kind === 'native') return [];
    for (const bound of this.#bound) {
      if (bound.listener === NONE) continue;
      this.#acceptor.closeListener(bound.listener);
      if (bound.definition.kind === 'unix') removeSocket(bound.definition.socket);
      bound.listener = this.#listen(bound.definition, bound.port).listener;
    }
    return this.#forShards().filter(({ descriptor }) => descriptor !== NONE);
  }

  close(): void {
    this.#acceptor.close();
    for (const { definition } of this.#bound) if (definition.kind === 'unix') removeSocket(definition.socket);
  }

  async #bind(definition: ListenerDefinition): Promise<void> {
    const { name, kind, host, path, socket } = definition;
    const engine = await this.#engineOf(definition);
    try {
      if (kind === 'unix') await claimSocketPath(socket);
      const isByItself = engine === 'uws';
      const { port, listener } = isByItself
        ? { port: await claimPort(host, definition.port), listener: NONE }
        : this.#listen(definition, definition.port);
      this.#bound.push({ definition, port, listener, engine });
      const where = kind === 'unix' ? `//${socket}` : `//${authorityOf(host, port)}${engine === null ? '' : path}`;
      this.open.push({ name, url: `${SCHEMES[kind]}:${where}`, host: kind === 'unix' ? socket : host, port, isTls: isTlsKind(kind) });
    } catch (error) {
      throw renamed(definition, error);
    }
  }

  #listen(
    { kind, host, socket, socket_mode, tag }: ListenerDefinition,
    port: number,
  ): { readonly port: number; readonly listener: number } {
    if (kind !== 'unix') return this.#acceptor.listen(host, port, tag);
    return { port: 0, listener: this.#acceptor.listenUnix(socket, Number.parseInt(socket_mode, 8), tag) };
  }

  /** What only ws can: TLS, and the header of a proxy. */
  async #engineOf({ name, kind, engine, proxy_protocol }: ListenerDefinition): Promise<'uws' | 'ws' | null> {
    if (kind === 'wss') return 'ws';
    if (kind !== 'ws') return null;
    const choice = await chooseWsEngine(proxy_protocol === 'off' ? engine : 'ws');
    if (name === 'mqtt.ws') this.webSocketChoice = choice;
    return choice.kind;
  }
}

/** Says in the error which listener it is about, and which setting helps. */
function renamed(definition: ListenerDefinition, error: unknown): unknown {
  if (!(error instanceof BrokerError) || error.code !== 'RMQ-1003') return error;
  const { name, kind, host, port, socket } = definition;
  const where = kind === 'unix' ? `on ${socket}` : `on ${host}:${port}`;
  const why = error.message.slice(error.message.indexOf(where) + where.length);
  const cure =
    kind === 'unix'
      ? `Stop the process that has it, or set another socket in ${name}`
      : `Stop the process that has the port, or set ${pathOfListener(definition, 'port')} (0 picks a free one)`;
  return new BrokerError('RMQ-1003', `${where} (${name.replace('.', ' ')})${why}`, { cause: error, cure });
}
