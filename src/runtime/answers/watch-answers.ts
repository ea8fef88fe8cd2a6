import { ALARM_LIST, type AlarmListAsk, type AlarmRow } from '../../admin/questions/alarms.js';
import {
  TRACE_DELETE,
  TRACE_LIST,
  TRACE_READ,
  TRACE_START,
  TRACE_STOP,
  type TraceListRow,
  type TracePage,
  type TraceStartAsk,
} from '../../admin/questions/mqtt-traces.js';
import type { Page, PageAsk } from '../../admin/questions/question.js';
import { BrokerError } from '../../base/errors.js';
import { checkFilter } from '../../protocols/mqtt/topic-syntax.js';
import { type Answerer, type AskedNode, answerer } from './answerer.js';

/* What the node itself watches: alarms and traces. */

/** A page of what is in the memory of main, by its place. */
function pageOfAll<Row>(rows: readonly Row[], { after, limit }: PageAsk): Page<Row> {
  const from = /^\d{1,9}$/.test(after) ? Number(after) : 0;
  const items = rows.slice(from, from + limit);
  return { items, next: from + items.length < rows.length ? String(from + items.length) : null, silent: [] };
}

async function listAlarms({ watch }: AskedNode, ask: AlarmListAsk): Promise<Page<AlarmRow>> {
  const { alarms } = watch;
  return pageOfAll<AlarmRow>(ask.isPast ? alarms.past : alarms.active.map((alarm) => ({ ...alarm, deactivatedAtMs: null })), ask);
}

async function startTrace(node: AskedNode, { seconds, ...order }: TraceStartAsk): Promise<{ readonly text: string }> {
  if (order.kind === 'topic' && checkFilter(order.value, Number.MAX_SAFE_INTEGER) !== 'ok')
    throw new BrokerError('RMQ-1036', '(value: it is no topic filter, or a shared one)');
  node.watch.traces.start({ ...order, durationMs: seconds * 1000 }, node.clock.nowMs());
  await node.ordersDone(); // From now on every packet is noted.
  return { text: `trace "${order.name}" runs for ${seconds} s or until it has ${order.bytesMax} bytes` };
}

async function listTraces({ watch }: AskedNode, ask: PageAsk): Promise<Page<TraceListRow>> {
  const rows = watch.traces.list().map(({ name, running, bytes, changedAtMs }) => ({
    ...{ name, bytes, changedAtMs, isRunning: running !== null },
    of: running === null ? '' : `${running.kind} ${running.value}`,
    endsAtMs: running?.endsAtMs ?? null,
    lost: running?.lost ?? 0,
  }));
  return pageOfAll(rows, ask);
}

async function readTrace({ watch }: AskedNode, { name, offset }: { readonly name: string; readonly offset: number }): Promise<TracePage> {
  const { bytes, next } = watch.traces.read(name, offset);
  return { base64: bytes.toString('base64'), next: next < 0 ? null : next };
}

export const WATCH_ANSWERS: readonly Answerer[] = [
  answerer(ALARM_LIST, listAlarms),
  answerer(TRACE_START, startTrace),
  answerer(TRACE_LIST, listTraces),
  answerer(TRACE_READ, readTrace),
  answerer(TRACE_STOP, async (node, { name }) => {
    await node.ordersDone(); // What was noted up to now is on its way, in order.
    node.watch.traces.stop(name, node.clock.nowMs());
    return { text: `ended the trace "${name}"` };
  }),
  answerer(TRACE_DELETE, async ({ watch }, { name }) => {
    watch.traces.delete(name);
    return { text: `deleted the trace "${name}"` };
  }),
];
