import type { StoredRun } from '../stored-run.js';

/*
  When deliveries in flight to one client were published and sent: one mark for each run of consecutive packet ids, in a ring. Made only while slow
  subscriptions are looked for.

    oldest | ... | newest        acknowledgements take marks from the old end
*/

const PACKET_IDS = 65535;
/** Of runs in flight to one client. Those beyond are not measured. A power of two. */
const MARKS = 64;

/** What a run is of: its topic, or the run where nobody has said the topic yet. */
export type TopicSource = string | StoredRun;

export class DeliveryMarks {
  readonly #firstIds: Int32Array = new Int32Array(MARKS);
  readonly #counts: Int32Array = new Int32Array(MARKS);
  readonly #publishedMs: Float64Array = new Float64Array(MARKS);
  readonly #sentMs: Float64Array = new Float64Array(MARKS);
  readonly #topics: (TopicSource | null)[] = new Array<TopicSource | null>(MARKS).fill(null);
  #oldest = 0;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  note(firstPacketId: number, count: number, publishedMs: number, sentMs: number, topic: TopicSource): void {
    if (this.#length === MARKS) return;
    const at = (this.#oldest + this.#length) & (MARKS - 1);
    this.#firstIds[at] = firstPacketId;
    this.#counts[at] = count;
    this.#publishedMs[at] = publishedMs;
    this.#sentMs[at] = sentMs;
    this.#topics[at] = topic;
    this.#length += 1;
  }

  /**
   * The client has acknowledged all up to a packet id. Clients acknowledge in order, as they must (MQTT-4.6.0-2): what is left out is looked at when a
   * later one comes.
   */
  acknowledge(lastPacketId: number, visit: (topic: TopicSource, publishedMs: number, sentMs: number) => void): void {
    while (this.#length > 0) {
      const at = this.#oldest;
      const distance = (lastPacketId - this.#firstIds[at] + PACKET_IDS) % PACKET_IDS;
      if (distance > PACKET_IDS / 2) return; // It is of an earlier run.
      const topic = this.#topics[at];
      if (topic !== null) visit(topic, this.#publishedMs[at], this.#sentMs[at]);
      if (distance < this.#counts[at] - 1) return; // More of this run are in flight.
      this.#topics[at] = null;
      this.#oldest = (at + 1) & (MARKS - 1);
      this.#length -= 1;
    }
  }
}
