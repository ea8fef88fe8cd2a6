import type { Receiver } from '../../../src/broker/ports.js';
import type { SharedChoice } from '../../../src/broker/shared/ports.js';

/** A choice for tests: everybody is free and idle unless told otherwise. */
export class EasyChoice<S> implements SharedChoice<S> {
  topicHash = 0;
  publisherHash = 0;
  readonly busy: Set<S> = new Set();
  readonly away: Set<S> = new Set();
  readonly loads: Map<S, number> = new Map();

  isFree({ subscriber }: Receiver<S>): boolean {
    return !this.busy.has(subscriber) && !this.away.has(subscriber);
  }

  isThere({ subscriber }: Receiver<S>): boolean {
    return !this.away.has(subscriber);
  }

  loadOf({ subscriber }: Receiver<S>): number {
    return this.loads.get(subscriber) ?? 0;
  }
}
