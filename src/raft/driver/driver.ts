import { assert } from '../../base/assert.js';
import type { ConfigurationChange, ConfigurationState, LogIndex, Message, NodeId, Term } from '../messages.js';
import type { RaftLog } from '../ports.js';
import { RaftNode } from '../raft-node.js';
import type { Ready } from '../ready.js';
import { AppliedState } from './applied-state.js';
import type { DriverLimits } from './limits.js';
import { nodeOptions } from './node-options.js';
import { Outbox } from './outbox.js';
import { notLeader, PendingProposals, type ProposalDone } from './pending-proposals.js';
import { PendingReads, type ReadDone } from './pending-reads.js';
import type { ChunkAnswer, RaftStore, RaftTransport, SnapshotChunk, StateMachine } from './ports.js';
import { decodeMark } from './snapshot-mark.js';
import { SnapshotReceiver } from './snapshot-receiver.js';
import { SnapshotSender } from './snapshot-sender.js';
import { SnapshotTaker } from './snapshot-taker.js';

/** Rounds of work in one turn; what is left waits for the next, so that nobody starves. */
const ROUNDS_MAX = 64;

export interface DriverOptions<Result> {
  readonly id: NodeId;
  readonly store: RaftStore;
  readonly transport: RaftTransport;
  readonly machine: StateMachine<Result>;
  readonly limits: DriverLimits;
  /** A number from 0 to `limit - 1`. */
  readonly drawBelow: (limit: number) => number;
  readonly report: RaftLog;
}

/** new: nothing yet. running. failed: the store or the state machine cannot go on, and neither may the process. stopped: told to. */
type Phase = 'new' | 'running' | 'failed' | 'stopped';

/*
  One node of Raft: the core, its log on the disk, its peers and its state machine.

      peers, callers, ticks            turn()
            |                            |
            v                            v            messages that stand on nothing new ---> peers
        RaftNode.step -> hasReady -> ready() ---------> store.append ... durable ---> responses to peers and to the core
                                         |
                                         +------------> committed entries -> machine.apply -> callers

  Inputs change the core at once and cost little; `turn` does the work, for all inputs since the last one together. Whatever depends on the disk
  is a response that the core attached to the write (`Ready.storageAppend`), so nothing here can send it too early. A leader sends
  entries to its peers while its own disk writes them (thesis 10.2.1), and counts itself when they are flushed.
*/
export class RaftDriver<Result> {
  /** There is work for `turn`. Called often; whoever listens remembers one wish. */
  onWork: () => void = () => {};
  /** Once. What is on the disk or in the state is not known any more: the process ends. */
  onFatal: (error: Error) => void = () => {};
  /** Who leads, or nobody (0), changed; also told when this node begins or ends to lead. */
  onLeader: (leader: NodeId, term: Term) => void = () => {};
  readonly #options: DriverOptions<Result>;
  readonly #outbox: Outbox;
  readonly #proposals = new PendingProposals<Result>();
  readonly #reads = new PendingReads();
  readonly #taker: SnapshotTaker;
  readonly #sender: SnapshotSender;
  readonly #receiver: SnapshotReceiver;
  readonly #applied: AppliedState<Result>;
  #node: RaftNode | null = null;
  #phase: Phase = 'new';
  /** Writes under way. */
  #writing = 0;
  /** The store is about to make an incoming snapshot the newest. */
  #isAdopting = false;

