import { assert } from '../base/assert.js';
import { levelHash } from './level-hash.js';
import { HAS_PLUS, HAS_POUND, LevelTree, levelEnd, NO_NODE, ROOT } from './level-tree.js';

const DOLLAR = 0x24;
const FRONTIER_INITIAL = 16;

/**
 * Topic filters with one value each, matched by topic names (MQTT 5.0 §4.7).
 *
 * A match walks all levels once, with every branch that still fits side by side in a frontier: no recursion, so a topic
 * may have any number of levels, and no strings or arrays made. The frontier is as wide as the filters make it: at most
 * one entry per filter.
 */
export class TopicTrie<V> {
  readonly #tree: LevelTree<V>;
  readonly #hashPlus: number;
  readonly #hashPound: number;
  #frontier: Int32Array = new Int32Array(FRONTIER_INITIAL);
  #frontierNext: Int32Array = new Int32Array(FRONTIER_INITIAL);
  #isMatching = false;

  /** @param seed random per process, so that nobody outside can choose filters that collide. */
  constructor(seed: number) {
    this.#tree = new LevelTree<V>(seed);
    this.#hashPlus = levelHash('+', 0, 1, seed);
    this.#hashPound = levelHash('#', 0, 1, seed);
  }

  /** Filters with a value. */
  get size(): number {
    return this.#tree.valueCount;
  }

  /** Nodes in use, for tests and memory figures. */
  get nodeCount(): number {
    return this.#tree.nodeCount;
  }

  get(filter: string): V | undefined {
    return this.#tree.get(filter);
  }

  /** Adds a filter or replaces its value. The filter is valid: the protocol checked it. */
  set(filter: string, value: V): void {
    assert(!this.#isMatching, 'a trie does not change during a match');
    this.#tree.set(filter, value);
  }

  /** False if the filter was not there. */
  delete(filter: string): boolean {
    assert(!this.#isMatching, 'a trie does not change during a match');
    return this.#tree.delete(filter);
  }

  /** All values, in no particular order. The trie must not change meanwhile. */
  *values(): Generator<V, void, undefined> {
    for (const node of this.#tree.nodesBelow(ROOT)) {
      const value = this.#tree.valueOf(node);
      if (value !== undefined) yield value;
    }
  }

  /** Gives every filter the value that `change` returns for its present one; undefined takes the filter away. */
  rewrite(change: (value: V) => V | undefined): void {
    assert(!this.#isMatching, 'a trie does not change during a match');
    const tree = this.#tree;
    for (let node = ROOT + 1; node < tree.nodeLimit; node += 1) {
      const value = tree.valueOf(node);
      if (value === undefined) continue;
      const changed = change(value);
      if (changed === undefined) tree.deleteAt(node);
      else if (changed !== value) tree.replaceAt(node, changed);
    }
  }

  /**
   * Calls `visit` once for each filter that matches a topic name, in no particular order.
   * `visit` must not use this trie.
   */
  match(topic: string, visit: (value: V) => void): void {
    assert(!this.#isMatching, 'matches of one trie do not nest');
    if (this.#tree.valueCount === 0) return;
    this.#isMatching = true;
    try {
      this.#walk(topic, visit);
    } finally {
      this.#isMatching = false;
    }
  }

  #walk(topic: string, visit: (value: V) => void): void {
    const tree = this.#tree;
    this.#frontier[0] = ROOT;
    let width = 1;
    // MQTT-4.7.2-1: a wildcard in the first level does not match a topic that begins with '$'.
    let wildcardsApply = topic.charCodeAt(0) !== DOLLAR;
    let start = 0;
    for (;;) {
      const end = levelEnd(topic, start);
      const hash = levelHash(topic, start, end, tree.seed);
      this.#makeRoom(width * 2);
      const frontier = this.#frontier;
      const next = this.#frontierNext;
      let widthNext = 0;
      for (let index = 0; index < width; index += 1) {
        const node = frontier[index];
        const wildcards = wildcardsApply ? tree.wildcardsOf(node) : 0;
        if ((wildcards & HAS_POUND) !== 0) this.#visitPound(node, visit);
        if ((wildcards & HAS_PLUS) !== 0) {
          next[widthNext] = tree.child(node, '+', 0, 1, this.#hashPlus);
          widthNext += 1;
        }
        const child = tree.child(node, topic, start, end, hash);
        if (child !== NO_NODE) {
          next[widthNext] = child;
          widthNext += 1;
        }
      }
      this.#frontier = next;
      this.#frontierNext = frontier;
      width = widthNext;
      wildcardsApply = true;
      if (end === topic.length || width === 0) break;
      start = end + 1;
    }
    this.#visitEnds(width, visit);
  }

  /** The topic ended at these nodes. '#' includes the parent level: `a/#` matches `a` (§4.7.1.2). */
  #visitEnds(width: number, visit: (value: V) => void): void {
    const tree = this.#tree;
    const frontier = this.#frontier;
    for (let index = 0; index < width; index += 1) {
      const node = frontier[index];
      const value = tree.valueOf(node);
      if (value !== undefined) visit(value);
      if ((tree.wildcardsOf(node) & HAS_POUND) !== 0) this.#visitPound(node, visit);
    }
  }

  #visitPound(node: number, visit: (value: V) => void): void {
    const value = this.#tree.valueOf(this.#tree.child(node, '#', 0, 1, this.#hashPound));
    assert(value !== undefined, 'nothing hangs below a #, so it has a value itself');
    visit(value);
  }

  #makeRoom(width: number): void {
    if (this.#frontierNext.length >= width) return;
    const wider = new Int32Array(width * 2);
    wider.set(this.#frontier);
    this.#frontier = wider;
    this.#frontierNext = new Int32Array(width * 2);
  }
}
