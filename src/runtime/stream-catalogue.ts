import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { BrokerError, systemCodeOf } from '../base/errors.js';
import { CATCH_ALL, RETAINED, type StreamDefinition } from '../broker/streams/definition.js';
import { faultOfTemplate, WHOLE_TOPIC } from '../broker/streams/key-template.js';
import { isStreamName } from '../broker/streams/topic-name.js';
import { type JournalShape, MEMORY_STREAMS_FROM } from '../journal/placement.js';
import type { StreamId } from '../journal/ports.js';
import { checkFilter } from '../protocols/mqtt/topic-syntax.js';
import {
  faultsOfStream,
  PARTITIONS_DEFAULT,
  RETENTION_BYTES_DEFAULT,
  RETENTION_TIME_DEFAULT,
  type StreamSettings,
} from '../settings/journal-schema.js';
import type { Settings } from '../settings/schema.js';

/*
  Which streams there are, in data_path/streams.json. Numbers of streams are never used again, and what decides where a partition is (groups,
  lanes) stays as it was when the directory was made.
*/

const FORMAT = 1;
const FILE = 'streams.json';
const DAY_MS = 86_400_000;
const LEVELS_MAX = 65_535;

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

const CATALOGUE: z.ZodType<CatalogueFile, unknown> = z.strictObject({
  format: z.literal(FORMAT),
  shape: z.strictObject({ groups: z.int().min(1), groupLanes: z.int().min(1), lanes: z.int().min(1) }),
  nextId: z.int().min(1),
  nextMemoryId: z.int().min(MEMORY_STREAMS_FROM),
  streams: z.array(definition),
  deleted: z.array(z.int().min(1)).default([]),
});

interface CatalogueFile {
  readonly format: typeof FORMAT;
  /** `groupLanes`: shards that the directory had first. `lanes`: the most it ever had; each has left one. */
  readonly shape: JournalShape;
  readonly nextId: number;
  readonly nextMemoryId: number;
  readonly streams: readonly StreamDefinition[];
  /** A shard that was down when a stream was deleted forgets its records when it starts. */
  readonly deleted: readonly StreamId[];
}

export class StreamCatalogue {
  readonly #path: string;
  #file: CatalogueFile;

  private constructor(path: string, file: CatalogueFile) {
    this.#path = path;
    this.#file = file;
  }

  /** Reads the catalogue of the data directory, or makes it, and brings it up to what the settings say. @throws BrokerError RMQ-1018, RMQ-1022. */
  static open(settings: Settings): StreamCatalogue {
    const path = join(settings.data_path, FILE);
    const known = read(path) ?? firstFile(settings);
    const catalogue = new StreamCatalogue(path, known);
    const lanes = Math.max(known.shape.lanes, settings.runtime.shards);
    catalogue.#save(withSettings({ ...known, shape: { ...known.shape, lanes } }, settings.streams));
    return catalogue;
  }

  get streams(): readonly StreamDefinition[] {
    return this.#file.streams;
  }

  /** Numbers of streams that are no more. */
  get deleted(): readonly StreamId[] {
    return this.#file.deleted;
  }

  get shape(): JournalShape {
    return this.#file.shape;
  }

  find(name: string): StreamDefinition | undefined {
    return this.#file.streams.find((it) => it.name === name);
  }

  /** @throws BrokerError RMQ-1022. */
  create(wanted: StreamSettings): StreamDefinition {
    const [fault] = faultsOfStream(wanted);
    if (fault !== undefined) throw refusal(wanted.name, fault);
    if (this.find(wanted.name) !== undefined) throw refusal(wanted.name, 'there is one of this name already');
    this.#save(withStream(this.#file, wanted, 'command'));
    return this.#file.streams[this.#file.streams.length - 1];
  }

  /** Its records are for the shards to forget. @throws BrokerError RMQ-1022, RMQ-1023. */
  delete(name: string): StreamDefinition {
    const stream = this.find(name);
    if (stream === undefined) throw new BrokerError('RMQ-1023', `(stream "${name}")`);
    if (stream.origin === 'system') throw refusal(name, 'it is one of the system');
    if (stream.origin === 'settings') throw refusal(name, 'the settings name it: take it out there first');
    const { streams, deleted } = this.#file;
    this.#save({ ...this.#file, streams: streams.filter((it) => it !== stream), deleted: [...deleted, stream.id] });
    return stream;
  }

