import type { ConfigurationState, Entry, HardState, LogIndex, Message, NodeId } from '../messages.js';
import type { LogReader } from '../ports.js';

/*
  What a node of Raft needs of the world. Nothing here waits: whoever has something to tell calls back, in its own turn and never within the
  call that asked. So the same driver runs on LMDB and gRPC, on a shard's lane, and in the simulator.
*/

/** null: well. A node whose store failed ends: nobody knows what is on the disk, and a flush is never tried again. */
export type StoreDone = (error: Error | null) => void;

/** Of a snapshot that is on the disk, by its chunks. */
export interface SnapshotMark {
  readonly index: LogIndex;
  readonly term: number;
  readonly configuration: ConfigurationState;
  readonly chunkCount: number;
  readonly bytes: number;
  /** CRC-32C over all chunks in their order. */
  readonly checksum: number;
}

/** Durable log, hard state and snapshots of one node. One flush for each `append`, ends in the order of calls. */
export interface RaftStore extends LogReader {
  /** What the start found damaged: entries up to this index were there once. 0: nothing was. Durable until `clearDamage`. */
  readonly damagedUpTo: LogIndex;
  /** Index of the newest whole snapshot; 0 if there is none. */
  readonly snapshotIndex: LogIndex;
  /**
   * All of it or nothing. Entries replace those from the first one's index on. Readers see it from `done` on. With nothing to write it is done
   * when everything before it is.
   * @param hardState null: as it was.
   */
  append(hardState: HardState | null, entries: readonly Entry[], done: StoreDone): void;
  /** A new snapshot is written chunk by chunk, and is one from `commit` on; the one before stays as the second generation. One at a time. */
  beginSnapshot(): SnapshotWriter;
  /** The snapshot that `incoming` received becomes the newest and the log begins after it. Durable with the hard state, in one step. */
  adoptIncoming(hardState: HardState | null, mark: SnapshotMark, done: StoreDone): void;
  /** Chunks of the newest snapshot, and whether they are what was written. @returns null if it is damaged or another one is the newest. */
  readChunk(index: LogIndex, chunk: number): Uint8Array | null;
  /** Entries up to `index` go, in the background. They are in a snapshot. */
  compact(index: LogIndex): void;
  /** Chunks that a leader sends. Kept over a restart, so that sending goes on where it ended. */
  readonly incoming: IncomingSnapshot;
  clearDamage(): void;
}

export interface SnapshotWriter {
  write(chunk: Uint8Array, done: StoreDone): void;
  /** After the last `write` is done. */
  commit(index: LogIndex, term: number, configuration: ConfigurationState, done: StoreDone): void;
  abandon(): void;
}

export interface IncomingSnapshot {
  /** Chunks of exactly this snapshot that are there already. Another one's are dropped, and all if they are complete and not what the mark says. */
  begin(mark: SnapshotMark): number;
  /** The next chunk. */
  write(chunk: Uint8Array, done: StoreDone): void;
  /** All chunks are there and are what the mark says. */
  isWhole(mark: SnapshotMark): boolean;
}

/** To peers. Everything may be lost, late, or come twice; nothing may be changed on the way. */
export interface RaftTransport {
  /** Messages to one peer keep their order as long as the connection does. What does not fit in a bounded queue is dropped and told as unreachable. */
  send(to: NodeId, messages: readonly Message[]): void;
  /** Chunk of a snapshot; the answer comes by `RaftDriver.onChunkAnswer`. */
  sendChunk(to: NodeId, chunk: SnapshotChunk): void;
  sendChunkAnswer(to: NodeId, answer: ChunkAnswer): void;
}

export interface SnapshotChunk {
  readonly mark: SnapshotMark;
  /** The leader's term. */
  readonly term: number;
  readonly number: number;
  /** CRC-32C of `bytes`. */
  readonly checksum: number;
  /** Empty in the first message of a transfer: it asks how much is there. */
  readonly bytes: Uint8Array;
}

export interface ChunkAnswer {
  readonly index: LogIndex;
  /** Chunks that are durable: the next one that is wanted. `mark.chunkCount` if all are there. */
  readonly next: number;
}

/** What the log is for. Deterministic: the same entries give the same state, bytes and results, on every node. */
export interface StateMachine<Result> {
  /** An entry of type `normal`. @returns what whoever proposed it is told. @throws Error if it cannot be understood: the node ends. */
  apply(entry: Entry): Result;
  /** A configuration came into force, by an entry or by a snapshot. @returns what whoever proposed the change is told. */
  onConfiguration(configuration: ConfigurationState, index: LogIndex): Result;
  /** The state as it is now, in chunks of up to about 64 KiB, each a little work, while `apply` goes on. */
  capture(): IterableIterator<Uint8Array>;
  /** Replaces the state. @throws Error if the chunks are no state. */
  restore(chunks: Iterable<Uint8Array>): void;
}

export type ProposalFailure =
  /** This node does not lead: `leader` does, if anybody. The proposal is in no log. */
  | { readonly kind: 'not-leader'; readonly leader: NodeId }
  /** Too much is under way. The proposal is in no log. */
  | { readonly kind: 'busy' }
  /** It was replaced by another leader's entry, and will never be applied. */
  | { readonly kind: 'lost' }
  /** The node stopped leading, or ends, before it knew. It may be applied yet. */
  | { readonly kind: 'unknown' };

export type ProposalOutcome<Result> = { readonly kind: 'applied'; readonly index: LogIndex; readonly result: Result } | ProposalFailure;

export type ReadOutcome =
  /** The state machine has everything that was committed when the read began. */
  | { readonly kind: 'fresh'; readonly index: LogIndex }
  | { readonly kind: 'not-leader'; readonly leader: NodeId }
  | { readonly kind: 'busy' }
  | { readonly kind: 'unknown' };
