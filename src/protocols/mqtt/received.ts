const WORDS = 65536 / 32;

/** Packet ids of QoS 2 publishes that a client sent and has not released: what is in here was already taken (MQTT 5 §4.3.3). */
export class ReceivedIds {
  readonly #bits: Uint32Array = new Uint32Array(WORDS);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  has(packetId: number): boolean {
    return (this.#bits[packetId >>> 5] & (1 << (packetId & 31))) !== 0;
  }

  /** @returns false if it was there. */
  add(packetId: number): boolean {
    if (this.has(packetId)) return false;
    const word = packetId >>> 5;
    this.#bits[word] = this.#bits[word] | (1 << (packetId & 31));
    this.#count += 1;
    return true;
  }

  /** @returns false if it was not there. */
  remove(packetId: number): boolean {
    if (!this.has(packetId)) return false;
    const word = packetId >>> 5;
    this.#bits[word] = this.#bits[word] & ~(1 << (packetId & 31));
    this.#count -= 1;
    return true;
  }

  /** All of them, ascending. */
  toArray(): number[] {
    const ids: number[] = [];
    for (let id = 1; id < 65536; id += 1) if (this.has(id)) ids.push(id);
    return ids;
  }
}
