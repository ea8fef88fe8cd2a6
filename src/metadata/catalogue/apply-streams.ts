import type { Command, CommandOutcome, Refused } from './commands.js';
import { type Edit, faultOfExpected, refuse } from './edit.js';
import { keyRange } from './keys.js';
import { PARTITIONS_MAX, STREAM_FILTERS_MAX } from './limits.js';
import { MEMORY_STREAMS_FROM, type ResourceRecord, type StreamWish, TENANT_DEFAULT } from './resources.js';
import { faultOfBinding, faultOfRange, faultOfStreamName, faultOfTemplate } from './syntax.js';

/*
  Streams. Where a partition is follows from the stream's number and the shape of the journal, so numbers are never used again, the storage
  stays, and partitions do not become fewer.
*/

/** What the broker cannot do without: CATCH_ALL and RETAINED of broker/streams/definition.ts. */
const SYSTEM_STREAMS: readonly string[] = ['mqtt', 'mqtt.retained'];
/** Numbers of streams in memory end where a signed 32-bit integer does. */
const MEMORY_STREAMS_TO = 0x8000_0000;

export function createStream(edit: Edit, { stream }: Command<'create-stream'>): CommandOutcome {
  const current = edit.tables.get('stream', stream);
  const fault = faultOfStream(edit, stream);
  if (fault !== null) return fault;
  if (current !== null) return refuse('exists', `there is a stream "${stream.name}" already`, current.revision);
  if (stream.origin === 'system' && !SYSTEM_STREAMS.includes(stream.name))
    return refuse('invalid', `origin: "${stream.name}" is none of the system`);
  const full = edit.faultOfCount('stream', 1) ?? faultOfQuota(edit, stream.tenant) ?? faultOfIds(edit, stream);
  if (full !== null) return full;
  const id = takeId(edit, stream);
  edit.put('stream', { ...stream, id });
  return edit.accept(id);
}

export function changeStream(edit: Edit, { stream, expected }: Command<'change-stream'>): CommandOutcome {
  const current = edit.tables.get('stream', stream);
  const fault = faultOfStream(edit, stream);
  if (fault !== null) return fault;
  if (current === null) return refuse('not-found', `there is no stream "${stream.name}"`);
  const refused = faultOfExpected(current, expected) ?? faultOfChange(current, stream);
  if (refused !== null) return refused;
  edit.put('stream', { ...stream, id: current.id, origin: current.origin === 'system' ? 'system' : stream.origin });
  return edit.accept(current.id);
}

export function deleteStream(edit: Edit, { key, expected }: Command<'delete-stream'>): CommandOutcome {
  const { tables } = edit;
  const current = tables.get('stream', key);
  if (current === null) return refuse('not-found', `there is no stream "${key.name}"`);
  const fault = faultOfExpected(current, expected) ?? edit.faultOfCount('deleted-stream', 1);
  if (fault !== null) return fault;
  if (current.origin === 'system') return refuse('in-use', 'it is one of the system', current.revision);
  if (current.origin === 'settings') return refuse('in-use', 'the settings name it: take it out there first', current.revision);
  for (const offset of tables.between('offset', keyRange(key.tenant))) if (offset.stream === current.id) edit.delete('offset', offset);
  edit.delete('stream', key);
  edit.put('deleted-stream', { id: current.id, deletedAtMs: edit.atMs });
  return edit.accept(current.id);
}

/** Streams keep their numbers, also those that were deleted. They serve already: only what would break the state is refused. */
export function importStreams(edit: Edit, command: Command<'import'>): CommandOutcome {
  const { tables, counters } = edit;
  const { streams, deleted, streamIdNext, memoryStreamIdNext } = command;
  if (tables.count('stream') > 0 || tables.count('deleted-stream') > 0) return refuse('exists', 'there are streams already');
  const fault =
    edit.faultOfCount('stream', streams.length) ?? edit.faultOfCount('deleted-stream', deleted.length) ?? faultOfImport(command);
  if (fault !== null) return fault;
  counters.streamIdNext = streamIdNext;
  counters.memoryStreamIdNext = memoryStreamIdNext;
  for (const stream of streams) edit.put('stream', { ...stream, tenant: TENANT_DEFAULT });
  for (const id of deleted) edit.put('deleted-stream', { id, deletedAtMs: edit.atMs });
  return edit.accept();
}

