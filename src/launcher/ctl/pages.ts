import { PAGE_MAX, type Page, type PageAsk, type Question } from '../../admin/questions/question.js';
import { EXIT } from '../command-line.js';
import { columns, numberText } from './columns.js';
import { warnOfSilence } from './node-client.js';
import { json } from './stream-verbs.js';
import type { RunCall } from './verb.js';

/** Asks for page after page of a list until so many rows are there, and shows them. @returns the exit code. */
export async function showList<A extends PageAsk, Row>(
  { node, form, terminal }: RunCall,
  question: Question<A, Page<Row>>,
  ask: A,
  head: readonly string[],
  cellsOf: (row: Row) => readonly string[],
): Promise<number> {
  const items: Row[] = [];
  const silent = new Set<number>();
  let after: string | null = '';
  while (after !== null && items.length < ask.limit && !terminal.signal.aborted) {
    const page: Page<Row> = await node.put(question, { ...ask, after, limit: Math.min(PAGE_MAX, ask.limit - items.length) });
    items.push(...page.items);
    for (const shard of page.silent) silent.add(shard);
    after = page.next;
  }
  const isCut = after !== null;
  if (form === 'json') await terminal.out(json({ items, isCut, silent: [...silent] }));
  else {
    await terminal.out(columns(head, items.map(cellsOf)));
    if (isCut) terminal.err(`the first ${numberText(items.length)}; --limit shows more\n`);
  }
  return warnOfSilence(terminal, { silent: [...silent] }) ? EXIT.failure : EXIT.ok;
}

/** Does one change, and says the sentence of the server. @returns the exit code. */
export async function tellDone<A extends object, R extends { readonly text: string }>(
  { node, form, terminal }: RunCall,
  question: Question<A, R>,
  ask: A,
): Promise<number> {
  const answer = await node.put(question, ask);
  await terminal.out(form === 'json' ? json(answer) : `${answer.text}\n`);
  return EXIT.ok;
}
