import type { Socket } from 'node:net';
import type { Origin } from '../auth/ports.js';
import { assert } from '../base/assert.js';
import type { Logger } from '../base/logger.js';
import { isTlsKind, type ListenerDefinition, listenersOf } from '../settings/listener-schema.js';
import { CarriedConnections } from '../transport/carried-connections.js';
import type { ConnectionId, ConnectionOptions, PeerAddress, PeerFacts, Transport } from '../transport/ports.js';
import { ProxyGate } from '../transport/proxy-gate.js';
import { SocketDeadlines } from '../transport/socket-deadlines.js';
import { StreamCarrier } from '../transport/stream-carrier.js';
import type { TlsMaterial } from '../transport/tls/material.js';
import { TlsGate } from '../transport/tls/tls-gate.js';
import { BY_ADDRESS, BY_OTHERS } from '../transport/websocket/engine.js';
import { WebSocketListener } from '../transport/websocket/websocket-listener.js';
import type { ListenerCells } from './listener-cells.js';
import type { ListenerHandOver, ShardHandOver } from './orders.js';
import { type Origins, originOf } from './origins.js';
import { rulesOf } from './tls/tls-files.js';

/** Sockets that wait for a handshake, by listener. */
const WAITING_MAX = 10_000;
/** Whoever was told to end has so long to do so. */
const LINGER_MS = 2000;
/** The request to become a WebSocket is there within. */
const UPGRADE_MS_MAX = 10_000;
/** Deadlines are looked at every so many ticks. */
const DEADLINE_TICKS = 5;

export interface ShardListenersParts {
  readonly handOver: ShardHandOver;
  readonly cells: ListenerCells;
  readonly transport: Transport;
  readonly origins: Origins;
  readonly log: Logger;
  readonly connection: ConnectionOptions;
  /** It came in, and belongs to a protocol from now on. */
  readonly onOpen: (connection: ConnectionId, tag: number) => void;
  /** uWebSockets.js is about to listen. @returns false if it must not. */
  readonly beginMustClose: () => boolean;
}

/** One listener as this shard has it. What its kind does not need is null. */
interface Listener {
  readonly definition: ListenerDefinition;
  readonly proxy: ProxyGate | null;
  readonly gate: TlsGate | null;
  readonly web: WebSocketListener | null;
  readonly carried: CarriedConnections | null;
}

/**
 * The way of a connection from an accepted descriptor to its protocol, on one shard:
 *
 *   (a proxy's header is read before anything else, on a socket of node:net)
 *   tcp, unix   descriptor --------------------------------------> transport.adopt -> onOpen
 *   tls         descriptor -> node:net -> TlsGate -> TlsCarrier -> virtual connection -> onOpen
 *   wss, ws     descriptor -> node:net [-> TlsGate] -> node:http, ws -> virtual connection -> onOpen
 *   ws by uWebSockets.js      listens by itself                   -> virtual connection -> onOpen
 */
export class ShardListeners {
  readonly #parts: ShardListenersParts;
  readonly #cells: ListenerCells;
  /** By tag. */
  readonly #byTag: (Listener | undefined)[] = [];
  readonly #deadlines: SocketDeadlines = new SocketDeadlines();
  /** By ConnectionId: the listener's tag. 0: it was not let in. */
  readonly #tags: number[] = [];
  #ticks = 0;
  #isClosed = false;

  constructor(parts: ShardListenersParts) {
    this.#parts = parts;
    this.#cells = parts.cells;
  }

  /** Sockets that are no connections yet. */
  get waiting(): number {
    return this.#deadlines.size;
  }

  async start(): Promise<void> {
    const { handOver } = this.#parts;
    const definitions = listenersOf(handOver.settings.mqtt);
    for (const listener of handOver.listeners) {
      const definition = definitions.find(({ tag }) => tag === listener.tag);
      assert(definition !== undefined, 'main opens what the settings name');
      await this.#open(definition, listener);
    }
    for (const [tag, material] of handOver.tls) this.setMaterial(tag, material);
    for (const listener of handOver.listeners) this.acceptFrom(listener);
    // libuv watches a shared descriptor from its next poll on, and aborts the process if main closed it before that: nobody may tell
    // us to stop yet. Two rounds, for we may be within a poll.
    for (let round = 0; round < 2; round += 1) await new Promise((resolve) => setImmediate(resolve));
  }

  /** Node transport: this thread accepts by itself. */
  acceptFrom({ tag, descriptor }: ListenerHandOver): void {
    if (descriptor < 0) return;
    const { transport } = this.#parts;
    transport.acceptFrom(descriptor, tag, (from, descriptors, count) => {
      this.adopt(from, descriptors, count);
      transport.submit();
    });
  }

