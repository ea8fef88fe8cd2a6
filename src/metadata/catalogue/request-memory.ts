import { assert } from '../../base/assert.js';
import { type CommandOutcome, REQUEST_ID_BYTES } from './commands.js';
import type { Form } from './forms.js';
import { outcomeForm } from './outcome-codec.js';

/** A request that was answered, and how. */
export interface AnsweredRequest {
  /** Its REQUEST_ID_BYTES as text, a unit each. */
  readonly id: string;
  readonly outcome: CommandOutcome;
}

/**
 * Outcomes of the last requests, so that a client that did not hear the answer can ask again. The oldest is forgotten for a new one:
 *
 *   ring   [ 5 6 7 2 3 4 ]      #next is the oldest, once the ring is full
 *                ^ #next
 */
export class RequestMemory {
  readonly #capacity: number;
  readonly #outcomes = new Map<string, CommandOutcome>();
  readonly #ring: string[] = [];
  #next = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  find(id: string): CommandOutcome | null {
    return this.#outcomes.get(id) ?? null;
  }

  remember(id: string, outcome: CommandOutcome): void {
    assert(!this.#outcomes.has(id), 'a request is remembered once');
    const ring = this.#ring;
    if (ring.length === this.#capacity) this.#outcomes.delete(ring[this.#next]);
    ring[this.#next] = id;
    this.#next = (this.#next + 1) % this.#capacity;
    this.#outcomes.set(id, outcome);
  }

  /** Oldest first. */
  capture(): AnsweredRequest[] {
    const ring = this.#ring;
    const oldest = ring.length === this.#capacity ? this.#next : 0;
    return ring.map((_, index): AnsweredRequest => {
      const id = ring[(oldest + index) % ring.length];
      const outcome = this.#outcomes.get(id);
      assert(outcome !== undefined, 'the ring has what the map has');
      return { id, outcome };
    });
  }
}

export function requestText(requestId: Uint8Array): string {
  return Buffer.from(requestId.buffer, requestId.byteOffset, requestId.length).toString('latin1');
}

/** In a snapshot: id, 16 bytes | outcome (outcome-codec.ts). */
export const answeredRequest: Form<AnsweredRequest> = {
  bytesMax: ({ outcome }) => REQUEST_ID_BYTES + outcomeForm.bytesMax(outcome),
  write(writer, { id, outcome }) {
    for (let at = 0; at < REQUEST_ID_BYTES; at += 1) writer.writeU8(id.charCodeAt(at));
    outcomeForm.write(writer, outcome);
  },
  read(reader) {
    const start = reader.skip(REQUEST_ID_BYTES);
    const id = requestText(reader.bytes.subarray(start, start + REQUEST_ID_BYTES));
    return { id, outcome: outcomeForm.read(reader) };
  },
};
