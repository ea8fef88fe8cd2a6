import { assert } from '../base/assert.js';
import type { Clock } from '../base/clock.js';
import { BrokerError } from '../base/errors.js';
import type { Logger } from '../base/logger.js';
import { RaftDriver } from '../raft/driver/driver.js';
import type { DriverLimits } from '../raft/driver/limits.js';
import type { LogIndex, NodeId } from '../raft/messages.js';
import { Catalogue } from './catalogue/catalogue.js';
import type { CommandEnvelope, CommandOutcome } from './catalogue/commands.js';
import type { Delta } from './catalogue/delta.js';
import type { NodeRole } from './catalogue/resources.js';
import { faultOfLeaving, nextMembershipStep } from './membership-keeper.js';
import type { MemberRow, NodeStatus } from './node-status.js';
import type { Hello, Refusal } from './peers/frames.js';
import { type PeerTls, PeerTransport } from './peers/peer-transport.js';
import type { CatalogueReader } from './ports.js';
import { type ProposeAnswer, Requests } from './requests.js';
import type { NodeIdentity } from './store/identity.js';
import type { MetadataStore } from './store/metadata-store.js';

const TICK_MS = 100;
/** The leader compares the catalogue with Raft's members so often. */
const KEEP_TICKS = 5;
/** How long a node that stops waits for another to lead. */
const HAND_OVER_MS_MAX = 1500;
const REGISTER_MS_MAX = 5000;
const NODES_MAX = 10_000;

export interface SelfDescription {
  readonly name: string;
  /** host:port by which other nodes reach this one. */
  readonly address: string;
  readonly roles: readonly NodeRole[];
  readonly version: string;
}

export interface MetadataNodeOptions {
  readonly store: MetadataStore;
  /** Where first voters are, as long as the catalogue does not say. */
  readonly firstPeers: ReadonlyMap<NodeId, string>;
  readonly self: Omit<SelfDescription, 'address'>;
  readonly tls: PeerTls | null;
  readonly limits: DriverLimits;
  readonly votersMax: number;
  readonly drawBelow: (limit: number) => number;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * A member of the metadata service: the driver with its log and peers, the catalogue, and the requests of this node's callers. On the metadata
 * thread; everything calls back.
 */
export class MetadataNode {
  readonly requests: Requests;
  /** The gRPC server offers its service to peers. */
  readonly peers: PeerTransport;
  /** What each batch changed, in order, from `begin` on. */
  onDelta: (delta: Delta) => void = () => {};
  /** Once. The process ends. */
  onFatal: (error: BrokerError) => void = () => {};
  readonly #options: MetadataNodeOptions;
  readonly #identity: NodeIdentity;
  readonly #catalogue: Catalogue;
  /** Known when the port is open; empty: others cannot reach this node. */
  address = '';
  readonly #driver: RaftDriver<readonly CommandOutcome[]>;
  readonly #timer: NodeJS.Timeout;
  #isTurnWanted = false;
  #ticks = 0;
  #termChanges = 0;
  #termSeen = 0;
  #appliedTold: LogIndex = 0;
  #isRegistering = false;
  #isStopped = false;

  /** The store has an identity. @throws StoreError corrupt. */
  constructor(options: MetadataNodeOptions) {
    const { store, limits, drawBelow, log, clock, tls } = options;
    assert(store.identity !== null, 'a node has an identity');
    this.#options = options;
    this.#identity = store.identity;
    this.#catalogue = new Catalogue({ onDelta: (delta) => this.#onDelta(delta) });
    this.peers = new PeerTransport({
      self: this.#identity,
      admit: (hello) => this.#admit(hello),
      onRefused: (peer, refusal) => this.#onRefused(peer, refusal),
      onMessages: (_from, messages) => this.#driver.receive(messages),
      onChunk: (from, chunk) => this.#driver.onChunk(from, chunk),
      onChunkAnswer: (from, answer) => this.#driver.onChunkAnswer(from, answer),
      onUnreachable: (peer) => this.#driver.onUnreachable(peer),
      onForward: (_from, bytes, answer) => this.requests.onForwarded(bytes, answer),
      tls,
      clock,
      drawBelow,
      log,
    });
    this.#driver = new RaftDriver({
      id: this.#identity.nodeId,
      store: store.openLog(),
      transport: this.peers,
      machine: this.#catalogue,
      limits,
      drawBelow,
      report: {
        info: (sentence, fields) => log.debug('raft', sentence, fields),
        warn: (sentence, fields) => log.warn('raft', sentence, fields),
      },
    });
    this.requests = new Requests(clock, this.#driver, this.peers);
    this.#driver.onWork = () => this.#wantTurn();
    this.#driver.onFatal = (error) => this.onFatal(new BrokerError('RMQ-1027', `(${error.message})`, { cause: error }));
    this.#driver.onLeader = (leader, term) => this.#onLeader(leader, term);
    this.#timer = setInterval(() => this.#onTick(), TICK_MS);
  }

