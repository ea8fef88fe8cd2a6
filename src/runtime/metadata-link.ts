import { authorityOf } from '../base/authority.js';
import { BrokerError, describeError } from '../base/errors.js';
import type { Logger } from '../base/logger.js';
import { PRODUCT_VERSION } from '../base/version.js';
import type { Command, CommandOutcome } from '../metadata/catalogue/commands.js';
import type { MqttCall } from '../metadata/grpc/ports.js';
import type { NodeStatus } from '../metadata/node-status.js';
import {
  type ClusterQuestion,
  errorOf,
  faultOf,
  type MetadataHandOver,
  type MetadataNotice,
  type MqttWord,
  type ProposeAnswer,
} from './metadata-orders.js';
import { type MetadataThread, spawnMetadata } from './spawn-metadata.js';
import { streamDefaults } from './stream-catalogue.js';
import { ThreadCatalogue } from './thread-catalogue.js';
import type { WitnessedChange } from './witnessed-access.js';

/** The thread may need an election or two before it can answer. */
const PROPOSE_MS_MAX = 10_000;
const STOP_MS_MAX = 5000;
/** A thread that died by a bug of ours is started again, so many times in a row; what it holds is on the disk. */
const RESTARTS_MAX = 5;
const RESTART_MS = 500;

interface Open {
  onAnswer(answer: ProposeAnswer): void;
  onBody(body: object): void;
  onFault(error: BrokerError): void;
}

/** What only the node knows of the hand-over. */
export type MetadataLinkOptions = Omit<MetadataHandOver, 'version' | 'streamDefaults'>;

/** Main's end of the metadata thread: a copy of the catalogue that follows it, and requests with tickets. */
export class MetadataLink {
  readonly catalogue: ThreadCatalogue = new ThreadCatalogue();
  /** Encoded, for other threads, each in order: the whole catalogue, or what changed. */
  onFull: (chunks: readonly Uint8Array[]) => void = () => {};
  onDelta: (bytes: Uint8Array) => void = () => {};
  /** What gRPC asks about MQTT. @throws BrokerError. */
  onMqttCall: (call: MqttCall) => Promise<Uint8Array> = () =>
    Promise.reject(new BrokerError('RMQ-1024', '(this node has the role meta alone, or starts; ask one with the role broker)'));
  /** What was changed by gRPC on this node, and by whom. */
  onChanged: (changes: readonly WitnessedChange[]) => void = () => {};
  /** Called once when the node cannot go on. */
  onFatal: (error: unknown) => void = () => {};
  status: NodeStatus | null = null;
  nodeId = 0;
  #grpcPort = 0;
  readonly #handOver: MetadataHandOver;
  readonly #log: Logger;
  readonly #open = new Map<number, Open>();
  readonly #ready: Promise<void>;
  #resolveReady: () => void = () => {};
  #rejectReady: (error: unknown) => void = () => {};
  #thread: MetadataThread | null = null;
  #ticketLast = 0;
  #isServing = false;
  #isStopping = false;
  #restartsInRow = 0;
  #lastWords: unknown = null;
  #onStopped: () => void = () => {};

