import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { BrokerError } from '../base/errors.js';
import type { Logger } from '../base/logger.js';
import type { ShardId } from '../broker/ports.js';
import { takesAnonymous } from '../settings/auth-schema.js';
import type { Settings } from '../settings/schema.js';
import type { AuthHandOver, AuthNotice, AuthStatus } from './auth-orders.js';
import { errorOf } from './metadata-orders.js';
import type { ShardOrder } from './orders.js';
import { SilenceWatch } from './silence-watch.js';
import type { AuthThread, SpawnAuth } from './spawn-auth.js';

const RESTART_MS_FIRST = 100;
const RESTART_MS_MAX = 1600;
const STABLE_MS = 60_000;
const STOP_MS_MAX = 2000;
/** It says how it is each second. Silent for so long it hangs: nobody could come in until it is ended. */
export const AUTH_SILENCE_MS_MAX = 10_000;

export interface AuthKeeperOptions {
  readonly handOver: AuthHandOver;
  readonly spawn: SpawnAuth;
  readonly log: Logger;
  /** Of the catalogue, as main has it now. */
  readonly userCount: () => number;
  /** `onFull` follows. */
  readonly wantFull: () => void;
  readonly isServing: (shard: ShardId) => boolean;
  readonly postToShard: (shard: ShardId, order: ShardOrder, ports: readonly MessagePort[]) => void;
}

/**
 * Main's end of the thread of authentication. It runs only where somebody has to prove who it is: by the settings, or from the first user of the
 * catalogue on. One that dies is started again within two seconds; who waited for it has heard so by then, and who is connected stays.
 */
export class AuthKeeper {
  status: AuthStatus | null = null;
  restarts = 0;
  readonly #options: AuthKeeperOptions;
  readonly #shardCount: number;
  #thread: AuthThread | null = null;
  #isWanted = false;
  #isStopping = false;
  readonly #silence = new SilenceWatch(AUTH_SILENCE_MS_MAX);
  #hasFull = false;
  #startedMs = 0;
  #restartMs = RESTART_MS_FIRST;
  #lastWords: unknown = null;
  #fatal: BrokerError | null = null;
  #isReady = false;
  #onReady: (fault: BrokerError | null) => void = () => {};
  #onStopped: () => void = () => {};

  constructor(options: AuthKeeperOptions) {
    this.#options = options;
    this.#shardCount = options.handOver.settings.runtime.shards;
    if (isNeededBy(options.handOver.settings)) this.#want();
  }

  /** If the settings ask for it: it can answer. @throws BrokerError if a source cannot be opened. */
  ready(): Promise<void> {
    if (!this.#isWanted || this.#isReady) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#onReady = (fault) => (fault === null ? resolve() : reject(fault));
      if (this.#fatal !== null) reject(this.#fatal);
    });
  }

  /** The whole catalogue is here. */
  onFull(chunks: readonly Uint8Array[]): void {
    this.#hasFull = true;
    this.#thread?.post({ kind: 'catalogue', chunks });
    this.#maybeWant();
  }

  onDelta(delta: Uint8Array): void {
    if (this.#hasFull) this.#thread?.post({ kind: 'catalogue-change', delta });
    this.#maybeWant();
  }

  onShardServing(shard: ShardId): void {
    if (this.#thread !== null) this.#connect(shard, this.#thread);
  }

  onShardDown(shard: ShardId): void {
    this.#thread?.post({ kind: 'shard-down', shard });
  }

  /** Ends the thread as by a bug. For tests. */
  failThread(): void {
    this.#thread?.terminate();
  }

  /** Every 100 ms or so. Ends a thread that hangs; a new one follows. One that opens its sources may take its time. */
  tick(nowMs: number): void {
    if (!this.#silence.isSilent(nowMs) || this.#thread === null || !this.#isReady || this.#isStopping) return;
    this.#options.log.error('auth.hung', 'the thread of authentication does not answer and is ended', { silentMs: AUTH_SILENCE_MS_MAX });
    this.#silence.heard();
    this.#thread.terminate();
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    const thread = this.#thread;
    if (thread === null) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => {
        thread.terminate();
        resolve();
      }, STOP_MS_MAX);
      this.#onStopped = () => {
        clearTimeout(timer);
        resolve();
      };
      thread.post({ kind: 'stop' });
    });
  }

  #maybeWant(): void {
    if (!this.#isWanted && this.#options.userCount() > 0) this.#want();
  }

  #want(): void {
    this.#isWanted = true;
    this.#spawn();
  }

  #spawn(): void {
    if (this.#isStopping) return;
    this.#lastWords = null;
    this.#fatal = null;
    this.#startedMs = performance.now();
    const hadFull = this.#hasFull;
    this.#hasFull = false;
    const thread = this.#options.spawn(this.#options.handOver, {
      onNotice: (notice) => this.#onNotice(notice),
      onExit: (exitCode) => this.#onExit(exitCode),
    });
    this.#thread = thread;
    if (hadFull) this.#options.wantFull(); // Else it is on its way: the node is starting.
    for (let shard = 0; shard < this.#shardCount; shard += 1) if (this.#options.isServing(shard)) this.#connect(shard, thread);
  }

  #connect(shard: ShardId, thread: AuthThread): void {
    const { port1, port2 } = new MessageChannel();
    thread.post({ kind: 'shard', shard, port: port1 }, [port1]);
    this.#options.postToShard(shard, { kind: 'auth', port: port2 }, [port2]);
  }

  #onNotice(notice: AuthNotice): void {
    this.#silence.heard();
    switch (notice.kind) {
      case 'ready':
        this.#isReady = true;
        this.#onReady(null);
        return;
      case 'status':
        this.status = notice.status;
        return;
      case 'fatal':
        this.#fatal = errorOf(notice.fault);
        this.#onReady(this.#fatal);
        return;
      case 'stopped':
        this.#onStopped();
        return;
      case 'log':
        if (notice.level !== 'silent') this.#options.log[notice.level](notice.event, notice.sentence, { ...notice.fields });
        return;
      case 'failed':
        this.#lastWords = notice.error;
    }
  }

  #onExit(exitCode: number): void {
    this.#thread = null;
    this.#isReady = false;
    if (this.#isStopping) {
      this.#onStopped();
      return;
    }
    for (let shard = 0; shard < this.#shardCount; shard += 1) this.#options.postToShard(shard, { kind: 'auth', port: null }, []);
    if (performance.now() - this.#startedMs > STABLE_MS) this.#restartMs = RESTART_MS_FIRST;
    const error = this.#fatal ?? new BrokerError('RMQ-1037', `(exit code ${exitCode})`, { cause: this.#lastWords });
    this.#options.log.error('auth.died', 'the thread of authentication died and is started again', { error, delayMs: this.#restartMs });
    this.#onReady(error);
    this.restarts += 1;
    setTimeout(() => this.#spawn(), this.#restartMs);
    this.#restartMs = Math.min(RESTART_MS_MAX, this.#restartMs * 2);
  }
}

/** Whether somebody has to prove who it is, whatever users there are. */
function isNeededBy({ auth, security }: Settings): boolean {
  const names = ['', ...auth.listeners.map(({ name }) => name)]; // Empty: any listener without settings of its own.
  return auth.sources.length > 0 || names.some((name) => !takesAnonymous(auth, security.profile, name));
}
