import { crc32c } from '../../wire/crc32c.js';
import type { Message, NodeId } from '../messages.js';
import { TRANSFER_TICKS_MAX } from './limits.js';
import type { ChunkAnswer, RaftStore, RaftTransport, SnapshotMark } from './ports.js';
import { decodeMark } from './snapshot-mark.js';

const NOTHING = new Uint8Array(0);

interface Transfer {
  /** Goes last, when the peer has every chunk. */
  readonly message: Message;
  readonly mark: SnapshotMark;
  /** Chunks that the peer has; -1 until it said so. */
  acknowledged: number;
  /** The next one to send. */
  next: number;
  /** The peer was asked how much is there: its answer says where to go on, also if that was sent before and got lost. */
  isAsked: boolean;
  silentTicks: number;
}

export interface SnapshotSenderOwner {
  /** The transfer is over; the core goes on with the peer, or begins again. */
  onTransferEnd(peer: NodeId, wasSent: boolean): void;
}

/*
  Leader's side of a snapshot that is on its way, one for each peer.

    leader                                   follower
      chunk 0, empty: how much is there? ->
                                          <- next = 7                 some chunks came before the connection broke
      chunk 7, 8, 9 ... (a window) ->
                                          <- next = 8, 9 ...          each when it is durable
      the core's snapshot message ->                                  when all are there
*/
export class SnapshotSender {
  readonly #store: Pick<RaftStore, 'readChunk'>;
  readonly #transport: RaftTransport;
  readonly #window: number;
  readonly #owner: SnapshotSenderOwner;
  readonly #transfers = new Map<NodeId, Transfer>();

  constructor(store: Pick<RaftStore, 'readChunk'>, transport: RaftTransport, window: number, owner: SnapshotSenderOwner) {
    this.#store = store;
    this.#transport = transport;
    this.#window = window;
    this.#owner = owner;
  }

  begin(message: Message): void {
    if (message.snapshot === null) return;
    const mark = decodeMark(message.snapshot.data);
    this.#transfers.set(message.to, { message, mark, acknowledged: -1, next: 0, isAsked: true, silentTicks: 0 });
    this.#ask(message.to);
  }

  onAnswer(peer: NodeId, answer: ChunkAnswer): void {
    const transfer = this.#transfers.get(peer);
    if (transfer === undefined || answer.index !== transfer.mark.index || answer.next > transfer.mark.chunkCount) return;
    transfer.silentTicks = 0;
    // Less than before: the peer lost something, and what is under way behind it is useless.
    if (transfer.isAsked || answer.next < transfer.acknowledged) transfer.next = answer.next;
    transfer.isAsked = false;
    transfer.acknowledged = answer.next;
    transfer.next = Math.max(transfer.next, answer.next);
    if (transfer.acknowledged === transfer.mark.chunkCount) this.#finish(peer, transfer);
    else this.#fill(peer, transfer);
  }

  onTick(): void {
    for (const [peer, transfer] of [...this.#transfers]) {
      transfer.silentTicks += 1;
      if (transfer.silentTicks > TRANSFER_TICKS_MAX) this.#end(peer, false);
      else if (transfer.silentTicks % 10 === 0) {
        transfer.isAsked = true;
        this.#ask(peer);
      }
    }
  }

  /** This node leads no more. */
  abandonAll(): void {
    this.#transfers.clear();
  }

  #ask(peer: NodeId): void {
    this.#send(peer, 0, NOTHING);
  }

  #fill(peer: NodeId, transfer: Transfer): void {
    while (transfer.next < transfer.mark.chunkCount && transfer.next - transfer.acknowledged < this.#window) {
      const bytes = this.#store.readChunk(transfer.mark.index, transfer.next);
      if (bytes === null) {
        this.#end(peer, false); // Another snapshot is the newest: the core takes that one.
        return;
      }
      this.#send(peer, transfer.next, bytes);
      transfer.next += 1;
    }
  }

  #send(peer: NodeId, number: number, bytes: Uint8Array): void {
    const transfer = this.#transfers.get(peer);
    if (transfer === undefined) return;
    const { mark, message } = transfer;
    this.#transport.sendChunk(peer, { mark, term: message.term, number, checksum: crc32c(bytes, 0, bytes.length), bytes });
  }

  #finish(peer: NodeId, transfer: Transfer): void {
    this.#transport.send(peer, [transfer.message]);
    this.#end(peer, true);
  }

  #end(peer: NodeId, wasSent: boolean): void {
    this.#transfers.delete(peer);
    this.#owner.onTransferEnd(peer, wasSent);
  }
}
