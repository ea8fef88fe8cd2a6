import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SeededRandom } from '../../src/base/random.js';
import { type ExclusiveMessage, ExclusiveTopics } from '../../src/broker/exclusive-topics.js';

const SHARDS = 3;
const FILTERS = ['a', 'b', 'c/d', '+'];
const RUNS = 300;
const STEPS = 80;

interface Crossing {
  readonly from: number;
  readonly to: number;
  readonly message: ExclusiveMessage;
}

/** Shards whose messages cross in order by pair, and in any order between pairs. */
class Node {
  readonly shards: ExclusiveTopics[] = [];
  readonly lost: string[] = [];
  readonly #random: SeededRandom;
  #crossing: Crossing[] = [];

  constructor(random: SeededRandom) {
    this.#random = random;
    for (let shard = 0; shard < SHARDS; shard += 1) this.shards.push(this.#build(shard));
    for (const shard of this.shards) shard.onAllServing();
  }

  #build(self: number): ExclusiveTopics {
    const topics = new ExclusiveTopics({
      self,
      shardCount: SHARDS,
      post: (to, message) => {
        if (to === self) topics.onMessage(self, message);
        else this.#crossing.push({ from: self, to, message });
      },
    });
    topics.onLost = (filter, holder) => this.lost.push(`${filter} ${holder}`);
    return topics;
  }

  deliverOne(): boolean {
    if (this.#crossing.length === 0) return false;
    const { from, to } = this.#crossing[this.#random.below(this.#crossing.length)];
    const at = this.#crossing.findIndex((crossing) => crossing.from === from && crossing.to === to);
    const [{ message }] = this.#crossing.splice(at, 1);
    this.shards[to].onMessage(from, message);
    return true;
  }

  settle(): void {
    while (this.deliverOne());
  }

  /** A shard dies with what was on its way to and from it. */
  replace(shard: number): void {
    this.#crossing = this.#crossing.filter(({ from, to }) => from !== shard && to !== shard);
    this.shards[shard] = this.#build(shard);
    for (const [index, topics] of this.shards.entries()) if (index !== shard) topics.onPeerReplaced(shard);
  }
}

test('exclusive: whatever claims, releases and deaths cross each other, a filter has one holder, and a free one can be had', () => {
  const seed = Number(process.env.TEST_SEED ?? Math.floor(Math.random() * 2 ** 31));
  for (let run = 0; run < RUNS; run += 1) {
    const random = new SeededRandom(seed + run);
    const node = new Node(random);
    /** Holders as clients know it: by filter. */
    const holders = new Map<string, { readonly holder: string; readonly shard: number }>();
    let number = 0;
    for (let step = 0; step < STEPS; step += 1) {
      const filter = FILTERS[random.below(FILTERS.length)];
      const choice = random.below(100);
      if (choice < 35) {
        number += 1;
        const holder = `client-${number}`;
        const shard = random.below(SHARDS);
        const topics = node.shards[shard];
        topics.claim(filter, holder, (isGranted) => {
          if (!isGranted || node.shards[shard] !== topics) return;
          assert.equal(holders.get(filter), undefined, `seed ${seed + run}: ${filter} was ${holder}'s alone`);
          holders.set(filter, { holder, shard });
        });
      } else if (choice < 50) {
        const held = holders.get(filter);
        if (held === undefined) continue;
        holders.delete(filter);
        node.shards[held.shard].release(filter, held.holder);
      } else if (choice < 55) {
        const dead = random.below(SHARDS);
        node.replace(dead);
        // Sessions of the dead shard that the journal has kept are restored by its successor; others are gone.
        for (const [its, { holder, shard }] of [...holders]) {
          if (shard !== dead) continue;
          if (random.below(2) === 0) node.shards[dead].restore(its, holder);
          else holders.delete(its);
        }
        node.settle();
        for (const topics of node.shards) topics.onAllServing();
      } else node.deliverOne();
    }
    node.settle();
    assert.deepEqual(node.lost, [], `seed ${seed + run}: who held a filter keeps it`);
    for (const filter of FILTERS) {
      let isGranted: boolean | null = null;
      node.shards[random.below(SHARDS)].claim(filter, 'last', (answer) => {
        isGranted = answer;
      });
      node.settle();
      assert.equal(isGranted, !holders.has(filter), `seed ${seed + run}: ${filter}`);
    }
  }
});

test('exclusive: a session that moves to another shard keeps what it holds, and what comes late from the old shard does not free it', () => {
  const node = new Node(new SeededRandom(1));
  let isGranted = false;
  node.shards[0].claim('a', 'client', (answer) => {
    isGranted = answer;
  });
  node.settle();
  assert.ok(isGranted);
  node.shards[0].handOver('a', 'client');
  node.shards[1].restore('a', 'client');
  node.shards[0].release('a', 'client');
  node.settle();
  node.shards[2].claim('a', 'other', (answer) => assert.equal(answer, false));
  node.settle();
  node.shards[1].release('a', 'client');
  node.settle();
  let isFree = false;
  node.shards[2].claim('a', 'other', (answer) => {
    isFree = answer;
  });
  node.settle();
  assert.ok(isFree);
});
