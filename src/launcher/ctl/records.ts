import { BrokerError } from '../../base/errors.js';
import { PLACES_MAX } from '../control-wire.js';
import { type Field, type PageRecord, type PartitionPage, RECORDS } from './answers.js';
import { printable, timeText } from './columns.js';
import type { NodeClient } from './node-client.js';

/* Records of a stream: page after page from the broker, and as lines. */

export interface StreamRecord extends PageRecord {
  readonly partition: number;
}

/** Of one partition: what is still to be read. */
export interface Span {
  readonly partition: number;
  next: number;
  readonly end: number;
}

/** Offsets from `from` to before `to` do not come: they have expired, or cannot be read. */
export interface Hole {
  readonly partition: number;
  readonly from: number;
  readonly to: number;
  readonly isCorrupt: boolean;
}

/**
 * Everything in the spans, a page of some partitions at a time; records of a partition come in order. The spans follow: who stops in between
 * may go on from them. @throws BrokerError RMQ-1024 where a shard is silent, RemoteError.
 */
export async function* readSpans(
  node: NodeClient,
  stream: number,
  spans: readonly Span[],
  onHole: (hole: Hole) => void,
): AsyncGenerator<StreamRecord[], void, undefined> {
  const open = spans.filter(({ next, end }) => next < end);
  while (open.length > 0) {
    const asked = open.slice(0, PLACES_MAX);
    const from = asked.map(({ partition, next }) => [partition, next] as const);
    const { partitions, silent } = await node.ask({ verb: 'stream-read', stream, from }, RECORDS);
    if (silent.length > 0) throw new BrokerError('RMQ-1024', `(shard ${silent.join(', ')})`);
    const byPartition = new Map(partitions.map((page) => [page.partition, page]));
    const records: StreamRecord[] = [];
    for (const span of asked) {
      const page = byPartition.get(span.partition);
      if (page !== undefined) take(span, page, records, onHole);
    }
    for (let i = open.length - 1; i >= 0; i -= 1) if (open[i].next >= open[i].end) open.splice(i, 1);
    records.sort((a, b) => a.timestampMs - b.timestampMs || a.partition - b.partition || a.offset - b.offset);
    if (records.length > 0) yield records;
  }
}

function take(span: Span, page: PartitionPage, into: StreamRecord[], onHole: (hole: Hole) => void): void {
  const { partition } = span;
  for (const record of page.records) if (record.offset < span.end) into.push({ ...record, partition });
  const last = page.records.at(-1);
  const reached = last === undefined ? span.next : last.offset + 1;
  if (page.status !== 'ok' && page.next > reached && reached < span.end)
    onHole({ partition, from: reached, to: Math.min(page.next, span.end), isCorrupt: page.status === 'corrupt' });
  span.next = page.next;
}

export function holeText({ partition, from, to, isCorrupt }: Hole): string {
  const what = from === to - 1 ? `offset ${from}` : `offsets ${from} to ${to - 1}`;
  const error = isCorrupt ? new BrokerError('RMQ-1021', `at partition ${partition}, ${what}`).line : null;
  return `${error ?? `partition ${partition}: ${what} expired meanwhile`}\n`;
}

/** A line of JSON. */
export function jsonLine({ partition, offset, timestampMs, key, value, headers }: StreamRecord): string {
  return `${JSON.stringify({ partition, offset, timestamp: timeText(timestampMs), key, value, headers })}\n`;
}

/** Of a value, for eyes. */
const SHOWN_MAX = 200;

/** `3:1200  2026-05-01T12:00:00.000Z  key  value  name=value`: everything on one line. */
export function textLine({ partition, offset, timestampMs, key, value, headers }: StreamRecord): string {
  const place = `${partition}:${offset}`.padEnd(10);
  const shown = headers.map((header) => `${printable(header.name)}=${fieldText(header.value)}`).join(' ');
  return `${place}  ${timeText(timestampMs)}  ${fieldText(key)}  ${fieldText(value)}${shown === '' ? '' : `  [${shown}]`}\n`;
}

function fieldText(field: Field): string {
  if (field === null) return '(none)';
  const text = typeof field === 'string' ? (field === '' ? '""' : field) : `base64:${field.base64}`;
  return printable(text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX)}…` : text);
}
