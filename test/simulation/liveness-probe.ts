import type { LogIndex } from '../../src/raft/messages.js';
import type { SimulatedNode } from './simulated-node.js';

const NOTHING = new Uint8Array(0);

/** A cluster that works answers a read, before anybody writes, and then takes a write. */
export class LivenessProbe {
  /** Index of the write; 0: not yet. */
  written: LogIndex = 0;
  #isRead = false;
  #isAsking = false;

  /** What does not work; null if all does. */
  get missing(): string | null {
    if (!this.#isRead) return 'no read is answered';
    return this.written === 0 ? 'no write is taken' : null;
  }

  ask(leader: SimulatedNode): void {
    if (this.missing === null || this.#isAsking) return;
    this.#isAsking = true;
    leader.enter(() => {
      if (this.#isRead) this.#write(leader);
      else this.#read(leader);
    });
  }

  #read(leader: SimulatedNode): void {
    leader.driver?.read(({ kind }) => {
      this.#isAsking = false;
      this.#isRead = kind === 'fresh';
    });
  }

  #write(leader: SimulatedNode): void {
    leader.driver?.propose(NOTHING, (outcome) => {
      this.#isAsking = false;
      if (outcome.kind === 'applied') this.written = outcome.index;
    });
  }
}
