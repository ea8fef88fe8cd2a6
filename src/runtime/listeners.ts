import { authorityOf } from '../base/authority.js';
import { BrokerError } from '../base/errors.js';
import type { Settings, TcpListenerSettings } from '../settings/schema.js';
import { NativeAcceptor } from '../transport/native/native-acceptor.js';
import { NodeAcceptor } from '../transport/node/node-acceptor.js';
import { type Acceptor, COUNTER, COUNTERS_COUNT, type OnAccepted } from '../transport/ports.js';
import { chooseWsEngine, type WsEngineChoice } from '../transport/websocket/choose-engine.js';
import { claimPort } from '../transport/websocket/claim-port.js';
import type { TcpListenerHandOver, WebSocketHandOver } from './orders.js';

const TAG_MQTT_TCP = 1;
const TAG_MQTT_WS = 2;
/** No listener of an acceptor. */
const NONE = -1;

export interface OpenListener {
  /** As in the settings. */
  readonly name: string;
  readonly url: string;
  readonly host: string;
  readonly port: number;
}

/**
 * The ports of the node, on the main thread. All of them are taken before any shard starts, so that a port in use is one clear
 * error and nothing is half started. With the native transport main accepts and deals; else the shards accept, on a descriptor
 * that they share.
 */
export class Listeners {
  readonly open: OpenListener[] = [];
  readonly webSocketChoice: WsEngineChoice | null;
  readonly #settings: Settings;
  readonly #tcp: Acceptor;
  /** Of main's acceptor, by COUNTER. */
  readonly #counters: Float64Array = new Float64Array(COUNTERS_COUNT);
  /** Binds for the WebSocket engine that cannot bind a port together with other threads. */
  readonly #shared: NodeAcceptor = new NodeAcceptor();
  #tcpListener = NONE;
  #tcpPort = 0;
  #webSocketListener = NONE;
  #webSocketPort = 0;

  static async open(settings: Settings, transportKind: 'native' | 'node', onAccepted: OnAccepted): Promise<Listeners> {
    const choice = settings.mqtt.ws.enabled ? await chooseWsEngine(settings.mqtt.ws.engine) : null;
    const listeners = new Listeners(settings, transportKind, choice, onAccepted);
    try {
      await listeners.#bind();
    } catch (error) {
      listeners.close();
      throw error;
    }
    return listeners;
  }

  private constructor(settings: Settings, transportKind: 'native' | 'node', choice: WsEngineChoice | null, onAccepted: OnAccepted) {
    this.#settings = settings;
    this.webSocketChoice = choice;
    this.#tcp = transportKind === 'native' ? NativeAcceptor.open(onAccepted, this.#counters) : new NodeAcceptor();
  }

  /** Connections that main could not accept; where shards accept, they count. */
  get acceptErrors(): number {
    return this.#counters[COUNTER.acceptErrors];
  }

  tcpHandOver(): TcpListenerHandOver[] {
    if (this.#tcpListener === NONE) return [];
    return [{ name: 'mqtt.tcp', tag: TAG_MQTT_TCP, descriptor: this.#tcp.listeningDescriptorOf(this.#tcpListener) }];
  }

  webSocketHandOver(): WebSocketHandOver | null {
    if (this.webSocketChoice === null) return null;
    const { host, path } = this.#settings.mqtt.ws;
    const descriptor = this.#webSocketListener === NONE ? NONE : this.#shared.listeningDescriptorOf(this.#webSocketListener);
    return { name: 'mqtt.ws', tag: TAG_MQTT_WS, host, port: this.#webSocketPort, path, engine: this.webSocketChoice.kind, descriptor };
  }

  /**
   * A shard died, and its thread closed the descriptors that it shared with the others. Opens them anew.
   * @returns what the other shards must accept from now. Their WebSocket engines cannot be moved to a new descriptor without
   * ending their clients: those keep the clients they have, and the successor of the dead shard takes the new ones.
   */
  reopenShared(): TcpListenerHandOver[] {
    if (this.#webSocketListener !== NONE) {
      this.#shared.closeListener(this.#webSocketListener);
      this.#webSocketListener = this.#shared.listen(this.#settings.mqtt.ws.host, this.#webSocketPort, TAG_MQTT_WS).listener;
    }
    if (this.#tcpListener === NONE || this.#tcp.kind === 'native') return [];
    this.#tcp.closeListener(this.#tcpListener);
    this.#tcpListener = this.#tcp.listen(this.#settings.mqtt.tcp.host, this.#tcpPort, TAG_MQTT_TCP).listener;
    return this.tcpHandOver();
  }

  close(): void {
    this.#tcp.close();
    this.#shared.close();
  }

  async #bind(): Promise<void> {
    const { tcp, ws } = this.#settings.mqtt;
    if (tcp.enabled) {
      const { port, listener } = named('mqtt.tcp', tcp, () => this.#tcp.listen(tcp.host, tcp.port, TAG_MQTT_TCP));
      this.#tcpListener = listener;
      this.#tcpPort = port;
      this.open.push({ name: 'mqtt.tcp', url: `mqtt://${authorityOf(tcp.host, port)}`, host: tcp.host, port });
    }
    if (this.webSocketChoice === null) return;
    if (this.webSocketChoice.kind === 'uws') {
      this.#webSocketPort = await claimPort(ws.host, ws.port).catch((error: unknown) => renamed('mqtt.ws', ws, error));
    } else {
      const { port, listener } = named('mqtt.ws', ws, () => this.#shared.listen(ws.host, ws.port, TAG_MQTT_WS));
      this.#webSocketListener = listener;
      this.#webSocketPort = port;
    }
    const url = `ws://${authorityOf(ws.host, this.#webSocketPort)}${ws.path}`;
    this.open.push({ name: 'mqtt.ws', url, host: ws.host, port: this.#webSocketPort });
  }
}

/** Says in the error which listener it is about, and which setting helps. */
function named<T>(name: string, settings: TcpListenerSettings, listen: () => T): T {
  try {
    return listen();
  } catch (error) {
    return renamed(name, settings, error);
  }
}

function renamed(name: string, { host, port }: TcpListenerSettings, error: unknown): never {
  if (!(error instanceof BrokerError) || error.code !== 'RMQ-1003') throw error;
  const where = `on ${host}:${port}`;
  const why = error.message.slice(error.message.indexOf(where) + where.length);
  const cure = `Stop the process that has the port, or set ${name}.port (0 picks a free one)`;
  throw new BrokerError('RMQ-1003', `${where} (${name.replace('.', ' ')})${why}`, { cause: error, cure });
}
