import { BrokerError } from '../../base/errors.js';
import { EXIT } from '../command-line.js';
import { type PartitionRow, PLACES, STREAM_PAGE, type StreamPage } from './answers.js';
import { warnOfSilence } from './node-client.js';
import { holeText, jsonLine, readSpans, type Span, type StreamRecord, textLine } from './records.js';
import type { Call } from './stream-verbs.js';
import { pause } from './terminal.js';
import type { TailAction, TailStart } from './verbs.js';

const COUNT_DEFAULT = 20;
/** How often who follows looks for more. */
const FOLLOW_MS = 250;

/** Ends with what there is, or with Ctrl-C. */
export async function tailStream(call: Call<'stream-tail'>): Promise<number> {
  const { action, node, terminal } = call;
  const page = await node.ask({ verb: 'stream-describe', name: action.name }, STREAM_PAGE);
  const isSilent = warnOfSilence(terminal, page);
  if (action.from?.kind === 'offset' && action.partition === null && page.definition.partitions > 1) {
    terminal.err('error: an offset is of one partition: add --partition\n');
    return EXIT.usage;
  }
  const tail = new Tail(call, page);
  await tail.run();
  return isSilent || tail.hasFailed ? EXIT.failure : EXIT.ok;
}

class Tail {
  /** Something could not be read. */
  hasFailed = false;
  readonly #call: Call<'stream-tail'>;
  readonly #page: StreamPage;
  readonly #rows: readonly PartitionRow[];
  /** Records that may still be shown. */
  #room: number;
  /** Where to go on, by partition. */
  readonly #next = new Map<number, number>();

  constructor(call: Call<'stream-tail'>, page: StreamPage) {
    this.#call = call;
    this.#page = page;
    this.#rows = rowsOf(call.action, page);
    const { count, from, isFollowing } = call.action;
    this.#room = count ?? (from !== null && isFollowing ? Number.POSITIVE_INFINITY : COUNT_DEFAULT);
  }

  async run(): Promise<void> {
    const { from, isFollowing } = this.#call.action;
    if (from === null) await this.#showLast();
    else await this.#show(await this.#spansFrom(from));
    if (from === null) this.#room = Number.POSITIVE_INFINITY; // It was for those that were there.
    if (isFollowing) await this.#follow();
  }

  async #showLast(): Promise<void> {
    const count = this.#room;
    const last: StreamRecord[] = [];
    for (const row of this.#rows) if (row.start < row.end && count > 0) last.push(...(await this.#lastOf(row, count)));
    for (const { partition, end } of this.#rows) this.#next.set(partition, end);
    last.sort((a, b) => a.timestampMs - b.timestampMs || a.partition - b.partition || a.offset - b.offset);
    await this.#print(last.slice(Math.max(0, last.length - count)));
  }

  /** Offsets may have gaps: then it looks further back. */
  async #lastOf({ partition, start, end }: PartitionRow, count: number): Promise<StreamRecord[]> {
    for (let back = count; ; back *= 4) {
      const from = Math.max(start, end - back);
      const found: StreamRecord[] = [];
      for await (const records of this.#read([{ partition, next: from, end }])) {
        found.push(...records);
        if (found.length > count) found.splice(0, found.length - count);
      }
      if (found.length >= count || from === start || this.#call.terminal.signal.aborted) return found;
    }
  }

  async #spansFrom(from: TailStart): Promise<Span[]> {
    const places = await this.#placesOf(from);
    return this.#rows.map(({ partition, start, end }) => {
      return { partition, next: Math.max(start, places?.get(partition) ?? (from.kind === 'earliest' ? start : end)), end };
    });
  }

  /** Null where the place is not of the partition but of its bounds. */
  async #placesOf(from: TailStart): Promise<ReadonlyMap<number, number> | null> {
    if (from.kind === 'earliest' || from.kind === 'latest') return null;
    if (from.kind === 'offset') return new Map(this.#rows.map(({ partition }) => [partition, from.offset]));
    const timestampMs = from.kind === 'time' ? from.timestampMs : Date.now() - from.ms;
    const answer = await this.#call.node.ask({ verb: 'stream-seek', stream: this.#page.definition.id, timestampMs }, PLACES);
    return new Map(answer.places);
  }

  /** Prints what is in the spans, as far as there is room. */
  async #show(spans: readonly Span[]): Promise<void> {
    for (const { partition, next } of spans) this.#next.set(partition, next);
    for await (const records of this.#read(spans)) {
      await this.#print(records.slice(0, this.#room));
      this.#room -= Math.min(this.#room, records.length);
      if (this.#room <= 0 || this.#call.terminal.signal.aborted) break;
    }
    for (const { partition, next } of spans) this.#next.set(partition, next);
  }

  async #follow(): Promise<void> {
    const { action, node, terminal } = this.#call;
    while (this.#room > 0 && !terminal.signal.aborted) {
      const page = await node.ask({ verb: 'stream-describe', name: action.name }, STREAM_PAGE);
      if (page.definition.id !== this.#page.definition.id)
        throw new BrokerError('RMQ-1023', `(stream "${action.name}" was deleted; there is a new one of this name)`);
      // A partition that is new begins to be followed where it begins.
      const spans = rowsOf(action, page).map(
        ({ partition, start, end }): Span => ({ partition, next: this.#next.get(partition) ?? start, end }),
      );
      const behind = spans.filter(({ next, end }) => next < end);
      if (behind.length > 0) await this.#show(behind);
      else await pause(FOLLOW_MS, terminal.signal);
    }
  }

  #read(spans: readonly Span[]): AsyncGenerator<StreamRecord[], void, undefined> {
    const { node, terminal } = this.#call;
    return readSpans(node, this.#page.definition.id, spans, (hole) => {
      terminal.err(holeText(hole));
      this.hasFailed ||= hole.isCorrupt;
    });
  }

  async #print(records: readonly StreamRecord[]): Promise<void> {
    const line = this.#call.form === 'json' ? jsonLine : textLine;
    if (records.length > 0) await this.#call.terminal.out(records.map(line).join(''));
  }
}

function rowsOf({ partition, name }: TailAction, { partitions, definition }: StreamPage): readonly PartitionRow[] {
  if (partition === null) return partitions;
  if (partition >= definition.partitions)
    throw new BrokerError('RMQ-1023', `(partition ${partition} of stream "${name}", which has ${definition.partitions})`);
  return partitions.filter((row) => row.partition === partition);
}
