import type { Accepted, CommandEnvelope } from '../catalogue/commands.js';
import { clusterRefuses, notAuthenticated, refusalFailure, requestFailure } from './error-status.js';
import type { ClusterAnswer, Joined, JoiningNode, MetadataAccess } from './ports.js';

/* What access answers, as promises of single calls. They reject with a CallFailure. */

export function propose(access: MetadataAccess, envelope: CommandEnvelope, deadlineMs: number): Promise<Accepted> {
  return new Promise((resolve, reject) => {
    access.propose([envelope], deadlineMs, (answer) => {
      if (answer.kind !== 'applied') {
        reject(requestFailure(answer));
        return;
      }
      const [outcome] = answer.result;
      if (outcome.isOk) resolve(outcome);
      else reject(refusalFailure(outcome));
    });
  });
}

/** Resolves when the reader has everything that was committed before the call. */
export function freshen(access: MetadataAccess, deadlineMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    access.read(deadlineMs, (answer) => (answer.kind === 'fresh' ? resolve() : reject(requestFailure(answer))));
  });
}

export function change(access: MetadataAccess, verb: 'leave' | 'transfer' | 'promote', node: number, deadlineMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    access[verb](node, deadlineMs, (answer: ClusterAnswer) => {
      if (answer.kind === 'done') resolve();
      else reject(answer.kind === 'refused' ? clusterRefuses(answer.why) : requestFailure(answer));
    });
  });
}

export function join(access: MetadataAccess, node: JoiningNode, deadlineMs: number): Promise<Joined> {
  return new Promise((resolve, reject) => {
    access.join(node, deadlineMs, (answer) => {
      if (answer.kind === 'joined') resolve(answer);
      else if (answer.kind === 'refused') reject(clusterRefuses(answer.why));
      else if (answer.kind === 'denied') reject(notAuthenticated('the token is not that of the cluster'));
      else reject(requestFailure(answer));
    });
  });
}
