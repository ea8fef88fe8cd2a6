import { assert } from '../../../base/assert.js';
import type { SubscriptionOptions } from '../../../broker/ports.js';
import type { GroupId, Sequence } from '../../../journal/ports.js';
import type { DoneLines, KeptBy } from './done-lines.js';
import { groupOfPlace, isHandedOver, SHARES_MAX, shareOf } from './places.js';

/** One shared subscription of one session, as it is known to the owners of its queues. */
export interface Share {
  /** In the session. */
  readonly index: number;
  /** What owners call the member. 0: there is none any more, or it was another process's. */
  readonly member: number;
  /** The subscription's filter, `$share/...` included. */
  readonly key: string;
  readonly isDurable: boolean;
  options: SubscriptionOptions;
  /** It is not subscribed any more; what the client has in hand still is of it. */
  hasLeft: boolean;
}

/** A message of a shared subscription that a session has. */
export type Claim = readonly [key: string, group: GroupId, sequence: Sequence];

function idOf([key, group, sequence]: Claim): string {
  return `${group}.${sequence} ${key}`;
}

/** Of what is not subscribed. */
const NO_OPTIONS: SubscriptionOptions = { qos: 0, noLocal: false, retainAsPublished: false, retainHandling: 2, identifier: 0 };

/** The shared subscriptions of a session. */
export class Shares implements KeptBy {
  readonly #lines: DoneLines;
  readonly #onKept: () => void;
  /**
   * QoS 2 messages that are the session's, as long as it is not durable where the queue is: after a crash the session says so itself. In the rows
   * of the session also if the client is done with them.
   */
  readonly claims: Map<string, Claim> = new Map();
  readonly #byIndex: (Share | null)[] = [];
  readonly #byKey = new Map<string, Share>();

  /** @param onKept there is a claim less. */
  constructor(lines: DoneLines, onKept: () => void) {
    this.#lines = lines;
    this.#onKept = onKept;
  }

  /** Those that are subscribed. */
  get current(): Iterable<Share> {
    return this.#byKey.values();
  }

  /** By index: what moves with a session whose messages name them. */
  get keys(): readonly (string | null)[] {
    return this.#byIndex.map((share) => share?.key ?? null);
  }

  find(key: string): Share | undefined {
    return this.#byKey.get(key);
  }

  at(index: number): Share | null {
    return this.#byIndex[index] ?? null;
  }

  /** @param isUsed whether a message of the client still names an index. @returns null if there are more than can be told apart. */
  add(member: number, key: string, isDurable: boolean, options: SubscriptionOptions, isUsed: (index: number) => boolean): Share | null {
    const index = this.#freeIndex(isUsed);
    if (index < 0) return null;
    const share: Share = { index, member, key, isDurable, options, hasLeft: false };
    this.#byIndex[index] = share;
    this.#byKey.set(key, share);
    return share;
  }

  /** One that only messages in flight are of. @returns its index. */
  addPast(key: string): number {
    for (const share of this.#byIndex) if (share !== null && share.key === key && share.member === 0) return share.index;
    const index = this.#byIndex.length;
    this.#byIndex.push({ index, member: 0, key, isDurable: true, options: NO_OPTIONS, hasLeft: true });
    return index;
  }

  /** As another shard had them. */
  restore(keys: readonly (string | null)[]): void {
    assert(this.#byIndex.length === 0, 'only new ones are restored');
    for (const [index, key] of keys.entries())
      this.#byIndex.push(key === null ? null : { index, member: 0, key, isDurable: true, options: NO_OPTIONS, hasLeft: true });
  }

  leave(share: Share): void {
    share.hasLeft = true;
    if (this.#byKey.get(share.key) === share) this.#byKey.delete(share.key);
  }

  /** The client has the message, or will have nothing else of it. */
  settle(place: number, sequence: Sequence): void {
    const share = this.at(shareOf(place));
    if (share === null || share.member === 0) return;
    if (isHandedOver(place)) this.#lines.finished(share.member, groupOfPlace(place));
    else this.#lines.settled(share.member, groupOfPlace(place), sequence);
  }

  /** The member has one message less in hand. */
  finish(place: number): void {
    const share = this.at(shareOf(place));
    if (share !== null && share.member !== 0) this.#lines.finished(share.member, groupOfPlace(place));
  }

  /** The message is the session's for good, and the client is not done with it. */
  keep(place: number, sequence: Sequence): void {
    const share = this.at(shareOf(place));
    if (share === null || share.member === 0) return;
    const claim: Claim = [share.key, groupOfPlace(place), sequence];
    this.claim(claim);
    this.#lines.kept(share.member, claim, this);
  }

  claim(claim: Claim): void {
    this.claims.set(idOf(claim), claim);
  }

  /** It is durable that nobody else gets it. */
  onKept(claim: Claim): void {
    if (this.claims.delete(idOf(claim))) this.#onKept();
  }

  /** Another member may have the message. */
  release(place: number, sequence: Sequence): void {
    if (isHandedOver(place)) return;
    const share = this.at(shareOf(place));
    if (share !== null && share.member !== 0) this.#lines.released(share.member, groupOfPlace(place), sequence);
  }

  #freeIndex(isUsed: (index: number) => boolean): number {
    if (this.#byIndex.length < SHARES_MAX - 1) {
      this.#byIndex.push(null);
      return this.#byIndex.length - 1;
    }
    return this.#byIndex.findIndex((share, index) => (share === null || share.hasLeft) && !isUsed(index));
  }
}