  /** The new file is whole on the disk before it takes the place of the old one. */
  #save(file: CatalogueFile): void {
    const temporary = `${this.#path}.new`;
    try {
      mkdirSync(dirname(this.#path), { recursive: true });
      const descriptor = openSync(temporary, 'w', 0o600);
      writeFileSync(descriptor, `${JSON.stringify(file, null, 2)}\n`);
      fsyncSync(descriptor);
      closeSync(descriptor);
      renameSync(temporary, this.#path);
      const directory = openSync(dirname(this.#path), 'r');
      fsyncSync(directory);
      closeSync(directory);
      this.#file = file;
    } catch (error) {
      throw new BrokerError('RMQ-1018', `at ${this.#path}: ${systemCodeOf(error)}`, { cause: error });
    }
  }
}

function read(path: string): CatalogueFile | null {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return null;
    throw new BrokerError('RMQ-1018', `at ${path}: ${systemCodeOf(error)}`, { cause: error });
  }
  try {
    return CATALOGUE.parse(JSON.parse(text));
  } catch (error) {
    throw new BrokerError('RMQ-1018', `at ${path}: it is not what this version wrote`, {
      cause: error,
      cure: 'Use the version that wrote it, or bring the file back from a copy',
    });
  }
}

function firstFile({ journal, runtime }: Settings): CatalogueFile {
  const retention = { timeMs: RETENTION_TIME_DEFAULT, bytes: RETENTION_BYTES_DEFAULT, records: 0 };
  const system = {
    partitions: PARTITIONS_DEFAULT,
    storage: 'lmdb',
    filters: [],
    key: WHOLE_TOPIC,
    takesQos0: false,
    origin: 'system',
  } as const;
  return {
    format: FORMAT,
    shape: { groups: journal.groups, groupLanes: runtime.shards, lanes: runtime.shards },
    nextId: 3,
    nextMemoryId: MEMORY_STREAMS_FROM,
    deleted: [],
    streams: [
      { ...system, id: 1, name: CATCH_ALL, settings: { flush: 'commit', retention, isCompacted: false, tombstoneMs: 0 } },
      {
        ...system,
        id: 2,
        name: RETAINED,
        settings: { flush: 'commit', retention: { timeMs: 0, bytes: 0, records: 0 }, isCompacted: true, tombstoneMs: DAY_MS },
      },
    ],
  };
}

/** Streams of the settings as they say; those that they named once stay, with no topics bound to them. */
function withSettings(file: CatalogueFile, wanted: readonly StreamSettings[]): CatalogueFile {
  const names = new Set(wanted.map(({ name }) => name));
  const streams = file.streams.map((stream): StreamDefinition => {
    if (stream.origin !== 'settings' || names.has(stream.name)) return stream;
    return { ...stream, filters: [], origin: 'command' };
  });
  let next: CatalogueFile = { ...file, streams };
  for (const stream of wanted) next = withStream(next, stream, 'settings');
  return next;
}

function withStream(file: CatalogueFile, wanted: StreamSettings, origin: 'settings' | 'command'): CatalogueFile {
  checkBindings(wanted);
  const known = file.streams.find(({ name }) => name === wanted.name);
  if (known === undefined) {
    const isMemory = wanted.storage === 'memory';
    const id = isMemory ? file.nextMemoryId : file.nextId;
    const counters = isMemory ? { nextMemoryId: id + 1 } : { nextId: id + 1 };
    return { ...file, ...counters, streams: [...file.streams, definitionOf(id, wanted, origin)] };
  }
  if (known.storage !== wanted.storage) throw refusal(wanted.name, `its storage is ${known.storage}, for good`);
  if (known.partitions > wanted.partitions)
    throw refusal(wanted.name, `it has ${known.partitions} partitions, and they cannot become fewer`);
  if (known.name === RETAINED && !wanted.compact) throw refusal(wanted.name, 'it is compacted: write compact = true');
  const changed = definitionOf(known.id, wanted, known.origin === 'system' ? 'system' : origin);
  return { ...file, streams: file.streams.map((stream) => (stream === known ? changed : stream)) };
}

function definitionOf(id: number, wanted: StreamSettings, origin: StreamDefinition['origin']): StreamDefinition {
  const { name, partitions, storage, filters, key, flush, compact } = wanted;
  const retention = { timeMs: wanted.retention_time, bytes: wanted.retention_bytes, records: wanted.retention_records };
  return {
    id,
    name,
    partitions,
    storage,
    settings: { flush, retention, isCompacted: compact, tombstoneMs: wanted.tombstone_time },
    filters,
    key,
    takesQos0: wanted.qos0,
    origin,
  };
}

function checkBindings({ name, filters, key }: StreamSettings): void {
  if (!isStreamName(name)) throw refusal(name, 'this is no name for a stream');
  const fault = faultOfTemplate(key);
  if (fault !== null) throw refusal(name, `key: ${fault}`);
  for (const filter of filters)
    if (checkFilter(filter, LEVELS_MAX) !== 'ok') throw refusal(name, `filters: ${JSON.stringify(filter)} is no topic filter`);
}

function refusal(name: string, why: string): BrokerError {
  return new BrokerError('RMQ-1022', `"${name}": ${why}`);
}
