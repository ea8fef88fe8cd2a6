import { assert } from '../base/assert.js';
import type { ConfigurationChange, ConfigurationState, NodeId, SingleChange } from './messages.js';

/*
  What a change makes of a configuration. Pure: nothing is changed, a new configuration comes out, or the reason why not.

      simple        voters                              at most one voter comes or goes
      enter joint   voters  -->  voters && outgoing     any number; the voters before become the outgoing ones
      leave joint   voters && outgoing  -->  voters     those in `learnersNext` become learners, the other outgoing ones leave
*/

export type ChangeRefusal =
  | 'already-joint'
  | 'not-joint'
  | 'joint-needs-voters'
  | 'simple-while-joint'
  | 'more-than-one-voter'
  | 'no-voter-left';

export type ChangeResult =
  /** `added`: members that begin anew, also those that left and came back within the change. */
  | { readonly kind: 'changed'; readonly configuration: ConfigurationState; readonly added: readonly NodeId[] }
  | { readonly kind: 'refused'; readonly why: ChangeRefusal };

/** Applies a change as its transition says. */
export function changeConfiguration(before: ConfigurationState, change: ConfigurationChange): ChangeResult {
  if (leavesJoint(change)) return leaveJoint(before);
  if (change.transition === 'auto' && change.changes.length <= 1) return changeSimply(before, change.changes);
  return enterJoint(before, change.changes, change.transition !== 'explicit');
}

export function leavesJoint(change: ConfigurationChange): boolean {
  return change.transition === 'auto' && change.changes.length === 0;
}

export function isJoint(configuration: ConfigurationState): boolean {
  return configuration.votersOutgoing.length > 0;
}

export function changeSimply(before: ConfigurationState, changes: readonly SingleChange[]): ChangeResult {
  if (isJoint(before)) return { kind: 'refused', why: 'simple-while-joint' };
  const draft = new Draft(before);
  if (!draft.apply(changes)) return { kind: 'refused', why: 'no-voter-left' };
  if (countDifferences(before.voters, draft.voters) > 1) return { kind: 'refused', why: 'more-than-one-voter' };
  return draft.finish(false);
}

export function enterJoint(before: ConfigurationState, changes: readonly SingleChange[], autoLeave: boolean): ChangeResult {
  if (isJoint(before)) return { kind: 'refused', why: 'already-joint' };
  if (before.voters.length === 0) return { kind: 'refused', why: 'joint-needs-voters' };
  const draft = new Draft({ ...before, votersOutgoing: before.voters });
  if (!draft.apply(changes)) return { kind: 'refused', why: 'no-voter-left' };
  return draft.finish(autoLeave);
}

export function leaveJoint(before: ConfigurationState): ChangeResult {
  if (!isJoint(before)) return { kind: 'refused', why: 'not-joint' };
  const learners = sorted(new Set([...before.learners, ...before.learnersNext]));
  const configuration = { voters: before.voters, votersOutgoing: [], learners, learnersNext: [], autoLeave: false };
  assertConfiguration(configuration);
  return { kind: 'changed', configuration, added: [] };
}

/** Everybody who is a member in any way, in increasing order. Those to come as learners are outgoing voters. */
export function membersOf(configuration: ConfigurationState): NodeId[] {
  return sorted(new Set([...configuration.voters, ...configuration.votersOutgoing, ...configuration.learners]));
}

export function assertConfiguration(configuration: ConfigurationState): void {
  const { voters, votersOutgoing, learners, learnersNext } = configuration;
  for (const nodes of [voters, votersOutgoing, learners, learnersNext]) {
    for (let i = 1; i < nodes.length; i += 1) assert(nodes[i - 1] < nodes[i], 'members are listed in increasing order, each once');
  }
  for (const node of learners) {
    assert(!voters.includes(node) && !votersOutgoing.includes(node), 'a learner is no voter');
  }
  for (const node of learnersNext) {
    assert(votersOutgoing.includes(node) && !voters.includes(node), 'a learner to be is a voter that goes');
  }
  assert(isJoint(configuration) || !configuration.autoLeave, 'only a joint configuration can be left');
}

/** A configuration in the making. */
class Draft {
  readonly voters: Set<NodeId>;
  readonly #outgoing: ReadonlySet<NodeId>;
  readonly #learners: Set<NodeId>;
  readonly #learnersNext: Set<NodeId>;
  readonly #added = new Set<NodeId>();

  constructor(before: ConfigurationState) {
    this.voters = new Set(before.voters);
    this.#outgoing = new Set(before.votersOutgoing);
    this.#learners = new Set(before.learners);
    this.#learnersNext = new Set(before.learnersNext);
  }

  /** @returns false if no voter is left. */
  apply(changes: readonly SingleChange[]): boolean {
    for (const { type, node } of changes) {
      if (node === 0) continue; // A change that whoever proposed it thought better of.
      if (type === 'add-voter') this.#addVoter(node);
      else if (type === 'add-learner') this.#addLearner(node);
      else if (type === 'remove') this.#remove(node);
    }
    return this.voters.size > 0;
  }

  finish(autoLeave: boolean): ChangeResult {
    const configuration = {
      voters: sorted(this.voters),
      votersOutgoing: sorted(this.#outgoing),
      learners: sorted(this.#learners),
      learnersNext: sorted(this.#learnersNext),
      autoLeave,
    };
    assertConfiguration(configuration);
    return { kind: 'changed', configuration, added: sorted(this.#added) };
  }

  #addVoter(node: NodeId): void {
    this.#noteAdded(node);
    this.#learners.delete(node);
    this.#learnersNext.delete(node);
    this.voters.add(node);
  }

  #addLearner(node: NodeId): void {
    this.#noteAdded(node);
    this.voters.delete(node);
    // An outgoing voter cannot be a learner yet: the two must not meet.
    if (this.#outgoing.has(node)) this.#learnersNext.add(node);
    else this.#learners.add(node);
  }

  #remove(node: NodeId): void {
    this.voters.delete(node);
    this.#learners.delete(node);
    this.#learnersNext.delete(node);
    if (!this.#outgoing.has(node)) this.#added.delete(node);
  }

  #noteAdded(node: NodeId): void {
    if (!this.voters.has(node) && !this.#learners.has(node) && !this.#outgoing.has(node)) this.#added.add(node);
  }
}

function countDifferences(before: readonly NodeId[], after: ReadonlySet<NodeId>): number {
  const kept = before.filter((node) => after.has(node)).length;
  return before.length - kept + (after.size - kept);
}

function sorted(nodes: ReadonlySet<NodeId>): NodeId[] {
  return [...nodes].sort((a, b) => a - b);
}
