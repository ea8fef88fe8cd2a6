import type { ConfigurationState, LogIndex, NodeId, Term } from '../../src/raft/messages.js';
import type { SimulatedNode } from './simulated-node.js';
import { type Truth, Violation } from './truth.js';

export interface LeaderWorld {
  readonly truth: Truth;
  readonly compromised: ReadonlySet<NodeId>;
  nodeOf(id: NodeId): SimulatedNode | undefined;
}

/** Entries before the newest ones of which a new leader's are looked at. */
const LOOKED_BACK = 100;

/** Election safety; and leader completeness: whoever is elected has all that was committed in terms before. */
export function checkLeader({ truth }: LeaderWorld, node: SimulatedNode, term: Term): void {
  if (node.termLed === term) return;
  node.termLed = term;
  truth.onLeader(node.id, term);
  const { store } = node;
  const core = node.driver?.node ?? null;
  if (store === null || core === null) return;
  // A leader of a later term may be at work already: this one need not have what that one committed, and will commit nothing.
  const last = truth.lastCommittedBefore(term);
  if (core.lastIndex < last) {
    throw new Violation(`leader completeness: node ${node.id} leads in term ${term} with entries up to ${core.lastIndex} of ${last}`);
  }
  for (let index = Math.min(last, store.lastIndex); index >= Math.max(store.firstIndex, last - LOOKED_BACK); index -= 1) {
    const known = truth.termAt(index);
    const own = store.termAt(index);
    if (known !== null && own !== null && known !== own) {
      throw new Violation(`leader completeness: node ${node.id} leads in term ${term} with another entry at ${index}`);
    }
  }
}

/**
 * What a leader says is committed is of its own term (Raft paper §5.4.2), and durable on a majority, also of the machines that are off.
 * @param configurations in force before and after the commit: either may have made it.
 */
export function checkCommit(
  world: LeaderWorld,
  node: SimulatedNode,
  commit: LogIndex,
  leaderTerm: Term,
  configurations: readonly ConfigurationState[],
): void {
  // Leaders commit entries of their own term; it need not be durable on the leader itself.
  const term = node.store?.termAt(commit) ?? leaderTerm;
  if (term !== leaderTerm) throw new Violation(`commit: node ${node.id} counts an entry of term ${term} in term ${leaderTerm}`);
  for (const { voters, votersOutgoing } of configurations) {
    if ([voters, votersOutgoing].every((set) => isHeldByMost(world, set, commit, term))) return;
  }
  const sets = configurations.map(({ voters, votersOutgoing }) => `[${voters}][${votersOutgoing}]`).join(' or ');
  throw new Violation(`commit: node ${node.id} says in term ${leaderTerm} that ${commit} is, and not enough of ${sets} have it`);
}

function isHeldByMost(world: LeaderWorld, voters: readonly NodeId[], index: LogIndex, term: Term): boolean {
  let holders = 0;
  for (const id of voters) if (isHeldBy(world, id, index, term)) holders += 1;
  return voters.length === 0 || holders * 2 > voters.length;
}

function isHeldBy(world: LeaderWorld, id: NodeId, index: LogIndex, term: Term): boolean {
  const store = world.nodeOf(id)?.store ?? null;
  if (store === null) return false;
  // A damaged disk had it once, and its node does not vote before it has it again.
  return world.compromised.has(id) || store.damagedUpTo >= index || store.snapshotIndex >= index || store.termAt(index) === term;
}
