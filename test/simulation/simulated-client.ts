import type { Random } from '../../src/base/random.js';
import { encodeBatch } from '../../src/metadata/catalogue/command-codec.js';
import { type Command, type CommandOutcome, REQUEST_ID_BYTES } from '../../src/metadata/catalogue/commands.js';
import type { ProposalOutcome, ReadOutcome } from '../../src/raft/driver/ports.js';
import type { NodeId } from '../../src/raft/messages.js';
import type { EventQueue } from './event-queue.js';
import { type History, NEVER, type WriteOutcome } from './history.js';
import type { RareEvents } from './rare-events.js';
import type { SimulatedNode } from './simulated-node.js';
import { Violation } from './truth.js';
import type { ClientOptions } from './world-options.js';

const RPC_MS_MAX = 2;
const BACKOFF_MS = 100;
/** Then a client gives up, and never knows. */
const PATIENCE_MS = 8_000;

export interface ClientWorld {
  readonly events: EventQueue;
  readonly random: Random;
  readonly history: History;
  readonly rare: RareEvents;
  /** Those that may be asked. */
  readonly nodes: readonly SimulatedNode[];
  nodeOf(id: NodeId): SimulatedNode | undefined;
  nextOperation(): number;
  onAcknowledged(index: number): void;
}

interface Asked {
  readonly number: number;
  readonly kind: 'read' | 'put' | 'delete';
  readonly key: number;
  readonly expected: number | null;
  /** null: the command must not be sent twice. */
  readonly requestId: Uint8Array | null;
  readonly invokedMs: number;
  attempt: number;
}

/** Asks one thing after another, again where it must, and writes down what it is told. */
export class SimulatedClient {
  isStopped = false;
  readonly #number: number;
  readonly #world: ClientWorld;
  readonly #options: ClientOptions;
  /** What it believes the revision of a key to be. */
  readonly #revisions = new Map<number, number>();
  #leader: NodeId = 0;
  #pending: Asked | null = null;

  constructor(number: number, world: ClientWorld, options: ClientOptions) {
    this.#number = number;
    this.#world = world;
    this.#options = options;
  }

