import type { Random } from '../../src/base/random.js';
import type { CommandOutcome } from '../../src/metadata/catalogue/commands.js';
import { decodeMessages, encodeMessages } from '../../src/raft/codec/message-codec.js';
import { RaftDriver } from '../../src/raft/driver/driver.js';
import type { RaftTransport } from '../../src/raft/driver/ports.js';
import {
  type ConfigurationState,
  EMPTY_CONFIGURATION,
  type LogIndex,
  type Message,
  type NodeId,
  type Term,
} from '../../src/raft/messages.js';
import { CheckedMachine } from './checked-machine.js';
import type { EventQueue, Schedule } from './event-queue.js';
import { QuorumWatch } from './quorum-watch.js';
import type { RareEvents } from './rare-events.js';
import { DiskError, SimulatedDisk } from './simulated-disk.js';
import type { SimulatedNetwork } from './simulated-network.js';
import { SimulatedStore } from './simulated-store.js';
import { type Truth, Violation } from './truth.js';
import type { WorldOptions } from './world-options.js';

/** Work in one go without an end is a fault of the driver. */
const TURNS_MAX = 10_000;
const TICK_MS = 100;
const EPOCH_MS = 1_700_000_000_000;

export interface NodeWorld {
  readonly events: EventQueue;
  readonly network: SimulatedNetwork;
  readonly random: Random;
  readonly options: WorldOptions;
  readonly truth: Truth;
  readonly rare: RareEvents;
  nodeOf(id: NodeId): SimulatedNode | undefined;
  /** A node has done its work: what it is now can be looked at. */
  onQuiet(node: SimulatedNode): void;
  /** It thinks so. */
  onLeader(node: SimulatedNode, leader: NodeId): void;
  onViolation(error: unknown): void;
  /** The process ended by itself: its disk failed. */
  onDiskFailure(node: SimulatedNode): void;
  trace(sentence: string): void;
}

/** up: its process runs. down: it will be started again. gone: for ever. */
type Phase = 'up' | 'down' | 'gone';

export type Driver = RaftDriver<readonly CommandOutcome[]>;

interface Process {
  readonly driver: Driver;
  readonly store: SimulatedStore;
  readonly machine: CheckedMachine;
}

/** A machine with a disk and a clock, and the process on it. */
export class SimulatedNode implements Schedule {
  readonly id: NodeId;
  readonly disk: SimulatedDisk;
  phase: Phase = 'down';
  /** Nothing happens in the process before this time, as with SIGSTOP. */
  pausedUntilMs = 0;
  /** A tick of 100 ms takes so many times longer. */
  clockRate = 1;
  /** Added to the time of day. */
  wallMs = 0;
  /** Highest commit index since the process began. */
  commitSeen: LogIndex = 0;
  /** Last term in which it was seen to lead. */
  termLed: Term = 0;
  /** The one in force when it was looked at last. */
  configurationSeen: ConfigurationState = EMPTY_CONFIGURATION;
  readonly #quorumWatch = new QuorumWatch();
  readonly #world: NodeWorld;
  #process: Process | null = null;
  /** Whatever was planned by a process that ended does not happen. */
  #life = 0;
  #wantsTurn = false;

  constructor(id: NodeId, world: NodeWorld) {
    this.id = id;
    this.#world = world;
    this.disk = new SimulatedDisk(this, world.random, world.options.disk);
  }

  get driver(): Driver | null {
    return this.#process?.driver ?? null;
  }

  get machine(): CheckedMachine | null {
    return this.#process?.machine ?? null;
  }

  /** What was durable, also of a process that ended. */
  get store(): SimulatedStore | null {
    return this.#process?.store ?? null;
  }

  get isLeader(): boolean {
    return this.phase === 'up' && this.driver?.isLeader === true;
  }

