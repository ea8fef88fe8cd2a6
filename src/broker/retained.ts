import { assert } from '../base/assert.js';
import { levelHash } from './level-hash.js';
import { LevelTree, levelEnd, NO_NODE, PLUS, POUND, ROOT } from './level-tree.js';
import type { StoredMessage } from './ports.js';

const DOLLAR = 0x24;
/** Nodes looked at per tick. A million topics are swept in 25 s at ten ticks per second, a tick costs well under a millisecond. */
const SWEEP_NODES_PER_TICK = 4096;

/**
 * The last retained message of each topic that this shard owns, found by topic filter (MQTT 5.0 §3.3.1.3, §4.7).
 *
 * Expired messages are never given out. They leave the memory when they are met, or at the latest when the sweep comes by.
 */
export class RetainedStore {
  readonly #tree: LevelTree<StoredMessage>;
  readonly #messagesMax: number;
  /** Where the sweep goes on, a node number. */
  #sweepAt: number = ROOT + 1;

  /** @param messagesMax topics; a message for one more is refused. */
  constructor(messagesMax: number, seed: number) {
    assert(messagesMax >= 0, 'a limit is not negative');
    this.#messagesMax = messagesMax;
    this.#tree = new LevelTree<StoredMessage>(seed);
  }

  /** Messages held, expired ones that were not swept yet included. */
  get count(): number {
    return this.#tree.valueCount;
  }

  /** Keeps the message as the last of its topic. False if that would be one topic too many. */
  put(message: StoredMessage, nowMs: number): boolean {
    const tree = this.#tree;
    if (tree.get(message.topic) === undefined && tree.valueCount >= this.#messagesMax) {
      this.sweep(nowMs);
      if (tree.valueCount >= this.#messagesMax) return false;
    }
    tree.set(message.topic, message);
    return true;
  }

  /** False if the topic had no message. */
  remove(topic: string): boolean {
    return this.#tree.delete(topic);
  }

  get(topic: string, nowMs: number): StoredMessage | undefined {
    const message = this.#tree.get(topic);
    return message !== undefined && isAlive(message, nowMs) ? message : undefined;
  }

  /** Appends the living messages whose topics match the filter. */
  match(filter: string, nowMs: number, into: StoredMessage[]): void {
    const tree = this.#tree;
    // All branches that fit so far, level by level: no recursion however deep the topics are.
    let frontier: number[] = [ROOT];
    let start = 0;
    for (;;) {
      const end = levelEnd(filter, start);
      const isSingle = end === start + 1;
      if (isSingle && filter.charCodeAt(start) === POUND) {
        for (const node of frontier) this.#collectFrom(node, nowMs, into);
        return;
      }
      const next: number[] = [];
      if (isSingle && filter.charCodeAt(start) === PLUS) {
        for (const node of frontier) this.#appendChildren(node, next);
      } else {
        const hash = levelHash(filter, start, end, tree.seed);
        for (const node of frontier) {
          const child = tree.child(node, filter, start, end, hash);
          if (child !== NO_NODE) next.push(child);
        }
      }
      frontier = next;
      if (end === filter.length || frontier.length === 0) break;
      start = end + 1;
    }
    for (const node of frontier) this.#collect(node, nowMs, into);
  }

  /** Drops expired messages among the next few thousand nodes: bounded work, called on every tick. */
  sweep(nowMs: number): void {
    const tree = this.#tree;
    const nodes = Math.min(SWEEP_NODES_PER_TICK, tree.nodeLimit);
    for (let seen = 0; seen < nodes; seen += 1) {
      if (this.#sweepAt >= tree.nodeLimit) this.#sweepAt = ROOT + 1;
      const message = tree.valueOf(this.#sweepAt);
      if (message !== undefined && !isAlive(message, nowMs)) tree.deleteAt(this.#sweepAt);
      this.#sweepAt += 1;
    }
  }

  #appendChildren(parent: number, into: number[]): void {
    const tree = this.#tree;
    for (let child = tree.firstChildOf(parent); child !== NO_NODE; child = tree.nextSiblingOf(child)) {
      if (parent === ROOT && tree.firstUnitOf(child) === DOLLAR) continue; // MQTT-4.7.2-1.
      into.push(child);
    }
  }

  /** The node and everything below: what '#' means, the parent level included. */
  #collectFrom(top: number, nowMs: number, into: StoredMessage[]): void {
    if (top !== ROOT) {
      this.#collect(top, nowMs, into);
      for (const node of this.#tree.nodesBelow(top)) this.#collect(node, nowMs, into);
      return;
    }
    const children: number[] = [];
    this.#appendChildren(ROOT, children);
    for (const child of children) this.#collectFrom(child, nowMs, into);
  }

  #collect(node: number, nowMs: number, into: StoredMessage[]): void {
    const message = this.#tree.valueOf(node);
    if (message !== undefined && isAlive(message, nowMs)) into.push(message);
  }
}

function isAlive(message: StoredMessage, nowMs: number): boolean {
  return message.expiresAtMs === 0 || message.expiresAtMs > nowMs;
}
