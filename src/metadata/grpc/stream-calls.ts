import type { ResourceRecord, StreamWish } from '../catalogue/resources.js';
import { freshen, propose } from './answers.js';
import type { CallGate } from './call-gate.js';
import { envelopeOf } from './command-conversion.js';
import { invalidRequest, notFound } from './error-status.js';
import type { StreamRow, StreamsServer, StreamWish as WishMessage } from './generated/robustmq/v1/streams.js';
import { readPage } from './pages.js';
import type { MetadataAccess, StreamDefaults } from './ports.js';
import { streamToWire, tenantOf } from './resource-conversion.js';
import { STREAM_FLUSH, STREAM_STORAGE } from './wire-words.js';

const ALL_TENANTS = '*';

/** The verbs of robustmq.v1.Streams. */
export function streamCalls(access: MetadataAccess, gate: CallGate, defaults: StreamDefaults): StreamsServer {
  return {
    list: gate.unary(async ({ tenant, ...query }, { deadlineMs }) => {
      await freshen(access, deadlineMs);
      const page = readPage(access.reader, 'stream', { ...query, tenant: tenant === ALL_TENANTS ? '' : tenantOf(tenant) });
      return { streams: page.records.map(rowOf), nextPageToken: page.nextPageToken };
    }),
    describe: gate.unary(async ({ tenant, name }, { deadlineMs }) => ({ stream: rowOf(await find(access, tenant, name, deadlineMs)) })),
    create: gate.unary(async ({ tenant, name, wish, requestId }, facts) => {
      const stream: StreamWish = { tenant: tenantOf(tenant), name, origin: 'command', ...merge(defaults, wish) };
      const { id, revision } = await propose(access, envelopeOf({ kind: 'create-stream', stream }, requestId), facts);
      return { stream: rowOf({ ...stream, id, revision }) };
    }),
    change: gate.unary(async ({ tenant, name, wish, expectedRevision, requestId }, facts) => {
      const current = await find(access, tenant, name, facts.deadlineMs);
      const { id, revision, ...before } = current;
      const stream: StreamWish = { ...before, ...merge(current, wish) };
      const expected = expectedRevision ?? revision;
      const accepted = await propose(access, envelopeOf({ kind: 'change-stream', stream, expected }, requestId), facts);
      return { stream: rowOf({ ...stream, id, revision: accepted.revision }) };
    }),
    delete: gate.unary(async ({ tenant, name, expectedRevision, requestId }, facts) => {
      const key = { tenant: tenantOf(tenant), name };
      const command = { kind: 'delete-stream', key, expected: expectedRevision ?? null } as const;
      const { revision } = await propose(access, envelopeOf(command, requestId), facts);
      return { revision };
    }),
  };
}

async function find(access: MetadataAccess, tenant: string, name: string, deadlineMs: number): Promise<ResourceRecord<'stream'>> {
  await freshen(access, deadlineMs);
  const stream = access.reader.get('stream', { tenant: tenantOf(tenant), name });
  if (stream === null) throw notFound(`stream "${name}"`);
  return stream;
}

function rowOf(stream: ResourceRecord<'stream'>): StreamRow {
  return { stream: streamToWire(stream), revision: stream.revision };
}

/** What is wished, and for the rest what it would be otherwise. */
function merge(otherwise: StreamDefaults, wish: WishMessage | undefined): StreamDefaults {
  if (wish === undefined) throw invalidRequest('no wish is given');
  const { retention, ...settings } = otherwise.settings;
  return {
    partitions: wish.partitions ?? otherwise.partitions,
    storage: wish.storage === undefined ? otherwise.storage : STREAM_STORAGE.fromWire(wish.storage),
    settings: {
      flush: wish.flush === undefined ? settings.flush : STREAM_FLUSH.fromWire(wish.flush),
      retention: {
        timeMs: wish.retentionTimeMs ?? retention.timeMs,
        bytes: wish.retentionBytes ?? retention.bytes,
        records: wish.retentionRecords ?? retention.records,
      },
      isCompacted: wish.isCompacted ?? settings.isCompacted,
      tombstoneMs: wish.tombstoneMs ?? settings.tombstoneMs,
    },
    filters: wish.filters?.filters ?? otherwise.filters,
    key: wish.key ?? otherwise.key,
    takesQos0: wish.takesQos0 ?? otherwise.takesQos0,
  };
}
