import type { Accepted, CommandEnvelope } from '../catalogue/commands.js';
import type { ProposeAnswer } from '../requests.js';
import type { CallFacts } from './call-gate.js';
import { clusterRefuses, notAuthenticated, refusalFailure, requestFailure } from './error-status.js';
import type { ClusterAnswer, JoinAnswer, Joined, JoiningNode, MetadataAccess } from './ports.js';

/* What access answers, as promises of single calls. They reject with a CallFailure. */

export function propose(access: MetadataAccess, envelope: CommandEnvelope, { deadlineMs, by }: CallFacts): Promise<Accepted> {
  return new Promise((resolve, reject) => {
    const onAnswer = (answer: ProposeAnswer): void => {
      if (answer.kind !== 'applied') {
        reject(requestFailure(answer));
        return;
      }
      const [outcome] = answer.result;
      if (outcome.isOk) resolve(outcome);
      else reject(refusalFailure(outcome));
    };
    access.propose([envelope], deadlineMs, onAnswer, by);
  });
}

/** Resolves when the reader has everything that was committed before the call. */
export function freshen(access: MetadataAccess, deadlineMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    access.read(deadlineMs, (answer) => (answer.kind === 'fresh' ? resolve() : reject(requestFailure(answer))));
  });
}

export function change(
  access: MetadataAccess,
  verb: 'leave' | 'transfer' | 'promote',
  node: number,
  { deadlineMs, by }: CallFacts,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAnswer = (answer: ClusterAnswer): void => {
      if (answer.kind === 'done') resolve();
      else reject(answer.kind === 'refused' ? clusterRefuses(answer.why) : requestFailure(answer));
    };
    access[verb](node, deadlineMs, onAnswer, by);
  });
}

export function join(access: MetadataAccess, node: JoiningNode, { deadlineMs, by }: CallFacts): Promise<Joined> {
  return new Promise((resolve, reject) => {
    const onAnswer = (answer: JoinAnswer): void => {
      if (answer.kind === 'joined') resolve(answer);
      else if (answer.kind === 'refused') reject(clusterRefuses(answer.why));
      else if (answer.kind === 'denied') reject(notAuthenticated('the token is not that of the cluster'));
      else reject(requestFailure(answer));
    };
    access.join(node, deadlineMs, onAnswer, by);
  });
}
