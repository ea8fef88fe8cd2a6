import { BrokerError } from '../base/errors.js';
import type { ShardId } from '../broker/ports.js';
import type { ShardAnswer, ShardOrder } from './orders.js';
import type { ShardAnswers, ShardQuestion } from './questions.js';

/** A shard that has not answered by then counts as silent. */
export const ANSWER_MS_MAX = 5000;
/** Questions under way; an operator's scripts must not fill the memory of main. */
const OPEN_MAX = 10_000;

export interface EnquiryHost {
  isServing(shard: ShardId): boolean;
  post(shard: ShardId, order: ShardOrder): void;
}

interface Open {
  readonly shard: ShardId;
  readonly done: (answer: ShardAnswer | null) => void;
}

/** Questions of main that shards have not answered yet. */
export class Enquiries {
  readonly #host: EnquiryHost;
  readonly #answerMsMax: number;
  readonly #open = new Map<number, Open>();
  #ticketLast = 0;

  constructor(host: EnquiryHost, answerMsMax: number = ANSWER_MS_MAX) {
    this.#host = host;
    this.#answerMsMax = answerMsMax;
  }

  isServing(shard: ShardId): boolean {
    return this.#host.isServing(shard);
  }

  get openCount(): number {
    return this.#open.size;
  }

  /** @returns null if the shard is down, goes down, or is silent for too long. @throws BrokerError RMQ-1024 if it cannot answer. */
  async ask<K extends ShardQuestion['kind']>(
    shard: ShardId,
    question: Extract<ShardQuestion, { kind: K }>,
  ): Promise<{ readonly body: ShardAnswers[K] } | null> {
    if (!this.#host.isServing(shard) || this.#open.size >= OPEN_MAX) return null;
    this.#ticketLast += 1;
    const ticket = this.#ticketLast;
    const answer = await new Promise<ShardAnswer | null>((resolve) => {
      const timer = setTimeout(() => this.#close(ticket, null), this.#answerMsMax);
      const done = (given: ShardAnswer | null): void => {
        clearTimeout(timer);
        resolve(given);
      };
      this.#open.set(ticket, { shard, done });
      this.#host.post(shard, { kind: 'query', ticket, question });
    });
    if (answer === null) return null;
    if (answer.fault !== null) throw new BrokerError('RMQ-1024', `(shard ${shard}: ${answer.fault})`);
    return { body: answer.body as ShardAnswers[K] }; // The same build answers in the kind of the question.
  }

  /** Late answers are for nobody any more. */
  onAnswer(ticket: number, answer: ShardAnswer): void {
    this.#close(ticket, answer);
  }

  onShardDown(shard: ShardId): void {
    for (const [ticket, open] of [...this.#open]) if (open.shard === shard) this.#close(ticket, null);
  }

  #close(ticket: number, answer: ShardAnswer | null): void {
    const open = this.#open.get(ticket);
    this.#open.delete(ticket);
    open?.done(answer);
  }
}
