import { z } from 'zod';
import { EXIT } from '../command-line.js';
import type { ControlQuestion } from '../control-wire.js';
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

export function joinCluster({ action: { address, token }, ...call }: Call<'cluster-join'>): Promise<number> {
  return change(call, { verb: 'cluster-join', address, token });
}

export async function leaveCluster({ action, ...call }: Call<'cluster-leave'>): Promise<number> {
  await confirm(call.terminal, action.isConfirmed, `Take ${action.node} out of the cluster for good?`);
  return await change(call, { verb: 'cluster-leave', node: action.node });
}

export function transferLeadership({ action, ...call }: Call<'cluster-transfer'>): Promise<number> {
  return change(call, { verb: 'cluster-transfer', node: action.node });
}

/** The node says in a sentence what became of it. */
async function change({ node, form, terminal }: Omit<Call<'cluster-join'>, 'action'>, question: ControlQuestion): Promise<number> {
  const answer = await node.ask(question, DONE);
  await terminal.out(form === 'json' ? json(answer) : `${answer.text}\n`);
  return EXIT.ok;
}
