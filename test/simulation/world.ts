import { type Random, SeededRandom } from '../../src/base/random.js';
import { isJoint, membersOf } from '../../src/raft/configuration-change.js';
import type { LogIndex, NodeId } from '../../src/raft/messages.js';
import { EventQueue } from './event-queue.js';
import { FaultPlan } from './fault-plan.js';
import { History } from './history.js';
import { checkCommit, checkLeader } from './leader-checks.js';
import { judge } from './linearizable.js';
import { LivenessProbe } from './liveness-probe.js';
import { MembershipPlan } from './membership-plan.js';
import { RareEvents } from './rare-events.js';
import { SimulatedClient } from './simulated-client.js';
import { SimulatedNetwork } from './simulated-network.js';
import { type NodeWorld, SimulatedNode } from './simulated-node.js';
import { foundStore } from './store-opening.js';
import { Truth, Violation } from './truth.js';
import type { WorldOptions } from './world-options.js';

/** After everything is whole again, there is a leader and all are alike within so long. */
const LIVENESS_MS = 600_000;
const LOOK_MS = 500;
/** A world of some minutes has a hundred thousand; whoever makes so many answers itself. */
const EVENTS_MAX = 3_000_000;

export interface RunResult {
  readonly options: WorldOptions;
  /** null: nothing was found. */
  readonly failure: string | null;
  readonly simulatedMs: number;
  readonly events: number;
  readonly hash: number;
  readonly operations: number;
  /** Keys whose history was too hard to judge. */
  readonly undecided: number;
  readonly rare: RareEvents;
}

/*
  A cluster, its clients, and what befalls them. One seed decides everything.

      safety phase: faults, all checks ......... | all is healed: clients end, a leader comes, a write is taken, all become alike | histories
*/
export class World implements NodeWorld {
  readonly options: WorldOptions;
  readonly events: EventQueue = new EventQueue();
  readonly random: Random;
  readonly network: SimulatedNetwork;
  readonly truth: Truth = new Truth();
  readonly history: History = new History();
  readonly rare: RareEvents = new RareEvents();
  /** Members, those that were, and those that are to be; not those that are gone. */
  nodes: SimulatedNode[] = [];
  /** Nodes whose disk lost something that it had promised, until they have it again. No more than one at a time. */
  readonly compromised: Set<NodeId> = new Set();
  isHealed = false;
  readonly #byId = new Map<NodeId, SimulatedNode>();
  readonly #clients: SimulatedClient[] = [];
  readonly #faults: FaultPlan;
  readonly #membership: MembershipPlan;
  readonly #onTrace: ((sentence: string) => void) | null;
  #failure: string | null = null;
  #operationCount = 0;

  constructor(options: WorldOptions, onTrace: ((sentence: string) => void) | null = null) {
    this.options = options;
    this.#onTrace = onTrace;
    this.random = new SeededRandom(options.seed ^ 0x5eed);
    this.network = new SimulatedNetwork(this.events, this.random, options.network);
    this.#faults = new FaultPlan(this);
    this.#membership = new MembershipPlan(this);
  }

