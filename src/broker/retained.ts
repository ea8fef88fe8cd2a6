import { assert } from '../base/assert.js';
import { matchesFilter } from '../base/filter-match.js';
import { tenantOf } from '../base/tenant-names.js';
import { levelHash } from './level-hash.js';
import { LevelTree, levelEnd, NO_NODE, PLUS, POUND, ROOT } from './level-tree.js';
import type { StoredMessage } from './ports.js';

const DOLLAR = 0x24;
/** Nodes looked at per tick. A million topics are swept in 25 s at ten ticks per second, a tick costs well under a millisecond. */
const SWEEP_NODES_PER_TICK = 4096;

/** 0: no limit, but of messages: then none is kept. */
export interface RetainedLimits {
  readonly messagesMax: number;
  /** Of their PUBLISH packets. */
  readonly bytesMax: number;
  /** Of one packet. */
  readonly payloadBytesMax: number;
  /** How long a message is kept that does not say so itself, or says longer. */
  readonly expiryMs: number;
}

interface Usage {
  messages: number;
  bytes: number;
}

export interface PageLimits {
  readonly messages: number;
  readonly bytes: number;
  /** Nodes of the tree that are looked at. */
  readonly nodes: number;
}

/**
 * The last retained message of each topic that this shard owns, found by topic filter (MQTT 5.0 §3.3.1.3, §4.7).
 *
 * Expired messages are never given out. They leave the memory when they are met, or at the latest when the sweep comes by.
 */
export class RetainedStore {
  readonly #tree: LevelTree<StoredMessage>;
  readonly #limits: RetainedLimits;
  readonly #limitsOf: (topic: string) => RetainedLimits | null;
  /** Of all, and of the tenants that have some. */
  readonly #total: Usage = { messages: 0, bytes: 0 };
  readonly #byTenant = new Map<string, Usage>();
  /** Of the search under way. */
  #nodesLeft = 0;
  /** Where the sweep goes on, a node number. */
  #sweepAt: number = ROOT + 1;

  /**
   * @param limits of this shard; a message beyond them is refused.
   * @param limitsOf what the tenant of a topic may have here, beside that; null: nothing is said.
   */
  constructor(limits: RetainedLimits, seed: number, limitsOf: (topic: string) => RetainedLimits | null = () => null) {
    assert(limits.messagesMax >= 0, 'a limit is not negative');
    this.#limits = limits;
    this.#limitsOf = limitsOf;
    this.#tree = new LevelTree<StoredMessage>(seed);
  }

  /** Messages held, expired ones that were not swept yet included. */
  get count(): number {
    return this.#tree.valueCount;
  }

  /** Of their frames. */
  get bytes(): number {
    return this.#total.bytes;
  }

  /** Those of a tenant. */
  bytesOf(tenant: string): number {
    return this.#byTenant.get(tenant)?.bytes ?? 0;
  }

