import assert from 'node:assert/strict';
import type { Random } from '../../src/base/random.js';
import { decodeChange } from '../../src/raft/change-codec.js';
import type { ChangeType, ConfigurationState, Entry, LogIndex, Message, NodeId, SingleChange, Term } from '../../src/raft/messages.js';
import { RaftNode } from '../../src/raft/raft-node.js';
import { MemoryLog } from './memory-log.js';
import { bytes, type NodeOptions, optionsOf, votersAre } from './network.js';

/*
  A random history of some nodes: messages are lost, doubled and come in any order, disks and state machines take their time, nodes stop anywhere
  and start again from what was written, logs are compacted, members come and go. After each step what Raft promises is checked.
*/

const FOUNDERS = votersAre(1, 2, 3);
const NODE_COUNT = 5;
const MESSAGES_MAX = 200;
const SMALL_LIMITS: NodeOptions = {
  hasAsyncStorage: true,
  electionTicks: 5,
  messageBytesMax: 60,
  committedBytesMax: 60,
  uncommittedBytesMax: 100,
  inFlightMessagesMax: 3,
};

class HistoryNode {
  readonly id: NodeId;
  readonly log: MemoryLog = new MemoryLog(FOUNDERS);
  readonly #random: Random;
  readonly #options: NodeOptions;
  raft: RaftNode;
  appendWork: Message[] = [];
  applyWork: Message[] = [];
  applied: LogIndex = 0;
  /** Of the last one that came from a leader. */
  snapshotIndex: LogIndex = 0;
  configuration: ConfigurationState = FOUNDERS;

  constructor(id: NodeId, random: Random, options: NodeOptions) {
    this.id = id;
    this.#random = random;
    this.#options = options;
    this.raft = this.#make();
  }

  /** What was not written is lost, and what was applied is applied again after the snapshot. */
  restart(): void {
    this.appendWork = [];
    this.applyWork = [];
    this.applied = this.log.snapshot()?.index ?? 0;
    this.configuration = this.log.configuration;
    this.raft = this.#make();
  }

