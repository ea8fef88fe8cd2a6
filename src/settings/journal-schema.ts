import { z } from 'zod';
import { count, DAY, duration, MIB, SECOND, size } from './forms.js';

/* Settings of the journal, and of the streams in it. Durations are milliseconds, sizes bytes. */

export interface JournalSettings {
  readonly groups: number;
  readonly segment_bytes: number;
  readonly segment_age: number;
  readonly interval_flush: number;
  readonly flush_deadline: number;
  readonly pending_bytes_max: number;
  readonly tail_bytes: number;
  readonly cache_bytes: number;
  readonly free_space_min: number;
  readonly unsafe_ack_before_flush: boolean;
}

export interface StreamSettings {
  readonly name: string;
  readonly filters: readonly string[];
  readonly key: string;
  readonly partitions: number;
  readonly storage: 'lmdb' | 'memory';
  readonly flush: 'commit' | 'interval' | 'none';
  readonly retention_time: number;
  readonly retention_bytes: number;
  readonly retention_records: number;
  readonly compact: boolean;
  readonly tombstone_time: number;
  readonly qos0: boolean;
}

const TIB = 2 ** 40;
export const PARTITIONS_MAX = 100_000;
export const PARTITIONS_DEFAULT = 16;
export const RETENTION_TIME_DEFAULT: number = 7 * DAY;
export const RETENTION_BYTES_DEFAULT: number = 1024 * MIB;
const YEARS_100 = 36_500 * DAY;

export const JOURNAL_SCHEMA: z.ZodType<JournalSettings, Partial<Record<keyof JournalSettings, unknown>>> = z.strictObject({
  groups: count(16, 1, 1024, 'Units of order and flush; as many shards can share the work. Fixed when data_path is made'),
  segment_bytes: size(128 * MIB, MIB, 1024 * MIB, 'Size of a segment file'),
  segment_age: duration(DAY, SECOND, YEARS_100, 'A segment that is written for so long is closed'),
  interval_flush: duration(10, 1, 60 * SECOND, 'Streams with flush = "interval" reach the disk, and their subscribers, within'),
  flush_deadline: duration(10 * SECOND, 100, 3600 * SECOND, 'A disk that does not answer within has failed'),
  pending_bytes_max: size(64 * MIB, MIB, 2 ** 31 - 1, 'Bytes per shard that wait for the disk before publishers are held back'),
  tail_bytes: size(32 * MIB, MIB, 2 ** 31 - 1, 'Latest records that a shard keeps in memory'),
  cache_bytes: size(8 * MIB, MIB, 2 ** 31 - 1, 'Older records that a shard keeps in memory after they were read'),
  free_space_min: size(64 * MIB, 0, TIB, 'With less free space the journal counts as full, and publishes are refused'),
  unsafe_ack_before_flush: z.boolean().default(false).describe('Acknowledges what a crash can lose. For tests of the tests'),
});

const stream = z.strictObject({
  name: z
    .string()
    .regex(/^[A-Za-z0-9._-]{1,249}$/, 'must be letters, digits, . _ - (at most 249)')
    .describe('Name of the stream'),
  filters: z.array(z.string().min(1).max(65_535)).default([]).describe('Topic filters whose messages go to this stream'),
  key: z.string().max(1024).default('{topic}').describe('Key of a record: {topic}, {level:N} and text'),
  partitions: count(PARTITIONS_DEFAULT, 1, PARTITIONS_MAX, 'Partitions; can grow, never shrink'),
  storage: z.enum(['lmdb', 'memory']).default('lmdb').describe('memory is gone with the process'),
  flush: z.enum(['commit', 'interval', 'none']).default('commit').describe('When a publish is acknowledged'),
  retention_time: duration(RETENTION_TIME_DEFAULT, 0, YEARS_100, 'Older records go; 0: never'),
  retention_bytes: size(RETENTION_BYTES_DEFAULT, 0, 1024 * TIB, 'Of a partition; 0: no limit'),
  retention_records: count(0, 0, 2 ** 50, 'Of a partition; 0: no limit'),
  compact: z.boolean().default(false).describe('Only the last record of each key is kept'),
  tombstone_time: duration(DAY, 0, YEARS_100, 'A record without value is kept so long in a compacted stream'),
  qos0: z.boolean().default(true).describe('QoS 0 publishes go to the stream too'),
});

/** What one stream may say: also what a command may. */
export const STREAM_SCHEMA: z.ZodType<StreamSettings, Readonly<Record<string, unknown>>> = stream;

/** What each value may be alone, but not together. */
export function faultsOfStream({ flush, storage, compact, key }: StreamSettings): string[] {
  const faults: string[] = [];
  if (storage === 'memory' && flush === 'commit') faults.push('storage = "memory" has nothing to flush: write flush = "none"');
  if (storage === 'lmdb' && flush === 'none') faults.push('flush = "none" needs storage = "memory"');
  if (compact && !/\{/.test(key)) faults.push('compact = true with the same key for all keeps one record');
  return faults;
}

export const STREAMS_SCHEMA: z.ZodDefault<z.ZodArray<typeof STREAM_SCHEMA>> = z
  .array(STREAM_SCHEMA)
  .max(10_000)
  .default([])
  .describe('Streams, and the topics that are bound to them');
