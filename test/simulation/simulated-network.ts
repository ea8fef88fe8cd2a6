import type { Random } from '../../src/base/random.js';
import type { NodeId } from '../../src/raft/messages.js';
import type { EventQueue } from './event-queue.js';

export interface NetworkOptions {
  readonly delayMsMin: number;
  readonly delayMsMax: number;
  /** Some take much longer. */
  readonly tailChance: number;
  readonly tailMs: number;
  readonly lossChance: number;
  readonly duplicateChance: number;
  /** What one node sends to another arrives in order, as on a connection. */
  readonly isOrdered: boolean;
  /** Messages under way from one node to another; more are dropped, and told as unreachable. */
  readonly queueMax: number;
}

type Deliver = () => void;

interface Link {
  underWay: number;
  lastAtMs: number;
  isCut: boolean;
  /** Not null: nothing arrives; what is sent waits here. */
  held: Deliver[] | null;
}

/** A link in each direction between any two nodes. */
export class SimulatedNetwork {
  readonly #events: EventQueue;
  readonly #random: Random;
  readonly #options: NetworkOptions;
  readonly #links = new Map<number, Link>();
  #isPerfect = false;

  constructor(events: EventQueue, random: Random, options: NetworkOptions) {
    this.#events = events;
    this.#random = random;
    this.#options = options;
  }

  /** @returns false if the queue is full. */
  send(from: NodeId, to: NodeId, deliver: Deliver): boolean {
    const link = this.#link(from, to);
    if (link.underWay >= this.#options.queueMax) return false;
    if (link.isCut || (!this.#isPerfect && this.#isLikely(this.#options.lossChance))) return true;
    this.#carry(link, deliver);
    if (!this.#isPerfect && this.#isLikely(this.#options.duplicateChance)) this.#carry(link, deliver);
    return true;
  }

  cut(from: NodeId, to: NodeId): void {
    this.#link(from, to).isCut = true;
  }

  mend(from: NodeId, to: NodeId): void {
    this.#link(from, to).isCut = false;
  }

  clog(from: NodeId, to: NodeId): void {
    this.#link(from, to).held ??= [];
  }

  unclog(from: NodeId, to: NodeId): void {
    this.#release(this.#link(from, to));
  }

  /** From now on everything arrives, soon, once and in order. */
  heal(): void {
    this.#isPerfect = true;
    for (const link of this.#links.values()) {
      link.isCut = false;
      this.#release(link);
    }
  }

  #carry(link: Link, deliver: Deliver): void {
    link.underWay += 1;
    let atMs = this.#events.nowMs + this.#delayMs();
    if (this.#options.isOrdered || this.#isPerfect) atMs = Math.max(atMs, link.lastAtMs);
    link.lastAtMs = Math.max(link.lastAtMs, atMs);
    this.#events.at(atMs, () => this.#arrive(link, deliver));
  }

  #arrive(link: Link, deliver: Deliver): void {
    if (link.held !== null) {
      link.held.push(deliver);
      return;
    }
    link.underWay -= 1;
    if (!link.isCut) deliver();
  }

  #release(link: Link): void {
    const held = link.held ?? [];
    link.held = null;
    for (const deliver of held) this.#events.after(0, () => this.#arrive(link, deliver));
  }

  #delayMs(): number {
    const { delayMsMin, delayMsMax, tailChance, tailMs } = this.#options;
    const usual = delayMsMin + this.#random.nextFraction() * (delayMsMax - delayMsMin);
    return !this.#isPerfect && this.#isLikely(tailChance) ? usual + this.#random.nextFraction() * tailMs : usual;
  }

  #isLikely(chance: number): boolean {
    return chance > 0 && this.#random.nextFraction() < chance;
  }

  #link(from: NodeId, to: NodeId): Link {
    const key = from * 65_536 + to;
    let link = this.#links.get(key);
    if (link === undefined) {
      link = { underWay: 0, lastAtMs: 0, isCut: false, held: null };
      this.#links.set(key, link);
    }
    return link;
  }
}