  constructor(options: DriverOptions<Result>) {
    const { store, transport, machine, limits } = options;
    this.#options = options;
    this.#applied = new AppliedState(store, machine);
    this.#outbox = new Outbox(transport);
    const onFailure = (error: Error): void => this.#fail(error);
    this.#taker = new SnapshotTaker(store, machine, limits, { onWork: () => this.#wantTurn(), onFailure });
    this.#receiver = new SnapshotReceiver(store, transport, onFailure);
    this.#sender = new SnapshotSender(store, transport, limits.chunksInFlight, {
      onTransferEnd: (peer, wasSent) => {
        this.#node?.reportSnapshot(peer, wasSent);
        this.#wantTurn();
      },
    });
  }

  /** The state machine is what the newest snapshot says; entries after it are applied as their commit is known. @throws Error if the snapshot is no state. */
  start(): void {
    assert(this.#phase === 'new', 'a driver starts once');
    this.#applied.restore();
    this.#node = new RaftNode(nodeOptions(this.#options, this.#applied.index));
    this.#phase = 'running';
    this.#wantTurn();
  }

  get isLeader(): boolean {
    return this.#node?.role === 'leader';
  }

  get leader(): NodeId {
    return this.#node?.leader ?? 0;
  }

  get term(): Term {
    return this.#node?.term ?? 0;
  }

  get appliedIndex(): LogIndex {
    return this.#applied.index;
  }

  /** Of the last entry that was applied. */
  get appliedTerm(): Term {
    return this.#applied.term;
  }

  /** The one in force, as far as entries are applied here. */
  get configuration(): ConfigurationState {
    return this.#applied.configuration;
  }

  get snapshotIndex(): LogIndex {
    return this.#options.store.snapshotIndex;
  }

  get node(): RaftNode | null {
    return this.#node;
  }

  /** Every 100 ms of the node's own time. */
  tick(): void {
    const node = this.#running();
    if (node === null) return;
    node.tick();
    this.#reads.onTick();
    this.#sender.onTick();
    this.#wantTurn();
  }

  receive(messages: readonly Message[]): void {
    const node = this.#running();
    if (node === null) return;
    for (const message of messages) {
      // The core must not know of a snapshot before all of it is on the disk. The leader finds out, and sends what is missing.
      if (message.type === 'snapshot' && !this.#mayStep(message)) continue;
      node.step(message);
    }
    this.#wantTurn();
  }

  onChunk(from: NodeId, chunk: SnapshotChunk): void {
    const node = this.#running();
    if (node === null || chunk.term < node.term) return;
    this.#receiver.onChunk(from, chunk);
  }

  onChunkAnswer(from: NodeId, answer: ChunkAnswer): void {
    if (this.#running() === null) return;
    this.#sender.onAnswer(from, answer);
    this.#wantTurn();
  }

  /** What was sent to a peer last may be lost. */
  onUnreachable(peer: NodeId): void {
    this.#running()?.reportUnreachable(peer);
    this.#wantTurn();
  }

  propose(data: Uint8Array, done: ProposalDone<Result>): void {
    const node = this.#running();
    const outcome = node === null ? notLeader(0) : node.propose(data);
    if (outcome.kind !== 'accepted') {
      done(outcome);
      return;
    }
    this.#proposals.add(outcome.index, outcome.term, done);
    this.#wantTurn();
  }

  /** @returns why not, in words; null if it is on its way, and then `done` is told. */
  changeConfiguration(change: ConfigurationChange, done: ProposalDone<Result>): string | null {
    const node = this.#running();
    if (node === null) return 'the node does not run';
    const outcome = node.proposeChange(change);
    if (outcome.kind === 'refused') return outcome.why;
    if (outcome.kind === 'not-leader') return 'this node does not lead';
    if (outcome.kind === 'busy') return 'too many proposals are under way';
    this.#proposals.add(outcome.index, outcome.term, done);
    this.#wantTurn();
    return null;
  }

  /** Answered when the state machine has all that was committed before. Only a leader can tell. */
  read(done: ReadDone): void {
    const node = this.#running();
    if (node === null || node.role !== 'leader') done(notLeader(node?.leader ?? 0));
    else if (this.#reads.count >= this.#options.limits.readsMax) done({ kind: 'busy' });
    else {
      this.#reads.add(done);
      this.#wantTurn();
    }
  }

  /** Does not wait to miss a leader: for a node that is alone. */
  campaign(): void {
    this.#running()?.campaign();
    this.#wantTurn();
  }

  transferLeadership(to: NodeId): void {
    this.#running()?.transferLeadership(to);
    this.#wantTurn();
  }

  /** Does what inputs left to do. */
  turn(): void {
    const node = this.#running();
    if (node === null) return;
    if (this.#reads.wantsRound) node.readIndex(this.#reads.beginRound());
    let rounds = 0;
    while (rounds < ROUNDS_MAX && this.#phase === 'running' && node.hasReady) {
      this.#onReady(node, node.ready());
      rounds += 1;
    }
    if (this.#phase !== 'running') return;
    if (!this.#isAdopting && !node.hasReady) this.#receiver.onSettled();
    this.#taker.turn();
    if (this.#taker.isDue) this.#beginSnapshot();
    this.#outbox.flush();
    if (node.hasReady || this.#reads.wantsRound) this.#wantTurn();
  }

  stop(): void {
    if (this.#phase === 'stopped') return;
    this.#phase = 'stopped';
    this.#giveUp();
  }

  #running(): RaftNode | null {
    return this.#phase === 'running' ? this.#node : null;
  }

  #wantTurn(): void {
    if (this.#phase === 'running') this.onWork();
  }

  #onReady(node: RaftNode, ready: Ready): void {
    if (ready.softState !== null) this.#onSoftState(node);
    const late: Message[] = [];
    for (const message of ready.messages) {
      if (message.type === 'snapshot') this.#sender.begin(message);
      else if (message.type === 'vote' && ready.storageAppend !== null) late.push(message);
      else this.#outbox.add(message);
    }
    for (const { context, index } of ready.readStates) this.#reads.onConfirmed(context, index);
    this.#reads.onApplied(this.#applied.index);
    if (ready.storageAppend !== null) {
      this.#outbox.flush(); // Peers write while this disk does.
      this.#append(node, ready.storageAppend, ready.mustSync, late);
    }
    if (ready.storageApply !== null) this.#apply(node, ready.storageApply);
  }

  #onSoftState(node: RaftNode): void {
    if (node.role !== 'leader') {
      this.#proposals.giveUp();
      this.#reads.giveUp(notLeader(node.leader));
      this.#sender.abandonAll();
    }
    this.onLeader(node.leader, node.term);
  }

  /** @param late go when the work is done: who asks for votes in a term it could forget may lead in that term twice. */
  #append(node: RaftNode, work: Message, mustSync: boolean, late: readonly Message[]): void {
    const { store } = this.#options;
    const hardState = work.term === 0 ? null : { term: work.term, vote: work.vote, commit: work.commit };
    // Only the commit index moved. It may be forgotten: a leader tells it again.
    const isVolatile = !mustSync && work.entries.length === 0 && work.snapshot === null;
    if (isVolatile && this.#writing === 0) {
      this.#respond(node, late);
      this.#respond(node, work.responses);
      return;
    }
    this.#writing += 1;
    const done = (error: Error | null): void => {
      this.#writing -= 1;
      if (error !== null) this.#fail(error);
      if (this.#phase !== 'running') return;
      if (work.snapshot !== null) {
        this.#isAdopting = false;
        if (!this.#becomeSnapshot()) return;
        this.#maybeClearDamage();
      }
      this.#respond(node, late);
      this.#respond(node, work.responses);
      this.#outbox.flush();
      this.#wantTurn();
    };
    // What is volatile may answer for entries of a write before it, so it waits for that one.
    if (isVolatile) store.append(null, [], done);
    else if (work.snapshot === null) store.append(hardState, work.entries, done);
    else {
      this.#taker.abandon();
      this.#isAdopting = true;
      store.adoptIncoming(hardState, decodeMark(work.snapshot.data), done);
    }
  }

  #respond(node: RaftNode, responses: readonly Message[]): void {
    for (const response of responses) {
      if (response.to === this.#options.id) node.step(response);
      else this.#outbox.add(response);
    }
  }

  #apply(node: RaftNode, work: Message): void {
    for (const entry of work.entries) {
      let result: Result;
      try {
        result = this.#applied.apply(entry, node);
      } catch (error) {
        this.#fail(error instanceof Error ? error : new Error('the state machine failed', { cause: error }));
        return;
      }
      this.#taker.noteApplied(entry.data.length);
      this.#proposals.onApplied(entry.index, entry.term, result);
    }
    this.#respond(node, work.responses);
    this.#reads.onApplied(this.#applied.index);
    this.#maybeClearDamage();
    // A node that starts again must know of it: who is a member decides whose votes it needs.
    if (work.entries.some(({ type }) => type === 'configuration')) this.#keepCommit(node);
  }

  #keepCommit(node: RaftNode): void {
    const { term, vote, commit } = node.status();
    this.#writing += 1;
    this.#options.store.append({ term, vote, commit }, [], (error) => {
      this.#writing -= 1;
      if (error !== null) this.#fail(error);
    });
  }

  #becomeSnapshot(): boolean {
    try {
      this.#applied.restore();
      return true;
    } catch (error) {
      this.#fail(error instanceof Error ? error : new Error('the snapshot cannot be read', { cause: error }));
      return false;
    }
  }

  #beginSnapshot(): void {
    const { index, term, configuration } = this.#applied;
    this.#taker.begin(index, term, configuration);
  }

  #mayStep(message: Message): boolean {
    if (message.snapshot === null) return false;
    const node = this.#node;
    const mark = decodeMark(message.snapshot.data);
    return (node !== null && mark.index <= node.commitIndex) || this.#receiver.isWhole(mark);
  }

  #maybeClearDamage(): void {
    const { store } = this.#options;
    // What is applied is durable; what is committed may still be on its way to the disk.
    if (store.damagedUpTo > 0 && this.#applied.index >= store.damagedUpTo) store.clearDamage();
  }

  #fail(error: Error): void {
    if (this.#phase !== 'running') return;
    this.#phase = 'failed';
    this.#giveUp();
    this.onFatal(error);
  }

  #giveUp(): void {
    this.#proposals.giveUp();
    this.#reads.giveUp({ kind: 'unknown' });
    this.#sender.abandonAll();
    this.#taker.abandon();
  }
}