  /** Keeps the message as the last of its topic. False if that would be too many or too much: then the one before stays. */
  put(message: StoredMessage, nowMs: number): boolean {
    const own = this.#limitsOf(message.topic);
    if (!this.#hasRoom(message, own)) {
      this.sweep(nowMs, () => {});
      if (!this.#hasRoom(message, own)) return false;
    }
    const expiryMs = shorter(this.#limits.expiryMs, own?.expiryMs ?? 0);
    const expiresAtMs = shorter(message.expiresAtMs, expiryMs === 0 ? 0 : message.receivedAtMs + expiryMs);
    this.#set(expiresAtMs === message.expiresAtMs ? message : { ...message, expiresAtMs });
    return true;
  }

  /** At the start: what was kept once is kept, whatever the limits are now. Its age counts. */
  restore(message: StoredMessage): void {
    const expiryMs = shorter(this.#limits.expiryMs, this.#limitsOf(message.topic)?.expiryMs ?? 0);
    this.#set({ ...message, expiresAtMs: shorter(message.expiresAtMs, expiryMs === 0 ? 0 : message.receivedAtMs + expiryMs) });
  }

  /** False if the topic had no message. */
  remove(topic: string): boolean {
    const old = this.#tree.get(topic);
    if (old === undefined) return false;
    this.#count(old, -1);
    return this.#tree.delete(topic);
  }

  #set(message: StoredMessage): void {
    const old = this.#tree.get(message.topic);
    if (old !== undefined) this.#count(old, -1);
    this.#tree.set(message.topic, message);
    this.#count(message, 1);
  }

  #hasRoom(message: StoredMessage, own: RetainedLimits | null): boolean {
    const old = this.#tree.get(message.topic);
    return (
      hasRoom(this.#limits, this.#total, message, old) &&
      (own === null || hasRoom(own, this.#usageOf(tenantOf(message.topic)), message, old))
    );
  }

  #usageOf(tenant: string): Usage {
    let usage = this.#byTenant.get(tenant);
    if (usage === undefined) {
      usage = { messages: 0, bytes: 0 };
      this.#byTenant.set(tenant, usage);
    }
    return usage;
  }

  #count({ topic, frame }: StoredMessage, sign: 1 | -1): void {
    const bytes = frame.length * sign;
    this.#total.messages += sign;
    this.#total.bytes += bytes;
    const usage = this.#usageOf(tenantOf(topic));
    usage.messages += sign;
    usage.bytes += bytes;
    if (usage.messages === 0) this.#byTenant.delete(tenantOf(topic));
  }

  get(topic: string, nowMs: number): StoredMessage | undefined {
    const message = this.#tree.get(topic);
    return message !== undefined && isAlive(message, nowMs) ? message : undefined;
  }

  /** Appends the living messages whose topics match the filter. */
  match(filter: string, nowMs: number, into: StoredMessage[]): void {
    this.#matchWithin(filter, nowMs, into, Number.POSITIVE_INFINITY);
  }

  /**
   * Appends a page of those messages, beginning at `from`: 0, or what the page before returned. What is stored or removed between two pages may be in
   * one of them, or not. @returns where the next page begins; 0: there is none.
   */
  page(filter: string, from: number, nowMs: number, limits: PageLimits, into: StoredMessage[]): number {
    if (from === 0) {
      // Few: by the branches of the tree. Many: node by node, which can be interrupted whatever happens to the tree.
      if (this.#matchWithin(filter, nowMs, into, limits.messages)) return 0;
      into.length = 0;
    }
    const tree = this.#tree;
    const end = Math.min(tree.nodeLimit, Math.max(from, ROOT + 1) + limits.nodes);
    let bytes = 0;
    let node = Math.max(from, ROOT + 1);
    for (; node < end && into.length < limits.messages && bytes < limits.bytes; node += 1) {
      const message = tree.valueOf(node);
      if (message === undefined || !isAlive(message, nowMs) || !matchesFilter(filter, message.topic)) continue;
      into.push(message);
      bytes += message.frame.length;
    }
    return node < tree.nodeLimit ? node : 0;
  }

  /** @param nodesMax looked at. @returns false if they did not suffice. */
  #matchWithin(filter: string, nowMs: number, into: StoredMessage[], nodesMax: number): boolean {
    const tree = this.#tree;
    this.#nodesLeft = nodesMax;
    // All branches that fit so far, level by level: no recursion however deep the topics are.
    let frontier: number[] = [ROOT];
    let start = 0;
    for (;;) {
      const end = levelEnd(filter, start);
      const isSingle = end === start + 1;
      if (isSingle && filter.charCodeAt(start) === POUND) {
        for (const node of frontier) this.#collectFrom(node, nowMs, into);
        return this.#nodesLeft >= 0;
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
      if (this.#nodesLeft < 0) return false;
      if (end === filter.length || frontier.length === 0) break;
      start = end + 1;
    }
    for (const node of frontier) this.#collect(node, nowMs, into);
    return this.#nodesLeft >= 0;
  }

  /** Drops expired messages among the next few thousand nodes: bounded work, called on every tick. */
  sweep(nowMs: number, onSwept: (topic: string) => void): void {
    const tree = this.#tree;
    const nodes = Math.min(SWEEP_NODES_PER_TICK, tree.nodeLimit);
    for (let seen = 0; seen < nodes; seen += 1) {
      if (this.#sweepAt >= tree.nodeLimit) this.#sweepAt = ROOT + 1;
      const message = tree.valueOf(this.#sweepAt);
      if (message !== undefined && !isAlive(message, nowMs)) {
        this.#count(message, -1);
        tree.deleteAt(this.#sweepAt);
        onSwept(message.topic);
      }
      this.#sweepAt += 1;
    }
  }

  #appendChildren(parent: number, into: number[]): void {
    const tree = this.#tree;
    for (let child = tree.firstChildOf(parent); child !== NO_NODE; child = tree.nextSiblingOf(child)) {
      if (parent === ROOT && tree.firstUnitOf(child) === DOLLAR) continue; // MQTT-4.7.2-1.
      into.push(child);
      this.#nodesLeft -= 1;
      if (this.#nodesLeft < 0) return;
    }
  }

  /** The node and everything below: what '#' means, the parent level included. */
  #collectFrom(top: number, nowMs: number, into: StoredMessage[]): void {
    if (top !== ROOT) {
      this.#collect(top, nowMs, into);
      for (const node of this.#tree.nodesBelow(top)) {
        this.#nodesLeft -= 1;
        if (this.#nodesLeft < 0) return;
        this.#collect(node, nowMs, into);
      }
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

function hasRoom(
  { messagesMax, bytesMax, payloadBytesMax }: RetainedLimits,
  { messages, bytes }: Usage,
  { frame }: StoredMessage,
  old: StoredMessage | undefined,
): boolean {
  if (payloadBytesMax > 0 && frame.length > payloadBytesMax) return false;
  if (old === undefined && messages >= messagesMax) return false;
  return bytesMax === 0 || bytes + frame.length - (old?.frame.length ?? 0) <= bytesMax;
}

/** Of two times of which 0 means never. */
function shorter(a: number, b: number): number {
  if (a === 0 || b === 0) return a + b;
  return Math.min(a, b);
}
