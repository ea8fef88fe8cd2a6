import { createHash, timingSafeEqual } from 'node:crypto';
import type { ServiceDefinition as Definition, UntypedServiceImplementation as Implementation } from '@grpc/grpc-js';
import type { Command, CommandEnvelope, CommandOutcome } from './catalogue/commands.js';
import type { Delta } from './catalogue/delta.js';
import type { NodeValue, ResourceRecord } from './catalogue/resources.js';
import type { ClusterAnswer, JoinAnswer, JoiningNode, MetadataAccess } from './grpc/ports.js';
import type { MetadataNode } from './metadata-node.js';
import type { MemberRow, NodeStatus } from './node-status.js';
import { PEER_EXCHANGE, type PeerStream } from './peers/peer-door.js';
import type { CatalogueReader } from './ports.js';
import type { ProposeAnswer, ReadAnswer } from './requests.js';

/** What became of a change of the cluster is looked at so often. */
const LOOK_MS = 20;

/** Empty: nobody may join with a token. */
export function hashOfToken(token: string): string {
  return token === '' ? '' : createHash('sha256').update(token).digest('hex');
}

/**
 * A member of the cluster as the API and operators see it. Changes of the cluster are written to the catalogue, from which the leader goes on
 * (membership-keeper.ts); who asked is told when they are there, or that they are under way when the time is over.
 */
export class NodeAccess implements MetadataAccess {
  /** Another one when the node has joined another cluster. */
  node: MetadataNode;
  readonly #watchers = new Set<(delta: Delta) => void>();

  constructor(node: MetadataNode) {
    this.node = node;
  }

  get reader(): CatalogueReader {
    return this.node.reader;
  }

  /** Where peers come in, whichever node this is. */
  get door(): { readonly definition: Definition; readonly implementation: Implementation } {
    const exchange = (stream: PeerStream): void => this.node.peers.door.open(stream);
    return { definition: PEER_EXCHANGE, implementation: { exchange } };
  }

  /** Tells watchers. */
  onDelta(delta: Delta): void {
    for (const watcher of this.#watchers) watcher(delta);
  }

  propose(envelopes: readonly CommandEnvelope[], deadlineMs: number, done: (answer: ProposeAnswer) => void): void {
    this.node.requests.propose(envelopes, deadlineMs, done);
  }

  read(deadlineMs: number, done: (answer: ReadAnswer) => void): void {
    this.node.requests.read(deadlineMs, done);
  }

  watch(listener: (delta: Delta) => void): () => void {
    this.#watchers.add(listener);
    return () => this.#watchers.delete(listener);
  }

  status(): NodeStatus {
    return this.node.status();
  }

  members(): readonly MemberRow[] {
    return this.node.members();
  }

  /** Allocates the number; the leader takes it in as soon as it is registered. */
  join({ token, ...self }: JoiningNode, deadlineMs: number, done: (answer: JoinAnswer) => void): void {
    const cluster = this.reader.get('cluster', {});
    if (cluster === null) {
      done({ kind: 'no-leader' });
      return;
    }
    if (cluster.tokenHash === '' || !isSameHash(hashOfToken(token), cluster.tokenHash)) {
      done({ kind: 'denied' });
      return;
    }
    this.#proposeOne({ kind: 'register-node', id: 0, ...self }, deadlineMs, (answer) => {
      if (answer.kind !== 'accepted') {
        done(answer.kind === 'done' ? { kind: 'unknown' } : answer);
        return;
      }
      const { voters, learners } = this.status();
      const peers = [...voters, ...learners].map((id) => ({ id, address: this.reader.get('node', { id })?.address ?? '' }));
      done({ kind: 'joined', clusterId: cluster.id, nodeId: answer.id, peers: peers.filter(({ address }) => address !== '') });
    });
  }

  leave(id: number, deadlineMs: number, done: (answer: ClusterAnswer) => void): void {
    const node = this.#find(id);
    const fault = node === null ? `there is no node ${id}` : this.node.faultOfLeaving(id);
    if (node === null || fault !== null) {
      done({ kind: 'refused', why: fault ?? '' });
      return;
    }
    this.#change(node, { ...node, state: 'leaving' }, deadlineMs, (answer) => {
      if (answer.kind !== 'done') done(answer);
      else this.#whenSo(() => this.reader.get('node', { id })?.state === 'removed', deadlineMs, done);
    });
  }

  transfer(to: number, deadlineMs: number, done: (answer: ClusterAnswer) => void): void {
    if (!this.status().voters.includes(to)) {
      done({ kind: 'refused', why: `node ${to} has no vote` });
      return;
    }
    this.node.requests.transfer(to, deadlineMs, (hasBegun) => {
      if (hasBegun) this.#whenSo(() => this.node.leader === to, deadlineMs, done);
      else done({ kind: 'no-leader' });
    });
  }

  promote(id: number, deadlineMs: number, done: (answer: ClusterAnswer) => void): void {
    const node = this.#find(id);
    if (node === null) {
      done({ kind: 'refused', why: `there is no node ${id}` });
      return;
    }
    const roles = node.roles.includes('meta') ? node.roles : (['meta', ...node.roles] as const);
    this.#change(node, { ...node, roles }, deadlineMs, (answer) => {
      if (answer.kind !== 'done') done(answer);
      else this.#whenSo(() => this.status().voters.includes(id), deadlineMs, done);
    });
  }

  #find(id: number): ResourceRecord<'node'> | null {
    const node = this.reader.get('node', { id });
    return node === null || node.state === 'removed' ? null : node;
  }

  #change(from: ResourceRecord<'node'>, to: NodeValue, deadlineMs: number, done: (answer: ClusterAnswer) => void): void {
    const { id, name, address, roles, version, state } = to;
    if (state === 'removed') return;
    const command: Command = { kind: 'change-node', id, name, address, roles, version, state, expected: from.revision };
    this.#proposeOne(command, deadlineMs, (answer) => done(answer.kind === 'accepted' ? { kind: 'done' } : answer));
  }

  #proposeOne(
    command: Command,
    deadlineMs: number,
    done: (answer: ClusterAnswer | { readonly kind: 'accepted'; readonly id: number }) => void,
  ): void {
    this.propose([{ command, requestId: null }], deadlineMs, (answer: ProposeAnswer) => {
      if (answer.kind !== 'applied') {
        done(answer);
        return;
      }
      const outcome: CommandOutcome | undefined = answer.result[0];
      if (outcome?.isOk === true) done({ kind: 'accepted', id: outcome.id });
      else done({ kind: 'refused', why: outcome?.detail ?? 'it has no outcome' });
    });
  }

  #whenSo(isSo: () => boolean, deadlineMs: number, done: (answer: ClusterAnswer) => void): void {
    const endMs = performance.now() + deadlineMs;
    const look = (): void => {
      if (isSo()) done({ kind: 'done' });
      else if (performance.now() >= endMs) done({ kind: 'unknown' });
      else setTimeout(look, LOOK_MS);
    };
    look();
  }
}

function isSameHash(a: string, b: string): boolean {
  return a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b));
}