  /** What the catalogue is told. */
  get self(): SelfDescription {
    return { ...this.#options.self, address: this.address };
  }

  get identity(): NodeIdentity {
    return this.#identity;
  }

  get reader(): CatalogueReader {
    return this.#catalogue.reader;
  }

  get catalogue(): Catalogue {
    return this.#catalogue;
  }

  get isLeader(): boolean {
    return this.#driver.isLeader;
  }

  get leader(): NodeId {
    return this.#driver.leader;
  }

  /** The only voter of its cluster. */
  get isAlone(): boolean {
    const { voters, votersOutgoing } = this.#driver.configuration;
    return voters.length === 1 && voters[0] === this.#identity.nodeId && votersOutgoing.length === 0;
  }

  /** As a leader: all that was committed before it led is applied. */
  get hasCommittedOwnTerm(): boolean {
    return this.#driver.isLeader && this.#driver.appliedTerm === this.#driver.term;
  }

  start(): void {
    this.#driver.start();
    if (this.isAlone) this.#driver.campaign();
    this.#updatePeers();
  }

  propose(envelopes: readonly CommandEnvelope[], deadlineMs: number, done: (answer: ProposeAnswer) => void): void {
    this.requests.propose(envelopes, deadlineMs, done);
  }

  status(): NodeStatus {
    const driver = this.#driver;
    const { configuration } = driver;
    const raft = driver.node?.status();
    const role = raft?.role ?? 'follower';
    return {
      clusterId: this.#identity.clusterId,
      nodeId: this.#identity.nodeId,
      role: role === 'follower' && configuration.learners.includes(this.#identity.nodeId) ? 'learner' : role,
      leader: driver.leader,
      term: driver.term,
      commitIndex: raft?.commit ?? 0,
      appliedIndex: driver.appliedIndex,
      snapshotIndex: driver.snapshotIndex,
      revision: this.reader.revision,
      voters: configuration.voters,
      learners: configuration.learners,
      termChanges: this.#termChanges,
    };
  }

  members(): readonly MemberRow[] {
    const driver = this.#driver;
    const raft = driver.node?.status();
    const { voters, learners } = driver.configuration;
    const progress = new Map((raft?.members ?? []).map((member) => [member.node, member]));
    return this.reader.list('node', { limit: NODES_MAX }).map((node): MemberRow => {
      const { id, name, address, roles, version, state } = node;
      const known = progress.get(id);
      const isSelf = id === this.#identity.nodeId;
      return {
        id,
        name,
        address,
        roles,
        version,
        state,
        membership: voters.includes(id) ? 'voter' : learners.includes(id) ? 'learner' : 'none',
        isLeader: id === driver.leader,
        lag: known === undefined ? null : isSelf ? 0 : Math.max(0, (raft?.lastIndex ?? 0) - known.match),
        isReachable: known === undefined ? null : isSelf || known.isRecentlyActive,
      };
    });
  }

  /** Why the node may not leave, in words. */
  faultOfLeaving(node: NodeId): string | null {
    return faultOfLeaving(node, this.#driver.configuration);
  }

  /** Others lead, if there are others. */
  async stop(): Promise<void> {
    if (this.#isStopped) return;
    this.#isStopped = true;
    await this.#handOver();
    clearInterval(this.#timer);
    this.#driver.stop();
    this.requests.close();
    this.peers.close();
  }

  async #handOver(): Promise<void> {
    const { node } = this.#driver;
    if (node === null || !this.#driver.isLeader) return;
    const { members, configuration, id } = node.status();
    const able = members.filter(
      ({ node: other, isRecentlyActive }) => other !== id && isRecentlyActive && configuration.voters.includes(other),
    );
    const [next] = able.sort((a, b) => b.match - a.match);
    if (next === undefined) return;
    this.#driver.transferLeadership(next.node);
    const endMs = this.#options.clock.monotonicMs() + HAND_OVER_MS_MAX;
    while (this.#driver.isLeader && this.#options.clock.monotonicMs() < endMs) await new Promise((resolve) => setTimeout(resolve, 10));
  }

  #wantTurn(): void {
    if (this.#isTurnWanted) return;
    this.#isTurnWanted = true;
    // After all sockets of this turn of the loop: what they brought is done together.
    setImmediate(() => {
      this.#isTurnWanted = false;
      this.requests.flush();
      this.#driver.turn();
      this.#tellApplied();
    });
  }

  #tellApplied(): void {
    const applied = this.#driver.appliedIndex;
    if (applied === this.#appliedTold) return;
    this.#appliedTold = applied;
    this.requests.onApplied(applied);
  }

  #onTick(): void {
    this.#driver.tick();
    this.requests.onTick();
    this.#tellApplied();
    this.#ticks += 1;
    if (this.#isStopped) return;
    this.#maybeRegister();
    if (this.#ticks % KEEP_TICKS !== 0) return;
    this.#updatePeers();
    if (this.#driver.isLeader) this.#keepMembership();
  }

  #onLeader(leader: NodeId, term: number): void {
    if (term !== this.#termSeen) this.#termChanges += 1;
    this.#termSeen = term;
    const isSelf = leader === this.#identity.nodeId;
    this.#options.log.info('metadata.leader', leader === 0 ? 'nobody leads' : isSelf ? 'this node leads' : 'another node leads', {
      leader,
      term: this.#driver.term,
    });
    if (leader !== 0) setImmediate(() => this.requests.onLeader()); // Not within the driver's turn.
  }

  #onDelta(delta: Delta): void {
    this.onDelta(delta);
  }

  /** A first voter has its number from the settings, and gives the catalogue its UUID; others have both from joining. What changed since is told too. */
  #maybeRegister(): void {
    const { reader } = this;
    const { self } = this;
    const { nodeId: id, uuid } = this.#identity;
    if (this.#isRegistering || this.#driver.leader === 0 || reader.get('cluster', {}) === null) return;
    const known = reader.get('node', { id });
    if (known === null) this.#register([{ command: { kind: 'register-node', id, uuid, ...self }, requestId: null }]);
    else if (known.uuid !== uuid || known.state === 'removed') return;
    else if (
      known.name !== self.name ||
      known.address !== self.address ||
      known.version !== self.version ||
      !sameRoles(known.roles, self.roles)
    )
      this.#register([{ command: { kind: 'change-node', id, ...self, state: known.state, expected: known.revision }, requestId: null }]);
  }

  #register(envelopes: readonly CommandEnvelope[]): void {
    this.#isRegistering = true;
    this.propose(envelopes, REGISTER_MS_MAX, (answer) => {
      this.#isRegistering = false;
      if (answer.kind !== 'applied') return; // The next tick tries again.
      const [outcome] = answer.result;
      if (outcome?.isOk === false && outcome.code !== 'conflict')
        this.#options.log.warn('metadata.not-registered', 'the catalogue does not take what this node says of itself', {
          why: outcome.detail,
        });
    });
  }

  #keepMembership(): void {
    const status = this.#driver.node?.status();
    if (status === undefined || this.reader.get('cluster', {}) === null) return;
    const step = nextMembershipStep(this.reader, status, this.#options.votersMax);
    const done = (): void => {};
    if (step.kind === 'change') {
      const change = { transition: 'auto', changes: [{ type: step.type, node: step.node }], context: new Uint8Array(0) } as const;
      const why = this.#driver.changeConfiguration(change, done);
      this.#options.log.info('metadata.membership', 'the members of the cluster change', {
        change: step.type,
        node: step.node,
        why: why ?? '',
      });
    } else if (step.kind === 'activate') {
      const { id, name, address, roles, version, revision } = step.node;
      const command = { kind: 'change-node', id, name, address, roles, version, state: 'active', expected: revision } as const;
      this.propose([{ command, requestId: null }], REGISTER_MS_MAX, done);
    } else if (step.kind === 'forget') {
      const command = { kind: 'remove-node', id: step.node.id, expected: step.node.revision } as const;
      this.propose([{ command, requestId: null }], REGISTER_MS_MAX, done);
    } else if (step.kind === 'hand-over') this.#driver.transferLeadership(step.to);
  }

