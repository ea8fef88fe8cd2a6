import { z } from 'zod';
import { EXIT } from '../command-line.js';
import { columns, facts, numberText } from './columns.js';
import { type Call, json } from './stream-verbs.js';
import { confirm } from './terminal.js';

/* The cluster, as the node that is asked sees it. */

const STATUS = z.looseObject({
  clusterId: z.string(),
  nodeId: z.int(),
  nodeName: z.string(),
  role: z.string(),
  leader: z.int(),
  leaderName: z.string(),
  term: z.int(),
  commitIndex: z.int(),
  appliedIndex: z.int(),
  snapshotIndex: z.int(),
  revision: z.int(),
  voters: z.array(z.int()),
  learners: z.array(z.int()),
});

const MEMBERS = z.looseObject({
  members: z.array(
    z.looseObject({
      id: z.int(),
      name: z.string(),
      address: z.string(),
      roles: z.array(z.string()),
      version: z.string(),
      state: z.string(),
      membership: z.string(),
      isLeader: z.boolean(),
      lag: z.number().nullable(),
      isReachable: z.boolean().nullable(),
    }),
  ),
});

const DONE = z.looseObject({ text: z.string() });

export async function showCluster({ node, form, terminal }: Call<'cluster-status'>): Promise<number> {
  const status = await node.ask({ verb: 'cluster-status' }, STATUS);
  const text = facts([
    ['Cluster', status.clusterId],
    ['Node', `${status.nodeName} (${status.nodeId}), ${status.role}`],
    ['Leader', status.leader === 0 ? 'none: nothing can be changed' : `${status.leaderName} (${status.leader}), term ${status.term}`],
    ['Voters', String(status.voters.length)],
    ['Learners', String(status.learners.length)],
    ['Revision', numberText(status.revision)],
    [
      'Log',
      `committed to ${numberText(status.commitIndex)}, applied to ${numberText(status.appliedIndex)}, snapshot at ${numberText(status.snapshotIndex)}`,
    ],
  ]);
  await terminal.out(form === 'json' ? json(status) : text);
  return EXIT.ok;
}

export async function listMembers({ node, form, terminal }: Call<'cluster-members'>): Promise<number> {
  const { members } = await node.ask({ verb: 'cluster-members' }, MEMBERS);
  if (form === 'json') {
    await terminal.out(json({ members }));
    return EXIT.ok;
  }
  const rows = members.map((member) => [
    String(member.id),
    member.name,
    member.isLeader ? 'leader' : member.membership,
    member.state,
    member.isReachable === null ? '-' : member.isReachable ? 'yes' : 'no',
    member.lag === null ? '-' : numberText(member.lag),
    member.address,
    member.roles.join(','),
    member.version,
  ]);
  await terminal.out(columns(['>ID', 'NAME', 'VOTES AS', 'STATE', 'REACHED', '>BEHIND', 'ADDRESS', 'ROLES', 'VERSION'], rows));
  return EXIT.ok;
}

export async function joinCluster({ action, node, form, terminal }: Call<'cluster-join'>): Promise<number> {
  const answer = await node.ask({ verb: 'cluster-join', address: action.address, token: action.token }, DONE);
  await terminal.out(form === 'json' ? json(answer) : `${answer.text}\n`);
  return EXIT.ok;
}

export async function leaveCluster({ action, node, form, terminal }: Call<'cluster-leave'>): Promise<number> {
  await confirm(terminal, action.isConfirmed, `Take ${action.node} out of the cluster for good?`);
  const answer = await node.ask({ verb: 'cluster-leave', node: action.node }, DONE);
  await terminal.out(form === 'json' ? json(answer) : `${answer.text}\n`);
  return EXIT.ok;
}

export async function transferLeadership({ action, node, form, terminal }: Call<'cluster-transfer'>): Promise<number> {
  const answer = await node.ask({ verb: 'cluster-transfer', node: action.node }, DONE);
  await terminal.out(form === 'json' ? json(answer) : `${answer.text}\n`);
  return EXIT.ok;
}
