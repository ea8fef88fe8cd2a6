import { decodeChange } from '../../src/raft/change-codec.js';
import { type MessageParts, makeMessage } from '../../src/raft/make-message.js';
import type { ConfigurationState, Entry, LogIndex, Message, MessageType, NodeId, SingleChange, Term } from '../../src/raft/messages.js';
import type { RaftOptions } from '../../src/raft/ports.js';
import { type ProposeOutcome, RaftNode } from '../../src/raft/raft-node.js';
import type { Ready } from '../../src/raft/ready.js';
import type { MemberStatus } from '../../src/raft/status.js';
import { MemoryLog } from './memory-log.js';

/*
  Nodes of Raft in one process: what each writes is durable at once, and what it sends is delivered when the test says so.
*/

export type NodeOptions = Partial<Omit<RaftOptions, 'id' | 'log'>>;

export const ELECTION_TICKS = 10;

export function bytes(text: string): Uint8Array {
  return Buffer.from(text);
}

export function textOf(data: Uint8Array): string {
  return Buffer.from(data).toString();
}

export function votersAre(...voters: readonly NodeId[]): ConfigurationState {
  return { voters, votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };
}

export function entryOf(term: Term, index: LogIndex, text = ''): Entry {
  return { term, index, type: 'normal', data: bytes(text) };
}

/** A log whose entries, from index 1, are of these terms. */
export function logOf(
  terms: readonly Term[],
  configuration: ConfigurationState,
  hardState: { term?: Term; vote?: NodeId; commit?: LogIndex } = {},
): MemoryLog {
  const log = new MemoryLog(configuration);
  log.append(terms.map((term, at) => entryOf(term, at + 1)));
  log.setHardState({ term: terms.at(-1) ?? 0, vote: 0, commit: 0, ...hardState });
  return log;
}

export function optionsOf(options: NodeOptions = {}): Omit<RaftOptions, 'id' | 'log'> {
  return {
    electionTicks: ELECTION_TICKS,
    heartbeatTicks: 1,
    hasPreVote: false,
    hasCheckQuorum: false,
    hasAsyncStorage: false,
    readMode: 'quorum',
    stepsDownOnRemoval: true,
    messageBytesMax: 1024 * 1024,
    committedBytesMax: 1024 * 1024,
    uncommittedBytesMax: 1024 * 1024,
    inFlightMessagesMax: 256,
    inFlightBytesMax: 1024 * 1024,
    appliedIndex: 0,
    votesFrom: 0,
    drawBelow: () => 0,
    report: { info: () => {}, warn: () => {} },
    ...options,
  };
}

export class TestNode {
  readonly id: NodeId;
  readonly raft: RaftNode;
  readonly log: MemoryLog;
  readonly applied: Entry[] = [];
  readonly reads: { readonly index: LogIndex; readonly text: string }[] = [];

  constructor(id: NodeId, log: MemoryLog, options: NodeOptions = {}) {
    this.id = id;
    this.log = log;
    this.raft = new RaftNode({ ...optionsOf(options), id, log });
  }

  /** Does all there is to do. @returns the messages to others. */
  work(): Message[] {
    const messages: Message[] = [];
    while (this.raft.hasReady) {
      const ready = this.raft.ready();
      messages.push(...ready.messages);
      this.#write(ready);
      this.raft.advance();
    }
    return messages;
  }

  /** Of another node, as `parts` say, and all that follows from it. */
  receive(parts: Partial<MessageParts> & { readonly type: MessageType; readonly from: NodeId }): Message[] {
    this.raft.step(makeMessage({ to: this.id, term: this.raft.term, ...parts }));
    return this.work();
  }

  propose(text: string): ProposeOutcome {
    return this.raft.propose(bytes(text));
  }

  change(...changes: readonly SingleChange[]): ReturnType<RaftNode['proposeChange']> {
    return this.raft.proposeChange({ transition: 'auto', changes, context: new Uint8Array(0) });
  }