  adopt(tag: number, descriptors: Int32Array, count: number): void {
    const { transport, connection } = this.#parts;
    const listener = this.#byTag[tag];
    assert(listener !== undefined, 'what is accepted belongs to a listener');
    const isPlain = listener.carried === null && listener.web === null;
    for (let index = 0; index < count; index += 1) {
      const descriptor = descriptors[index];
      if (!this.#admits(listener.definition)) transport.refuse(descriptor);
      else if (isPlain) this.#enter(tag, transport.adopt(descriptor, connection));
      else this.#take(listener, transport.takeSocket(descriptor));
    }
  }

  setMaterial(tag: number, material: TlsMaterial): void {
    const gate = this.#byTag[tag]?.gate ?? null;
    assert(gate !== null, 'material is of a TLS listener');
    gate.setMaterial(material);
  }

  /** The connection's number is given back. */
  onReleased(connection: ConnectionId): void {
    const tag = this.#tags[connection] ?? 0;
    this.#tags[connection] = 0;
    if (tag > 0) this.#cells.add(tag, this.#parts.handOver.shard, -1);
  }

  /** Every tick of the shard. */
  tick(): void {
    this.#ticks += 1;
    if (this.#ticks % DEADLINE_TICKS === 0) this.#deadlines.advance(performance.now());
  }

  pauseAccepting(): void {
    for (const listener of this.#byTag) listener?.web?.pauseAccepting();
  }

  /** @returns names of those that cannot listen now; try again later. */
  resumeAccepting(): string[] {
    return this.#byTag.flatMap((listener) =>
      listener === undefined || listener.web?.resumeAccepting() !== false ? [] : [listener.definition.name],
    );
  }

  /** uWebSockets.js first of all: with its listener open it aborts the process when the thread ends. Idempotent. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const listener of this.#byTag) listener?.web?.close();
    for (const listener of this.#byTag) listener?.gate?.close();
    this.#deadlines.close();
  }

  #admits({ tag, connections_max, connections_per_second_max }: ListenerDefinition): boolean {
    if (this.#cells.total >= this.#parts.handOver.settings.mqtt.connections_max) return false;
    if (connections_max === 0 && connections_per_second_max === 0) return true;
    return this.#cells.admits(tag, { connectionsMax: connections_max, perSecondMax: connections_per_second_max }, performance.now());
  }

  #enter(tag: number, connection: ConnectionId): void {
    if (connection < 0) return;
    const { handOver, origins, onOpen } = this.#parts;
    while (this.#tags.length <= connection) this.#tags.push(0);
    this.#tags[connection] = tag;
    this.#cells.add(tag, handOver.shard, 1);
    origins.note(connection, tag);
    onOpen(connection, tag);
  }

  #take(listener: Listener, socket: Socket): void {
    socket.on('error', () => socket.destroy());
    if (listener.proxy === null) this.#pass(listener, socket, null);
    else listener.proxy.accept(socket, performance.now(), (source) => this.#pass(listener, socket, source));
  }

  /** @param source whom a proxy speaks for; null: nobody does. */
  #pass({ gate, web, carried }: Listener, socket: Socket, source: PeerAddress | null): void {
    const peer = (): PeerFacts => ({ ...PLAIN, ...(source ?? { address: socket.remoteAddress ?? '', port: socket.remotePort ?? 0 }) });
    if (gate !== null) {
      gate.accept(socket, source, performance.now());
    } else if (web !== null) {
      this.#serveWeb(web, socket, peer, UPGRADE_MS_MAX);
      socket.resume(); // Where it was accepted paused.
    } else if (carried !== null) this.#carry(carried, socket, peer);
  }

  #serveWeb(web: WebSocketListener, socket: Socket, peer: () => PeerFacts, timeoutMs: number): void {
    this.#deadlines.set(socket, performance.now() + timeoutMs);
    web.accept(socket, peer, () => this.#deadlines.clear(socket));
  }

  #carry(carried: CarriedConnections, socket: Socket, peer: () => PeerFacts): void {
    const carrier = new StreamCarrier(socket, peer, (ending) => this.#deadlines.set(ending, performance.now() + LINGER_MS));
    const attached = carried.attach(carrier);
    if (attached !== null) carrier.start(attached);
    socket.resume();
  }

  async #open(definition: ListenerDefinition, { port, engine }: ListenerHandOver): Promise<void> {
    const { transport, origins, connection, handOver, beginMustClose } = this.#parts;
    const { tag, host, path, kind, name } = definition;
    const onOpen = (opened: ConnectionId): void => {
      this.#enter(tag, opened);
      transport.submit();
    };
    const isByItself = engine === 'uws';
    let web: WebSocketListener | null = null;
    if (engine !== null && (!isByItself || beginMustClose())) {
      const descriptor = isByItself ? BY_ADDRESS : BY_OTHERS;
      const messageBytesMax = handOver.settings.mqtt.packet_bytes_max;
      web = await WebSocketListener.open(transport, { kind: engine, host, port, descriptor, path, messageBytesMax, connection, onOpen });
    }
    const { proxy_protocol: versions, proxy_trusted } = definition;
    const trusted = kind === 'unix' ? null : proxy_trusted;
    const proxy = versions === 'off' ? null : new ProxyGate({ versions, trusted }, this.#deadlines);
    const isCarried = engine === null && (kind === 'tls' || proxy !== null);
    const carried = isCarried ? new CarriedConnections(transport, connection, onOpen) : null;
    const gate = isTlsKind(kind) ? this.#openGate(definition, web, carried) : null;
    this.#byTag[tag] = { definition, proxy, gate, web, carried };
    const factsOf = (id: ConnectionId): PeerFacts => (carried ?? web)?.peerOf(id) ?? { ...PLAIN, ...transport.peerOf(id) };
    origins.listen(tag, (id): Origin => originOf(definition, factsOf(id)));
    this.#parts.log.debug('listener.open', 'a shard takes connections', { name });
  }

  #openGate(definition: ListenerDefinition, web: WebSocketListener | null, carried: CarriedConnections | null): TlsGate {
    const options = {
      ...rulesOf(definition),
      identityFrom: definition.identity_from,
      handshakesMax: definition.handshakes_max,
      waitingMax: WAITING_MAX,
      handshakeTimeoutMs: definition.handshake_timeout,
      alpn: web === null ? [] : ['http/1.1'],
      hasPreSharedKeys: definition.psk_file !== '',
    };
    return new TlsGate(options, this.#deadlines, (socket, peer) => {
      if (web !== null) {
        this.#serveWeb(web, socket, peer, definition.handshake_timeout);
        return;
      }
      if (carried !== null) this.#carry(carried, socket, peer);
    });
  }
}

const PLAIN = { isEncrypted: false, certificate: null, pskIdentity: '' };
