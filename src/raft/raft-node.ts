import { assert } from '../base/assert.js';
import { whyNotChange, whyNotPropose } from './admission.js';
import { encodeChange } from './change-codec.js';
import { RaftCore, type Role, type SoftState } from './core.js';
import { makeMessage } from './make-message.js';
import { applyChange } from './membership.js';
import {
  type ConfigurationChange,
  type ConfigurationState,
  type Entry,
  type EntryType,
  type HardState,
  type LogIndex,
  type Message,
  NO_NODE,
  type NodeId,
  type Term,
} from './messages.js';
import type { RaftOptions } from './ports.js';
import { appendOwn } from './proposals.js';
import { makeAppendResponse, makeApplyResponse, makeStorageAppend, makeStorageApply, type Ready } from './ready.js';
import { sendProposals } from './replication.js';
import { becomeFollower } from './roles.js';
import { type RaftStatus, statusOf } from './status.js';
import { step, stepMessage } from './step.js';
import type { StepOutcome } from './step-outcome.js';
import { tick } from './tick.js';

export type ProposeOutcome =
  /** It is in this leader's log. It is in everybody's when an entry of this index and term is applied. */
  | { readonly kind: 'accepted'; readonly index: LogIndex; readonly term: Term }
  /** 0: nobody is known to lead. */
  | { readonly kind: 'not-leader'; readonly leader: NodeId }
  /** Too much is uncommitted, or leadership is being handed over. */
  | { readonly kind: 'busy' };

export type ChangeOutcome = ProposeOutcome | { readonly kind: 'refused'; readonly why: string };

/**
 * One node of Raft, without a clock, a disk or a network: it is told of messages and of time, and says what to do.
 *
 *     step, tick, propose, ...  -->  hasReady  -->  ready()  -->  write, send, apply
 *          ^                                                          |
 *          +----- responses of storage-append and storage-apply; or advance(), without asynchronous storage
 */
export class RaftNode {
  readonly #core: RaftCore;
  #previousSoft: SoftState;
  #previousHard: HardState;
  #stepsOnAdvance: Message[] | null = null; // Not null: a Ready is out, until `advance`.

