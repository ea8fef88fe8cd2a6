import { closeSync, openSync } from 'node:fs';
import { BrokerError, systemCodeOf } from '../base/errors.js';
import type { Logger } from '../base/logger.js';

/** So many ticks in a row with a free descriptor end the shortage: it may come and go with every connection. */
const TICKS_FREE = 10;

/**
 * Notices that the process has no descriptors left, and says so once per shortage. Accepting pauses and goes on by itself, but
 * not every listener tells that it does: so this takes a descriptor each tick, as an accept would, and gives it back.
 */
export class DescriptorWatch {
  readonly #log: Logger;
  readonly #isOneFree: () => boolean;
  #isShort = false;
  #ticksFree = 0;

  constructor(log: Logger, isOneFree: () => boolean = isDescriptorFree) {
    this.#log = log;
    this.#isOneFree = isOneFree;
  }

  /** No connection can be accepted now, or could not a moment ago. */
  get isShort(): boolean {
    return this.#isShort;
  }

  /** @param connections how many there are, for the log. */
  tick(connections: number): void {
    if (!this.#isOneFree()) {
      this.#ticksFree = 0;
      if (this.#isShort) return;
      this.#isShort = true;
      const error = new BrokerError('RMQ-1016', `with ${connections} connections`);
      this.#log.warn('listener.descriptors-used-up', 'new connections wait until others close', { connections, error });
      return;
    }
    if (!this.#isShort) return;
    this.#ticksFree += 1;
    if (this.#ticksFree < TICKS_FREE) return;
    this.#isShort = false;
    this.#log.info('listener.descriptors-free', 'new connections are accepted again', { connections });
  }
}

function isDescriptorFree(): boolean {
  try {
    closeSync(openSync('/dev/null', 'r'));
    return true;
  } catch (error) {
    const code = systemCodeOf(error);
    return code !== 'EMFILE' && code !== 'ENFILE';
  }
}
