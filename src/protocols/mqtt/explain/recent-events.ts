/** Of all clients of a shard. What is older is overwritten. */
const EVENTS_MAX = 4096;

export type RecentKind =
  | 'connected'
  | 'disconnected'
  | 'subscribed'
  | 'unsubscribed'
  | 'subscription-refused'
  | 'publish-refused'
  | 'session-ended';

export interface RecentEvent {
  readonly atMs: number;
  readonly kind: RecentKind;
  /** In words: which filter, which reason. */
  readonly detail: string;
}

/** What clients of this shard did last, so that somebody who asks why a message did not arrive can see whether its client was there. */
export class RecentEvents {
  readonly #events: ({ readonly key: string } & RecentEvent)[] = [];
  #next = 0;

  /** @param key of the session. */
  note(key: string, kind: RecentKind, detail: string, atMs: number): void {
    this.#events[this.#next] = { key, kind, detail, atMs };
    this.#next = (this.#next + 1) % EVENTS_MAX;
  }

  /** Of one session, the newest last. */
  of(key: string): RecentEvent[] {
    const inOrder = [...this.#events.slice(this.#next), ...this.#events.slice(0, this.#next)];
    return inOrder.filter((event) => event.key === key).map(({ atMs, kind, detail }) => ({ atMs, kind, detail }));
  }
}
