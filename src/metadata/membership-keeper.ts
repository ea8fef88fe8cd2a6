import type { ChangeType, ConfigurationState, NodeId } from '../raft/messages.js';
import type { RaftStatus } from '../raft/status.js';
import type { ResourceRecord } from './catalogue/resources.js';
import type { CatalogueReader } from './ports.js';

/** A learner that is so many entries behind has caught up: the rest comes while it is made a voter. */
const CAUGHT_UP_ENTRIES = 100;
/** A table of nodes is read whole; there are few. */
const NODES_MAX = 10_000;

/** What has to be done next so that Raft's members are those of the catalogue. One thing at a time. */
export type MembershipStep =
  | { readonly kind: 'change'; readonly type: ChangeType; readonly node: NodeId }
  /** The catalogue learns that a node has arrived. */
  | { readonly kind: 'activate'; readonly node: ResourceRecord<'node'> }
  /** It has left for good. */
  | { readonly kind: 'forget'; readonly node: ResourceRecord<'node'> }
  /** The leader itself is to leave: another one does that better. */
  | { readonly kind: 'hand-over'; readonly to: NodeId }
  | { readonly kind: 'none' };

const NONE: MembershipStep = { kind: 'none' };

/*
  The leader compares the catalogue's nodes with Raft's members, and takes one step towards them:

    registered, not a member            add as a learner: it gets a snapshot and does not count
    learner, role meta, has caught up   make it a voter, as long as there are few enough
    member, joining, has caught up      active
    leaving                             remove; when it is gone, the catalogue keeps its number as removed

  Whoever asks for a change only writes to the catalogue. So a leader that dies in the middle leaves nothing half done: the next one goes on.
*/
export function nextMembershipStep(catalogue: CatalogueReader, status: RaftStatus, votersMax: number): MembershipStep {
  const { configuration } = status;
  if (configuration.votersOutgoing.length > 0) return NONE; // A change is under way.
  for (const node of catalogue.list('node', { limit: NODES_MAX })) {
    const step = stepOf(node, status, votersMax);
    if (step.kind !== 'none') return step;
  }
  return NONE;
}

function stepOf(node: ResourceRecord<'node'>, status: RaftStatus, votersMax: number): MembershipStep {
  const { voters, learners } = status.configuration;
  const isVoter = voters.includes(node.id);
  const isMember = isVoter || learners.includes(node.id);
  if (node.state === 'removed' || node.state === 'leaving') {
    if (isMember) return leaveStep(node, status, isVoter);
    return node.state === 'leaving' ? { kind: 'forget', node } : NONE;
  }
  if (!isMember) return { kind: 'change', type: 'add-learner', node: node.id };
  if (!hasCaughtUp(node.id, status)) return NONE;
  if (!isVoter && node.roles.includes('meta') && voters.length < votersMax) return { kind: 'change', type: 'add-voter', node: node.id };
  return node.state === 'joining' ? { kind: 'activate', node } : NONE;
}

function leaveStep(node: ResourceRecord<'node'>, status: RaftStatus, isVoter: boolean): MembershipStep {
  const others = status.configuration.voters.filter((id) => id !== node.id);
  if (isVoter && others.length === 0) return NONE; // The last one has nobody to leave to.
  if (node.id !== status.id) return { kind: 'change', type: 'remove', node: node.id };
  const to = others.find((id) => hasCaughtUp(id, status));
  return to === undefined ? NONE : { kind: 'hand-over', to };
}

function hasCaughtUp(node: NodeId, status: RaftStatus): boolean {
  if (node === status.id) return true;
  const member = status.members.find((it) => it.node === node);
  return member?.isRecentlyActive === true && member.match + CAUGHT_UP_ENTRIES >= status.commit;
}

/** Why this node may not leave, in words; null if it may. */
export function faultOfLeaving(node: NodeId, configuration: ConfigurationState): string | null {
  const others = configuration.voters.filter((id) => id !== node);
  return configuration.voters.includes(node) && others.length === 0 ? 'it is the only voter: there is nobody to keep the metadata' : null;
}
