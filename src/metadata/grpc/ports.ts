import type { BrokerError } from '../../base/errors.js';
import type { CommandEnvelope } from '../catalogue/commands.js';
import type { Delta } from '../catalogue/delta.js';
import type { NodeRole, StreamWish } from '../catalogue/resources.js';
import type { MemberRow, NodeStatus } from '../node-status.js';
import type { CatalogueReader } from '../ports.js';
import type { ProposeAnswer, ReadAnswer, RequestFailure } from '../requests.js';
import type { MqttService } from './generated/robustmq/v1/mqtt.js';

/*
  What the public API stands on: a member of the cluster, or a stub in tests. Everything answers by calling back, later or at once, and exactly
  once. Deadlines are milliseconds from now. `by` is who calls, for whoever writes down what was changed: `grpc 10.0.0.7:49152`.
*/
export interface MetadataAccess {
  readonly reader: CatalogueReader;
  /** The leader does it, whoever that is. The commands stay together. */
  propose(envelopes: readonly CommandEnvelope[], deadlineMs: number, done: (answer: ProposeAnswer) => void, by: string): void;
  read(deadlineMs: number, done: (answer: ReadAnswer) => void): void;
  /** What each batch changed, in its order, from now on. @returns what ends it. */
  watch(listener: (delta: Delta) => void): () => void;
  status(): NodeStatus;
  members(): readonly MemberRow[];
  join(node: JoiningNode, deadlineMs: number, done: (answer: JoinAnswer) => void, by: string): void;
  leave(node: number, deadlineMs: number, done: (answer: ClusterAnswer) => void, by: string): void;
  transfer(to: number, deadlineMs: number, done: (answer: ClusterAnswer) => void, by: string): void;
  /** To the role `meta`. */
  promote(node: number, deadlineMs: number, done: (answer: ClusterAnswer) => void, by: string): void;
}

export interface JoiningNode {
  readonly uuid: string;
  readonly name: string;
  /** host:port */
  readonly address: string;
  readonly roles: readonly NodeRole[];
  readonly version: string;
  /** What it came with; empty: nothing, or its certificate alone. */
  readonly token: string;
}

export interface Joined {
  readonly clusterId: string;
  readonly nodeId: number;
  readonly peers: readonly { readonly id: number; readonly address: string }[];
}

export type ClusterAnswer = { readonly kind: 'done' } | { readonly kind: 'refused'; readonly why: string } | RequestFailure;
export type JoinAnswer =
  | ({ readonly kind: 'joined' } & Joined)
  | { readonly kind: 'refused'; readonly why: string }
  /** The token is not that of the cluster. */
  | { readonly kind: 'denied' }
  | RequestFailure;

export type MqttMethod = keyof typeof MqttService;

/** A call of robustmq.v1.Mqtt, as it came. */
export interface MqttCall {
  readonly method: MqttMethod;
  readonly request: Uint8Array;
  /** Who calls: `grpc 10.0.0.7:49152`. */
  readonly by: string;
}

export type MqttReply =
  | { readonly kind: 'answered'; readonly response: Uint8Array }
  | { readonly kind: 'refused'; readonly error: BrokerError }
  /** By a bug of ours; in words for the log. */
  | { readonly kind: 'failed'; readonly what: string };

/** Who knows the clients. It answers by calling back, exactly once. */
export interface MqttAccess {
  ask(call: MqttCall, done: (reply: MqttReply) => void): void;
}

/** What a stream is like of which nobody said more than the name. */
export type StreamDefaults = Omit<StreamWish, 'tenant' | 'name' | 'origin'>;
