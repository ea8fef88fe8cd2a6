import { assert } from '../base/assert.js';
import { levelHash } from './level-hash.js';

/*
  Names (topic filters or topic names) cut at '/', one node per level, one value per name:

    "a/b", "a//c" and "a/#"            node 0 (root) --> a --> b
                                                          |--> (empty) --> c
                                                          '--> #

  A million names have to fit, so nodes are columns of typed arrays instead of objects with a Map each:

    parents[n] hashes[n] firstChild[n] next[n] previous[n]   4 bytes each; siblings are a doubly linked list
    texts[n]                                                 a name that contains the level (8 bytes, the string is shared)
    starts[n] lengths[n]                                     where in it the level is, 2 bytes each
    wildcards[n]                                             1 byte: does it have a child '+', a child '#'
    values[n]                                                8 bytes

  Children are found through one open-addressing table for the whole tree, keyed by (parent, level): 4 bytes per slot,
  at most 3/4 full, linear probing, removal by moving the followers back. So a lookup reads no strings but the two levels
  it compares, and neither lookup nor removal allocates. Free nodes are chained through `next`.
*/

export const ROOT = 0;
export const NO_NODE = -1;
export const HAS_PLUS = 1;
export const HAS_POUND = 2;

export const PLUS = 0x2b;
export const POUND = 0x23;
/** A topic is at most 65,535 bytes of UTF-8, so at most as many code units. */
const NAME_LENGTH_MAX = 65_535;
const NODES_INITIAL = 16;

export class LevelTree<V> {
  readonly seed: number;
  #parents: Int32Array = new Int32Array(NODES_INITIAL);
  #hashes: Int32Array = new Int32Array(NODES_INITIAL);
  #firstChild: Int32Array = new Int32Array(NODES_INITIAL);
  #next: Int32Array = new Int32Array(NODES_INITIAL);
  #previous: Int32Array = new Int32Array(NODES_INITIAL);
  #starts: Uint16Array = new Uint16Array(NODES_INITIAL);
  #lengths: Uint16Array = new Uint16Array(NODES_INITIAL);
  #wildcards: Uint8Array = new Uint8Array(NODES_INITIAL);
  #texts: string[] = [''];
  #values: (V | undefined)[] = [undefined];
  /** Node numbers; 0 is empty, for the root is nobody's child. */
  #slots: Int32Array = new Int32Array(NODES_INITIAL * 2);
  /** Nodes given out at least once, the root included. */
  #used = 1;
  #free: number = NO_NODE;
  #nodeCount = 1;
  #valueCount = 0;

  constructor(seed: number) {
    this.seed = seed;
    this.#reset();
  }

  /** Names with a value. */
  get valueCount(): number {
    return this.#valueCount;
  }

  /** The root included. An empty tree has 1: branches without a value below them do not stay. */
  get nodeCount(): number {
    return this.#nodeCount;
  }

  /** One more than the highest node number in use, to walk all nodes by number. */
  get nodeLimit(): number {
    return this.#used;
  }

  valueOf(node: number): V | undefined {
    return this.#values[node];
  }

  /** HAS_PLUS and HAS_POUND. */
  wildcardsOf(node: number): number {
    return this.#wildcards[node];
  }

  firstChildOf(node: number): number {
    return this.#firstChild[node];
  }

  nextSiblingOf(node: number): number {
    return this.#next[node];
  }

  parentOf(node: number): number {
    return this.#parents[node];
  }

  /** First code unit of the node's level, -1 if the level is empty. */
  firstUnitOf(node: number): number {
    return this.#lengths[node] === 0 ? -1 : this.#texts[node].charCodeAt(this.#starts[node]);
  }

