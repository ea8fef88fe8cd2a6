import { assert } from '../base/assert.js';
import { whyNotPropose } from './admission.js';
import { changeConfiguration, isJoint, membersOf } from './configuration-change.js';
import type { RaftCore } from './core.js';
import { NO_BYTES } from './make-message.js';
import { type ConfigurationChange, type ConfigurationState, type LogIndex, NO_NODE, type Snapshot } from './messages.js';
import { acknowledgeOwn, appendOwn } from './proposals.js';
import { isVoterIn } from './quorum.js';
import { answerConfirmedReads, releaseEarlyReads } from './reads.js';
import { broadcastAppend, maybeCommit, maybeSendAppend } from './replication.js';
import { becomeFollower } from './roles.js';
import { abortTransfer } from './transfer.js';

/** A change of configuration is applied: from now on it holds. One that a snapshot has overtaken is in it already. */
export function applyChange(core: RaftCore, change: ConfigurationChange, index: LogIndex): ConfigurationState {
  const { members, log } = core;
  if (index <= core.configurationIndex) return members.configuration;
  const result = changeConfiguration(members.configuration, change);
  assert(result.kind === 'changed', 'a leader checked the change before it entered the log');
  members.switchTo(result.configuration, result.added, index, Math.max(log.lastIndex, 1));
  core.configurationIndex = index;
  if (core.role === 'leader') onLeaderSwitched(core);
  return result.configuration;
}

/** A snapshot replaces the log, and the configuration too. */
export function restoreMembers(core: RaftCore, { configuration, index }: Snapshot): void {
  assert(core.role === 'follower', 'only a follower is given a snapshot');
  core.members.clearVotes();
  core.members.switchTo(configuration, membersOf(configuration), 0, Math.max(core.log.lastIndex, 1));
  core.configurationIndex = index;
}

function onLeaderSwitched(core: RaftCore): void {
  const { members, options } = core;
  const own = members.get(core.id);
  if (own === undefined || own.isLearner) {
    if (options.stepsDownOnRemoval) becomeFollower(core, core.term, NO_NODE);
    return;
  }
  if (maybeCommit(core)) {
    // Fewer are needed now.
    releaseEarlyReads(core);
    broadcastAppend(core);
  } else {
    for (const node of members.ids) if (node !== core.id) maybeSendAppend(core, node, false);
  }
  answerConfirmedReads(core);
  if (core.transferee !== NO_NODE && !isVoterIn(members.configuration, core.transferee)) abortTransfer(core);
}

/** After entries were applied: leaves a joint configuration that is to be left by itself, if this leader knows that it holds. */
export function maybeLeaveJoint(core: RaftCore): void {
  const { members, log } = core;
  if (core.role !== 'leader' || !isJoint(members.configuration) || !members.configuration.autoLeave) return;
  if (log.applied < core.pendingChangeIndex || !core.hasCommittedInTerm || whyNotPropose(core) !== null) return;
  const isAppended = appendOwn(core, [{ type: 'configuration', data: NO_BYTES }]);
  assert(isAppended, 'an entry without data is never too much');
  core.pendingChangeIndex = log.lastIndex;
  acknowledgeOwn(core);
  broadcastAppend(core);
}
