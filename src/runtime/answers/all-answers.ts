import { QUESTIONS } from '../../admin/questions/catalogue.js';
import { assert } from '../../base/assert.js';
import { BrokerError } from '../../base/errors.js';
import { ACCESS_ANSWERS } from './access-answer.js';
import type { Answerer, AskedNode } from './answerer.js';
import { CLIENT_ANSWERS } from './client-answers.js';
import { DELAYED_ANSWERS } from './delayed-answers.js';
import { EXPLAIN_ANSWERS } from './explain-answer.js';
import { MESSAGE_ANSWERS } from './message-answers.js';
import { RESOURCE_ANSWERS } from './resource-answers.js';
import { RETAINED_ANSWERS } from './retained-answers.js';
import { SESSION_ANSWERS } from './session-answers.js';
import { SHARED_ANSWERS } from './shared-answers.js';
import { SLOW_ANSWERS } from './slow-answer.js';
import { SUBSCRIPTION_ANSWERS } from './subscription-answers.js';
import { USER_ANSWERS } from './user-answers.js';
import { WATCH_ANSWERS } from './watch-answers.js';

/* Loaded with the first question: nothing of it slows the start. */

/** Answers that there are. Add yours here, and its question to admin/questions/catalogue.ts. */
const ANSWERS: readonly Answerer[] = [
  ...CLIENT_ANSWERS,
  ...EXPLAIN_ANSWERS,
  ...SLOW_ANSWERS,
  ...WATCH_ANSWERS,
  ...SESSION_ANSWERS,
  ...SUBSCRIPTION_ANSWERS,
  ...SHARED_ANSWERS,
  ...DELAYED_ANSWERS,
  ...RETAINED_ANSWERS,
  ...MESSAGE_ANSWERS,
  ...USER_ANSWERS,
  ...ACCESS_ANSWERS,
  ...RESOURCE_ANSWERS,
];

interface Known {
  readonly asks: (typeof QUESTIONS)[number]['asks'];
  readonly answerer: Answerer;
}

const KNOWN: ReadonlyMap<string, Known> = new Map(
  QUESTIONS.map(({ name, asks }) => {
    const found = ANSWERS.find(({ question }) => question === name);
    assert(found !== undefined, 'every question has an answer');
    return [name, { asks, answerer: found }];
  }),
);

/** @throws BrokerError RMQ-1036 if it is no question, or not asked in its form. */
export async function answerQuestion(node: AskedNode, name: string, ask: unknown): Promise<object> {
  const known = KNOWN.get(name);
  if (known === undefined)
    throw new BrokerError('RMQ-1036', `(there is no question "${name}")`, { cure: 'Use the robust-ctl of the server' });
  const checked = known.asks.safeParse(ask);
  if (!checked.success) throw new BrokerError('RMQ-1036', `(${checked.error.issues.map(issueText).join('; ')})`);
  return await known.answerer.answer(node, checked.data);
}

function issueText({ path, message }: { readonly path: readonly PropertyKey[]; readonly message: string }): string {
  const said = message.replace(/^Invalid input: /, '');
  return path.length === 0 ? said : `${path.map(String).join('.')}: ${said}`;
}
