import type { Clock } from '../base/clock.js';
import { BrokerError } from '../base/errors.js';
import type { ShardId } from '../broker/ports.js';
import type { StreamDefinition } from '../broker/streams/definition.js';
import { groupOf, type JournalShape, shardOf } from '../journal/placement.js';
import type { StreamId } from '../journal/ports.js';
import type { Command, CommandOutcome } from '../metadata/catalogue/commands.js';
import type { CatalogueReader } from '../metadata/ports.js';
import type { SessionPosition, SessionSummary } from '../protocols/mqtt/operator/inspection.js';
import type { StreamSettings } from '../settings/journal-schema.js';
import type { AskedNode } from './answers/answerer.js';
import type { Enquiries } from './enquiries.js';
import type { ClusterQuestion } from './metadata-orders.js';
import type {
  NodeQuestion,
  PartitionExtent,
  PartitionPage,
  PartitionPlace,
  PartitionRow,
  SessionPage,
  SessionRow,
  Silent,
  StreamRow,
  Waiting,
} from './questions.js';
import { ShardPoll } from './shard-poll.js';
import type { StreamCatalogue } from './stream-catalogue.js';

/** Of the records in one answer, over all shards. */
const PAGE_BYTES = 500_000;
/** Waiting messages of a session are counted up to so many: of one, and of each in a list. */
const BACKLOG_MAX = 100_000;
const BACKLOG_OF_LIST_MAX = 1000;

export interface AnsweringNode {
  readonly shardCount: number;
  readonly catalogue: StreamCatalogue;
  readonly shape: JournalShape;
  readonly enquiries: Enquiries;
  readonly reader: CatalogueReader;
  readonly clock: Clock;
  readonly watch: AskedNode['watch'];
  propose(commands: readonly Command[]): Promise<readonly CommandOutcome[]>;
  askCluster(question: ClusterQuestion): Promise<object>;
}

/** Puts together what the catalogue and the shards know. On the main thread; the answers are plain data. */
export class NodeAnswers {
  readonly #node: AnsweringNode;
  readonly #poll: ShardPoll;
  readonly #asked: AskedNode;

