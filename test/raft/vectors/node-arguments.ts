import type { Snapshot } from '../../../src/raft/messages.js';
import type { NodeSettings } from './cluster.js';
import { type Case, firstOf, toNumber, valuesOf } from './parse.js';

/*
  Arguments of `add-nodes`: the state from which the nodes begin, and their settings. The election timeout is 3 ticks, the heartbeat interval 1.
*/

/** null: from nothing. */
export function snapshotOf(one: Case): Snapshot | null {
  const voters = valuesOf(one, 'voters').map(toNumber);
  const learners = valuesOf(one, 'learners').map(toNumber);
  const index = toNumber(firstOf(one, 'index') ?? '0');
  const content = firstOf(one, 'content') ?? '';
  if (voters.length + learners.length + index === 0 && content === '') return null;
  if (index <= 1) throw new Error('index must be specified as > 1 due to bootstrap');
  const configuration = { voters, votersOutgoing: [], learners, learnersNext: [], autoLeave: false };
  return { index, term: 1, configuration, data: Buffer.from(content) };
}

export function settingsOf(one: Case, snapshot: Snapshot | null): NodeSettings {
  const isOn = (key: string): boolean => ['true', 't', '1'].includes(firstOf(one, key) ?? 'false');
  const readMode = firstOf(one, 'read-only') ?? 'safe';
  if (readMode !== 'safe' && readMode !== 'lease-based') throw new Error(`invalid read-only option "${readMode}"`);
  const committedBytesMax = toNumber(firstOf(one, 'max-committed-size-per-ready') ?? '0');
  return {
    electionTicks: 3,
    heartbeatTicks: 1,
    hasPreVote: isOn('prevote'),
    hasCheckQuorum: isOn('checkquorum'),
    hasAsyncStorage: isOn('async-storage-writes'),
    readMode: readMode === 'safe' ? 'quorum' : 'lease',
    stepsDownOnRemoval: isOn('step-down-on-removal'),
    changeRule: isOn('disable-conf-change-validation') ? 'none' : 'lax',
    messageBytesMax: Number.POSITIVE_INFINITY,
    committedBytesMax: committedBytesMax === 0 ? Number.POSITIVE_INFINITY : committedBytesMax,
    uncommittedBytesMax: Number.POSITIVE_INFINITY,
    inFlightMessagesMax: toNumber(firstOf(one, 'inflight') ?? `${2 ** 31 - 1}`),
    inFlightBytesMax: Number.POSITIVE_INFINITY,
    appliedIndex: snapshot?.index ?? 0,
    votesFrom: 0,
    // Scripts that count on a timeout set it.
    drawBelow: (limit) => limit - 1,
    report: { info: () => {}, warn: () => {} },
  };
}
