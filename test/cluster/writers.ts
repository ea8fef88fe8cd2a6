import type { MetadataClient } from '../../src/metadata/client/metadata-client.js';
import { put } from './test-cluster.js';

const WRITE_MS_MAX = 15_000;

/** Callers that write one setting after the other, each under a key of its own, and note what was acknowledged and when. */
export class Writers {
  readonly acknowledged: string[] = [];
  readonly failures: string[] = [];
  /** When the last write that was acknowledged had been sent, and when it was acknowledged. */
  lastSentMs = 0;
  #isOn = true;
  readonly #running: Promise<void>[];

  constructor(client: MetadataClient, count: number) {
    this.#running = Array.from({ length: count }, (_, writer) => this.#run(client, writer));
  }

  async stop(): Promise<void> {
    this.#isOn = false;
    await Promise.all(this.#running);
  }

  async #run(client: MetadataClient, writer: number): Promise<void> {
    for (let number = 0; this.#isOn; number += 1) {
      const key = `w${writer}-${number}`;
      const sentMs = performance.now();
      try {
        await put(client, key, String(number), WRITE_MS_MAX);
        this.acknowledged.push(key);
        this.lastSentMs = Math.max(this.lastSentMs, sentMs);
      } catch (error) {
        this.failures.push(`${key}: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  }
}
