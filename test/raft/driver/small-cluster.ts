import { SeededRandom } from '../../../src/base/random.js';
import { MetadataStore } from '../../../src/metadata/store/metadata-store.js';
import { RaftDriver } from '../../../src/raft/driver/driver.js';
import { DRIVER_LIMITS, type DriverLimits } from '../../../src/raft/driver/limits.js';
import type { ProposalOutcome, RaftTransport, ReadOutcome, StateMachine } from '../../../src/raft/driver/ports.js';
import type { ConfigurationState, Entry, NodeId } from '../../../src/raft/messages.js';
import { openMemoryStore } from '../../../src/storage/memory-store.js';
import type { SegmentStore } from '../../../src/storage/ports.js';

/** Keeps all data that were applied, in order. */
export class ListMachine implements StateMachine<number> {
  applied: string[] = [];
  configuration: ConfigurationState | null = null;

  apply(entry: Entry): number {
    if (entry.data.length > 0) this.applied.push(Buffer.from(entry.data).toString());
    return this.applied.length;
  }

  onConfiguration(configuration: ConfigurationState): number {
    this.configuration = configuration;
    return this.applied.length;
  }

  *capture(): IterableIterator<Uint8Array> {
    const applied = [...this.applied];
    for (let at = 0; at < applied.length; at += 10) yield Buffer.from(`${applied.slice(at, at + 10).join('\n')}\n`);
  }

  restore(chunks: Iterable<Uint8Array>): void {
    let text = '';
    for (const chunk of chunks) text += Buffer.from(chunk).toString();
    this.applied = text.split('\n').filter((line) => line !== '');
  }
}

export interface SmallNode {
  readonly id: NodeId;
  readonly machine: ListMachine;
  readonly driver: RaftDriver<number>;
  readonly disk: SegmentStore;
}

/** A few nodes in this process; messages arrive when `settle` says so, and time passes in ticks. */
export class SmallCluster {
  readonly nodes: Map<NodeId, SmallNode> = new Map();
  readonly cut: Set<NodeId> = new Set();
  readonly failures: Error[] = [];
  readonly #limits: DriverLimits;
  readonly #random: SeededRandom;
  #network: (() => void)[] = [];

  constructor(seed: number, limits: Partial<DriverLimits> = {}) {
    this.#random = new SeededRandom(seed);
    this.#limits = { ...DRIVER_LIMITS, ...limits };
  }

  /** @param voters null: the node joins, and knows nothing. */
  async add(id: NodeId, voters: readonly NodeId[] | null, disk: SegmentStore = openMemoryStore()): Promise<SmallNode> {
    const store = new MetadataStore(disk);
    const identity = { clusterId: 'c', nodeId: id, uuid: `u${id}` };
    if (store.identity === null)
      await store.found(voters === null ? { kind: 'joins', identity } : { kind: 'first-voters', identity, voters });
    const machine = new ListMachine();
    const driver = new RaftDriver<number>({
      id,
      store: store.openLog(),
      transport: this.#transportOf(id),
      machine,
      limits: this.#limits,
      drawBelow: (limit) => this.#random.below(limit),
      report: { info: () => {}, warn: () => {} },
    });
    driver.onFatal = (error) => this.failures.push(error);
    const node = { id, machine, driver, disk };
    this.nodes.set(id, node);
    driver.start();
    return node;
  }

  get leader(): SmallNode | undefined {
    return [...this.nodes.values()].find(({ driver }) => driver.isLeader);
  }

  /** Lets everything happen that can, without time. */
  async settle(): Promise<void> {
    for (let quiet = 0; quiet < 5; ) {
      for (const { driver } of this.nodes.values()) driver.turn();
      const network = this.#network;
      this.#network = [];
      for (const deliver of network) deliver();
      await new Promise((resolve) => setImmediate(resolve));
      quiet = network.length === 0 ? quiet + 1 : 0;
    }
  }

  async tick(count: number): Promise<void> {
    for (let n = 0; n < count; n += 1) {
      for (const { driver } of this.nodes.values()) driver.tick();
      await this.settle();
    }
  }

  /** Until somebody leads. */
  async elect(): Promise<SmallNode> {
    for (let n = 0; n < 200; n += 1) {
      const { leader } = this;
      if (leader !== undefined) return leader;
      await this.tick(1);
    }
    throw new Error('nobody leads after 200 ticks');
  }

  async propose(node: SmallNode, text: string): Promise<ProposalOutcome<number>> {
    const outcome = new Promise<ProposalOutcome<number>>((resolve) => node.driver.propose(Buffer.from(text), resolve));
    await this.settle();
    return outcome;
  }

  async read(node: SmallNode): Promise<ReadOutcome> {
    const outcome = new Promise<ReadOutcome>((resolve) => node.driver.read(resolve));
    await this.settle();
    return outcome;
  }

  stop(id: NodeId): void {
    this.nodes.get(id)?.driver.stop();
    this.nodes.delete(id);
  }

  #transportOf(from: NodeId): RaftTransport {
    const deliver = (to: NodeId, arrive: (node: SmallNode) => void): void => {
      this.#network.push(() => {
        const node = this.nodes.get(to);
        if (node !== undefined && !this.cut.has(from) && !this.cut.has(to)) arrive(node);
      });
    };
    return {
      send: (to, messages) => deliver(to, ({ driver }) => driver.receive(messages)),
      sendChunk: (to, chunk) => deliver(to, ({ driver }) => driver.onChunk(from, chunk)),
      sendChunkAnswer: (to, answer) => deliver(to, ({ driver }) => driver.onChunkAnswer(from, answer)),
    };
  }
}
