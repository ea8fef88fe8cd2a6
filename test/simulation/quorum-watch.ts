import type { ConfigurationState, NodeId } from '../../src/raft/messages.js';
import type { Driver } from './simulated-node.js';
import { Violation } from './truth.js';

/**
 * A leader looks every 10 ticks whether it heard of a majority since the last look; so after 20 it knows. Whoever hands leadership over waits for up
 * to 10 more.
 */
const SILENT_TICKS_MAX = 45;

/** A leader that hears of no majority must give up: others may have elected another one (check-quorum, thesis §6.2). Time is the node's own. */
export class QuorumWatch {
  #ticks = 0;
  /** Tick at which somebody was heard of. */
  readonly #heard = new Map<NodeId, number>();
  #configuration: ConfigurationState | null = null;
  #ticksLed = 0;
  /** New members have had no chance yet. */
  #changedAt = 0;

  onHeard(from: NodeId): void {
    this.#heard.set(from, this.#ticks);
  }

  onTick(id: NodeId, driver: Driver): void {
    this.#ticks += 1;
    this.#ticksLed = driver.isLeader ? this.#ticksLed + 1 : 0;
    const { configuration } = driver;
    if (configuration !== this.#configuration) {
      this.#configuration = configuration;
      this.#changedAt = this.#ticks;
    }
    if (this.#ticksLed <= SILENT_TICKS_MAX || this.#ticks - this.#changedAt <= SILENT_TICKS_MAX) return;
    for (const voters of [configuration.voters, configuration.votersOutgoing]) {
      const heard = voters.filter((voter) => voter === id || this.#ticks - (this.#heard.get(voter) ?? 0) <= SILENT_TICKS_MAX);
      if (voters.length > 0 && heard.length * 2 <= voters.length)
        throw new Violation(
          `check-quorum: node ${id} leads and has heard of nobody but ${heard} of ${voters} for ${SILENT_TICKS_MAX} ticks`,
        );
    }
  }
}