  #updatePeers(): void {
    const { voters, votersOutgoing, learners } = this.#driver.configuration;
    const addresses = new Map<NodeId, string>();
    for (const id of [...voters, ...votersOutgoing, ...learners]) {
      const address = this.reader.get('node', { id })?.address ?? this.#options.firstPeers.get(id);
      if (id !== this.#identity.nodeId && address !== undefined) addresses.set(id, address);
    }
    // A node that joins knows nobody yet; whom it asked to join is the way in.
    if (addresses.size === 0)
      for (const [id, address] of this.#options.firstPeers) if (id !== this.#identity.nodeId) addresses.set(id, address);
    this.peers.setPeers(addresses);
  }

  #admit({ clusterId, nodeId, uuid }: Hello): Refusal | null {
    if (clusterId !== this.#identity.clusterId) return { code: 'wrong-cluster', text: `this is cluster ${this.#identity.clusterId}` };
    const known = this.reader.get('node', { id: nodeId });
    if (known === null) {
      const { voters, learners } = this.#driver.configuration;
      const mayBe = voters.includes(nodeId) || learners.includes(nodeId) || this.reader.get('cluster', {}) === null;
      return mayBe ? null : { code: 'unknown', text: `there is no node ${nodeId}` };
    }
    if (known.state === 'removed') return { code: 'removed', text: `node ${nodeId} was removed from the cluster` };
    if (known.uuid !== uuid) return { code: 'identity', text: `node ${nodeId} is the one with the UUID ${known.uuid}` };
    return null;
  }

  /**
   * Who this node was is over when the cluster says so. A peer that is behind may not know this node yet, and one of another cluster has nothing to say:
   * it only has the address of somebody who was here.
   */
  #onRefused(peer: NodeId, refusal: Refusal): void {
    this.#options.log.warn('metadata.refused', 'another node refuses this one', { peer, code: refusal.code, text: refusal.text });
    if ((refusal.code !== 'identity' && refusal.code !== 'removed') || this.#isStopped) return;
    this.onFatal(new BrokerError('RMQ-1028', `(node ${peer}: ${refusal.text})`));
  }
}

function sameRoles(a: readonly NodeRole[], b: readonly NodeRole[]): boolean {
  return a.length === b.length && a.every((role) => b.includes(role));
}