  #make(): RaftNode {
    const drawBelow = (limit: number): number => this.#random.below(limit);
    return new RaftNode({ ...optionsOf({ ...this.#options, appliedIndex: this.applied, drawBelow }), id: this.id, log: this.log });
  }
}

export class History {
  readonly #random: Random;
  readonly nodes: HistoryNode[];
  #messages: Message[] = [];
  #proposals = 0;
  readonly #leaders = new Map<Term, NodeId>();
  /** What any node applied at each index, for all time. */
  readonly applied: Entry[] = [];
  elections = 0;
  changes = 0;
  snapshots = 0;

  constructor(random: Random) {
    this.#random = random;
    // With neither, nobody tells a leader of a later term that its members have reached without it.
    const [hasPreVote, hasCheckQuorum] = [
      [true, true],
      [true, false],
      [false, true],
    ][random.below(3)];
    const options = { ...SMALL_LIMITS, hasPreVote, hasCheckQuorum };
    this.nodes = Array.from({ length: NODE_COUNT }, (_, at) => new HistoryNode(at + 1, random, options));
  }

  step(): void {
    const node = this.nodes[this.#random.below(NODE_COUNT)];
    const kind = this.#random.below(1000);
    if (kind < 300) this.#deliver();
    else if (kind < 450) node.raft.tick();
    else if (kind < 650) this.#ready(node);
    else if (kind < 780) this.#write(node);
    else if (kind < 890) this.#apply(node);
    else if (kind < 950) this.#propose(node);
    else if (kind < 970) this.#change(node);
    else if (kind < 980) this.#compact(node);
    else if (kind < 985) node.restart();
    else if (kind < 990) node.raft.transferLeadership(1 + this.#random.below(NODE_COUNT));
    else if (kind < 995) node.raft.reportUnreachable(1 + this.#random.below(NODE_COUNT));
    else node.raft.reportSnapshot(1 + this.#random.below(NODE_COUNT), this.#random.below(2) === 0);
    this.#check(node);
  }

  /** Everything works from now on. @returns false if an entry of now is not applied by all members within `rounds`. */
  settle(rounds: number): boolean {
    for (let round = 0; round < rounds; round += 1) {
      for (const node of this.nodes) {
        node.raft.tick();
        this.#work(node);
      }
      for (let left = 2000; left > 0 && this.#messages.length > 0; left -= 1) {
        const message = this.#messages.shift();
        if (message === undefined) break;
        this.#send(message);
        this.#work(this.nodes[message.to - 1]);
      }
      const leader = this.nodes.find(({ raft }) => raft.role === 'leader' && raft.status().mayVote);
      if (leader !== undefined && round % 20 === 10) this.#propose(leader);
      // The answer to a snapshot may have been lost: whoever carries them says so.
      if (leader !== undefined && round % 20 === 15) for (const { id } of this.nodes) leader.raft.reportSnapshot(id, false);
      if (leader !== undefined && round > 60 && this.#isEven(leader)) return true;
    }
    return false;
  }

  #isEven(leader: HistoryNode): boolean {
    const { voters, votersOutgoing, learners } = leader.configuration;
    const members = [...voters, ...votersOutgoing, ...learners];
    return members.every((id) => this.nodes[id - 1].applied === leader.raft.lastIndex);
  }

  #work(node: HistoryNode): void {
    while (node.raft.hasReady || node.appendWork.length > 0 || node.applyWork.length > 0) {
      this.#ready(node);
      this.#write(node);
      this.#apply(node);
      this.#check(node);
    }
  }

  #deliver(): void {
    if (this.#messages.length === 0) return;
    const at = this.#random.below(this.#messages.length);
    const message = this.#messages[at];
    const fate = this.#random.below(10);
    if (fate > 0) this.#messages.splice(at, 1); // Otherwise it comes again.
    if (fate < 9) this.#send(message);
  }

  #send(message: Message): void {
    this.nodes[message.to - 1].raft.step(message);
    this.#check(this.nodes[message.to - 1]);
  }

  #ready(node: HistoryNode): void {
    if (!node.raft.hasReady) return;
    const { messages, storageAppend, storageApply } = node.raft.ready();
    this.#queue(messages);
    if (storageAppend !== null) node.appendWork.push(storageAppend);
    if (storageApply !== null) node.applyWork.push(storageApply);
  }

  #queue(messages: readonly Message[]): void {
    this.#messages.push(...messages);
    while (this.#messages.length > MESSAGES_MAX) this.#messages.splice(this.#random.below(this.#messages.length), 1);
  }

  #write(node: HistoryNode): void {
    const work = node.appendWork.shift();
    if (work === undefined) return;
    const { term, vote, commit, entries, snapshot } = work;
    if (term > 0) node.log.setHardState({ term, vote, commit });
    assert.ok(snapshot === null || entries.length === 0, 'a snapshot is written alone');
    if (snapshot === null) node.log.append(entries);
    else if (snapshot.index > node.applied) {
      node.log.applySnapshot(snapshot);
      node.applied = snapshot.index;
      node.snapshotIndex = snapshot.index;
      node.configuration = snapshot.configuration;
      this.snapshots += 1;
    }
    this.#respond(node, work);
  }

  #apply(node: HistoryNode): void {
    const work = node.applyWork.shift();
    if (work === undefined) return;
    for (const entry of work.entries) {
      if (entry.index <= node.snapshotIndex) continue; // The snapshot that was written meanwhile has it.
      assert.equal(entry.index, node.applied + 1, 'entries are applied in order, each once');
      this.applied[entry.index] ??= entry;
      assert.deepEqual(entry, this.applied[entry.index], 'all nodes apply the same');
      if (entry.type === 'configuration') node.configuration = node.raft.applyChange(decodeChange(entry.data), entry.index);
      node.applied = entry.index;
    }
    this.#respond(node, work);
  }

  #respond(node: HistoryNode, work: Message): void {
    for (const response of work.responses) if (response.to === node.id) node.raft.step(response);
    this.#queue(work.responses.filter(({ to }) => to !== node.id));
  }

  #propose(node: HistoryNode): void {
    this.#proposals += 1;
    node.raft.propose(bytes(`${this.#proposals}`));
  }

  #change(node: HistoryNode): void {
    const types: readonly ChangeType[] = ['add-voter', 'add-voter', 'add-learner', 'remove'];
    const isLeaving = node.configuration.votersOutgoing.length > 0;
    const changes = Array.from({ length: isLeaving ? 0 : 1 + this.#random.below(3) }, (): SingleChange => {
      return { type: types[this.#random.below(types.length)], node: 1 + this.#random.below(NODE_COUNT) };
    });
    const transition = isLeaving ? 'auto' : (['auto', 'implicit', 'explicit'] as const)[this.#random.below(3)];
    if (node.raft.proposeChange({ transition, changes, context: bytes('') }).kind === 'accepted') this.changes += 1;
  }

  #compact(node: HistoryNode): void {
    // While a snapshot waits to be written, the configuration is that of the snapshot, and the state is not.
    if (node.raft.status().firstIndex !== node.log.firstIndex) return;
    if (node.applied < node.log.firstIndex || node.applied > node.log.lastIndex) return;
    const { applied: index, configuration } = node;
    node.log.setSnapshot({ index, term: node.log.termAt(index) ?? 0, configuration, data: bytes('') });
    node.log.compact(index);
  }

  #check({ id, raft }: HistoryNode): void {
    if (raft.role !== 'leader') return;
    const known = this.#leaders.get(raft.term);
    if (known === undefined) this.elections += 1;
    this.#leaders.set(raft.term, known ?? id);
    assert.equal(known ?? id, id, 'a term has one leader');
  }
}