  constructor(node: AnsweringNode) {
    const poll = new ShardPoll(node.shardCount, node.enquiries);
    this.#node = node;
    this.#poll = poll;
    this.#asked = {
      shardCount: node.shardCount,
      clock: node.clock,
      catalogue: node.reader,
      askAll: (name, ask) => poll.mqtt(name, ask),
      askOne: (shard, name, ask) => poll.mqttOf(shard, name, ask),
      watch: node.watch,
      ordersDone: async () => {
        await poll.all({ kind: 'orders-done' });
      },
      askAny: (name, ask) => poll.mqttOfAny(name, ask),
      answer: (question) => this.answer(question),
      propose: (commands) => node.propose(commands),
    };
  }

  /** @throws BrokerError RMQ-1018, RMQ-1022, RMQ-1023, RMQ-1024, and what answers of questions throw. */
  async answer(question: NodeQuestion): Promise<object> {
    switch (question.verb) {
      case 'stream-list':
        return this.#listStreams();
      case 'stream-describe':
        return this.#describe(question.name);
      case 'stream-create':
        return this.#create(question.stream);
      case 'stream-delete':
        return this.#delete(question.name);
      case 'stream-read':
        return this.#read(question.stream, question.from);
      case 'stream-seek':
        return this.#seek(question.stream, question.timestampMs);
      case 'session-list':
        return this.#listSessions(question.after, question.limit, question.match);
      case 'session-show':
        return this.#showSession(question.clientId);
      case 'session-delete':
        return this.#deleteSession(question.clientId);
      case 'cluster-status':
      case 'cluster-members':
      case 'cluster-join':
      case 'cluster-leave':
      case 'cluster-transfer':
        return this.#node.askCluster(question);
      case 'ask': {
        const { answerQuestion } = await import('./answers/all-answers.js');
        return answerQuestion(this.#asked, question.question, question.ask);
      }
      case 'journal-status': {
        const { bodies, silent } = await this.#poll.all({ kind: 'journal' });
        return { shards: bodies.map(([shard, report]) => ({ shard, ...report })), silent };
      }
    }
  }

  async #listStreams(): Promise<Silent & { readonly streams: readonly StreamRow[] }> {
    const { bodies, silent } = await this.#poll.all({ kind: 'totals' });
    const streams = this.#node.catalogue.streams.map((definition): StreamRow => {
      let [records, bytes] = [0, 0];
      for (const [, totals] of bodies)
        for (const total of totals) {
          if (total.stream !== definition.id) continue;
          records += total.records;
          bytes += total.bytes;
        }
      return { stream: definition.id, definition, records, bytes };
    });
    return { streams, silent };
  }

  /** Of shards that are silent, partitions are missing. */
  async #describe(name: string): Promise<Silent & { readonly definition: StreamDefinition; readonly partitions: readonly PartitionRow[] }> {
    const definition = this.#node.catalogue.find(name);
    if (definition === undefined) throw new BrokerError('RMQ-1023', `(stream "${name}")`);
    const { bodies, silent } = await this.#poll.all({ kind: 'partitions', stream: definition.id });
    const known = new Map<number, PartitionExtent>();
    for (const [, extents] of bodies) for (const extent of extents) known.set(extent.partition, extent);
    const { shape } = this.#node;
    const partitions: PartitionRow[] = [];
    for (let partition = 0; partition < definition.partitions; partition += 1) {
      const group = groupOf(definition.id, partition, shape);
      const shard = shardOf(group, shape, this.#node.shardCount);
      if (silent.includes(shard)) continue;
      const extent = known.get(partition) ?? { partition, start: 0, end: 0, records: 0, bytes: 0 };
      partitions.push({ ...extent, shard, group });
    }
    return { definition, partitions, silent };
  }

  /** Every shard that runs knows it when this is answered. */
  async #create(wanted: StreamSettings): Promise<Silent & { readonly definition: StreamDefinition }> {
    const definition = await this.#node.catalogue.create(wanted);
    const { silent } = await this.#poll.all({ kind: 'orders-done' });
    return { definition, silent };
  }

  async #delete(name: string): Promise<Silent & { readonly definition: StreamDefinition }> {
    const definition = await this.#node.catalogue.delete(name);
    const { silent } = await this.#poll.all({ kind: 'orders-done' });
    return { definition, silent };
  }

  async #read(stream: StreamId, from: readonly PartitionPlace[]): Promise<Silent & { readonly partitions: readonly PartitionPage[] }> {
    const definition = this.#streamOf(stream);
    const { shape } = this.#node;
    const byShard = new Map<ShardId, PartitionPlace[]>();
    for (const place of from) {
      if (place[0] >= definition.partitions)
        throw new BrokerError('RMQ-1023', `(partition ${place[0]} of stream "${definition.name}", which has ${definition.partitions})`);
      const shard = shardOf(groupOf(stream, place[0], shape), shape, this.#node.shardCount);
      const places = byShard.get(shard);
      if (places === undefined) byShard.set(shard, [place]);
      else places.push(place);
    }
    const bytesMax = Math.ceil(PAGE_BYTES / Math.max(1, byShard.size));
    const { bodies, silent } = await this.#poll.some([...byShard.keys()], (shard) => {
      return { kind: 'read', stream, from: byShard.get(shard) ?? [], bytesMax };
    });
    return { partitions: bodies.flatMap(([, pages]) => pages), silent };
  }

  async #seek(stream: StreamId, timestampMs: number): Promise<Silent & { readonly places: readonly PartitionPlace[] }> {
    this.#streamOf(stream);
    const { bodies, silent } = await this.#poll.all({ kind: 'seek', stream, timestampMs });
    return { places: bodies.flatMap(([, places]) => places), silent };
  }

  async #listSessions(
    after: string,
    limit: number,
    match: string,
  ): Promise<Silent & { readonly sessions: readonly SessionRow[]; readonly total: number }> {
    const { bodies, silent } = await this.#poll.all({ kind: 'sessions', after, limit, match });
    const total = bodies.reduce((sum, [, { total: ofShard }]) => sum + ofShard, 0);
    const all = bodies.flatMap(([shard, { sessions }]) => sessions.map((session) => ({ shard, session })));
    all.sort((a, b) => (a.session.key < b.session.key ? -1 : 1));
    const first = all.slice(0, limit);
    const waiting = await this.#waitingOf(
      first.map(({ session }) => session),
      BACKLOG_OF_LIST_MAX,
    );
    const sessions = first.map(({ shard, session: { position: _, ...session } }, index) => ({
      shard,
      ...session,
      ...waiting.counts[index],
    }));
    return { sessions, total, silent: [...new Set([...silent, ...waiting.silent])] };
  }

  async #showSession(clientId: string): Promise<Silent & { readonly session: SessionPage }> {
    const { bodies, silent } = await this.#poll.all({ kind: 'session', clientId });
    for (const [shard, session] of bodies) {
      if (session === null) continue;
      const waiting = await this.#waitingOf([session], BACKLOG_MAX);
      const { position: _, ...shown } = session;
      return { session: { shard, ...shown, ...waiting.counts[0] }, silent: waiting.silent };
    }
    throw this.#noSession(clientId, silent);
  }

  async #deleteSession(clientId: string): Promise<{ readonly clientId: string }> {
    const { bodies, silent } = await this.#poll.all({ kind: 'session', clientId });
    const holder = bodies.find(([, session]) => session !== null)?.[0];
    if (holder === undefined) throw this.#noSession(clientId, silent);
    const ended = await this.#node.enquiries.ask(holder, { kind: 'end-session', clientId });
    if (ended === null) throw new BrokerError('RMQ-1024', `(shard ${holder} has the session "${clientId}"; it may end yet)`);
    if (!ended.body) throw this.#noSession(clientId, []);
    return { clientId };
  }

  /** Messages that wait for each of the sessions, in memory and in the logs of all shards. */
  async #waitingOf(sessions: readonly SessionSummary[], countMax: number): Promise<Silent & { readonly counts: readonly Waiting[] }> {
    const behind = sessions.flatMap(({ position }, index) => (position === null ? [] : [{ position, index }]));
    const positions = behind.map(({ position }): SessionPosition => position);
    const owners = new Set(positions.flatMap(({ groups }) => groups.map(([, owner]) => owner)));
    const { bodies, silent } = await this.#poll.some([...owners], () => ({ kind: 'backlogs', positions, countMax }));
    const counts = sessions.map(({ queued }) => ({ waiting: queued, waitsMore: false }));
    for (const [, backlogs] of bodies)
      for (const [at, { count, isMore }] of backlogs.entries()) {
        const of = counts[behind[at].index];
        of.waiting += count;
        of.waitsMore ||= isMore;
      }
    return { counts, silent };
  }

  #streamOf(stream: StreamId): StreamDefinition {
    const definition = this.#node.catalogue.streams.find(({ id }) => id === stream);
    if (definition === undefined) throw new BrokerError('RMQ-1023', '(the stream was deleted meanwhile)');
    return definition;
  }

  #noSession(clientId: string, silent: readonly ShardId[]): BrokerError {
    if (silent.length > 0) return new BrokerError('RMQ-1024', `(shard ${silent.join(', ')}; no other has the session "${clientId}")`);
    return new BrokerError('RMQ-1023', `(session "${clientId}")`);
  }
}
