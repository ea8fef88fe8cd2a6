import { SharedGroups } from '../../src/broker/shared/shared-groups.js';
import { Subscriptions } from '../../src/broker/subscriptions.js';
import { TopicTrie } from '../../src/broker/topic-trie.js';

/* Bytes per filter: `node --expose-gc dist/bench/micro/topic-trie-memory.js [filters]`. Strings of the filters are counted in the last column only. */

const filters = Number(process.argv[2] ?? 100_000);
const OPTIONS = { qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0, identifier: 0 } as const;

function usedBytes(): number {
  globalThis.gc?.();
  globalThis.gc?.();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

function bytesEach(build: () => object): string {
  const before = usedBytes();
  const kept = build();
  const after = usedBytes();
  return kept === null ? '' : ((after - before) / filters).toFixed(0);
}

/** Flat strings, as a decoder makes them: not ropes. */
function names(): string[] {
  return Array.from({ length: filters }, (_, index) => Buffer.from(`devices/device-${index}/state`).toString('latin1'));
}

const shared = names();
const trie = bytesEach(() => {
  const built = new TopicTrie<number>(1);
  for (const name of shared) built.set(name, 1);
  return built;
});

function subscribed(subscriberOf: (index: number) => object): object {
  const built = new Subscriptions<object>(filters, new SharedGroups<object>(0, 1), 1);
  names().forEach((name, index) => {
    if (built.add(subscriberOf(index), name, OPTIONS) === null) throw new Error('within the limit');
  });
  return built;
}

const one = Array.from({ length: filters }, () => ({}));
const single = bytesEach(() => subscribed((index) => one[index]));
const hundred = bytesEach(() => subscribed((index) => one[index - (index % 100)]));
process.stdout.write(`${filters} distinct filters of 3 levels, Node ${process.version}
  trie alone, bytes per filter                                            ${trie}
  subscription, trie, index and string, one per subscriber                ${single}
  subscription, trie, index and string, a hundred per subscriber          ${hundred}
`);
