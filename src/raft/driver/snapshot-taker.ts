import type { ConfigurationState, LogIndex, Term } from '../messages.js';
import type { DriverLimits } from './limits.js';
import type { RaftStore, SnapshotWriter, StateMachine } from './ports.js';

/** A little work between other work; more would hold up heartbeats. */
const CHUNKS_PER_TURN = 1;

interface Capture {
  readonly index: LogIndex;
  readonly term: Term;
  readonly configuration: ConfigurationState;
  readonly chunks: Iterator<Uint8Array>;
  readonly writer: SnapshotWriter;
  writing: number;
  isCaptured: boolean;
}

export interface SnapshotTakerOwner {
  /** There is more to do: a turn is wanted. */
  onWork(): void;
  onFailure(error: Error): void;
}

/** Takes snapshots of the state machine when the log has become long, and cuts the log. */
export class SnapshotTaker {
  readonly #store: RaftStore;
  readonly #machine: StateMachine<unknown>;
  readonly #limits: DriverLimits;
  readonly #owner: SnapshotTakerOwner;
  #capture: Capture | null = null;
  /** Entries that were applied since the last snapshot began. */
  #bytes = 0;
  #entries = 0;

  constructor(store: RaftStore, machine: StateMachine<unknown>, limits: DriverLimits, owner: SnapshotTakerOwner) {
    this.#store = store;
    this.#machine = machine;
    this.#limits = limits;
    this.#owner = owner;
  }

  noteApplied(bytes: number): void {
    this.#bytes += bytes;
    this.#entries += 1;
  }

  get isDue(): boolean {
    return this.#capture === null && (this.#bytes >= this.#limits.snapshotBytes || this.#entries >= this.#limits.snapshotEntries);
  }

  /** The state machine stands at `index`. */
  begin(index: LogIndex, term: Term, configuration: ConfigurationState): void {
    if (this.#capture !== null) return;
    this.#bytes = 0;
    this.#entries = 0;
    const chunks = this.#machine.capture();
    this.#capture = { index, term, configuration, chunks, writer: this.#store.beginSnapshot(), writing: 0, isCaptured: false };
    this.#owner.onWork();
  }

  /** A leader's snapshot takes the place of the state. */
  abandon(): void {
    this.#capture?.writer.abandon();
    this.#capture = null;
    this.#bytes = 0;
    this.#entries = 0;
  }

  turn(): void {
    const capture = this.#capture;
    if (capture === null || capture.isCaptured) return;
    for (let n = 0; n < CHUNKS_PER_TURN && capture.writing < this.#limits.chunksInFlight; n += 1) {
      const next = capture.chunks.next();
      if (next.done === true) {
        capture.isCaptured = true;
        this.#maybeCommit(capture);
        return;
      }
      capture.writing += 1;
      capture.writer.write(next.value, (error) => this.#onWritten(capture, error));
    }
    if (capture.writing < this.#limits.chunksInFlight) this.#owner.onWork();
  }

  #onWritten(capture: Capture, error: Error | null): void {
    if (error !== null) this.#owner.onFailure(error);
    if (capture !== this.#capture) return;
    capture.writing -= 1;
    if (capture.isCaptured) this.#maybeCommit(capture);
    else this.#owner.onWork();
  }

  #maybeCommit(capture: Capture): void {
    if (capture.writing > 0) return;
    const { index, term, configuration, writer } = capture;
    writer.commit(index, term, configuration, (error) => {
      if (error !== null) this.#owner.onFailure(error);
      if (capture !== this.#capture) return;
      this.#capture = null;
      const upTo = index - this.#limits.trailingEntries;
      if (error === null && upTo >= this.#store.firstIndex) this.#store.compact(upTo);
      this.#owner.onWork();
    });
  }
}
