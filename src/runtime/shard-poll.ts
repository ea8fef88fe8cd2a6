import { BrokerError } from '../base/errors.js';
import type { ShardId } from '../broker/ports.js';
import type { OperatorAnswer, OperatorAsk, OperatorQuestionName } from '../protocols/mqtt/operator/questions.js';
import type { Enquiries } from './enquiries.js';
import type { ShardAnswers, ShardQuestion, Silent } from './questions.js';

/** Answers of all shards that gave one. */
export interface Heard<T> extends Silent {
  readonly bodies: readonly (readonly [shard: ShardId, body: T])[];
}

/** Asks several shards at once. On the main thread. */
export class ShardPoll {
  readonly shards: readonly ShardId[];
  readonly #enquiries: Enquiries;

  constructor(shardCount: number, enquiries: Enquiries) {
    this.shards = Array.from({ length: shardCount }, (_, shard) => shard);
    this.#enquiries = enquiries;
  }

  all<K extends ShardQuestion['kind']>(question: Extract<ShardQuestion, { kind: K }>): Promise<Heard<ShardAnswers[K]>> {
    return this.some(this.shards, () => question);
  }

  async some<K extends ShardQuestion['kind']>(
    shards: readonly ShardId[],
    questionFor: (shard: ShardId) => Extract<ShardQuestion, { kind: K }>,
  ): Promise<Heard<ShardAnswers[K]>> {
    const answers = await Promise.all(shards.map((shard) => this.#enquiries.ask<K>(shard, questionFor(shard))));
    const bodies: (readonly [ShardId, ShardAnswers[K]])[] = [];
    const silent: ShardId[] = [];
    for (const [at, answer] of answers.entries()) {
      if (answer === null) silent.push(shards[at]);
      else bodies.push([shards[at], answer.body]);
    }
    return { bodies, silent };
  }

  /** The MQTT engine of each. The answer is that of the name: the same build gives it. */
  async mqtt<N extends OperatorQuestionName>(name: N, ask: OperatorAsk<N>): Promise<Heard<OperatorAnswer<N>>> {
    const { bodies, silent } = await this.all<'mqtt'>({ kind: 'mqtt', name, ask });
    return { bodies: bodies.map(([shard, body]) => [shard, body as OperatorAnswer<N>]), silent };
  }

  /** The MQTT engine of a shard that serves. @throws BrokerError RMQ-1024 if none does, or it goes down meanwhile. */
  mqttOfAny<N extends OperatorQuestionName>(name: N, ask: OperatorAsk<N>): Promise<OperatorAnswer<N>> {
    return this.mqttOf(this.shards.find((shard) => this.#enquiries.isServing(shard)) ?? this.shards[0], name, ask);
  }

  /** @throws BrokerError RMQ-1024. */
  async mqttOf<N extends OperatorQuestionName>(shard: ShardId, name: N, ask: OperatorAsk<N>): Promise<OperatorAnswer<N>> {
    const answer = await this.#enquiries.ask<'mqtt'>(shard, { kind: 'mqtt', name, ask });
    if (answer === null) throw new BrokerError('RMQ-1024', `(shard ${shard})`);
    return answer.body as OperatorAnswer<N>;
  }
}
