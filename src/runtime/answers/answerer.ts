import type { Question } from '../../admin/questions/question.js';
import type { Clock } from '../../base/clock.js';
import type { ShardId } from '../../broker/ports.js';
import type { Command, CommandOutcome } from '../../metadata/catalogue/commands.js';
import type { CatalogueReader } from '../../metadata/ports.js';
import type { OperatorAnswer, OperatorAsk, OperatorQuestionName } from '../../protocols/mqtt/operator/questions.js';
import type { NodeQuestion } from '../questions.js';
import type { Heard } from '../shard-poll.js';
import type { NodeWatch } from '../watch/node-watch.js';

/** What answers of questions stand on. On the main thread. */
export interface AskedNode {
  readonly shardCount: number;
  readonly clock: Clock;
  readonly catalogue: CatalogueReader;
  /** To the MQTT engines of all shards that answer. */
  askAll<N extends OperatorQuestionName>(name: N, ask: OperatorAsk<N>): Promise<Heard<OperatorAnswer<N>>>;
  /** @throws BrokerError RMQ-1024 if it does not answer. */
  askOne<N extends OperatorQuestionName>(shard: ShardId, name: N, ask: OperatorAsk<N>): Promise<OperatorAnswer<N>>;
  /** Alarms and traces. */
  readonly watch: Pick<NodeWatch, 'alarms' | 'traces'>;
  /** When every shard has done what it was ordered before. */
  ordersDone(): Promise<void>;
  /** Of a shard that serves. @throws BrokerError RMQ-1024 if there is none, or it does not answer. */
  askAny<N extends OperatorQuestionName>(name: N, ask: OperatorAsk<N>): Promise<OperatorAnswer<N>>;
  /** Older questions of robust-ctl. */
  answer(question: NodeQuestion): Promise<object>;
  /** @throws BrokerError RMQ-1029, RMQ-1031. */
  propose(commands: readonly Command[]): Promise<readonly CommandOutcome[]>;
}

/** The answer to one question. What is asked was checked by the question's form. */
export interface Answerer {
  readonly question: string;
  readonly answer: (node: AskedNode, ask: unknown) => Promise<object>;
}

export function answerer<A extends object, R extends object>(
  question: Question<A, R>,
  answer: (node: AskedNode, ask: A) => Promise<R>,
): Answerer {
  // Whoever calls has checked it by the form of this very question.
  return { question: question.name, answer: (node, ask) => answer(node, ask as A) };
}