  /** After a while, which is different each time. */
  rest(): void {
    const { events, random } = this.#world;
    events.after(-Math.log(1 - random.nextFraction()) * this.#options.thinkMs, () => {
      if (!this.isStopped) this.#begin();
    });
  }

  #begin(): void {
    const { random, events } = this.#world;
    const { readChance, keys, withoutIdChance } = this.#options;
    const number = this.#world.nextOperation();
    const key = random.below(keys);
    const revision = this.#revisions.get(key) ?? 0;
    const isRead = random.nextFraction() < readChance;
    const kind = isRead ? 'read' : revision > 0 && random.below(5) === 0 ? 'delete' : 'put';
    const expected = kind === 'put' && random.below(3) === 0 ? null : revision;
    const requestId = random.nextFraction() < withoutIdChance ? null : requestIdOf(number);
    this.#pending = { number, kind, key, expected, requestId, invokedMs: events.nowMs, attempt: 0 };
    this.#attempt(this.#pending);
  }

  /** The world ends: what was asked and not answered is written down too. */
  end(): void {
    if (this.#pending !== null) this.#record(this.#pending, null);
  }

  #attempt(asked: Asked): void {
    const { events, random, nodes } = this.#world;
    asked.attempt += 1;
    const { attempt } = asked;
    const isStubborn = asked.kind === 'read' && random.nextFraction() < this.#options.stubbornChance;
    const leader = isStubborn ? nodes[this.#number % nodes.length] : this.#world.nodeOf(this.#leader);
    const node = leader ?? nodes[random.below(nodes.length)];
    const isLost = random.nextFraction() < this.#options.lostAnswerChance;
    const answer = (take: () => void): void => {
      if (!isLost) events.after(random.nextFraction() * RPC_MS_MAX, () => asked.attempt === attempt && take());
    };
    events.after(random.nextFraction() * RPC_MS_MAX, () => {
      if (asked.attempt === attempt) node.enter(() => this.#ask(asked, node, answer));
    });
    events.after(this.#options.attemptMs, () => {
      if (asked.attempt !== attempt) return;
      this.#leader = 0;
      this.#again(asked, true);
    });
  }

  #ask(asked: Asked, node: SimulatedNode, answer: (take: () => void) => void): void {
    const { driver, machine } = node;
    if (driver === null || machine === null) return;
    if (asked.kind === 'read') {
      driver.read((outcome) => {
        // What is read is what the state machine has when it may be read.
        const record = outcome.kind === 'fresh' ? machine.reader.get('setting', { scope: 0, key: keyName(asked.key) }) : null;
        const seen = record === null ? { revision: 0, writer: 0 } : { revision: record.revision, writer: writerOf(record.value) };
        answer(() => this.#onRead(asked, outcome, seen));
      });
      return;
    }
    const envelope = { command: this.#commandOf(asked), requestId: asked.requestId };
    driver.propose(encodeBatch({ atMs: node.nowMs(), envelopes: [envelope] }), (outcome) => answer(() => this.#onWritten(asked, outcome)));
  }

  #commandOf({ number, kind, key, expected }: Asked): Command {
    const name = { scope: 0, key: keyName(key) };
    if (kind === 'delete') return { kind: 'delete-setting', key: name, expected };
    return { kind: 'put-setting', value: { ...name, value: settingOf(number, this.#options.valueBytes) }, expected };
  }

  #onRead(asked: Asked, outcome: ReadOutcome, seen: { revision: number; writer: number }): void {
    if (outcome.kind !== 'fresh') {
      this.#refused(asked, outcome);
      return;
    }
    const { key, invokedMs } = asked;
    const returnedMs = this.#world.events.nowMs;
    this.#world.history.add({ kind: 'read', client: this.#number, key, invokedMs, returnedMs, ...seen });
    this.#revisions.set(key, seen.revision);
    this.#finish(asked);
  }

  #onWritten(asked: Asked, outcome: ProposalOutcome<readonly CommandOutcome[]>): void {
    if (outcome.kind !== 'applied') {
      this.#refused(asked, outcome);
      return;
    }
    if (outcome.result.length !== 1) throw new Violation('an answer: one command has one outcome');
    this.#world.onAcknowledged(outcome.index);
    const [result] = outcome.result;
    if (asked.attempt > 1 && asked.requestId !== null) this.#world.rare.count('write answered after it was sent again');
    this.#record(asked, result.isOk ? { isOk: true, revision: result.revision } : { isOk: false, found: result.currentRevision });
    this.#revisions.set(asked.key, result.isOk ? (asked.kind === 'put' ? result.revision : 0) : result.currentRevision);
    this.#finish(asked);
  }

  #refused(asked: Asked, outcome: { readonly kind: string; readonly leader?: NodeId }): void {
    this.#world.rare.count(`client told: ${asked.kind === 'read' ? 'read' : 'write'} ${outcome.kind}`);
    this.#leader = outcome.leader ?? 0;
    this.#again(asked, outcome.kind === 'unknown');
  }

  /** @param isUnknown it may have been done. */
  #again(asked: Asked, isUnknown: boolean): void {
    const { events } = this.#world;
    const isOver = this.isStopped || events.nowMs - asked.invokedMs > PATIENCE_MS;
    if (isOver || (isUnknown && asked.requestId === null && asked.kind !== 'read')) {
      this.#world.rare.count('operation without an answer');
      if (asked.kind !== 'read') this.#record(asked, null);
      this.#finish(asked);
      return;
    }
    asked.attempt += 1; // Whatever answer is still to come is none.
    events.after(this.#world.random.nextFraction() * BACKOFF_MS, () => this.#attempt(asked));
  }

  #record(asked: Asked, outcome: WriteOutcome | null): void {
    const { number: writer, kind, key, expected, invokedMs } = asked;
    if (kind === 'read') return;
    const returnedMs = outcome === null ? NEVER : this.#world.events.nowMs;
    this.#world.history.add({ kind, client: this.#number, key, writer, expected, invokedMs, returnedMs, outcome });
  }

  #finish(asked: Asked): void {
    asked.attempt = -1;
    this.#pending = null;
    this.rest();
  }
}

function requestIdOf(number: number): Uint8Array {
  const id = new Uint8Array(REQUEST_ID_BYTES);
  new DataView(id.buffer).setFloat64(0, number);
  return id;
}

function keyName(key: number): string {
  return `key-${key}`;
}

/** JSON, as a setting must be: "number:filling". */
function settingOf(number: number, bytes: number): string {
  return `"${number}:${'x'.repeat(bytes)}"`;
}

function writerOf(value: string): number {
  return Number(value.slice(1, value.indexOf(':')));
}
