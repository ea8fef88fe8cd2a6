import { closeSync, openSync } from 'node:fs';
import { BrokerError, systemCodeOf } from '../base/errors.js';
import type { Logger } from '../base/logger.js';

/** So many ticks in a row with free descriptors end the shortage: it may come and go with every connection. */
const TICKS_FREE = 10;
/** So many must be free then, beside one for each shard, whose WebSocket listener takes it when it opens again. */
const SPARE = 8;

/**
 * Notices that the process has no descriptors left, and says so once per shortage. Accepting pauses and goes on by itself, but
 * not every listener tells that it does: so this takes a descriptor each tick, as an accept would, and gives it back.
 */
export class DescriptorWatch {
  readonly #log: Logger;
  readonly #spare: number;
  readonly #areFree: (count: number) => boolean;
  #isShort = false;
  #ticksFree = 0;

  constructor(log: Logger, shardCount: number, areFree: (count: number) => boolean = areDescriptorsFree) {
    this.#log = log;
    this.#spare = SPARE + shardCount;
    this.#areFree = areFree;
  }

  /** No connection can be accepted now, or could not a moment ago. */
  get isShort(): boolean {
    return this.#isShort;
  }

  /** @param connections how many there are, for the log. */
  tick(connections: number): void {
    if (!this.#areFree(this.#isShort ? this.#spare : 1)) {
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

function areDescriptorsFree(count: number): boolean {
  const taken: number[] = [];
  try {
    while (taken.length < count) taken.push(openSync('/dev/null', 'r'));
    return true;
  } catch (error) {
    const code = systemCodeOf(error);
    return code !== 'EMFILE' && code !== 'ENFILE';
  } finally {
    for (const descriptor of taken) closeSync(descriptor);
  }
}