  constructor(handOver: MetadataLinkOptions, log: Logger) {
    this.#handOver = { ...handOver, version: PRODUCT_VERSION, streamDefaults: streamDefaults() };
    this.#log = log;
    this.#ready = new Promise((resolve, reject) => {
      this.#resolveReady = resolve;
      this.#rejectReady = reject;
    });
    this.#ready.catch(() => {}); // Whoever starts the node looks at it later.
    this.#spawn();
  }

  /** host:port of the control plane; empty: it is disabled. */
  get grpcAddress(): string {
    return this.#grpcPort === 0 ? '' : authorityOf(this.#handOver.settings.grpc.host, this.#grpcPort);
  }

  /** The catalogue is here and the gRPC port open. @throws BrokerError. */
  ready(): Promise<void> {
    return this.#ready;
  }

  /** @throws BrokerError RMQ-1029 if there is no leader in time, or nobody knows whether it was done. */
  async propose(commands: readonly Command[]): Promise<readonly CommandOutcome[]> {
    const answer = await new Promise<ProposeAnswer>((resolve, reject) => {
      const ticket = this.#register({ onAnswer: resolve, onBody: () => {}, onFault: reject });
      this.#thread?.post({ kind: 'propose', ticket, commands, deadlineMs: PROPOSE_MS_MAX });
    });
    if (answer.kind === 'applied') return answer.outcomes;
    if (answer.kind === 'invalid') throw new BrokerError('RMQ-1031', `(${answer.why})`);
    throw new BrokerError(
      'RMQ-1029',
      answer.kind === 'unknown' ? '(the change may have been made; look before you try again)' : `(${answer.kind})`,
    );
  }

  /** @throws BrokerError. */
  ask(question: ClusterQuestion): Promise<object> {
    return new Promise((resolve, reject) => {
      const ticket = this.#register({ onAnswer: () => {}, onBody: resolve, onFault: reject });
      this.#thread?.post({ kind: 'ask', ticket, question });
    });
  }

  /** `onFull` is called with it; a thread that is started again sends it by itself. */
  wantFull(): void {
    this.#thread?.post({ kind: 'want-full' });
  }

  /** Leadership goes to another node first, if there is one. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    if (this.#thread === null) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => {
        this.#thread?.terminate();
        resolve();
      }, STOP_MS_MAX);
      this.#onStopped = () => {
        clearTimeout(timer);
        resolve();
      };
      this.#thread?.post({ kind: 'stop' });
    });
  }

  #register(open: Open): number {
    if (this.#thread === null) throw new BrokerError('RMQ-1029', '(the metadata thread is being started again)');
    this.#ticketLast += 1;
    this.#open.set(this.#ticketLast, open);
    return this.#ticketLast;
  }

  #spawn(): void {
    this.#lastWords = null;
    this.#thread = spawnMetadata(this.#handOver, {
      onNotice: (notice) => this.#onNotice(notice),
      onExit: (exitCode) => this.#onExit(exitCode),
    });
  }

  #onNotice(notice: MetadataNotice): void {
    switch (notice.kind) {
      case 'full':
        this.catalogue.load(notice.chunks);
        this.onFull(notice.chunks);
        return;
      case 'delta':
        this.catalogue.apply(notice.bytes);
        this.onDelta(notice.bytes);
        return;
      case 'serving':
        this.nodeId = notice.nodeId;
        this.#grpcPort = notice.port;
        this.#isServing = true;
        this.#restartsInRow = 0;
        this.#resolveReady();
        return;
      case 'outcome':
        this.#take(notice.ticket)?.onAnswer(notice.answer);
        return;
      case 'answer':
        this.#take(notice.ticket)?.onBody(notice.body);
        return;
      case 'refusal':
        this.#take(notice.ticket)?.onFault(errorOf(notice.fault));
        return;
      case 'changed':
        this.onChanged(notice.changes);
        return;
      case 'mqtt-call':
        void this.#answerCall(notice.ticket, notice.call);
        return;
      case 'status':
        this.status = notice.status;
        return;
      case 'fatal':
        this.#becomeFatal(errorOf(notice.fault));
        return;
      case 'stopped':
        this.#onStopped();
        return;
      case 'log':
        if (notice.level !== 'silent') this.#log[notice.level](notice.event, notice.sentence, { ...notice.fields });
        return;
      case 'failed':
        this.#lastWords = notice.error;
    }
  }

  async #answerCall(ticket: number, call: MqttCall): Promise<void> {
    const word = await this.onMqttCall(call).then(
      (response): MqttWord => ({ kind: 'answered', response }),
      (error: unknown): MqttWord => {
        if (error instanceof BrokerError) return { kind: 'refused', fault: faultOf(error, error.code) };
        this.#log.error('grpc.failed', 'a call failed by a fault of ours', { method: call.method, error });
        return { kind: 'failed', what: describeError(error) };
      },
    );
    this.#thread?.post({ kind: 'mqtt-word', ticket, word });
  }

  #take(ticket: number): Open | undefined {
    const open = this.#open.get(ticket);
    this.#open.delete(ticket);
    return open;
  }

  #onExit(exitCode: number): void {
    this.#thread = null;
    for (const open of [...this.#open.values()])
      open.onFault(new BrokerError('RMQ-1029', '(the metadata thread ended before it answered)'));
    this.#open.clear();
    if (this.#isStopping) {
      this.#onStopped();
      return;
    }
    const error = new BrokerError('RMQ-1027', `(its thread ended with exit code ${exitCode})`, { cause: this.#lastWords });
    this.#restartsInRow += 1;
    if (!this.#isServing || this.#restartsInRow > RESTARTS_MAX) {
      this.#becomeFatal(error);
      return;
    }
    this.#log.error('metadata.died', 'the metadata thread died and is started again', { error });
    setTimeout(() => {
      if (!this.#isStopping) this.#spawn();
    }, RESTART_MS);
  }

  #becomeFatal(error: BrokerError): void {
    this.#rejectReady(error);
    if (this.#isServing) this.onFatal(error);
    this.#isStopping = true;
  }
}
