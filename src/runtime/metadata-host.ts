import { BrokerError } from '../base/errors.js';
import { CATCH_ALL } from '../broker/streams/definition.js';
import type { Command, CommandEnvelope } from '../metadata/catalogue/commands.js';
import type { Delta } from '../metadata/catalogue/delta.js';
import { encodeDelta } from '../metadata/catalogue/delta-codec.js';
import { RESOURCE_KINDS } from '../metadata/catalogue/record-forms.js';
import { type ResourceKind, TENANT_DEFAULT } from '../metadata/catalogue/resources.js';
import type { MetadataNode } from '../metadata/metadata-node.js';
import { hashOfToken, NodeAccess } from '../metadata/node-access.js';
import { answerCluster } from './cluster-answers.js';
import { firstCommands } from './first-commands.js';
import { addressOf, type GrpcPort, openGrpcPort } from './grpc-port.js';
import { askToJoin, faultOfJoining } from './joining.js';
import { type ClusterQuestion, faultOf, type MetadataHandOver, type MetadataNotice, type MetadataOrder } from './metadata-orders.js';
import { buildNode, firstPeersOf, type MetadataParts, openMetadata } from './metadata-parts.js';
import { OutsideCalls } from './mqtt-api/outside-calls.js';
import { WitnessedAccess } from './witnessed-access.js';

/** Positions of consumers change all the time, and whoever needs one asks. */
const KINDS_OF_THREADS: ReadonlySet<ResourceKind> = new Set(RESOURCE_KINDS.filter((kind) => kind !== 'offset' && kind !== 'group'));
const STATUS_MS = 1000;
const LOOK_MS = 10;
const FIRST_COMMANDS_MS_MAX = 10_000;
/** So long a node that has a copy of the catalogue waits for a leader before it serves with what it has. */
const STALE_MS_MAX = 5000;
/** A node that waits for others says so each so often. */
const WAIT_NOTE_MS = 5000;

/** The metadata thread: its node, its gRPC port, and what main wants of them. */
export class MetadataHost {
  readonly #handOver: MetadataHandOver;
  readonly #post: (notice: MetadataNotice) => void;
  readonly #parts: MetadataParts;
  readonly #grpc: GrpcPort;
  readonly #calls: OutsideCalls;
  readonly #timer: NodeJS.Timeout;
  readonly #access: NodeAccess;
  #node: MetadataNode;
  #isStopping = false;

  /** Opens files and port. Main hears `serving` when the catalogue is there. */
  static async open(handOver: MetadataHandOver, post: (notice: MetadataNotice) => void): Promise<MetadataHost> {
    try {
      const parts = await openMetadata(handOver, post);
      const access = new NodeAccess(buildNode(parts, handOver, firstPeersOf(handOver.settings.metadata)));
      const calls = new OutsideCalls(post);
      const isAudited = handOver.settings.audit.enabled && handOver.settings.roles.includes('broker'); // Others have no audit log.
      const witnessed = new WitnessedAccess(access, isAudited ? (changes) => post({ kind: 'changed', changes }) : null);
      const grpc = await openGrpcPort(handOver, parts.tls, { access: witnessed, door: access.door, mqtt: calls }, parts);
      const host = new MetadataHost(handOver, post, parts, access, grpc, calls);
      host.#begin();
      return host;
    } catch (error) {
      post({ kind: 'fatal', fault: faultOf(error, 'RMQ-1027') });
      throw error;
    }
  }

  private constructor(
    handOver: MetadataHandOver,
    post: (notice: MetadataNotice) => void,
    parts: MetadataParts,
    access: NodeAccess,
    grpc: GrpcPort,
    calls: OutsideCalls,
  ) {
    this.#handOver = handOver;
    this.#post = post;
    this.#parts = parts;
    this.#grpc = grpc;
    this.#calls = calls;
    this.#access = access;
    this.#node = access.node;
    this.#take(access.node);
    this.#timer = setInterval(() => post({ kind: 'status', status: this.#node.status() }), STATUS_MS);
  }

  onOrder(order: MetadataOrder): void {
    switch (order.kind) {
      case 'propose':
        this.#propose(order.ticket, order.commands, order.deadlineMs);
        return;
      case 'ask':
        void this.#answer(order.ticket, order.question);
        return;
      case 'mqtt-word':
        this.#calls.onWord(order.ticket, order.word);
        return;
      case 'want-full':
        this.#postFull();
        return;
      case 'stop':
        void this.#stop();
    }
  }

  #take(node: MetadataNode): void {
    this.#node = node;
    this.#access.node = node;
    node.address = addressOf(this.#handOver.settings, this.#grpc);
    node.onFatal = (error) => this.#post({ kind: 'fatal', fault: faultOf(error, 'RMQ-1027') });
    node.onDelta = (delta) => this.#onDelta(delta);
  }

