import { WireReader } from '../wire/reader.js';
import { WireWriter } from '../wire/writer.js';
import { NO_BYTES } from './make-message.js';
import type { LogIndex, Message, NodeId } from './messages.js';
import { type Acknowledged, type JointVoters, jointCommittedIndex } from './quorum.js';
import { readWide, WIDE_BYTES, writeWide } from './wide-number.js';

/** Requests that wait for a majority; more are dropped, and asked again. */
export const READS_WAITING_MAX = 4096;

export interface ReadRequest {
  readonly request: Message;
  /** What was committed when it came. */
  readonly index: LogIndex;
}

/**
 * Reads that a leader answers when a majority has confirmed, after the read came, that it is still the leader (thesis §6.4). Requests are counted;
 * a heartbeat carries the number of the newest one, and its answer confirms all up to that number.
 *
 *     context of a heartbeat => number:u64     empty without requests
 */
export class ReadRequests implements Acknowledged {
  #waiting: ReadRequest[] = [];
  #confirmedCount = 0; // Number of the last request that is confirmed.
  readonly #acknowledged = new Map<NodeId, number>();

  /** @returns false if too many wait. */
  maybeAdd(request: Message, index: LogIndex): boolean {
    if (this.#waiting.length >= READS_WAITING_MAX) return false;
    this.#waiting.push({ request, index });
    return true;
  }

  /** Number of the newest request, as a heartbeat carries it. */
  heartbeatContext(): Uint8Array {
    if (this.#waiting.length === 0) return NO_BYTES;
    const newest = this.#confirmedCount + this.#waiting.length;
    const writer = new WireWriter(new Uint8Array(WIDE_BYTES));
    writeWide(writer, newest);
    return writer.bytes;
  }

  onConfirmation(from: NodeId, context: Uint8Array): void {
    if (context.length !== WIDE_BYTES) return;
    const number = readWide(new WireReader(context, 0, WIDE_BYTES));
    if (number <= this.#confirmedCount + this.#waiting.length) {
      this.#acknowledged.set(from, Math.max(number, this.#acknowledged.get(from) ?? 0));
    }
  }

  acknowledgedBy(node: NodeId): number | undefined {
    return this.#acknowledged.get(node);
  }

  /** Those that a majority has confirmed, oldest first; each comes once. */
  takeConfirmed(voters: JointVoters): readonly ReadRequest[] {
    const confirmed = jointCommittedIndex(voters, this);
    const count = Math.min(confirmed - this.#confirmedCount, this.#waiting.length);
    if (count <= 0) return [];
    this.#confirmedCount += count;
    return this.#waiting.splice(0, count);
  }

  /** For a new term: whoever asked asks again. */
  clear(): void {
    this.#waiting = [];
    this.#confirmedCount = 0;
    this.#acknowledged.clear();
  }
}
