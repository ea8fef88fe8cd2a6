import { DELAYED_CANCEL, DELAYED_CLEAR, DELAYED_LIST, type DelayedListAsk, type DelayedRow } from '../../admin/questions/mqtt-delayed.js';
import type { Page } from '../../admin/questions/question.js';
import { BrokerError } from '../../base/errors.js';
import { type Answerer, type AskedNode, answerer } from './answerer.js';
import { cursorOf, mergePages, partsOf } from './pages.js';

async function listDelayed(node: AskedNode, { after, limit, tenant, filter }: DelayedListAsk): Promise<Page<DelayedRow>> {
  const [seen] = partsOf(after, 1);
  const { bodies, silent } = await node.askAll('delayed', { after: seen, limit, tenant, filter });
  const pages = bodies.map(([, { delayed, isCut }]) => ({ rows: delayed, isCut }));
  const { rows, isCut } = mergePages(pages, limit, ({ id }) => id);
  const last = rows.at(-1);
  return { items: rows, next: isCut && last !== undefined ? cursorOf(last.id) : null, silent };
}

export const DELAYED_ANSWERS: readonly Answerer[] = [
  answerer(DELAYED_LIST, listDelayed),
  answerer(DELAYED_CANCEL, async (node, { id }) => {
    const { bodies, silent } = await node.askAll('cancel-delayed', { id });
    if (bodies.some(([, isCancelled]) => isCancelled)) return { text: `cancelled the delayed message ${id}` };
    if (silent.length > 0) throw new BrokerError('RMQ-1024', `(shard ${silent.join(', ')}; no other has the delayed message ${id})`);
    throw new BrokerError('RMQ-1023', `(delayed message ${id})`, { cure: 'Look for it with `robust-ctl mqtt delayed list`' });
  }),
  answerer(DELAYED_CLEAR, async (node, { tenant, filter }) => {
    const { bodies, silent } = await node.askAll('clear-delayed', { tenant, filter });
    return { cancelled: bodies.reduce((sum, [, count]) => sum + count, 0), silent };
  }),
];
