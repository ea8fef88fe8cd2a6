import type { CommandEnvelope } from '../metadata/catalogue/commands.js';
import type { Delta } from '../metadata/catalogue/delta.js';
import type { ClusterAnswer, JoinAnswer, JoiningNode, MetadataAccess } from '../metadata/grpc/ports.js';
import type { MemberRow, NodeStatus } from '../metadata/node-status.js';
import type { CatalogueReader } from '../metadata/ports.js';
import type { ProposeAnswer, ReadAnswer } from '../metadata/requests.js';
import { changedByCommand } from './audited-changes.js';
import { faultOfCommand } from './command-faults.js';

/** What somebody changed or tried to change over gRPC, for the audit log. Plain data, without secrets. */
export interface WitnessedChange {
  /** Who: `grpc 10.0.0.7:49152`. */
  readonly by: string;
  /** `put-user`, `cluster-leave`. */
  readonly question: string;
  readonly ask: object;
  /** Why it was not done, or what is not known of it. Null: it is done. */
  readonly error: string | null;
}

/** On the metadata thread: what the gRPC API stands on. Each change is looked at first, and told to `note` when it is known what became of it. */
export class WitnessedAccess implements MetadataAccess {
  readonly #access: MetadataAccess;
  readonly #note: ((changes: readonly WitnessedChange[]) => void) | null;

  /** @param note null: nobody writes down what is changed. */
  constructor(access: MetadataAccess, note: ((changes: readonly WitnessedChange[]) => void) | null) {
    this.#access = access;
    this.#note = note;
  }

  get reader(): CatalogueReader {
    return this.#access.reader;
  }

  propose(envelopes: readonly CommandEnvelope[], deadlineMs: number, done: (answer: ProposeAnswer) => void, by: string): void {
    const tell = (answer: ProposeAnswer): void => {
      const changes = (this.#note === null ? [] : envelopes).flatMap(({ command }, at): readonly WitnessedChange[] => {
        const change = changedByCommand(command);
        return change === null ? [] : [{ by, ...change, error: errorOf(answer, at) }];
      });
      if (changes.length > 0) this.#note?.(changes);
      done(answer);
    };
    for (const { command } of envelopes) {
      const why = faultOfCommand(command);
      if (why === null) continue;
      tell({ kind: 'invalid', why });
      return;
    }
    this.#access.propose(envelopes, deadlineMs, tell, by);
  }

  read(deadlineMs: number, done: (answer: ReadAnswer) => void): void {
    this.#access.read(deadlineMs, done);
  }

  watch(listener: (delta: Delta) => void): () => void {
    return this.#access.watch(listener);
  }

  status(): NodeStatus {
    return this.#access.status();
  }

  members(): readonly MemberRow[] {
    return this.#access.members();
  }

  join(node: JoiningNode, deadlineMs: number, done: (answer: JoinAnswer) => void, by: string): void {
    const { token: _, ...ask } = node;
    this.#access.join(node, deadlineMs, this.#told('cluster-join', ask, by, done), by);
  }

  leave(node: number, deadlineMs: number, done: (answer: ClusterAnswer) => void, by: string): void {
    this.#access.leave(node, deadlineMs, this.#told('cluster-leave', { node }, by, done), by);
  }

  transfer(to: number, deadlineMs: number, done: (answer: ClusterAnswer) => void, by: string): void {
    this.#access.transfer(to, deadlineMs, this.#told('cluster-transfer', { node: to }, by, done), by);
  }

  promote(node: number, deadlineMs: number, done: (answer: ClusterAnswer) => void, by: string): void {
    this.#access.promote(node, deadlineMs, this.#told('cluster-promote', { node }, by, done), by);
  }

  #told<A extends ClusterAnswer | JoinAnswer>(question: string, ask: object, by: string, done: (answer: A) => void): (answer: A) => void {
    return (answer) => {
      const error = answer.kind === 'done' || answer.kind === 'joined' ? null : 'why' in answer ? answer.why : answer.kind;
      this.#note?.([{ by, question, ask, error }]);
      done(answer);
    };
  }
}

function errorOf(answer: ProposeAnswer, at: number): string | null {
  if (answer.kind !== 'applied') return answer.kind === 'invalid' ? answer.why : answer.kind;
  const outcome = answer.result[at];
  return outcome.isOk ? null : `${outcome.code}: ${outcome.detail}`;
}
