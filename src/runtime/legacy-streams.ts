import { existsSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { StreamDefinition } from '../broker/streams/definition.js';
import { isStreamName } from '../broker/streams/topic-name.js';
import { type JournalShape, MEMORY_STREAMS_FROM } from '../journal/placement.js';
import type { StreamId } from '../journal/ports.js';
import { readJsonFile } from './json-file.js';

/* data_path/streams.json: where the streams were before there was a catalogue. It is read once, and set aside. */

const FILE = 'streams.json';
const SET_ASIDE = 'streams.json.imported';

const definition = z.strictObject({
  id: z.int().min(1),
  name: z.string().refine(isStreamName),
  partitions: z.int().min(1),
  storage: z.enum(['lmdb', 'memory']),
  settings: z.strictObject({
    flush: z.enum(['commit', 'interval', 'none']),
    retention: z.strictObject({ timeMs: z.number(), bytes: z.number(), records: z.number() }),
    isCompacted: z.boolean(),
    tombstoneMs: z.number(),
  }),
  filters: z.array(z.string()),
  key: z.string(),
  takesQos0: z.boolean(),
  origin: z.enum(['system', 'settings', 'command']),
});

const LEGACY: z.ZodType<LegacyStreams, unknown> = z.strictObject({
  format: z.literal(1),
  shape: z.strictObject({ groups: z.int().min(1), groupLanes: z.int().min(1), lanes: z.int().min(1) }),
  nextId: z.int().min(1),
  nextMemoryId: z.int().min(MEMORY_STREAMS_FROM),
  streams: z.array(definition),
  deleted: z.array(z.int().min(1)).default([]),
});

export interface LegacyStreams {
  readonly format: 1;
  readonly shape: JournalShape;
  readonly nextId: number;
  readonly nextMemoryId: number;
  /** Of the default tenant: there was no other. */
  readonly streams: readonly Omit<StreamDefinition, 'tenant'>[];
  readonly deleted: readonly StreamId[];
}

/** @returns null if there is none. @throws BrokerError RMQ-1018 if it cannot be read: then nobody knows what the partitions on the disk are. */
export function readLegacyStreams(dataPath: string): LegacyStreams | null {
  return readJsonFile(join(dataPath, FILE), LEGACY);
}

/** The catalogue has it now. */
export function setLegacyStreamsAside(dataPath: string): void {
  if (existsSync(join(dataPath, FILE))) renameSync(join(dataPath, FILE), join(dataPath, SET_ASIDE));
}
