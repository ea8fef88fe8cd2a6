import { crc32c } from '../../wire/crc32c.js';
import type { NodeId } from '../messages.js';
import type { RaftStore, RaftTransport, SnapshotChunk, SnapshotMark } from './ports.js';
import { isSameMark } from './snapshot-mark.js';

interface Transfer {
  readonly mark: SnapshotMark;
  /** Chunks that were given to the store, and those that are durable. */
  accepted: number;
  durable: number;
}

/** Follower's side: keeps the chunks that a leader sends, in their order, and says how far it is. */
export class SnapshotReceiver {
  readonly #store: Pick<RaftStore, 'incoming'>;
  readonly #transport: RaftTransport;
  readonly #onFailure: (error: Error) => void;
  #transfer: Transfer | null = null;
  /** The core was told of the snapshot, and the store is to adopt it: nothing may take its place. */
  #isHandedOver = false;

  constructor(store: Pick<RaftStore, 'incoming'>, transport: RaftTransport, onFailure: (error: Error) => void) {
    this.#store = store;
    this.#transport = transport;
    this.#onFailure = onFailure;
  }

  onChunk(from: NodeId, { mark, number, checksum, bytes }: SnapshotChunk): void {
    const transfer = this.#transferOf(mark);
    if (transfer === null) return; // The leader asks again.
    if (bytes.length === 0) {
      this.#answer(from, transfer);
      return;
    }
    if (number !== transfer.accepted || number >= mark.chunkCount || crc32c(bytes, 0, bytes.length) !== checksum) return;
    transfer.accepted += 1;
    this.#store.incoming.write(bytes, (error) => {
      if (error !== null) this.#onFailure(error);
      else if (this.#transfer === transfer) {
        // Not if it began anew meanwhile: what was written before is gone then.
        transfer.durable += 1;
        this.#answer(from, transfer);
      }
    });
  }

  /** Whether the core may be told of this snapshot. One that came whole and is not what its mark says is forgotten. */
  isWhole(mark: SnapshotMark): boolean {
    if (this.#store.incoming.isWhole(mark)) {
      this.#isHandedOver = true;
      return true;
    }
    this.#transfer = null;
    return false;
  }

  /** The snapshot that the core was told of is adopted, or the core did not want it. */
  onSettled(): void {
    this.#isHandedOver = false;
  }

  /** The one under way, or a new one; null while another snapshot must not be disturbed. */
  #transferOf(mark: SnapshotMark): Transfer | null {
    if (this.#transfer !== null && isSameMark(this.#transfer.mark, mark)) return this.#transfer;
    if (this.#isHandedOver) return null;
    const accepted = this.#store.incoming.begin(mark);
    this.#transfer = { mark, accepted, durable: accepted };
    return this.#transfer;
  }

  #answer(from: NodeId, { mark, durable }: Transfer): void {
    this.#transport.sendChunkAnswer(from, { index: mark.index, next: durable });
  }
}
