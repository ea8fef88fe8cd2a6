import { decodeChange } from '../../../src/raft/change-codec.js';
import type { ConfigurationState, Entry, HardState, Message, MessageType, NodeId, Snapshot } from '../../../src/raft/messages.js';
import { EMPTY_CONFIGURATION } from '../../../src/raft/messages.js';
import type { RaftOptions } from '../../../src/raft/ports.js';
import { RaftNode } from '../../../src/raft/raft-node.js';
import type { StepOutcome } from '../../../src/raft/step-outcome.js';
import { MemoryLog } from '../memory-log.js';
import { describeMessage, describeReady } from './describe.js';

/** Nodes that are never quiet would print for ever. */
const ROUNDS_MAX = 10_000;

export type NodeSettings = Omit<RaftOptions, 'id' | 'log'>;

const STEP_ERRORS: Readonly<Record<Exclude<StepOutcome, 'taken'>, string>> = {
  dropped: 'raft proposal dropped',
  'not-a-member': 'raft: cannot step as peer not found',
  'not-local': 'raft: cannot step raft local message',
};

/** A node with its log, and a state machine that puts the data of all entries one after the other. */
class ScriptNode {
  readonly id: NodeId;
  readonly raft: RaftNode;
  readonly log: MemoryLog;
  readonly settings: NodeSettings;
  readonly appendWork: Message[] = [];
  readonly applyWork: Message[] = [];
  /** The state after the last entry that was applied; one that came as a snapshot is not looked at. */
  #state: Snapshot;

  constructor(id: NodeId, settings: NodeSettings, snapshot: Snapshot | null) {
    this.id = id;
    this.settings = settings;
    this.log = new MemoryLog();
    if (snapshot !== null) this.log.applySnapshot(snapshot);
    this.#state = snapshot ?? { index: 0, term: 0, configuration: EMPTY_CONFIGURATION, data: new Uint8Array(0) };
    this.raft = new RaftNode({ ...settings, id, log: this.log });
  }

  write(hardState: HardState | null, entries: readonly Entry[], snapshot: Snapshot | null): void {
    if (hardState !== null) this.log.setHardState(hardState);
    if (snapshot === null) this.log.append(entries);
    else if (entries.length > 0) throw new Error("can't apply snapshot and entries at the same time");
    else {
      this.log.applySnapshot(snapshot);
      this.log.setSnapshot(this.#state);
    }
  }

  apply(entries: readonly Entry[]): void {
    for (const { index, term, type, data } of entries) {
      let { configuration } = this.#state;
      let update = data;
      if (type === 'configuration') {
        const change = decodeChange(data);
        configuration = this.raft.applyChange(change, index);
        update = change.context;
      }
      this.#state = { index, term, configuration, data: Buffer.concat([this.#state.data, update]) };
      this.log.setSnapshot(this.#state);
    }
  }
}

/** Nodes in one process, numbered from 1, and the messages between them that are not delivered. */
export class Cluster {
  readonly nodes: ScriptNode[] = [];
  #messages: Message[] = [];

  addNodes(count: number, settings: NodeSettings, snapshot: Snapshot | null): void {
    for (let i = 0; i < count; i += 1) this.nodes.push(new ScriptNode(this.nodes.length + 1, settings, snapshot));
  }

  node(id: NodeId): ScriptNode {
    const node = this.nodes[id - 1];
    if (node === undefined) throw new Error(`there is no node ${id}`);
    return node;
  }

  send(message: Message): void {
    this.#messages.push(message);
  }

  /** @returns what it prints, if it went wrong. */
  step(id: NodeId, message: Message): string[] {
    const outcome = this.node(id).raft.step(message);
    return outcome === 'taken' ? [] : [STEP_ERRORS[outcome]];
  }

  processReady(id: NodeId): string[] {
    const node = this.node(id);
    const ready = node.raft.ready();
    const lines = describeReady(ready);
    this.#messages.push(...ready.messages);
    if (ready.storageAppend !== null) node.appendWork.push(ready.storageAppend);
    if (ready.storageApply !== null) node.applyWork.push(ready.storageApply);
    if (!node.settings.hasAsyncStorage) {
      node.write(ready.hardState, ready.entries, ready.snapshot);
      node.apply(ready.committedEntries);
      node.raft.advance();
    }
    return lines;
  }

  processAppendWork(id: NodeId): string[] {
    const node = this.node(id);
    const work = node.appendWork.shift();
    if (work === undefined) return ['no append work to perform'];
    const { term, vote, commit } = work;
    node.write(term + vote + commit === 0 ? null : { term, vote, commit }, work.entries, work.snapshot);
    return this.#respond(work);
  }

  processApplyWork(id: NodeId): string[] {
    const node = this.node(id);
    const work = node.applyWork.shift();
    if (work === undefined) return ['no apply work to perform'];
    node.apply(work.entries);
    return this.#respond(work);
  }

  hasMessagesTo(id: NodeId): boolean {
    return this.#messages.some(({ to }) => to === id);
  }

  /** Messages to one node. What a node tells itself is never dropped. */
  deliver(id: NodeId, type: MessageType | null, isDropped: boolean): { readonly count: number; readonly lines: string[] } {
    const isWanted = (message: Message): boolean =>
      message.to === id && !(isDropped && message.from === message.to) && (type === null || message.type === type);
    const wanted = this.#messages.filter(isWanted);
    this.#messages = this.#messages.filter((message) => !isWanted(message));
    const lines = wanted.flatMap((message) => {
      const [first, ...rest] = describeMessage(message);
      return isDropped ? [`dropped: ${first}`, ...rest] : [first, ...rest, ...this.step(id, message)];
    });
    return { count: wanted.length, lines };
  }

  /** Until nothing happens. */
  stabilize(ids: readonly NodeId[]): string[] {
    const lines: string[] = [];
    const part = (title: string, inner: readonly string[]): void => {
      lines.push(`> ${title}`, ...inner.map((line) => `  ${line}`));
    };
    let linesBefore = -1;
    for (let round = 0; lines.length > linesBefore; round += 1) {
      if (round === ROUNDS_MAX) throw new Error('the nodes do not come to rest');
      linesBefore = lines.length;
      for (const id of ids) if (this.node(id).raft.hasReady) part(`${id} handling Ready`, this.processReady(id));
      for (const id of ids) if (this.hasMessagesTo(id)) part(`${id} receiving messages`, this.deliver(id, null, false).lines);
      for (const id of ids) if (this.node(id).appendWork.length > 0) part(`${id} processing append thread`, this.#processAll(id, 'append'));
      for (const id of ids) if (this.node(id).applyWork.length > 0) part(`${id} processing apply thread`, this.#processAll(id, 'apply'));
    }
    return lines;
  }

  isVoter(id: NodeId): boolean {
    const { voters, votersOutgoing }: ConfigurationState = this.node(id).raft.status().configuration;
    return voters.includes(id) || votersOutgoing.includes(id);
  }

  #processAll(id: NodeId, kind: 'append' | 'apply'): string[] {
    const work = kind === 'append' ? this.node(id).appendWork : this.node(id).applyWork;
    const lines: string[] = [];
    while (work.length > 0) lines.push(...(kind === 'append' ? this.processAppendWork(id) : this.processApplyWork(id)));
    return lines;
  }

  #respond(work: Message): string[] {
    this.#messages.push(...work.responses);
    const done = describeMessage({ ...work, responses: [] });
    return ['Processing:', ...done, 'Responses:', ...work.responses.flatMap((response) => describeMessage(response))];
  }
}
