import { assert } from '../../base/assert.js';
import type { GroupId, StreamId } from '../../journal/ports.js';
import type { LogTarget, ShardId } from '../ports.js';
import { TopicTrie } from '../topic-trie.js';
import { CATCH_ALL, RETAINED, type StreamDefinition } from './definition.js';
import { keyOf, WHOLE_TOPIC } from './key-template.js';
import { partitionOfKey } from './murmur2.js';
import { dottedName } from './topic-name.js';

/** Where partitions are; the same on every shard. */
export interface Placement {
  groupOf(stream: StreamId, partition: number): GroupId;
  ownerOf(group: GroupId): ShardId;
}

/** A filter that is bound: of several that match, the one that was bound first counts. */
interface Binding {
  readonly order: number;
  readonly stream: StreamDefinition;
}

/*
  Which log a topic goes to. The first that applies:

    a filter of a stream | a stream of the topic's name | a stream of its dotted name | `mqtt`, for QoS 1 and 2
*/
export class StreamResolver {
  readonly #placement: Placement;
  #byName: ReadonlyMap<string, StreamDefinition> = new Map();
  #bindings: TopicTrie<Binding> = new TopicTrie(0);
  #hasMemoryStreams = false;

  constructor(placement: Placement, streams: readonly StreamDefinition[]) {
    this.#placement = placement;
    this.update(streams);
  }

  /** Other streams from now on: routes must be compiled anew. */
  update(streams: readonly StreamDefinition[]): void {
    this.#byName = new Map(streams.map((stream) => [stream.name, stream]));
    const bindings = new TopicTrie<Binding>(0);
    let order = 0;
    for (const stream of streams)
      for (const filter of stream.filters) {
        order += 1;
        if (bindings.get(filter) === undefined) bindings.set(filter, { order, stream });
      }
    this.#bindings = bindings;
    this.#hasMemoryStreams = streams.some(({ storage }) => storage === 'memory');
  }

  get streams(): Iterable<StreamDefinition> {
    return this.#byName.values();
  }

  /** Where there are none, nobody need look into the groups for them. */
  get hasMemoryStreams(): boolean {
    return this.#hasMemoryStreams;
  }

  /** The log of a topic. */
  resolve(topic: string): LogTarget {
    const bound = this.#boundTo(topic);
    if (bound !== null) return this.#target(bound, keyOf(bound.key, topic), bound.key === WHOLE_TOPIC, bound.takesQos0);
    const named = this.#byName.get(topic) ?? this.#byName.get(dottedName(topic) ?? '');
    if (named !== undefined && named.origin !== 'system') return this.#target(named, topic, true, named.takesQos0);
    return this.#target(this.#system(CATCH_ALL), topic, true, this.#system(CATCH_ALL).takesQos0);
  }

  /** The log of the retained message of a topic. */
  retained(topic: string): LogTarget {
    return this.#target(this.#system(RETAINED), topic, true, false);
  }

  /** All logs of retained messages. Their keys are empty. */
  retainedTargets(): readonly LogTarget[] {
    const stream = this.#system(RETAINED);
    return Array.from({ length: stream.partitions }, (_, partition) => this.#targetAt(stream, partition, NO_KEY, true, false));
  }

  #boundTo(topic: string): StreamDefinition | null {
    let first: Binding | null = null;
    this.#bindings.match(topic, (binding) => {
      if (first === null || binding.order < first.order) first = binding;
    });
    return (first as Binding | null)?.stream ?? null;
  }

  #system(name: string): StreamDefinition {
    const stream = this.#byName.get(name);
    assert(stream !== undefined, 'the catalogue always has the streams of the system');
    return stream;
  }

  #target(stream: StreamDefinition, key: string, keyIsTopic: boolean, takesQos0: boolean): LogTarget {
    const bytes = new TextEncoder().encode(key);
    return this.#targetAt(stream, partitionOfKey(bytes, stream.partitions), bytes, keyIsTopic, takesQos0);
  }

  #targetAt(stream: StreamDefinition, partition: number, key: Uint8Array, keyIsTopic: boolean, takesQos0: boolean): LogTarget {
    const group = this.#placement.groupOf(stream.id, partition);
    return {
      stream: stream.id,
      partition,
      group,
      owner: this.#placement.ownerOf(group),
      settings: stream.settings,
      takesQos0,
      key,
      keyIsTopic,
    };
  }
}

const NO_KEY = new Uint8Array(0);
