import { decodeChange } from '../../../src/raft/change-codec.js';
import type { Role } from '../../../src/raft/core.js';
import type {
  ChangeType,
  ConfigurationState,
  Entry,
  HardState,
  Message,
  MessageType,
  NodeId,
  SingleChange,
  Snapshot,
} from '../../../src/raft/messages.js';
import type { ProgressState } from '../../../src/raft/progress.js';
import type { Ready } from '../../../src/raft/ready.js';
import type { MemberStatus } from '../../../src/raft/status.js';

/*
  The words in which the scripts print.
*/

export const MESSAGE_NAMES: Readonly<Record<MessageType, string>> = {
  campaign: 'MsgHup',
  beat: 'MsgBeat',
  propose: 'MsgProp',
  append: 'MsgApp',
  'append-response': 'MsgAppResp',
  vote: 'MsgVote',
  'vote-response': 'MsgVoteResp',
  snapshot: 'MsgSnap',
  heartbeat: 'MsgHeartbeat',
  'heartbeat-response': 'MsgHeartbeatResp',
  unreachable: 'MsgUnreachable',
  'snapshot-status': 'MsgSnapStatus',
  'check-quorum': 'MsgCheckQuorum',
  'transfer-leader': 'MsgTransferLeader',
  'timeout-now': 'MsgTimeoutNow',
  'read-index': 'MsgReadIndex',
  'read-index-response': 'MsgReadIndexResp',
  'pre-vote': 'MsgPreVote',
  'pre-vote-response': 'MsgPreVoteResp',
  'storage-append': 'MsgStorageAppend',
  'storage-append-response': 'MsgStorageAppendResp',
  'storage-apply': 'MsgStorageApply',
  'storage-apply-response': 'MsgStorageApplyResp',
  'forget-leader': 'MsgForgetLeader',
};

export const ROLE_NAMES: Readonly<Record<Role, string>> = {
  follower: 'StateFollower',
  'pre-candidate': 'StatePreCandidate',
  candidate: 'StateCandidate',
  leader: 'StateLeader',
};

const PROGRESS_NAMES: Readonly<Record<ProgressState, string>> = {
  probe: 'StateProbe',
  replicate: 'StateReplicate',
  snapshot: 'StateSnapshot',
};

const CHANGE_LETTERS: Readonly<Record<ChangeType, string>> = { 'add-voter': 'v', 'add-learner': 'l', remove: 'r', update: 'u' };

/** Context of a change of the first version, which the scripts print with another name. */
export const FIRST_VERSION: Uint8Array = Buffer.from('v1');

export function describeReady(ready: Ready): string[] {
  const { softState, hardState, readStates, entries, snapshot, committedEntries, mustSync } = ready;
  const lines: string[] = [];
  if (softState !== null) lines.push(`Lead:${softState.leader} State:${ROLE_NAMES[softState.role]}`);
  if (hardState !== null) lines.push(`HardState ${describeHardState(hardState)}`);
  if (readStates.length > 0)
    lines.push(`ReadStates [${readStates.map(({ index, context }) => `{${index} [${context.join(' ')}]}`).join(' ')}]`);
  if (entries.length > 0) lines.push('Entries:', ...entries.map(describeEntry));
  if (snapshot !== null) lines.push(`Snapshot ${describeSnapshot(snapshot)}`);
  if (committedEntries.length > 0) lines.push('CommittedEntries:', ...committedEntries.map(describeEntry));
  const messages = messagesOf(ready);
  if (messages.length > 0) lines.push('Messages:', ...messages.flatMap((message) => describeMessage(message)));
  return lines.length === 0 ? ['<empty Ready>'] : [`Ready MustSync=${mustSync}:`, ...lines];
}

/** Those to others, then the work of storage. */
export function messagesOf({ messages, storageAppend, storageApply }: Ready): Message[] {
  return [...messages, ...[storageAppend, storageApply].filter((work) => work !== null)];
}

