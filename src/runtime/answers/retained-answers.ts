import { isUtf8 } from 'node:buffer';
import {
  type Payload,
  RETAINED_CLEAR,
  RETAINED_DELETE,
  RETAINED_LIST,
  RETAINED_SHOW,
  type RetainedAsk,
  type RetainedListAsk,
  type RetainedMessage,
  type RetainedRow,
} from '../../admin/questions/mqtt-retained.js';
import type { Done, Page } from '../../admin/questions/question.js';
import { BrokerError } from '../../base/errors.js';
import { plainName, routingFilter, routingName } from '../../base/tenant-names.js';
import type { RetainedFacts } from '../../protocols/mqtt/operator/retained.js';
import { type Answerer, type AskedNode, answerer } from './answerer.js';
import { cursorOf, mergePages, partsOf } from './pages.js';

async function listRetained(node: AskedNode, { after, limit, tenant, filter }: RetainedListAsk): Promise<Page<RetainedRow>> {
  const [seen] = partsOf(after, 1);
  const { bodies, silent } = await node.askAll('retained', { after: seen, limit, filter: routingFilter(tenant, filter) });
  const pages = bodies.map(([, { retained, isCut }]) => ({ rows: retained, isCut }));
  const { rows, isCut } = mergePages(pages, limit, ({ topic }) => topic);
  const last = rows.at(-1);
  return { items: rows.map((facts) => rowOf(tenant, facts)), next: isCut && last !== undefined ? cursorOf(last.topic) : null, silent };
}

async function showRetained(node: AskedNode, { tenant, topic }: RetainedAsk): Promise<{ readonly message: RetainedMessage }> {
  checkTopic(topic);
  const { bodies, silent } = await node.askAll('retained-of', { topic: routingName(tenant, topic) });
  for (const [, found] of bodies) {
    if (found === null) continue;
    const { payload, ...facts } = found;
    return { message: { ...rowOf(tenant, facts), payload: payloadText(payload) } };
  }
  throw noMessage(topic, silent);
}

async function deleteRetained(node: AskedNode, { tenant, topic }: RetainedAsk): Promise<Done> {
  checkTopic(topic);
  const { bodies, silent } = await node.askAll('delete-retained', { filter: routingName(tenant, topic) });
  if (bodies.every(([, count]) => count === 0)) throw noMessage(topic, silent);
  return { text: `deleted the retained message of ${topic}` };
}

function rowOf(tenant: string, { topic, expiresAtMs, ...facts }: RetainedFacts): RetainedRow {
  return { tenant, topic: plainName(topic), ...facts, expiresAtMs: expiresAtMs === 0 ? null : expiresAtMs };
}

/** As JSON carries it. */
export function payloadText(payload: Uint8Array): Payload {
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.length);
  return isUtf8(bytes) ? bytes.toString() : { base64: bytes.toString('base64') };
}

/** A topic with wildcards would be a filter. */
function checkTopic(topic: string): void {
  if (/[+#]/.test(topic)) throw new BrokerError('RMQ-1036', `(topic: ${JSON.stringify(topic)} has wildcards)`);
}

function noMessage(topic: string, silent: readonly number[]): BrokerError {
  if (silent.length > 0) return new BrokerError('RMQ-1024', `(shard ${silent.join(', ')}; no other has a retained message of ${topic})`);
  return new BrokerError('RMQ-1023', `(retained message of ${topic})`, { cure: 'Look for it with `robust-ctl mqtt retained list`' });
}

export const RETAINED_ANSWERS: readonly Answerer[] = [
  answerer(RETAINED_LIST, listRetained),
  answerer(RETAINED_SHOW, showRetained),
  answerer(RETAINED_DELETE, deleteRetained),
  answerer(RETAINED_CLEAR, async (node, { tenant, filter }) => {
    const { bodies, silent } = await node.askAll('delete-retained', { filter: routingFilter(tenant, filter) });
    return { deleted: bodies.reduce((sum, [, count]) => sum + count, 0), silent };
  }),
];
