import { assert } from '../../base/assert.js';
import { decodeChange } from '../change-codec.js';
import type { ConfigurationState, Entry, LogIndex, Term } from '../messages.js';
import type { RaftNode } from '../raft-node.js';
import type { RaftStore, StateMachine } from './ports.js';
import { decodeMark } from './snapshot-mark.js';

/** How far the state machine is, and the configuration as of there. */
export class AppliedState<Result> {
  index: LogIndex = 0;
  term: Term = 0;
  configuration: ConfigurationState;
  readonly #store: RaftStore;
  readonly #machine: StateMachine<Result>;

  constructor(store: RaftStore, machine: StateMachine<Result>) {
    this.#store = store;
    this.#machine = machine;
    this.configuration = store.configuration;
  }

  /** Becomes what the newest snapshot says. @throws Error if that is no state. */
  restore(): void {
    const snapshot = this.#store.snapshot();
    if (snapshot === null) return;
    const mark = decodeMark(snapshot.data);
    // Without chunks it is what every state machine begins with.
    if (mark.chunkCount > 0) this.#machine.restore(this.#chunksOf(mark.index, mark.chunkCount));
    this.index = mark.index;
    this.term = mark.term;
    this.configuration = mark.configuration;
    this.#machine.onConfiguration(mark.configuration, mark.index);
  }

  /** The next entry. @throws whatever the state machine throws: then nobody may go on from here. */
  apply(entry: Entry, node: RaftNode): Result {
    assert(entry.index === this.index + 1, 'entries are applied in order, each once');
    let result: Result;
    if (entry.type === 'configuration') {
      this.configuration = node.applyChange(decodeChange(entry.data), entry.index);
      result = this.#machine.onConfiguration(this.configuration, entry.index);
    } else result = this.#machine.apply(entry);
    this.index = entry.index;
    this.term = entry.term;
    return result;
  }

  *#chunksOf(index: LogIndex, count: number): IterableIterator<Uint8Array> {
    for (let chunk = 0; chunk < count; chunk += 1) {
      const bytes = this.#store.readChunk(index, chunk);
      if (bytes === null) throw new Error(`chunk ${chunk} of the snapshot at ${index} cannot be read`);
      yield bytes;
    }
  }
}