  nowMs(): number {
    return Math.max(0, Math.floor(EPOCH_MS + this.#world.events.nowMs + this.wallMs));
  }

  start(): void {
    const { truth, options, random } = this.#world;
    this.#life += 1;
    this.phase = 'up';
    this.pausedUntilMs = 0;
    this.commitSeen = 0;
    this.termLed = 0;
    this.configurationSeen = EMPTY_CONFIGURATION;
    this.#wantsTurn = false;
    truth.onBegin(this.id);
    this.#guard(() => {
      const store = new SimulatedStore({
        disk: this.disk,
        events: this,
        segmentBytes: options.segmentBytes,
        onEntry: (entry, previousTerm) => truth.onEntry(this.id, entry, previousTerm),
      });
      const machine = new CheckedMachine(this.id, truth, options.machine, () => this.driver?.term ?? 0);
      const driver: Driver = new RaftDriver({
        id: this.id,
        store,
        transport: this.#transport(),
        machine,
        limits: options.limits,
        drawBelow: (limit) => random.below(limit),
        report: { info: () => {}, warn: () => {} },
      });
      this.#process = { driver, store, machine };
      if (store.damagedUpTo > 0) this.#world.rare.count('start with a damaged log');
      const { firstIndex, lastIndex, snapshotIndex, damagedUpTo, hardState } = store;
      const state = `log ${firstIndex}..${lastIndex}, snapshot ${snapshotIndex}, damaged up to ${damagedUpTo}`;
      this.#world.trace(`node ${this.id} has ${state}, term ${hardState.term}, vote ${hardState.vote}, commit ${hardState.commit}`);
      driver.onWork = () => this.#onWork();
      driver.onFatal = (error) => this.#onFatal(error);
      driver.onLeader = (leader) => this.#world.onLeader(this, leader);
      driver.start();
    });
    this.#planTick();
  }

  /** The process ends without a word. @param isPowerCut what was not flushed is lost as well. */
  crash(isPowerCut: boolean): void {
    this.#life += 1;
    this.phase = 'down';
    if (isPowerCut) this.disk.crash();
    else this.disk.restart();
  }

  /** As an event of this node: later if it is paused, never if it ended meanwhile. */
  after(delayMs: number, run: () => void): void {
    const life = this.#life;
    this.#world.events.after(delayMs, () => this.#enter(life, run));
  }

  /** An input of now, from outside. */
  enter(run: () => void): void {
    this.#enter(this.#life, run);
  }

  onHeard(from: NodeId): void {
    this.#quorumWatch.onHeard(from);
  }

  #enter(life: number, run: () => void): void {
    if (life !== this.#life || this.phase !== 'up') return;
    const { events } = this.#world;
    if (events.nowMs < this.pausedUntilMs) events.at(this.pausedUntilMs, () => this.#enter(life, run));
    else this.#guard(run);
  }

  #guard(run: () => void): void {
    try {
      run();
      this.#settle();
      if (this.phase === 'up') this.#world.onQuiet(this);
    } catch (error) {
      this.#world.onViolation(error);
    }
  }

  #onWork(): void {
    if (this.#wantsTurn) return;
    this.#wantsTurn = true;
    const { turnMsMax } = this.#world.options;
    if (turnMsMax > 0) this.after(this.#world.random.nextFraction() * turnMsMax, () => this.#turn());
  }

  #settle(): void {
    if (this.#world.options.turnMsMax > 0) return;
    let turns = 0;
    while (this.#wantsTurn && this.phase === 'up') {
      turns += 1;
      if (turns > TURNS_MAX) throw new Violation(`node ${this.id} never comes to an end of its work`);
      this.#turn();
    }
  }

  #turn(): void {
    this.#wantsTurn = false;
    this.driver?.turn();
  }

  #planTick(): void {
    this.after(TICK_MS * this.clockRate, () => {
      this.#planTick();
      const { driver } = this;
      if (driver === null) return;
      driver.tick();
      this.#quorumWatch.onTick(this.id, driver);
    });
  }

  #onFatal(error: Error): void {
    if (!(error instanceof DiskError)) throw error;
    this.#world.onDiskFailure(this);
  }

  #transport(): RaftTransport {
    const { id } = this;
    return {
      send: (to, messages) => this.#carry(to, this.#coded(messages), (driver, carried) => driver.receive(carried)),
      sendChunk: (to, chunk) => this.#carry(to, chunk, (driver, carried) => driver.onChunk(id, carried)),
      sendChunkAnswer: (to, answer) => this.#carry(to, answer, (driver, carried) => driver.onChunkAnswer(id, carried)),
    };
  }

  #carry<T>(to: NodeId, content: T, arrive: (driver: Driver, content: T) => void): void {
    const { network } = this.#world;
    const isTaken = network.send(this.id, to, () => {
      const node = this.#world.nodeOf(to);
      node?.enter(() => {
        if (node.driver === null) return;
        node.onHeard(this.id);
        arrive(node.driver, content);
      });
    });
    if (isTaken) return;
    this.#world.rare.count('queue to a peer full');
    this.after(0, () => this.driver?.onUnreachable(to));
  }

  #coded(messages: readonly Message[]): readonly Message[] {
    return this.#world.options.encodesMessages ? decodeMessages(encodeMessages(messages)) : messages;
  }
}
