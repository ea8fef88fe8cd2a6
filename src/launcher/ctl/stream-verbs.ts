import { formatDuration, formatSize } from '../../settings/units.js';
import { EXIT } from '../command-line.js';
import { STREAM_CHANGE, STREAM_LIST, STREAM_PAGE, type StreamDefinition, type StreamPage } from './answers.js';
import { bytesText, columns, facts, numberText } from './columns.js';
import { type NodeClient, warnOfSilence } from './node-client.js';
import { confirm, type Terminal } from './terminal.js';
import type { CtlAction } from './verbs.js';

export interface Call<Kind extends CtlAction['kind']> {
  readonly action: Extract<CtlAction, { kind: Kind }>;
  readonly node: NodeClient;
  readonly form: 'table' | 'json';
  readonly terminal: Terminal;
}

export function json(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

export async function listStreams({ node, form, terminal }: Call<'stream-list'>): Promise<number> {
  const answer = await node.ask({ verb: 'stream-list' }, STREAM_LIST);
  const head = ['NAME', '>PARTITIONS', '>RECORDS', '>BYTES', 'STORAGE', 'FLUSH', 'RETENTION', 'FILTERS', 'ORIGIN'];
  const rows = answer.streams.map(({ definition, records, bytes }) => [
    definition.name,
    String(definition.partitions),
    numberText(records),
    bytesText(bytes),
    definition.storage,
    definition.settings.flush,
    retentionText(definition),
    definition.filters.length === 0 ? '-' : definition.filters.join(','),
    definition.origin,
  ]);
  await terminal.out(form === 'json' ? json(answer) : columns(head, rows));
  return warnOfSilence(terminal, answer) ? EXIT.failure : EXIT.ok;
}

export async function describeStream({ action, node, form, terminal }: Call<'stream-describe'>): Promise<number> {
  const answer = await node.ask({ verb: 'stream-describe', name: action.name }, STREAM_PAGE);
  await terminal.out(form === 'json' ? json(answer) : pageText(answer));
  return warnOfSilence(terminal, answer) ? EXIT.failure : EXIT.ok;
}

export async function createStream({ action, node, form, terminal }: Call<'stream-create'>): Promise<number> {
  const answer = await node.ask({ verb: 'stream-create', stream: action.stream }, STREAM_CHANGE);
  const { name, partitions } = answer.definition;
  await terminal.out(form === 'json' ? json(answer.definition) : `created stream "${name}" with ${counted(partitions, 'partition')}\n`);
  return EXIT.ok; // A shard that is silent takes it over when it starts.
}

export async function deleteStream({ action, node, form, terminal }: Call<'stream-delete'>): Promise<number> {
  const { name, isConfirmed } = action;
  const { partitions } = await node.ask({ verb: 'stream-describe', name }, STREAM_PAGE);
  const records = partitions.reduce((sum, partition) => sum + partition.records, 0);
  await confirm(terminal, isConfirmed, `Delete stream "${name}" and its ${counted(records, 'record')} for good?`);
  const answer = await node.ask({ verb: 'stream-delete', name }, STREAM_CHANGE);
  await terminal.out(form === 'json' ? json(answer.definition) : `deleted stream "${name}" and its ${counted(records, 'record')}\n`);
  return EXIT.ok;
}

function pageText({ definition, partitions }: StreamPage): string {
  const { name, id, storage, settings, filters, key, takesQos0, origin } = definition;
  const records = partitions.reduce((sum, partition) => sum + partition.records, 0);
  const bytes = partitions.reduce((sum, partition) => sum + partition.bytes, 0);
  const page = facts([
    ['Stream', `${name} (number ${id}, ${ORIGINS[origin] ?? origin})`],
    ['Storage', storage],
    ['Flush', settings.flush],
    ['Retention', retentionText(definition)],
    ...(settings.isCompacted ? ([['Tombstones', `kept ${formatDuration(settings.tombstoneMs)}`]] as const) : []),
    ['Filters', filters.length === 0 ? '-' : filters.join(', ')],
    ['Key', key],
    ['QoS 0', takesQos0 ? 'taken' : 'not taken'],
    ['Records', numberText(records)],
    ['Bytes', bytesText(bytes)],
  ]);
  const rows = partitions.map(({ partition, shard, group, start, end, records: count, bytes: size }) => {
    return [...[partition, shard, group, start, end].map(String), numberText(count), bytesText(size)];
  });
  return `${page}\n${columns(['>PARTITION', '>SHARD', '>GROUP', '>START', '>END', '>RECORDS', '>BYTES'], rows)}`;
}

const ORIGINS: Readonly<Record<string, string>> = { system: 'of the system', settings: 'from the settings', command: 'made by a command' };

function retentionText({ settings }: StreamDefinition): string {
  const { timeMs, bytes, records } = settings.retention;
  const limits = [
    ...(timeMs > 0 ? [formatDuration(timeMs)] : []),
    ...(bytes > 0 ? [formatSize(bytes)] : []),
    ...(records > 0 ? [`${records} records`] : []),
    ...(settings.isCompacted ? ['compacted'] : []),
  ];
  return limits.length === 0 ? 'for ever' : limits.join(', ');
}

/** `1 record`, `1,200 records`. */
export function counted(count: number, noun: string): string {
  return `${numberText(count)} ${noun}${count === 1 ? '' : 's'}`;
}
