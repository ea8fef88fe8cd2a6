import type { NodeId } from '../raft/messages.js';
import type { NodeRole, NodeState } from './catalogue/resources.js';

/* What a node knows of its cluster, as plain data: for operators and status pages. */

export interface NodeStatus {
  readonly clusterId: string;
  readonly nodeId: NodeId;
  readonly role: 'leader' | 'follower' | 'candidate' | 'pre-candidate' | 'learner';
  /** 0: not known. */
  readonly leader: NodeId;
  readonly term: number;
  readonly commitIndex: number;
  readonly appliedIndex: number;
  readonly snapshotIndex: number;
  /** Of the catalogue. */
  readonly revision: number;
  readonly voters: readonly NodeId[];
  readonly learners: readonly NodeId[];
  /** Elections that this node saw since it started: changes of term. */
  readonly termChanges: number;
}

export interface MemberRow {
  readonly id: NodeId;
  readonly name: string;
  readonly address: string;
  readonly roles: readonly NodeRole[];
  readonly version: string;
  readonly state: NodeState;
  readonly membership: 'voter' | 'learner' | 'none';
  readonly isLeader: boolean;
  /** Entries that it is behind the leader; null where only the leader knows, and this node is another. */
  readonly lag: number | null;
  /** Answered the leader lately; null as above. */
  readonly isReachable: boolean | null;
}