  constructor(options: RaftOptions) {
    this.#core = new RaftCore(options);
    becomeFollower(this.#core, this.#core.term, NO_NODE);
    this.#previousSoft = this.#core.softState;
    this.#previousHard = this.#core.hardState;
  }

  get role(): Role {
    return this.#core.role;
  }

  get term(): Term {
    return this.#core.term;
  }

  /** 0: not known. */
  get leader(): NodeId {
    return this.#core.leader;
  }

  get commitIndex(): LogIndex {
    return this.#core.log.committed;
  }

  /** Durable or not. */
  get lastIndex(): LogIndex {
    return this.#core.log.lastIndex;
  }

  status(): RaftStatus {
    return statusOf(this.#core);
  }

  tick(): void {
    tick(this.#core);
  }

  /** Whatever a peer sends may be stepped: what makes no sense is ignored. */
  step(message: Message): StepOutcome {
    return stepMessage(this.#core, message);
  }

  /** Does not wait for a timeout. */
  campaign(): void {
    this.#stepLocal({ type: 'campaign' });
  }

  /** Proposals until the next `ready` go out together. Nothing is forwarded. */
  propose(data: Uint8Array): ProposeOutcome {
    return this.#whyNot() ?? this.#append('normal', data);
  }

  proposeChange(change: ConfigurationChange): ChangeOutcome {
    const refusal = this.#whyNot();
    if (refusal !== null) return refusal;
    const why = whyNotChange(this.#core, change);
    if (why !== null) return { kind: 'refused', why };
    const outcome = this.#append('configuration', encodeChange(change));
    if (outcome.kind === 'accepted') this.#core.pendingChangeIndex = outcome.index;
    return outcome;
  }

  /** When its entry is applied, on every node, in the order of the log. */
  applyChange(change: ConfigurationChange, index: LogIndex): ConfigurationState {
    return applyChange(this.#core, change, index);
  }

  /** The answer comes in `Ready.readStates`, with the same context; or never, if the leader changes. */
  readIndex(context: Uint8Array): void {
    this.#stepLocal({ type: 'read-index', context });
  }

  transferLeadership(to: NodeId): void {
    this.#stepLocal({ type: 'transfer-leader', from: to });
  }

  /** A follower that knows that its leader is gone need not wait to vote for another. */
  forgetLeader(): void {
    this.#stepLocal({ type: 'forget-leader' });
  }

  reportUnreachable(node: NodeId): void {
    this.#stepLocal({ type: 'unreachable', from: node });
  }

  reportSnapshot(node: NodeId, wasReceived: boolean): void {
    this.#stepLocal({ type: 'snapshot-status', from: node, isReject: !wasReceived });
  }

  /** Until its role changes, the node waits so many ticks for its leader: for those who play a part. */
  setElectionTimeout(ticks: number): void {
    assert(ticks > 0, 'a timeout is some ticks');
    this.#core.electionTimeoutTicks = ticks;
  }

  get hasReady(): boolean {
    const { log, outbox, afterAppend, readStates } = this.#core;
    return (
      outbox.length > 0 ||
      afterAppend.length > 0 ||
      readStates.length > 0 ||
      log.hasNextUnstableEntries ||
      log.hasNextCommitted(this.#mayApplyUnstable) ||
      log.nextUnstableSnapshot() !== null ||
      this.#changedSoft() !== null ||
      this.#changedHard() !== null
    );
  }

  /** What there is to do. It is under way from now on, and not told again. */
  ready(): Ready {
    const core = this.#core;
    assert(this.#stepsOnAdvance === null, 'a Ready is done before the next, or storage is asynchronous');
    sendProposals(core);
    const { log } = core;
    const softState = this.#changedSoft();
    const hardState = this.#changedHard();
    const entries = log.nextUnstableEntries();
    const snapshot = log.nextUnstableSnapshot();
    const committedEntries = log.nextCommitted(this.#mayApplyUnstable);
    const mustSync = entries.length > 0 || core.term !== this.#previousHard.term || core.vote !== this.#previousHard.vote;
    const parts = { softState, hardState, entries, snapshot, committedEntries, readStates: core.readStates, mustSync };
    const work = core.options.hasAsyncStorage ? this.#asynchronous(parts) : this.#synchronous(parts);
    this.#previousSoft = softState ?? this.#previousSoft;
    this.#previousHard = hardState ?? this.#previousHard;
    core.readStates = [];
    core.outbox = [];
    core.afterAppend = [];
    log.acceptUnstable();
    log.acceptApplying(committedEntries, this.#mayApplyUnstable);
    return { ...parts, ...work };
  }

  /** Without asynchronous storage: all of the last Ready is durable and applied, and its messages are sent. */
  advance(): void {
    const steps = this.#stepsOnAdvance;
    assert(steps !== null, 'there is a Ready to be done with');
    this.#stepsOnAdvance = null;
    for (const message of steps) step(this.#core, message);
  }

  #asynchronous(parts: WorkParts): Pick<Ready, 'messages' | 'storageAppend' | 'storageApply'> {
    const core = this.#core;
    const storageAppend = makeStorageAppend(core, parts.hardState, parts.entries, parts.snapshot);
    return { messages: core.outbox, storageAppend, storageApply: makeStorageApply(core, parts.committedEntries) };
  }

  #synchronous(parts: WorkParts): Pick<Ready, 'messages' | 'storageAppend' | 'storageApply'> {
    const core = this.#core;
    const own = core.afterAppend.filter(({ to }) => to === core.id);
    const others = core.afterAppend.filter(({ to }) => to !== core.id);
    const responses = [makeAppendResponse(core, parts.snapshot), makeApplyResponse(core, parts.committedEntries)];
    this.#stepsOnAdvance = [...own, ...responses.filter((response) => response !== null)];
    return { messages: [...core.outbox, ...others], storageAppend: null, storageApply: null };
  }

  /** Without asynchronous storage whoever gets a Ready writes its entries before applying any. */
  get #mayApplyUnstable(): boolean {
    return !this.#core.options.hasAsyncStorage;
  }

  #changedSoft(): SoftState | null {
    const { leader, role } = this.#core;
    const { leader: leaderBefore, role: roleBefore } = this.#previousSoft;
    return leader === leaderBefore && role === roleBefore ? null : { leader, role };
  }

  #changedHard(): HardState | null {
    const { term, vote, log } = this.#core;
    const before = this.#previousHard;
    return term === before.term && vote === before.vote && log.committed === before.commit ? null : this.#core.hardState;
  }

  #whyNot(): ProposeOutcome | null {
    const { role, leader } = this.#core;
    if (role !== 'leader') return { kind: 'not-leader', leader };
    const why = whyNotPropose(this.#core);
    if (why === null) return null;
    return why === 'removed' ? { kind: 'not-leader', leader: NO_NODE } : { kind: 'busy' };
  }

  #append(type: EntryType, data: Uint8Array): ProposeOutcome {
    const core = this.#core;
    if (!appendOwn(core, [{ type, data }])) return { kind: 'busy' };
    core.hasUnsentProposals = true;
    return { kind: 'accepted', index: core.log.lastIndex, term: core.term };
  }

  #stepLocal(parts: Omit<Partial<Message>, 'to'> & Pick<Message, 'type'>): void {
    step(this.#core, makeMessage({ ...parts, to: this.#core.id }));
  }
}

interface WorkParts {
  readonly hardState: HardState | null;
  readonly entries: readonly Entry[];
  readonly snapshot: Ready['snapshot'];
  readonly committedEntries: readonly Entry[];
}
