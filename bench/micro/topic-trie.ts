import type { PeerLinks } from '../../src/broker/ports.js';
import { ShardBroker } from '../../src/broker/shard-broker.js';
import { TopicTrie } from '../../src/broker/topic-trie.js';
import type { MicroSuite, MicroTask } from './suite.js';

const FILTERS = 100_000;
const BATCH = 100;

class AloneLinks implements PeerLinks {
  readonly self = 0;
  readonly shardCount = 1;
  onMessage: PeerLinks['onMessage'] = () => {};
  onPeerReplaced: PeerLinks['onPeerReplaced'] = () => {};
  send(): void {
    throw new Error('a shard alone sends nothing');
  }
}

function newBroker(): ShardBroker<object> {
  return new ShardBroker<object>({
    links: new AloneLinks(),
    clock: { nowMs: () => 0 },
    limits: { subscriptionsMax: 100_000, retained: { messagesMax: 1_000_000, bytesMax: 0, payloadBytesMax: 0, expiryMs: 0 } },
  });
}

function subscribe(broker: ShardBroker<object>, subscriber: object, filter: string): void {
  const options = { qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 2, identifier: 0 } as const;
  broker.subscribe(subscriber, [{ filter, options }], () => {});
}

function matchTask(name: string, trie: TopicTrie<string>, topicOf: (index: number) => string): MicroTask {
  const topics = Array.from({ length: BATCH }, (_, index) => topicOf(index * 997));
  let matched = 0;
  const visit = (): void => {
    matched += 1;
  };
  return {
    name,
    operations: BATCH,
    run: () => {
      matched = 0;
      for (const topic of topics) trie.match(topic, visit);
      if (matched === 0 && name.startsWith('match')) throw new Error('the topics of this task match');
    },
  };
}

function routeTask(name: string, subscribers: number, filtersOf: (index: number) => readonly string[]): MicroTask {
  const broker = newBroker();
  for (let index = 0; index < subscribers; index += 1) {
    const subscriber = {};
    for (const filter of filtersOf(index)) subscribe(broker, subscriber, filter);
  }
  return {
    name,
    operations: 1,
    run: () => {
      if (broker.compileRoute('sensors/7/temperature').receivers.length !== subscribers) throw new Error('everybody receives it');
    },
  };
}

export const suite: MicroSuite = {
  name: 'topic-trie',
  open: () => {
    const exact = new TopicTrie<string>(1);
    for (let index = 0; index < FILTERS; index += 1) exact.set(`devices/${index}/state`, 'x');
    const wild = new TopicTrie<string>(1);
    for (let index = 0; index < FILTERS; index += 1) wild.set(`+/${index}/#`, 'x');
    return [
      matchTask('match, 100k exact filters of 3 levels', exact, (index) => `devices/${index}/state`),
      matchTask('miss, 100k exact filters of 3 levels', exact, (index) => `devices/${index}/other`),
      matchTask('match, 100k filters +/id/#', wild, (index) => `building/${index}/a/b`),
      routeTask('compileRoute, 1000 receivers of one filter', 1000, () => ['sensors/+/temperature']),
      routeTask('compileRoute, 1000 receivers with 3 filters each', 1000, () => ['sensors/+/temperature', 'sensors/#', '#']),
      routeTask('compileRoute, 1 receiver', 1, () => ['sensors/7/temperature']),
    ];
  },
};
