import { WireViolation } from '../wire/violation.js';
import { decodeChange } from './change-codec.js';
import { changeConfiguration, isJoint, leavesJoint } from './configuration-change.js';
import type { RaftCore } from './core.js';
import { NO_BYTES } from './make-message.js';
import { type ConfigurationChange, type Message, NO_NODE } from './messages.js';
import { acknowledgeOwn, appendOwn, type NewEntry } from './proposals.js';
import { broadcastAppend } from './replication.js';

/** Why a leader takes no proposals at all now; null if it does. */
export function whyNotPropose(core: RaftCore): 'removed' | 'hands-over' | null {
  if (core.members.get(core.id) === undefined) return 'removed';
  return core.transferee === NO_NODE ? null : 'hands-over';
}

/** Why a change must not enter the log now, in words; null if it may. */
export function whyNotChange(core: RaftCore, change: ConfigurationChange): string | null {
  const { changeRule = 'strict' } = core.options;
  const { configuration } = core.members;
  if (changeRule === 'none') return null;
  if (core.pendingChangeIndex > core.log.applied) return 'another change is not applied yet';
  if (isJoint(configuration) && !leavesJoint(change)) return 'a joint configuration has to be left first';
  if (!isJoint(configuration) && leavesJoint(change)) return 'the configuration is not joint';
  if (changeRule === 'lax') return null;
  // Two leaders could each count on a configuration that the other does not know (Ongaro, raft-dev, July 2015).
  if (!core.hasCommittedInTerm) return 'nothing of this term is committed yet';
  const result = changeConfiguration(configuration, change);
  return result.kind === 'refused' ? `the change cannot be made: ${result.why}` : null;
}

/**
 * Entries that came in a message. A change that must not be becomes an empty entry, so that the others keep their order.
 * @returns false if they are dropped, all of them.
 */
export function takeProposal(core: RaftCore, message: Message): boolean {
  if (whyNotPropose(core) !== null || message.entries.length === 0) return false;
  const first = core.log.lastIndex + 1;
  const { pendingChangeIndex } = core;
  const entries = message.entries.map((entry, at): NewEntry => {
    if (entry.type !== 'configuration') return entry;
    const why = whyNotChangeData(core, entry.data);
    if (why === null) {
      core.pendingChangeIndex = first + at;
      return entry;
    }
    core.options.report.warn('refuses a change of configuration', { node: core.id, from: message.from, why });
    return { type: 'normal', data: NO_BYTES };
  });
  if (!appendOwn(core, entries)) {
    core.pendingChangeIndex = pendingChangeIndex;
    return false;
  }
  acknowledgeOwn(core);
  broadcastAppend(core);
  return true;
}

function whyNotChangeData(core: RaftCore, data: Uint8Array): string | null {
  try {
    return whyNotChange(core, decodeChange(data));
  } catch (error) {
    if (error instanceof WireViolation) return error.message;
    throw error;
  }
}