function faultOfImport({ streams, deleted, streamIdNext, memoryStreamIdNext }: Command<'import'>): Refused | null {
  if (streamIdNext > MEMORY_STREAMS_FROM || memoryStreamIdNext < MEMORY_STREAMS_FROM || memoryStreamIdNext > MEMORY_STREAMS_TO)
    return refuse('invalid', 'the next number of a stream is out of its range');
  const isGivenOut = (id: number): boolean => id >= 1 && id < (id >= MEMORY_STREAMS_FROM ? memoryStreamIdNext : streamIdNext);
  const ids = [...streams.map(({ id }) => id), ...deleted];
  if (!ids.every(isGivenOut)) return refuse('invalid', 'a stream has a number that was not given out yet');
  if (new Set(ids).size !== ids.length) return refuse('invalid', 'two streams have the same number');
  if (new Set(streams.map(({ name }) => name)).size !== streams.length) return refuse('invalid', 'two streams have the same name');
  if (streams.some(({ id, storage }) => id >= MEMORY_STREAMS_FROM !== (storage === 'memory')))
    return refuse('invalid', 'a stream has a number of the other storage');
  for (const { name, partitions } of streams) {
    const fault = faultOfStreamName(name) ?? faultOfRange('partitions', partitions, 1, PARTITIONS_MAX);
    if (fault !== null) return fault;
  }
  return null;
}

function faultOfStream(edit: Edit, stream: StreamWish): Refused | null {
  return (
    edit.faultOfTenant(stream.tenant) ??
    faultOfStreamName(stream.name) ??
    faultOfRange('partitions', stream.partitions, 1, PARTITIONS_MAX) ??
    faultOfTemplate(stream.key) ??
    faultOfFilters(stream.filters) ??
    faultOfSettings(stream)
  );
}

function faultOfFilters(filters: readonly string[]): Refused | null {
  if (filters.length > STREAM_FILTERS_MAX)
    return refuse('limit', `filters: there are ${filters.length}; ${STREAM_FILTERS_MAX} are allowed`);
  for (const filter of filters) {
    const fault = faultOfBinding(filter);
    if (fault !== null) return fault;
  }
  return null;
}

/** What each value may be alone, but not together. */
function faultOfSettings({ storage, settings, key }: StreamWish): Refused | null {
  if (storage === 'memory' && settings.flush === 'commit')
    return refuse('invalid', 'storage "memory" has nothing to flush: flush is "none" or "interval"');
  if (storage === 'lmdb' && settings.flush === 'none') return refuse('invalid', 'flush "none" needs storage "memory"');
  if (settings.isCompacted && !key.includes('{')) return refuse('invalid', 'compacted with the same key for all, it keeps one record');
  return null;
}

function faultOfChange(current: ResourceRecord<'stream'>, wish: StreamWish): Refused | null {
  const { revision, storage, partitions, origin, settings } = current;
  if (wish.storage !== storage) return refuse('invalid', `its storage is ${storage}, for good`, revision);
  if (wish.partitions < partitions) return refuse('invalid', `it has ${partitions} partitions, and they cannot become fewer`, revision);
  if (origin === 'system' && wish.settings.isCompacted !== settings.isCompacted)
    return refuse('invalid', `it is one of the system, and ${settings.isCompacted ? '' : 'not '}compacted`, revision);
  if (wish.origin === 'system' && origin !== 'system') return refuse('invalid', 'origin: it is none of the system', revision);
  return null;
}

function faultOfQuota(edit: Edit, tenant: string): Refused | null {
  const max = edit.tables.get('tenant', { name: tenant })?.quotas.streams ?? 0;
  if (max === 0 || edit.tables.countIn('stream', tenant) < max) return null;
  return refuse('limit', `the tenant "${tenant}" may have ${max} streams`);
}

function faultOfIds({ counters }: Edit, { storage }: StreamWish): Refused | null {
  const isLeft = storage === 'memory' ? counters.memoryStreamIdNext < MEMORY_STREAMS_TO : counters.streamIdNext < MEMORY_STREAMS_FROM;
  return isLeft ? null : refuse('limit', 'all numbers for streams of this storage were given out');
}

function takeId({ counters }: Edit, { storage }: StreamWish): number {
  const id = storage === 'memory' ? counters.memoryStreamIdNext : counters.streamIdNext;
  if (storage === 'memory') counters.memoryStreamIdNext += 1;
  else counters.streamIdNext += 1;
  return id;
}
