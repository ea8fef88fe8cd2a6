import type { MemberRow, NodeStatus } from '../node-status.js';
import { change, join } from './answers.js';
import type { CallGate } from './call-gate.js';
import { type ClusterServer, type Member, Membership, RaftRole, type StatusResponse } from './generated/robustmq/v1/cluster.js';
import type { MetadataAccess } from './ports.js';
import { NODE_ROLE, NODE_STATE } from './wire-words.js';

const RAFT_ROLES = {
  leader: RaftRole.LEADER,
  follower: RaftRole.FOLLOWER,
  candidate: RaftRole.CANDIDATE,
  'pre-candidate': RaftRole.PRE_CANDIDATE,
  learner: RaftRole.LEARNER,
} as const satisfies Record<NodeStatus['role'], RaftRole>;

const MEMBERSHIPS = {
  none: Membership.NONE,
  voter: Membership.VOTER,
  learner: Membership.LEARNER,
} as const satisfies Record<MemberRow['membership'], Membership>;

/** The verbs of robustmq.v1.Cluster. */
export function clusterCalls(access: MetadataAccess, gate: CallGate): ClusterServer {
  return {
    status: gate.always(async () => statusToWire(access.status())),
    members: gate.always(async () => ({ members: access.members().map(memberToWire) })),
    join: gate.always(async ({ uuid, name, address, roles, version }, facts) => {
      const node = { uuid, name, address, roles: roles.map(NODE_ROLE.fromWire), version, token: facts.token };
      const { clusterId, nodeId, peers } = await join(access, node, facts);
      return { clusterId, nodeId, peers };
    }),
    leave: gate.always(async ({ nodeId }, facts) => {
      await change(access, 'leave', nodeId, facts);
      return {};
    }),
    transfer: gate.always(async ({ nodeId }, facts) => {
      await change(access, 'transfer', nodeId, facts);
      return {};
    }),
    promote: gate.always(async ({ nodeId }, facts) => {
      await change(access, 'promote', nodeId, facts);
      return {};
    }),
  };
}

function statusToWire(status: NodeStatus): StatusResponse {
  return { ...status, role: RAFT_ROLES[status.role] };
}

function memberToWire({ roles, state, membership, lag, isReachable, ...rest }: MemberRow): Member {
  return {
    ...rest,
    roles: roles.map(NODE_ROLE.toWire),
    state: NODE_STATE.toWire(state),
    membership: MEMBERSHIPS[membership],
    lag: lag ?? undefined,
    isReachable: isReachable ?? undefined,
  };
}
