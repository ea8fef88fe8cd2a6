import type {
  KeyByKind,
  NodeRole,
  NodeState,
  OffsetPosition,
  PlacementValue,
  SchemaWish,
  ShapeValue,
  StreamValue,
  StreamWish,
  ValueByKind,
} from './resources.js';

/*
  What may be asked of the catalogue. Whoever decodes one from outside sees to it that numbers are whole; everything else is judged when the
  command is applied, on every node alike, and a command that is refused changes nothing.
*/

/** Compare-and-set. null: whatever is there. 0: there must be none. Else the revision that the record must have. */
export type Expected = number | null;

/** Resources that are written and deleted as they are: one rule serves all (apply-plain.ts). */
export type PlainKind =
  | 'user'
  | 'acl-rule'
  | 'ban'
  | 'retained-settings'
  | 'auto-subscription'
  | 'topic-rewrite'
  | 'connector'
  | 'rule'
  | 'setting';

interface Put<K extends keyof ValueByKind> {
  readonly value: ValueByKind[K];
  readonly expected: Expected;
}

interface Delete<K extends keyof ValueByKind> {
  readonly key: KeyByKind[K];
  readonly expected: Expected;
}

type PlainPuts = { readonly [K in PlainKind as `put-${K}`]: Put<K> };
type PlainDeletes = { readonly [K in PlainKind as `delete-${K}`]: Delete<K> };

interface SpecialCommands {
  /** With the id of the cluster that there is, it changes nothing and is no failure. */
  readonly 'initialise-cluster': {
    readonly id: string;
    readonly name: string;
    readonly tokenHash: string;
    /** Nodes 1 to this many begin the cluster together. They have their numbers from the settings, and register with them. */
    readonly firstVoters: number;
  };
  readonly 'change-cluster': { readonly name: string; readonly tokenHash: string; readonly expected: Expected };
  /** For a UUID that is registered it gives the id it has; a removed one is refused for ever. */
  readonly 'register-node': {
    /** 0: one is allocated. Else that of a first voter, which another UUID cannot have any more. */
    readonly id: number;
    readonly uuid: string;
    readonly name: string;
    readonly address: string;
    readonly roles: readonly NodeRole[];
    readonly version: string;
  };
  readonly 'change-node': {
    readonly id: number;
    readonly name: string;
    readonly address: string;
    readonly roles: readonly NodeRole[];
    readonly version: string;
    readonly state: Exclude<NodeState, 'removed'>;
    readonly expected: Expected;
  };
  readonly 'remove-node': { readonly id: number; readonly expected: Expected };
  readonly 'put-tenant': Put<'tenant'>;
  /** Only without anything in it. */
  readonly 'delete-tenant': Delete<'tenant'>;
  /** Allocates the id. */
  readonly 'create-stream': { readonly stream: StreamWish };
  readonly 'change-stream': { readonly stream: StreamWish; readonly expected: Expected };
  /** Offsets of consumers in it go with it. */
  readonly 'delete-stream': Delete<'stream'>;
  readonly 'put-shape': { readonly value: ShapeValue; readonly expected: Expected };
  readonly 'place-group': { readonly value: PlacementValue; readonly expected: Expected };
  readonly 'unplace-group': Delete<'placement'>;
  /** All of them or none. */
  readonly 'commit-offsets': {
    readonly tenant: string;
    readonly group: string;
    /** Not lower than any that committed before; 0: not checked. */
    readonly generation: number;
    readonly offsets: readonly OffsetPosition[];
  };
  /** With all its offsets. `expected` is about the group, which an offset does not change. */
  readonly 'delete-group': Delete<'group'>;
  /** Allocates the version. `expected` is about the subject: what came after the version somebody knew is a conflict. */
  readonly 'put-schema': { readonly schema: SchemaWish; readonly expected: Expected };
  readonly 'delete-schema': Delete<'schema'>;
  /** Streams of a data directory that had no catalogue, of the tenant `default`. Only before there is any stream. */
  readonly import: {
    readonly streamIdNext: number;
    readonly memoryStreamIdNext: number;
    readonly streams: readonly Omit<StreamValue, 'tenant'>[];
    readonly deleted: readonly number[];
  };
}

export interface CommandByKind extends PlainPuts, PlainDeletes, SpecialCommands {}
export type CommandKind = keyof CommandByKind;

type Kinded = { readonly [K in CommandKind]: { readonly kind: K } & CommandByKind[K] };
/** The union of all; or with a kind, one of them. */
export type Command<K extends CommandKind = CommandKind> = Kinded[K];

export const REQUEST_ID_BYTES = 16;

/** A command as it is in the log. */
export interface CommandEnvelope {
  readonly command: Command;
  /** REQUEST_ID_BYTES that the client made for this command: sent again, it gets the outcome it had. null: it is applied each time. */
  readonly requestId: Uint8Array | null;
}

/** The data of one entry of the log. */
export interface CommandBatch {
  /** By the leader's clock: the only time that the catalogue knows. */
  readonly atMs: number;
  readonly envelopes: readonly CommandEnvelope[];
}

export type RefusalCode =
  /** The record has another revision than expected. */
  | 'conflict'
  /** What the command names is not there. */
  | 'not-found'
  /** What must not be there is. */
  | 'exists'
  /** It can never be accepted. */
  | 'invalid'
  /** Too many or too large. */
  | 'limit'
  /** Something stands on it. */
  | 'in-use';

export interface Accepted {
  readonly isOk: true;
  /** The catalogue's, with this command. */
  readonly revision: number;
  /** What was allocated: of a node or a stream the id, of a schema the version. 0: nothing. */
  readonly id: number;
}

export interface Refused {
  readonly isOk: false;
  readonly code: RefusalCode;
  /** A sentence for whoever asked. */
  readonly detail: string;
  /** Of the record that the command is about; 0 if there is none. */
  readonly currentRevision: number;
}

export type CommandOutcome = Accepted | Refused;
