import type { z } from 'zod';
import type { Answer } from '../../admin/questions/mqtt-sessions.js';
import type { Question } from '../../admin/questions/question.js';
import { BrokerError } from '../../base/errors.js';
import { notRunning } from '../background.js';
import { askControl } from '../control-client.js';
import type { ControlQuestion } from '../control-wire.js';
import { STATUS_REPORT, type StatusReport } from '../status-page.js';
import type { Terminal } from './terminal.js';

/** Longer than shards take at most, twice. */
const ANSWER_MS_MAX = 20_000;

/** Asks the broker of a data directory. */
export class NodeClient {
  readonly dataPath: string;

  constructor(dataPath: string) {
    this.dataPath = dataPath;
  }

  /** @throws BrokerError RMQ-1009 if none runs, RMQ-1015; RemoteError with what the server says. */
  async ask<T>(question: ControlQuestion, schema: z.ZodType<T>): Promise<T> {
    const answer = await askControl(this.dataPath, question, ANSWER_MS_MAX);
    if (answer === null) throw notRunning(this.dataPath);
    return this.#checked(answer.body, schema);
  }

  /** What the server says of itself. @throws as `ask`. */
  async status(): Promise<StatusReport> {
    const answer = await askControl(this.dataPath, { verb: 'status' }, ANSWER_MS_MAX);
    if (answer === null) throw notRunning(this.dataPath);
    return this.#checked(answer.body, STATUS_REPORT);
  }

  /** One of admin/questions. @throws as `ask`. */
  put<A extends object, R extends object>(question: Question<A, R>, ask: A): Promise<R> {
    return this.ask({ verb: 'ask', question: question.name, ask }, question.answers);
  }

  #checked<T>(body: unknown, schema: z.ZodType<T>): T {
    const checked = schema.safeParse(body);
    if (checked.success) return checked.data;
    throw new BrokerError('RMQ-1015', '(the answer is not understood)', { cause: checked.error, cure: 'Use the robust-ctl of the server' });
  }
}

/** Says what is missing. @returns false if nothing is. */
export function warnOfSilence(terminal: Terminal, { silent }: Answer): boolean {
  if (silent.length === 0) return false;
  const shards = silent.length === 1 ? `shard ${silent[0]} did` : `shards ${silent.join(', ')} did`;
  terminal.err(`${new BrokerError('RMQ-1024', `(${shards} not: what is there is missing here)`).line}\n`);
  return true;
}
