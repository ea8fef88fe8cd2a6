import { BrokerError } from '../base/errors.js';
import type { ResourceRecord } from '../metadata/catalogue/resources.js';
import type { ClusterAnswer } from '../metadata/grpc/ports.js';
import type { NodeAccess } from '../metadata/node-access.js';
import type { ClusterQuestion } from './metadata-orders.js';

const NODES_MAX = 10_000;
const ANSWER_MS_MAX = 15_000;

/** What operators ask of the cluster. Plain data. @throws BrokerError RMQ-1023, RMQ-1029, RMQ-1034. */
export async function answerCluster(
  access: NodeAccess,
  question: Exclude<ClusterQuestion, { readonly verb: 'cluster-join' }>,
): Promise<object> {
  switch (question.verb) {
    case 'cluster-status': {
      const status = access.status();
      const nameOf = (id: number): string => access.reader.get('node', { id })?.name ?? '';
      return { ...status, nodeName: nameOf(status.nodeId), leaderName: nameOf(status.leader) };
    }
    case 'cluster-members':
      return { members: access.members() };
    case 'cluster-leave': {
      const { id, name } = findNode(access, question.node);
      const isDone = succeeded(await new Promise<ClusterAnswer>((resolve) => access.leave(id, ANSWER_MS_MAX, resolve)));
      return { text: isDone ? `node ${name} (${id}) has left` : `node ${name} (${id}) is leaving: the leader goes on with it` };
    }
    case 'cluster-transfer': {
      const { id, name } = findNode(access, question.node);
      const isDone = succeeded(await new Promise<ClusterAnswer>((resolve) => access.transfer(id, ANSWER_MS_MAX, resolve)));
      if (!isDone) throw new BrokerError('RMQ-1034', `(${name} did not take over in time)`);
      return { text: `node ${name} (${id}) leads` };
    }
  }
}

/** By number, or by the name of one that is not removed. */
function findNode(access: NodeAccess, wanted: string): ResourceRecord<'node'> {
  const nodes = access.reader.list('node', { limit: NODES_MAX }).filter(({ state }) => state !== 'removed');
  const found = nodes.find(({ id, name }) => String(id) === wanted || name === wanted);
  if (found === undefined)
    throw new BrokerError('RMQ-1023', `(node "${wanted}")`, { cure: 'Look for it with `robust-ctl cluster members`' });
  return found;
}

/** @returns false if it has begun and nobody knows how it ends. */
function succeeded(answer: ClusterAnswer): boolean {
  if (answer.kind === 'done') return true;
  if (answer.kind === 'unknown') return false;
  if (answer.kind === 'refused') throw new BrokerError('RMQ-1034', `(${answer.why})`);
  throw new BrokerError(answer.kind === 'busy' ? 'RMQ-1033' : 'RMQ-1029', `(${answer.kind})`);
}
