import { Catalogue } from '../../src/metadata/catalogue/catalogue.js';
import type { CommandOutcome } from '../../src/metadata/catalogue/commands.js';
import type { CatalogueReader } from '../../src/metadata/ports.js';
import type { StateMachine } from '../../src/raft/driver/ports.js';
import type { ConfigurationState, Entry, LogIndex, NodeId, Term } from '../../src/raft/messages.js';
import { crc32c } from '../../src/wire/crc32c.js';
import type { Truth } from './truth.js';

export interface MachineOptions {
  /** Chunks of snapshots are cut so small that there are many. */
  readonly chunkBytes: number;
  readonly requestsRemembered: number;
}

/** The whole state is compared at each index that this divides. */
const COMPARED_EVERY = 64;
const ENDS = 0;
const GOES_ON = 1;

/** The real catalogue, watched: all nodes must do the same at the same index. A chunk of it is cut into pieces: `goes on? u8 | bytes`. */
export class CheckedMachine implements StateMachine<readonly CommandOutcome[]> {
  readonly #node: NodeId;
  readonly #truth: Truth;
  readonly #options: MachineOptions;
  readonly #termNow: () => Term;
  readonly #catalogue: Catalogue;

  constructor(node: NodeId, truth: Truth, options: MachineOptions, termNow: () => Term) {
    this.#node = node;
    this.#truth = truth;
    this.#options = options;
    this.#termNow = termNow;
    this.#catalogue = new Catalogue({ onDelta: () => {}, requestsRemembered: options.requestsRemembered });
  }

  get reader(): CatalogueReader {
    return this.#catalogue.reader;
  }

  apply(entry: Entry): readonly CommandOutcome[] {
    const outcomes = this.#catalogue.apply(entry);
    this.#truth.onApplied(this.#node, this.#termNow(), entry, outcomes);
    if (entry.index % COMPARED_EVERY === 0) this.compare();
    return outcomes;
  }

  onConfiguration(configuration: ConfigurationState, index: LogIndex): readonly CommandOutcome[] {
    const outcomes = this.#catalogue.onConfiguration(configuration, index);
    this.#truth.onConfiguration(this.#node, this.#termNow(), configuration, index);
    return outcomes;
  }

  /** The state of now, however late its chunks are asked for. */
  capture(): IterableIterator<Uint8Array> {
    return this.#pieces(this.reader.index, this.#catalogue.capture());
  }

  *#pieces(index: LogIndex, chunks: Iterable<Uint8Array>): IterableIterator<Uint8Array> {
    const { chunkBytes } = this.#options;
    let checksum = 0;
    for (const chunk of chunks) {
      checksum = crc32c(chunk, 0, chunk.length, checksum);
      for (let from = 0; from < chunk.length; from += chunkBytes) {
        const to = Math.min(chunk.length, from + chunkBytes);
        const piece = new Uint8Array(1 + to - from);
        piece[0] = to < chunk.length ? GOES_ON : ENDS;
        piece.set(chunk.subarray(from, to), 1);
        yield piece;
      }
    }
    this.#truth.onState(this.#node, index, checksum);
  }

  restore(pieces: Iterable<Uint8Array>): void {
    const chunks = wholeChunks(pieces);
    if (chunks.length === 0) return; // The state with which all first voters begin.
    this.#catalogue.restore(chunks);
    this.#truth.onRestored(this.#node, this.reader.index);
    this.compare();
  }

  /** With all others that were at this index. */
  compare(): void {
    let checksum = 0;
    for (const chunk of this.#catalogue.capture()) checksum = crc32c(chunk, 0, chunk.length, checksum);
    this.#truth.onState(this.#node, this.reader.index, checksum);
  }
}

function wholeChunks(pieces: Iterable<Uint8Array>): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  let begun: Uint8Array[] = [];
  for (const piece of pieces) {
    begun.push(piece.subarray(1));
    if (piece[0] === GOES_ON) continue;
    chunks.push(Buffer.concat(begun));
    begun = [];
  }
  return chunks;
}
