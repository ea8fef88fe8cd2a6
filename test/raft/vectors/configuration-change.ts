import { type ChangeRefusal, changeSimply, enterJoint, leaveJoint } from '../../../src/raft/configuration-change.js';
import { Members } from '../../../src/raft/members.js';
import type { ConfigurationState, NodeId } from '../../../src/raft/messages.js';
import { describeMember, parseChanges } from './describe.js';
import { type Case, firstOf } from './parse.js';

export const CHANGE_COMMANDS: ReadonlySet<string> = new Set(['simple', 'enter-joint', 'leave-joint']);

/** As the scripts say it. */
const REFUSALS: Readonly<Record<ChangeRefusal, string>> = {
  'already-joint': 'config is already joint',
  'not-joint': "can't leave a non-joint config",
  'joint-needs-voters': "can't make a zero-voter config joint",
  'simple-while-joint': "can't apply simple config change in joint config",
  'more-than-one-voter': 'more than one voter changed without entering joint config',
  'no-voter-left': 'removed all voters',
};

/** A configuration that each case changes. */
export class ChangeScript {
  readonly #members = new Members({ inFlightMessagesMax: 10, inFlightBytesMax: Number.POSITIVE_INFINITY });
  #index = 0;

  run(one: Case): string[] {
    const index = this.#index;
    this.#index += 1;
    const before = this.#members.configuration;
    const changes = parseChanges(one.input);
    if (one.command === 'leave-joint' && changes.length > 0) return ['this command takes no input'];
    const result =
      one.command === 'simple'
        ? changeSimply(before, changes)
        : one.command === 'enter-joint'
          ? enterJoint(before, changes, firstOf(one, 'autoleave') === 'true')
          : leaveJoint(before);
    if (result.kind === 'refused') return [REFUSALS[result.why]];
    this.#members.switchTo(result.configuration, result.added, index, Math.max(index, 1));
    return [describeConfiguration(result.configuration), ...this.#members.ids.map((node) => this.#describe(node))];
  }

  #describe(node: NodeId): string {
    const progress = this.#members.get(node);
    if (progress === undefined) throw new Error(`no progress for ${node}`);
    const flow = { inFlightMessages: 0, inFlightBytes: 0, isInFlightFull: false };
    const { state, match, next, isLearner, isHeld, isRecentlyActive, pendingSnapshot, membership } = progress;
    return describeMember({
      node,
      state,
      match,
      next,
      isLearner,
      isPaused: isHeld,
      isRecentlyActive,
      pendingSnapshot,
      membership,
      ...flow,
    });
  }
}

function describeConfiguration({ voters, votersOutgoing, learners, learnersNext, autoLeave }: ConfigurationState): string {
  const list = (nodes: readonly NodeId[]): string => `(${nodes.map((node) => node.toString(16)).join(' ')})`;
  let text = `voters=${list(voters)}`;
  if (votersOutgoing.length > 0) text += `&&${list(votersOutgoing)}`;
  if (learners.length > 0) text += ` learners=${list(learners)}`;
  if (learnersNext.length > 0) text += ` learners_next=${list(learnersNext)}`;
  return autoLeave ? `${text} autoleave` : text;
}