  run(): RunResult {
    const voters = Array.from({ length: this.options.voters }, (_, i) => i + 1);
    for (const id of voters) foundStore(this.addNode(id).disk, voters);
    for (const node of this.nodes) node.start();
    for (let number = 0; number < this.options.clients.count; number += 1) this.#addClient(number);
    this.#faults.begin();
    this.#membership.begin(this.options.faultsPerMinute.membership);
    this.events.runUntil(this.options.safetyMs, () => this.#isOver);
    if (!this.#isOver) this.#recover();
    for (const client of this.#clients) client.end();
    const undecided = this.#failure === null ? this.#judgeHistory() : 0;
    this.rare.count('terms with a leader', this.truth.electionCount);
    this.rare.count('entries applied', this.truth.last);
    this.rare.count('snapshots of a leader taken over', this.truth.replacedCount);
    const { nowMs, count, hash } = this.events;
    return {
      options: this.options,
      failure: this.#failure,
      simulatedMs: nowMs,
      events: count,
      hash,
      operations: this.history.count,
      undecided,
      rare: this.rare,
    };
  }

  addNode(id: NodeId): SimulatedNode {
    const node = new SimulatedNode(id, this);
    this.nodes.push(node);
    this.#byId.set(id, node);
    return node;
  }

  /** It is never seen again. */
  removeNode(node: SimulatedNode): void {
    if (node.phase === 'up') node.crash(true);
    node.phase = 'gone';
    this.nodes = this.nodes.filter((other) => other !== node);
  }

  nodeOf(id: NodeId): SimulatedNode | undefined {
    return this.#byId.get(id);
  }

  /** Of the latest term, if several believe that they lead. */
  get leader(): SimulatedNode | null {
    let leader: SimulatedNode | null = null;
    for (const node of this.nodes) {
      if (node.isLeader && (node.driver?.term ?? 0) > (leader?.driver?.term ?? 0)) leader = node;
    }
    return leader;
  }

  nextOperation(): number {
    this.#operationCount += 1;
    return this.#operationCount;
  }

  onAcknowledged(index: LogIndex): void {
    if (index > this.truth.last) this.onViolation(new Violation(`acknowledged: index ${index}, which nobody has applied`));
  }

  onQuiet(node: SimulatedNode): void {
    const core = node.driver?.node;
    if (core === undefined || core === null) return;
    const { commitIndex } = core;
    if (commitIndex < node.commitSeen)
      throw new Violation(`monotone commit: node ${node.id} went from ${node.commitSeen} to ${commitIndex}`);
    if (core.role === 'leader') {
      const hasLed = node.termLed === core.term;
      checkLeader(this, node, core.term);
      if (hasLed && commitIndex > node.commitSeen) {
        checkCommit(this, node, commitIndex, core.term, [node.driver?.configuration ?? node.configurationSeen, node.configurationSeen]);
      }
    }
    node.configurationSeen = node.driver?.configuration ?? node.configurationSeen;
    node.commitSeen = commitIndex;
    if (this.compromised.has(node.id)) this.#faults.maybeRedeem(node);
  }

  onLeader(node: SimulatedNode, leader: NodeId): void {
    if (leader !== node.id) return;
    this.trace(`node ${node.id} leads in term ${node.driver?.term}, commit ${node.driver?.node?.commitIndex}`);
    this.#faults.onLeader(node);
    this.#membership.onLeader(node);
  }

  onViolation(error: unknown): void {
    if (this.#failure !== null) return;
    this.#failure = error instanceof Violation ? error.message : `the program failed: ${error instanceof Error ? error.stack : error}`;
    this.trace(this.#failure);
  }

  onDiskFailure(node: SimulatedNode): void {
    this.rare.count('process ended by its disk');
    this.#faults.crash(node, true);
  }

  trace(sentence: string): void {
    this.#onTrace?.(`${(this.events.nowMs / 1000).toFixed(4)} ${sentence}`);
  }

  get #isOver(): boolean {
    if (this.events.count > EVENTS_MAX) this.onViolation(new Violation(`overload: more than ${EVENTS_MAX} events`));
    return this.#failure !== null;
  }

  #addClient(number: number): void {
    const client = new SimulatedClient(number, this, this.options.clients);
    this.#clients.push(client);
    client.rest();
  }

  #recover(): void {
    this.isHealed = true;
    this.trace('everything is healed');
    this.#faults.heal();
    this.#membership.onHealed();
    for (const client of this.#clients) client.isStopped = true;
    const untilMs = this.events.nowMs + LIVENESS_MS;
    const probe = new LivenessProbe();
    while (this.events.nowMs < untilMs && !this.#isOver) {
      this.events.runUntil(this.events.nowMs + LOOK_MS, () => this.#isOver);
      const { leader } = this;
      if (leader === null) continue;
      probe.ask(leader, this.events.nowMs);
      if (probe.written > 0 && this.#areAlike(leader, probe.written)) return;
    }
    if (this.#isOver) return;
    const found = this.leader === null ? 'nobody leads' : (probe.missing ?? 'members are not alike');
    this.onViolation(new Violation(`liveness: ${found} ${LIVENESS_MS / 1000} s after everything was healed: ${this.#describe()}`));
  }

  /** All members that are there have applied what the leader has, and have the same state. */
  #areAlike(leader: SimulatedNode, probe: LogIndex): boolean {
    const { driver } = leader;
    if (driver === null || driver.appliedIndex < probe || isJoint(driver.configuration)) return false;
    for (const id of membersOf(driver.configuration)) {
      const node = this.#byId.get(id);
      if (node === undefined || node.phase === 'gone') continue;
      if (node.phase !== 'up' || node.driver?.appliedIndex !== driver.appliedIndex) return false;
      node.enter(() => node.machine?.compare());
    }
    return true;
  }

  #describe(): string {
    return this.nodes
      .map((node) => {
        const status = node.driver?.node?.status();
        const { voters = [], votersOutgoing = [], learners = [] } = status?.configuration ?? {};
        const members = `[${voters}][${votersOutgoing}](${learners})`;
        const log = `log ${status?.firstIndex}..${status?.lastIndex} commit ${status?.commit} applied ${status?.applied}`;
        return `\n  node ${node.id} ${node.phase} ${status?.role} term ${status?.term} ${log} may vote ${status?.mayVote} ${members}`;
      })
      .join('');
  }

  #judgeHistory(): number {
    let undecided = 0;
    for (const key of this.history.keys()) {
      const verdict = judge(this.history.of(key));
      if (verdict === 'undecided') undecided += 1;
      if (verdict === 'not linearizable') this.onViolation(new Violation(`linearizability: the history of key ${key} has no order`));
    }
    return undecided;
  }
}