/** Several lines, if it has several entries, a snapshot or responses. */
export function describeMessage(message: Message, indent = ''): string[] {
  const { type, term, logTerm, index, isReject, rejectHint, commit, vote, entries, snapshot, responses } = message;
  let text = `${indent}${sourceOf(message)}->${targetOf(message)} ${MESSAGE_NAMES[type]} Term:${term} Log:${logTerm}/${index}`;
  if (isReject) text += ` Rejected (Hint: ${rejectHint})`;
  if (commit !== 0) text += ` Commit:${commit}`;
  if (vote !== 0) text += ` Vote:${vote}`;
  if (entries.length === 1) text += ` Entries:[${describeEntry(entries[0])}]`;
  else if (entries.length > 1) text += ` Entries:[${entries.map((entry) => `\n${indent}  ${describeEntry(entry)}`).join('')}\n${indent}]`;
  if (snapshot !== null) text += `\n${indent}  Snapshot: ${describeSnapshot(snapshot)}`;
  if (responses.length > 0) {
    const inner = responses.flatMap((response) => describeMessage(response, `${indent}  `));
    text += ` Responses:[\n${inner.join('\n')}\n${indent}]`;
  }
  return text.split('\n');
}

export function describeEntry({ term, index, type, data }: Entry): string {
  if (type === 'normal') return `${term}/${index} EntryNormal ${JSON.stringify(Buffer.from(data).toString())}`;
  const { changes, context } = decodeChange(data);
  const name = Buffer.from(context).equals(FIRST_VERSION) ? 'EntryConfChange' : 'EntryConfChangeV2';
  return [`${term}/${index} ${name}`, ...changes.map(({ type: change, node }) => `${CHANGE_LETTERS[change]}${node}`)].join(' ');
}

export function describeMember(member: MemberStatus): string {
  const { node, state, match, next, isLearner, isPaused, pendingSnapshot, isRecentlyActive, inFlightMessages, isInFlightFull } = member;
  let text = `${node}: ${PROGRESS_NAMES[state]} match=${match} next=${next}`;
  if (isLearner) text += ' learner';
  if (isPaused) text += ' paused';
  if (pendingSnapshot > 0) text += ` pendingSnap=${pendingSnapshot}`;
  if (!isRecentlyActive) text += ' inactive';
  if (inFlightMessages > 0) text += ` inflight=${inFlightMessages}${isInFlightFull ? '[full]' : ''}`;
  return text;
}

/** As `v1 l2 r3`. */
export function parseChanges(input: readonly string[]): SingleChange[] {
  const words = input
    .join(' ')
    .split(' ')
    .filter((word) => word !== '');
  return words.map((word) => {
    const found = /^([vlru])(\d+)$/.exec(word);
    if (found === null) throw new Error(`unknown token ${word}`);
    const type = (['add-voter', 'add-learner', 'remove', 'update'] as const).find((one) => CHANGE_LETTERS[one] === found[1]);
    if (type === undefined) throw new Error(`unknown input: ${word}`);
    return { type, node: Number(found[2]) };
  });
}

function describeHardState({ term, vote, commit }: HardState): string {
  return `Term:${term}${vote === 0 ? '' : ` Vote:${vote}`} Commit:${commit}`;
}

function describeSnapshot({ index, term, configuration }: Snapshot): string {
  return `Index:${index} Term:${term} ConfState:${describeState(configuration)}`;
}

function describeState({ voters, votersOutgoing, learners, learnersNext, autoLeave }: ConfigurationState): string {
  const list = (nodes: readonly NodeId[]): string => `[${nodes.join(' ')}]`;
  const members = `Voters:${list(voters)} VotersOutgoing:${list(votersOutgoing)} Learners:${list(learners)} LearnersNext:${list(learnersNext)}`;
  return `${members} AutoLeave:${autoLeave}`;
}

function sourceOf({ type, from }: Message): string {
  if (type === 'storage-append-response') return 'AppendThread';
  if (type === 'storage-apply-response') return 'ApplyThread';
  return describeNode(from);
}

function targetOf({ type, to }: Message): string {
  if (type === 'storage-append') return 'AppendThread';
  if (type === 'storage-apply') return 'ApplyThread';
  return describeNode(to);
}

function describeNode(node: NodeId): string {
  return node === 0 ? 'None' : node.toString(16);
}
