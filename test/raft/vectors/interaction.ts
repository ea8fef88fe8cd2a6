import { encodeChange } from '../../../src/raft/change-codec.js';
import { makeMessage, NO_BYTES } from '../../../src/raft/make-message.js';
import type { ChangeTransition, EntryType, MessageType, NodeId } from '../../../src/raft/messages.js';
import { Cluster } from './cluster.js';
import { describeEntry, describeMember, describeMessage, FIRST_VERSION, MESSAGE_NAMES, parseChanges, ROLE_NAMES } from './describe.js';
import { settingsOf, snapshotOf } from './node-arguments.js';
import { type Case, firstOf, numbersOf, toNumber, valuesOf } from './parse.js';

type Command = (cluster: Cluster, one: Case) => string[];

const ALL_TYPES = Object.entries(MESSAGE_NAMES) as readonly [MessageType, string][];

const COMMANDS: Readonly<Record<string, Command>> = {
  _breakpoint: () => [],
  'add-nodes': (cluster, one) => {
    const snapshot = snapshotOf(one);
    cluster.addNodes(firstNumber(one), settingsOf(one, snapshot), snapshot);
    return [];
  },
  campaign: (cluster, one) => quietly(() => cluster.node(firstNumber(one)).raft.campaign()),
  propose: (cluster, one) => propose(cluster, firstNumber(one), 'normal', Buffer.from(one.arguments[1]?.key ?? '')),
  'propose-conf-change': proposeChange,
  'process-ready': (cluster, one) => eachNode(one, 'handling Ready', (id) => cluster.processReady(id)),
  'process-append-thread': (cluster, one) => eachNode(one, 'processing append thread', (id) => cluster.processAppendWork(id)),
  'process-apply-thread': (cluster, one) => eachNode(one, 'processing apply thread', (id) => cluster.processApplyWork(id)),
  'deliver-msgs': deliverMessages,
  stabilize: (cluster, one) => {
    const ids = numbersOf(one);
    return cluster.stabilize(ids.length > 0 ? ids : cluster.nodes.map(({ id }) => id));
  },
  'tick-heartbeat': (cluster, one) => tick(cluster, one, 'heartbeatTicks'),
  'tick-election': (cluster, one) => tick(cluster, one, 'electionTicks'),
  'set-randomized-election-timeout': (cluster, one) =>
    quietly(() => cluster.node(firstNumber(one)).raft.setElectionTimeout(toNumber(firstOf(one, 'timeout') ?? ''))),
  compact: (cluster, one) => {
    const [id, index] = numbersOf(one);
    cluster.node(id).log.compact(index);
    return describeLog(cluster, id);
  },
  'report-unreachable': (cluster, one) => {
    const [id, peer] = numbersOf(one);
    return quietly(() => cluster.node(id).raft.reportUnreachable(peer));
  },
  'transfer-leadership': (cluster, one) =>
    quietly(() => cluster.node(toNumber(firstOf(one, 'from') ?? '')).raft.transferLeadership(toNumber(firstOf(one, 'to') ?? ''))),
  'forget-leader': (cluster, one) => quietly(() => cluster.node(firstNumber(one)).raft.forgetLeader()),
  'send-snapshot': sendSnapshot,
  status: (cluster, one) => cluster.node(firstNumber(one)).raft.status().members.map(describeMember),
  'raft-log': (cluster, one) => describeLog(cluster, firstNumber(one)),
  'raft-state': (cluster) => cluster.nodes.map(({ id }) => describeRole(cluster, id)),
  'log-level': () => [],
};

export const INTERACTION_COMMANDS: ReadonlySet<string> = new Set(Object.keys(COMMANDS));

/** Nodes that each case makes do something. */
export class InteractionScript {
  readonly #cluster = new Cluster();