  /** The child whose level is `text[start, end)`; `hash` is `levelHash` of it. NO_NODE if there is none. */
  child(parent: number, text: string, start: number, end: number, hash: number): number {
    const slots = this.#slots;
    const parents = this.#parents;
    const hashes = this.#hashes;
    const mask = slots.length - 1;
    let slot = slotOf(parent, hash) & mask;
    for (;;) {
      const node = slots[slot];
      if (node === 0) return NO_NODE;
      if (hashes[node] === hash && parents[node] === parent && this.#isLevel(node, text, start, end)) return node;
      slot = (slot + 1) & mask;
    }
  }

  /** The node of a whole name, NO_NODE if there is none. A node that is found may have no value. */
  find(name: string): number {
    let node = ROOT;
    let start = 0;
    for (;;) {
      const end = levelEnd(name, start);
      node = this.child(node, name, start, end, levelHash(name, start, end, this.seed));
      if (node === NO_NODE || end === name.length) return node;
      start = end + 1;
    }
  }

  get(name: string): V | undefined {
    const node = this.find(name);
    return node === NO_NODE ? undefined : this.#values[node];
  }

  /** Gives a name its value, replacing the one it had. */
  set(name: string, value: V): void {
    assert(name.length > 0 && name.length <= NAME_LENGTH_MAX, 'a name has 1 to 65535 code units');
    let node = ROOT;
    let start = 0;
    for (;;) {
      const end = levelEnd(name, start);
      const hash = levelHash(name, start, end, this.seed);
      const child = this.child(node, name, start, end, hash);
      node = child === NO_NODE ? this.#append(node, name, start, end, hash) : child;
      if (end === name.length) break;
      start = end + 1;
    }
    if (this.#values[node] === undefined) this.#valueCount += 1;
    this.#values[node] = value;
  }

  /** Replaces the value of a node that has one. */
  replaceAt(node: number, value: V): void {
    assert(this.#values[node] !== undefined, 'replaceAt needs a node with a value');
    this.#values[node] = value;
  }

  /** Takes the value of a name away, and the branch with it as far as nothing else hangs on it. False if it had none. */
  delete(name: string): boolean {
    const node = this.find(name);
    if (node === NO_NODE || this.#values[node] === undefined) return false;
    this.deleteAt(node);
    return true;
  }

  deleteAt(node: number): void {
    assert(this.#values[node] !== undefined, 'deleteAt needs a node with a value');
    this.#values[node] = undefined;
    this.#valueCount -= 1;
    let empty = node;
    while (empty !== ROOT && this.#firstChild[empty] === NO_NODE && this.#values[empty] === undefined) {
      const parent = this.#parents[empty];
      this.#removeLeaf(empty);
      empty = parent;
    }
    // A tree that was large once gives its memory back when it is empty.
    if (this.#nodeCount === 1 && this.#parents.length > NODES_INITIAL) this.#reset();
  }

  #isLevel(node: number, text: string, start: number, end: number): boolean {
    const length = this.#lengths[node];
    if (end - start !== length) return false;
    const own = this.#texts[node];
    const ownStart = this.#starts[node];
    for (let index = 0; index < length; index += 1) {
      if (own.charCodeAt(ownStart + index) !== text.charCodeAt(start + index)) return false;
    }
    return true;
  }

  #append(parent: number, text: string, start: number, end: number, hash: number): number {
    const node = this.#takeNumber();
    this.#parents[node] = parent;
    this.#hashes[node] = hash;
    this.#texts[node] = text;
    this.#starts[node] = start;
    this.#lengths[node] = end - start;
    this.#firstChild[node] = NO_NODE;
    this.#wildcards[node] = 0;
    this.#values[node] = undefined;

    const sibling = this.#firstChild[parent];
    this.#previous[node] = NO_NODE;
    this.#next[node] = sibling;
    if (sibling !== NO_NODE) this.#previous[sibling] = node;
    this.#firstChild[parent] = node;
    this.#wildcards[parent] |= this.#wildcardBit(node);

    this.#nodeCount += 1;
    this.#enterSlot(node);
    return node;
  }

  #removeLeaf(node: number): void {
    const parent = this.#parents[node];
    const previous = this.#previous[node];
    const next = this.#next[node];
    if (previous === NO_NODE) this.#firstChild[parent] = next;
    else this.#next[previous] = next;
    if (next !== NO_NODE) this.#previous[next] = previous;
    this.#wildcards[parent] &= ~this.#wildcardBit(node);

    this.#leaveSlot(node);
    this.#texts[node] = '';
    this.#next[node] = this.#free;
    this.#free = node;
    this.#nodeCount -= 1;
    assert(this.#nodeCount >= 1, 'the root stays');
  }

  #wildcardBit(node: number): number {
    if (this.#lengths[node] !== 1) return 0;
    const unit = this.#texts[node].charCodeAt(this.#starts[node]);
    if (unit === PLUS) return HAS_PLUS;
    return unit === POUND ? HAS_POUND : 0;
  }

  #takeNumber(): number {
    if (this.#free !== NO_NODE) {
      const node = this.#free;
      this.#free = this.#next[node];
      return node;
    }
    if (this.#used === this.#parents.length) this.#resize(this.#parents.length * 2);
    const node = this.#used;
    this.#used += 1;
    return node;
  }

  #enterSlot(node: number): void {
    // The new node is counted already; 3/4 full at most keeps an empty slot, which ends every probe.
    if (this.#nodeCount * 4 > this.#slots.length * 3) {
      this.#rehash(this.#slots.length * 2);
      return;
    }
    const slots = this.#slots;
    const mask = slots.length - 1;
    let slot = slotOf(this.#parents[node], this.#hashes[node]) & mask;
    while (slots[slot] !== 0) slot = (slot + 1) & mask;
    slots[slot] = node;
  }

  #leaveSlot(node: number): void {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let hole = slotOf(this.#parents[node], this.#hashes[node]) & mask;
    while (slots[hole] !== node) hole = (hole + 1) & mask;

    // Whoever follows may move into the hole unless that would put it before its home slot.
    let probe = hole;
    for (;;) {
      probe = (probe + 1) & mask;
      const follower = slots[probe];
      if (follower === 0) break;
      const home = slotOf(this.#parents[follower], this.#hashes[follower]) & mask;
      if (((probe - home) & mask) >= ((probe - hole) & mask)) {
        slots[hole] = follower;
        hole = probe;
      }
    }
    slots[hole] = 0;
  }

  /** Enters every node anew, walking the lists rather than the numbers: free numbers are not in them. */
  #rehash(slotCount: number): void {
    const slots = new Int32Array(slotCount);
    const mask = slotCount - 1;
    for (const node of this.nodesBelow(ROOT)) {
      let slot = slotOf(this.#parents[node], this.#hashes[node]) & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = node;
    }
    this.#slots = slots;
  }

  /** Every node below `top`, parents before children, without a stack. The tree must not change meanwhile. */
  *nodesBelow(top: number): Generator<number, void, undefined> {
    let node = this.#firstChild[top];
    while (node !== NO_NODE) {
      yield node;
      if (this.#firstChild[node] !== NO_NODE) {
        node = this.#firstChild[node];
        continue;
      }
      while (this.#next[node] === NO_NODE) {
        node = this.#parents[node];
        if (node === top) return;
      }
      node = this.#next[node];
    }
  }

  #resize(capacity: number): void {
    this.#parents = copyInto(new Int32Array(capacity), this.#parents);
    this.#hashes = copyInto(new Int32Array(capacity), this.#hashes);
    this.#firstChild = copyInto(new Int32Array(capacity), this.#firstChild);
    this.#next = copyInto(new Int32Array(capacity), this.#next);
    this.#previous = copyInto(new Int32Array(capacity), this.#previous);
    this.#starts = copyInto(new Uint16Array(capacity), this.#starts);
    this.#lengths = copyInto(new Uint16Array(capacity), this.#lengths);
    this.#wildcards = copyInto(new Uint8Array(capacity), this.#wildcards);
  }

  #reset(): void {
    assert(this.#nodeCount === 1 && this.#valueCount === 0, 'only an empty tree is reset');
    this.#used = 1;
    this.#free = NO_NODE;
    this.#parents = new Int32Array(NODES_INITIAL);
    this.#resize(NODES_INITIAL);
    this.#firstChild[ROOT] = NO_NODE;
    this.#next[ROOT] = NO_NODE;
    this.#wildcards[ROOT] = 0;
    this.#texts = [''];
    this.#values = [undefined];
    this.#slots = new Int32Array(NODES_INITIAL * 2);
  }
}

/** Index of the '/' that ends the level starting at `start`, or the length of the name. */
export function levelEnd(name: string, start: number): number {
  const slash = name.indexOf('/', start);
  return slash < 0 ? name.length : slash;
}

function slotOf(parent: number, hash: number): number {
  const mixed = Math.imul(hash ^ Math.imul(parent, 0x9e3779b1), 0x85ebca6b);
  return mixed ^ (mixed >>> 15);
}

/** Growing or, for a reset, shrinking: what fits is copied. */
function copyInto<A extends Int32Array | Uint16Array | Uint8Array>(to: A, from: A): A {
  to.set(from.length > to.length ? from.subarray(0, to.length) : from);
  return to;
}