  /** Nothing is told to main before the catalogue is what a broker can work with. */
  #begin(): void {
    const node = this.#node;
    const { clock, log } = this.#parts;
    const startedMs = clock.monotonicMs();
    let isFounding = false;
    let notedMs = startedMs;
    node.start();
    const look = (): void => {
      if (this.#isStopping || node !== this.#node) return;
      const waitedMs = clock.monotonicMs() - startedMs;
      if (this.#isComplete && (node.leader !== 0 || waitedMs > STALE_MS_MAX)) {
        this.#serve();
        return;
      }
      // Only who has applied all that was ever committed knows that there is nothing.
      if (node.hasCommittedOwnTerm && !isFounding && node.reader.get('cluster', {}) === null) {
        isFounding = true;
        this.#found(() => {
          isFounding = false;
        });
      }
      if (clock.monotonicMs() - notedMs >= WAIT_NOTE_MS) {
        notedMs = clock.monotonicMs();
        const { voters } = node.status();
        log.info('metadata.waiting', 'waiting for the other nodes of the cluster', { leader: node.leader, voters: voters.length });
      }
      setTimeout(look, LOOK_MS);
    };
    look();
  }

  /** The catalogue knows this node, and the streams that every broker needs. A leader also has applied all that was committed before it led. */
  get #isComplete(): boolean {
    const { reader, identity } = this.#node;
    if (reader.get('node', { id: identity.nodeId })?.uuid !== identity.uuid) return false; // Its disk is its own from then on.
    if (reader.get('cluster', {}) === null || reader.get('stream', { tenant: TENANT_DEFAULT, name: CATCH_ALL }) === null) return false;
    return !this.#node.isLeader || this.#node.hasCommittedOwnTerm;
  }

  #found(over: () => void): void {
    const { settings, legacy, streamDefaults } = this.#handOver;
    const commands = firstCommands({
      clusterId: this.#node.identity.clusterId,
      clusterName: 'robustmq',
      tokenHash: hashOfToken(settings.metadata.token),
      firstVoters: this.#node.status().voters.length,
      self: { id: this.#node.identity.nodeId, uuid: this.#node.identity.uuid, ...this.#node.self },
      legacy,
      streamDefaults,
    });
    this.#node.propose(commands.map(plainEnvelope), FIRST_COMMANDS_MS_MAX, (answer) => {
      over();
      if (answer.kind !== 'applied') return; // Whoever leads next does it.
      const refused = answer.result.find((outcome) => !outcome.isOk);
      if (refused?.isOk !== false) return;
      this.#post({
        kind: 'fatal',
        fault: faultOf(new BrokerError('RMQ-1027', `(the first commands are refused: ${refused.detail})`), 'RMQ-1027'),
      });
    });
  }

  #serve(): void {
    const { reader } = this.#node;
    this.#node.catalogue.isReporting = true;
    // Whoever watched a node that this one was before begins again.
    this.#access.onDelta({ type: 'reset', revision: reader.revision, index: reader.index });
    this.#tellShape();
    this.#postFull();
    void this.#grpc.beginServing();
    this.#post({ kind: 'serving', nodeId: this.#node.identity.nodeId, port: this.#grpc.port });
  }

  /** Others see what groups of the journal are here. If it does not arrive, the next start tells it. */
  #tellShape(): void {
    const { shape } = this.#handOver;
    if (shape === null) return;
    const node = this.#node.identity.nodeId;
    const known = this.#node.reader.get('shape', { node });
    if (known?.groups === shape.groups && known.groupLanes === shape.groupLanes && known.lanes === shape.lanes) return;
    this.#node.propose([plainEnvelope({ kind: 'put-shape', value: { node, ...shape }, expected: null })], FIRST_COMMANDS_MS_MAX, () => {});
  }

  #postFull(): void {
    this.#post({ kind: 'full', chunks: [...this.#node.catalogue.encodeFull(KINDS_OF_THREADS)] });
  }

  #onDelta(delta: Delta): void {
    this.#access.onDelta(delta);
    if (delta.type === 'reset') this.#postFull();
    else this.#post({ kind: 'delta', bytes: encodeDelta(delta, KINDS_OF_THREADS) });
  }

  #propose(ticket: number, commands: readonly Command[], deadlineMs: number): void {
    this.#node.propose(commands.map(plainEnvelope), deadlineMs, (answer) => {
      const told = answer.kind === 'applied' ? { kind: 'applied' as const, outcomes: answer.result } : answer;
      this.#post({ kind: 'outcome', ticket, answer: told });
    });
  }

  async #answer(ticket: number, question: ClusterQuestion): Promise<void> {
    try {
      const body =
        question.verb === 'cluster-join' ? await this.#join(question.address, question.token) : await answerCluster(this.#access, question);
      this.#post({ kind: 'answer', ticket, body });
    } catch (error) {
      if (!(error instanceof BrokerError)) throw error;
      this.#post({ kind: 'refusal', ticket, fault: faultOf(error, 'RMQ-1034') });
    }
  }

  /** This node's own metadata go; it gets those of the cluster. */
  async #join(address: string, token: string): Promise<object> {
    const { settings, version } = this.#handOver;
    const fault = faultOfJoining(this.#node);
    if (fault !== null) throw new BrokerError('RMQ-1034', `(${fault})`);
    const self = { name: settings.node.id, address: this.#node.address, roles: settings.roles, version };
    const joined = await askToJoin({ address, token, self, tls: this.#parts.tls, clock: this.#parts.clock });
    await this.#node.stop();
    await this.#parts.store.foundAnew({ kind: 'joins', identity: joined.identity });
    this.#take(buildNode(this.#parts, this.#handOver, joined.peers));
    this.#begin();
    return { text: `joined cluster ${joined.identity.clusterId} as node ${joined.identity.nodeId}; it votes as soon as it has caught up` };
  }

  async #stop(): Promise<void> {
    if (this.#isStopping) return;
    this.#isStopping = true;
    clearInterval(this.#timer);
    await this.#node.stop();
    await this.#grpc.close();
    await this.#parts.store.close();
    this.#post({ kind: 'stopped' });
    process.exit(0);
  }
}

/** What this node says of itself needs no protection against being said twice. */
function plainEnvelope(command: Command): CommandEnvelope {
  return { command, requestId: null };
}