  run(one: Case): string[] {
    const command = COMMANDS[one.command];
    return command === undefined ? ['unknown command'] : command(this.#cluster, one);
  }
}

function firstNumber(one: Case): number {
  return toNumber(one.arguments[0]?.key ?? '');
}

function quietly(act: () => void): string[] {
  act();
  return [];
}

/** With several nodes each part has a title. */
function eachNode(one: Case, title: string, act: (id: NodeId) => string[]): string[] {
  const ids = numbersOf(one);
  if (ids.length === 1) return act(ids[0]);
  return ids.flatMap((id) => [`> ${id} ${title}`, ...act(id).map((line) => `  ${line}`)]);
}

function propose(cluster: Cluster, id: NodeId, type: EntryType, data: Uint8Array): string[] {
  return cluster.step(id, makeMessage({ type: 'propose', from: id, to: id, entries: [{ term: 0, index: 0, type, data }] }));
}

function proposeChange(cluster: Cluster, one: Case): string[] {
  const changes = parseChanges(one.input);
  const transition = parseTransition(firstOf(one, 'transition') ?? 'auto');
  const isFirstVersion = ['true', 't', '1'].includes(firstOf(one, 'v1') ?? 'false');
  if (isFirstVersion && (changes.length !== 1 || transition !== 'auto'))
    return ['v1 conf change can only have one operation and no transition'];
  return propose(
    cluster,
    firstNumber(one),
    'configuration',
    encodeChange({ transition, changes, context: isFirstVersion ? FIRST_VERSION : NO_BYTES }),
  );
}

function parseTransition(text: string): ChangeTransition {
  if (text === 'auto' || text === 'implicit' || text === 'explicit') return text;
  throw new Error(`unknown transition ${text}`);
}

function deliverMessages(cluster: Cluster, one: Case): string[] {
  const typeName = firstOf(one, 'type');
  const type = typeName === undefined ? null : parseType(typeName);
  const recipients = one.arguments.flatMap(({ key, values }) => {
    if (values === null) return [{ id: toNumber(key), isDropped: false }];
    return key === 'drop' ? values.map((id) => ({ id: toNumber(id), isDropped: true })) : [];
  });
  const delivered = recipients.map(({ id, isDropped }) => cluster.deliver(id, type, isDropped));
  const count = delivered.reduce((sum, part) => sum + part.count, 0);
  return count === 0 ? ['no messages'] : delivered.flatMap(({ lines }) => lines);
}

function parseType(name: string): MessageType {
  const found = ALL_TYPES.find(([, known]) => known === name);
  if (found === undefined) throw new Error(`unknown message type ${name}`);
  return found[0];
}

function tick(cluster: Cluster, one: Case, interval: 'heartbeatTicks' | 'electionTicks'): string[] {
  const { raft, settings } = cluster.node(firstNumber(one));
  for (let i = 0; i < settings[interval]; i += 1) raft.tick();
  return [];
}

function sendSnapshot(cluster: Cluster, one: Case): string[] {
  const [from, to] = numbersOf(one);
  const { raft, log } = cluster.node(from);
  const membership = raft.status().members.find(({ node }) => node === to)?.membership ?? 0;
  const message = makeMessage({ type: 'snapshot', from, to, term: raft.term, snapshot: log.snapshot(), membership });
  cluster.send(message);
  return describeMessage(message);
}

function describeLog(cluster: Cluster, id: NodeId): string[] {
  const { log } = cluster.node(id);
  const { firstIndex, lastIndex } = log;
  if (lastIndex < firstIndex) return [`log is empty: first index=${firstIndex}, last index=${lastIndex}`];
  return (log.entries(firstIndex, lastIndex + 1, Number.POSITIVE_INFINITY) ?? []).map(describeEntry);
}

function describeRole(cluster: Cluster, id: NodeId): string {
  const { role, term, leader } = cluster.node(id).raft;
  return `${id}: ${ROLE_NAMES[role]} (${cluster.isVoter(id) ? 'Voter' : 'Non-Voter'}) Term:${term} Lead:${leader}`;
}

/** Is the log level `none` after, or within, this case, if it says so? */
export function levelOf(one: Case, before: string): { readonly within: string; readonly after: string } {
  if (one.command === 'log-level') {
    const after = (one.arguments[0]?.key ?? before).toLowerCase();
    return { within: after, after };
  }
  return { within: valuesOf(one, 'log-level')[0]?.toLowerCase() ?? before, after: before };
}