  tick(count: number): void {
    for (let i = 0; i < count; i += 1) this.raft.tick();
  }

  member(node: NodeId): MemberStatus {
    const found = this.raft.status().members.find((one) => one.node === node);
    if (found === undefined) throw new Error(`${this.id} does not lead ${node}`);
    return found;
  }

  get terms(): Term[] {
    return (this.log.entries(this.log.firstIndex, this.log.lastIndex + 1, Number.POSITIVE_INFINITY) ?? []).map(({ term }) => term);
  }

  get appliedTexts(): string[] {
    return this.applied.filter(({ type, data }) => type === 'normal' && data.length > 0).map(({ data }) => textOf(data));
  }

  /** A snapshot of what is applied, and no entry before it. */
  compact(): void {
    const { applied: index, configuration } = this.raft.status();
    this.log.setSnapshot({ index, term: this.log.termAt(index) ?? 0, configuration, data: new Uint8Array(0) });
    this.log.compact(index);
  }

  #write({ hardState, entries, snapshot, committedEntries, readStates }: Ready): void {
    if (hardState !== null) this.log.setHardState(hardState);
    if (snapshot === null) this.log.append(entries);
    else this.log.applySnapshot(snapshot);
    for (const entry of committedEntries) {
      this.applied.push(entry);
      if (entry.type === 'configuration') this.raft.applyChange(decodeChange(entry.data), entry.index);
    }
    for (const { index, context } of readStates) this.reads.push({ index, text: textOf(context) });
  }
}

export class Network {
  readonly nodes: Map<NodeId, TestNode> = new Map();
  #waiting: Message[] = [];
  readonly #cut = new Set<NodeId>();
  /** Messages that it returns false for are lost. */
  passes: (message: Message) => boolean = () => true;

  constructor(...nodes: readonly TestNode[]) {
    for (const node of nodes) this.nodes.set(node.id, node);
  }

  /** Voters 1 to `count`, with empty logs. */
  static ofVoters(count: number, options: NodeOptions = {}): Network {
    const ids = Array.from({ length: count }, (_, at) => at + 1);
    return new Network(...ids.map((id) => new TestNode(id, new MemoryLog(votersAre(...ids)), options)));
  }

  node(id: NodeId): TestNode {
    const node = this.nodes.get(id);
    if (node === undefined) throw new Error(`there is no node ${id}`);
    return node;
  }

  /** No message from or to it arrives. */
  isolate(...ids: readonly NodeId[]): void {
    for (const id of ids) this.#cut.add(id);
  }

  heal(): void {
    this.#cut.clear();
  }

  /** Until nobody has anything to do or to say. */
  settle(): void {
    for (;;) {
      for (const node of this.nodes.values()) this.#waiting.push(...node.work());
      const message = this.#waiting.shift();
      if (message === undefined) return;
      const isLost = this.#cut.has(message.from) || this.#cut.has(message.to) || !this.passes(message);
      if (!isLost) this.nodes.get(message.to)?.raft.step(message);
    }
  }

  elect(id: NodeId): TestNode {
    const node = this.node(id);
    const { term } = node.raft;
    node.raft.campaign();
    this.settle();
    if (node.raft.role !== 'leader' || node.raft.term === term) throw new Error(`${id} was not elected`);
    return node;
  }

  propose(id: NodeId, ...texts: readonly string[]): void {
    for (const text of texts) {
      const { kind } = this.node(id).propose(text);
      if (kind !== 'accepted') throw new Error(`${id} did not take ${text}: ${kind}`);
    }
    this.settle();
  }

  change(id: NodeId, ...changes: readonly SingleChange[]): void {
    const outcome = this.node(id).change(...changes);
    if (outcome.kind !== 'accepted')
      throw new Error(`${id} did not take the change: ${outcome.kind === 'refused' ? outcome.why : outcome.kind}`);
    this.settle();
  }
}
