import { PARTITIONS_PER_STREAM_MAX, type PartitionKey, type StreamId } from './ports.js';

/* Stream and number of a partition in one number, fit for a Map. */

export function partitionKeyOf(stream: StreamId, partition: number): PartitionKey {
  return stream * PARTITIONS_PER_STREAM_MAX + partition;
}

export function streamOf(key: PartitionKey): StreamId {
  return Math.floor(key / PARTITIONS_PER_STREAM_MAX);
}

/** Of the partition in its stream. */
export function partitionOf(key: PartitionKey): number {
  return key % PARTITIONS_PER_STREAM_MAX;
}
