import type { LogIndex } from '../messages.js';
import type { RaftOptions } from '../ports.js';
import type { DriverOptions } from './driver.js';
import { ELECTION_TICKS, HEARTBEAT_TICKS } from './limits.js';

/** What the driver asks of the core: pre-vote and check-quorum together, reads by a quorum, and storage that answers later. */
export function nodeOptions<Result>(options: DriverOptions<Result>, appliedIndex: LogIndex): RaftOptions {
  const { id, store, limits, drawBelow, report } = options;
  return {
    id,
    log: store,
    electionTicks: ELECTION_TICKS,
    heartbeatTicks: HEARTBEAT_TICKS,
    hasPreVote: true,
    hasCheckQuorum: true,
    hasAsyncStorage: true,
    readMode: 'quorum',
    stepsDownOnRemoval: true,
    messageBytesMax: limits.messageBytesMax,
    committedBytesMax: limits.committedBytesMax,
    uncommittedBytesMax: limits.uncommittedBytesMax,
    inFlightMessagesMax: limits.inFlightMessagesMax,
    inFlightBytesMax: limits.inFlightBytesMax,
    appliedIndex,
    votesFrom: store.damagedUpTo,
    drawBelow,
    report,
  };
}
