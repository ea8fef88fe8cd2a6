import type { LogIndex } from '../../src/raft/messages.js';
import type { SimulatedNode } from './simulated-node.js';

const NOTHING = new Uint8Array(0);
const PATIENCE_MS = 5000;

/** A cluster that works answers a read, before anybody writes, and then takes a write. */
export class LivenessProbe {
  /** Index of the write; 0: not yet. */
  written: LogIndex = 0;
  #isRead = false;
  /** Whoever was asked may be gone since, and never answer. */
  #askAgainMs = 0;

  /** What does not work; null if all does. */
  get missing(): string | null {
    if (!this.#isRead) return 'no read is answered';
    return this.written === 0 ? 'no write is taken' : null;
  }

  ask(leader: SimulatedNode, nowMs: number): void {
    if (this.missing === null || nowMs < this.#askAgainMs) return;
    this.#askAgainMs = nowMs + PATIENCE_MS;
    leader.enter(() => {
      if (this.#isRead) this.#write(leader);
      else this.#read(leader);
    });
  }

  #read(leader: SimulatedNode): void {
    leader.driver?.read(({ kind }) => {
      this.#askAgainMs = 0;
      this.#isRead = kind === 'fresh';
    });
  }

  #write(leader: SimulatedNode): void {
    leader.driver?.propose(NOTHING, (outcome) => {
      this.#askAgainMs = 0;
      if (outcome.kind === 'applied') this.written = outcome.index;
    });
  }
}
