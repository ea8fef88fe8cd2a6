import { assert } from '../../base/assert.js';
import { DEFAULT_TENANT, plainName, tenantOf } from '../../base/tenant-names.js';
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
  Which log a topic goes to. The first that applies, among the streams of the topic's tenant:

    a filter of a stream | a stream of the topic's name | a stream of its dotted name | `mqtt`, for QoS 1 and 2

  Names are routing names (tenant-names.ts). Retained messages of all tenants are in one stream, whose keys are routing names.
*/
export class StreamResolver {
  readonly #placement: Placement;
  #streams: readonly StreamDefinition[] = [];
  #tenants: ReadonlyMap<string, TenantStreams> = new Map();
  #hasMemoryStreams = false;

  constructor(placement: Placement, streams: readonly StreamDefinition[]) {
    this.#placement = placement;
    this.update(streams);
  }

  /** Other streams from now on: routes must be compiled anew. */
  update(streams: readonly StreamDefinition[]): void {
    const byTenant = new Map<string, StreamDefinition[]>();
    for (const stream of streams) {
      const known = byTenant.get(stream.tenant);
      if (known === undefined) byTenant.set(stream.tenant, [stream]);
      else known.push(stream);
    }
    this.#streams = streams;
    this.#tenants = new Map([...byTenant].map(([tenant, its]) => [tenant, new TenantStreams(its)]));
    this.#hasMemoryStreams = streams.some(({ storage }) => storage === 'memory');
  }

  get streams(): Iterable<StreamDefinition> {
    return this.#streams;
  }

  /** Where there are none, nobody need look into the groups for them. */
  get hasMemoryStreams(): boolean {
    return this.#hasMemoryStreams;
  }

  /** The log of a topic; null while its tenant has none. */
  resolve(routing: string): LogTarget | null {
    const streams = this.#tenants.get(tenantOf(routing));
    if (streams === undefined) return null;
    const topic = plainName(routing);
    const bound = streams.boundTo(topic);
    if (bound !== null) return this.#target(bound, keyOf(bound.key, topic), bound.key === WHOLE_TOPIC, bound.takesQos0);
    const named = streams.byName.get(topic) ?? streams.byName.get(dottedName(topic) ?? '');
    if (named !== undefined && named.origin !== 'system') return this.#target(named, topic, true, named.takesQos0);
    const all = streams.byName.get(CATCH_ALL);
    return all === undefined ? null : this.#target(all, topic, true, all.takesQos0);
  }

  /** The log of the retained message of a topic. */
  retained(routing: string): LogTarget {
    return this.#target(this.#retainedStream(), routing, tenantOf(routing) === DEFAULT_TENANT, false);
  }

  /** All logs of retained messages. Their keys are empty. */
  retainedTargets(): readonly LogTarget[] {
    const stream = this.#retainedStream();
    return Array.from({ length: stream.partitions }, (_, partition) => this.#targetAt(stream, partition, NO_KEY, true, false));
  }

  #retainedStream(): StreamDefinition {
    const stream = this.#tenants.get(DEFAULT_TENANT)?.byName.get(RETAINED);
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

/** The streams of one tenant, and what is bound to them. */
class TenantStreams {
  readonly byName: ReadonlyMap<string, StreamDefinition>;
  readonly #bindings: TopicTrie<Binding> = new TopicTrie(0);

  constructor(streams: readonly StreamDefinition[]) {
    this.byName = new Map(streams.map((stream) => [stream.name, stream]));
    let order = 0;
    for (const stream of streams)
      for (const filter of stream.filters) {
        order += 1;
        if (this.#bindings.get(filter) === undefined) this.#bindings.set(filter, { order, stream });
      }
  }

  boundTo(topic: string): StreamDefinition | null {
    let first: Binding | null = null;
    this.#bindings.match(topic, (binding) => {
      if (first === null || binding.order < first.order) first = binding;
    });
    return (first as Binding | null)?.stream ?? null;
  }
}

const NO_KEY = new Uint8Array(0);
