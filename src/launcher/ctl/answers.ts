import { z } from 'zod';
import type { Answer } from '../../admin/questions/mqtt-sessions.js';

/* What the node answers, as far as robust-ctl looks at it. What a later server adds goes through to `-o json`. */

const silent = z.array(z.int());

export interface StreamDefinition {
  readonly id: number;
  readonly name: string;
  readonly partitions: number;
  readonly storage: string;
  readonly settings: {
    readonly flush: string;
    readonly retention: { readonly timeMs: number; readonly bytes: number; readonly records: number };
    readonly isCompacted: boolean;
    readonly tombstoneMs: number;
  };
  readonly filters: readonly string[];
  readonly key: string;
  readonly takesQos0: boolean;
  readonly origin: string;
}

const DEFINITION: z.ZodType<StreamDefinition> = z.looseObject({
  id: z.int(),
  name: z.string(),
  partitions: z.int(),
  storage: z.string(),
  settings: z.looseObject({
    flush: z.string(),
    retention: z.looseObject({ timeMs: z.number(), bytes: z.number(), records: z.number() }),
    isCompacted: z.boolean(),
    tombstoneMs: z.number(),
  }),
  filters: z.array(z.string()),
  key: z.string(),
  takesQos0: z.boolean(),
  origin: z.string(),
});

export interface StreamList extends Answer {
  readonly streams: readonly { readonly definition: StreamDefinition; readonly records: number; readonly bytes: number }[];
}

export const STREAM_LIST: z.ZodType<StreamList> = z.looseObject({
  streams: z.array(z.looseObject({ definition: DEFINITION, records: z.number(), bytes: z.number() })),
  silent,
});

export interface StreamPage extends Answer {
  readonly definition: StreamDefinition;
  readonly partitions: readonly PartitionRow[];
}

export interface PartitionRow {
  readonly partition: number;
  readonly shard: number;
  readonly group: number;
  readonly start: number;
  readonly end: number;
  readonly records: number;
  readonly bytes: number;
}

const extent = { partition: z.int(), start: z.number(), end: z.number() };

export const STREAM_PAGE: z.ZodType<StreamPage> = z.looseObject({
  definition: DEFINITION,
  partitions: z.array(z.looseObject({ ...extent, shard: z.int(), group: z.int(), records: z.number(), bytes: z.number() })),
  silent,
});

export const STREAM_CHANGE: z.ZodType<Answer & { readonly definition: StreamDefinition }> = z.looseObject({
  definition: DEFINITION,
  silent,
});

/** Text, or bytes that are none. */
export type Field = string | { readonly base64: string } | null;

export interface PageRecord {
  readonly offset: number;
  readonly timestampMs: number;
  readonly key: Field;
  readonly value: Field;
  readonly headers: readonly { readonly name: string; readonly value: Field }[];
}

export interface PartitionPage {
  readonly partition: number;
  readonly status: 'ok' | 'out-of-range' | 'corrupt';
  readonly start: number;
  readonly end: number;
  /** Where to go on. */
  readonly next: number;
  readonly records: readonly PageRecord[];
}

const field: z.ZodType<Field> = z.union([z.string(), z.strictObject({ base64: z.string() }), z.null()]);

export const RECORDS: z.ZodType<Answer & { readonly partitions: readonly PartitionPage[] }> = z.looseObject({
  partitions: z.array(
    z.looseObject({
      ...extent,
      status: z.enum(['ok', 'out-of-range', 'corrupt']),
      next: z.number(),
      records: z.array(
        z.looseObject({
          offset: z.number(),
          timestampMs: z.number(),
          key: field,
          value: field,
          headers: z.array(z.looseObject({ name: z.string(), value: field })),
        }),
      ),
    }),
  ),
  silent,
});

export const PLACES: z.ZodType<Answer & { readonly places: readonly (readonly [number, number])[] }> = z.looseObject({
  places: z.array(z.tuple([z.int(), z.number()])),
  silent,
});

export interface JournalStatus extends Answer {
  readonly shards: readonly {
    readonly shard: number;
    readonly state: string;
    readonly commits: number;
    readonly pendingBytes: number;
    readonly corruptEntries: number;
    readonly lanes: readonly {
      readonly lane: number;
      readonly groups: readonly number[];
      readonly segments: number;
      readonly sealed: number;
      readonly quarantined: number;
      readonly bytes: number;
      readonly freeBytes: number | null;
      readonly segmentsRemoved: number;
    }[];
  }[];
}

export const JOURNAL_STATUS: z.ZodType<JournalStatus> = z.looseObject({
  shards: z.array(
    z.looseObject({
      shard: z.int(),
      state: z.string(),
      commits: z.number(),
      pendingBytes: z.number(),
      corruptEntries: z.number(),
      lanes: z.array(
        z.looseObject({
          lane: z.int(),
          groups: z.array(z.int()),
          segments: z.int(),
          sealed: z.int(),
          quarantined: z.int(),
          bytes: z.number(),
          freeBytes: z.number().nullable(),
          segmentsRemoved: z.int(),
        }),
      ),
    }),
  ),
  silent,
});
