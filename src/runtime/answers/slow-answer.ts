import { SLOW_LIST, type SlowAnswer } from '../../admin/questions/mqtt-slow.js';
import { type Answerer, type AskedNode, answerer } from './answerer.js';

async function listSlow(node: AskedNode, { limit }: { readonly limit: number }): Promise<SlowAnswer> {
  const { bodies, silent } = await node.askAll('slow', { limit });
  const rows = bodies.flatMap(([shard, entries]) => (entries ?? []).map(({ key: _, ...entry }) => ({ ...entry, shard })));
  const items = rows.sort((left, right) => right.longestMs - left.longestMs).slice(0, limit);
  return { isMeasured: bodies.some(([, entries]) => entries !== null), items, silent };
}

export const SLOW_ANSWERS: readonly Answerer[] = [answerer(SLOW_LIST, listSlow)];
