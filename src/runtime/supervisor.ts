import type { MessagePort } from 'node:worker_threads';
import type { DoorNotesTaken } from '../auth/audit/door-notes.js';
import { assert } from '../base/assert.js';
import type { Clock } from '../base/clock.js';
import { BrokerError } from '../base/errors.js';
import type { Logger } from '../base/logger.js';
import type { ShardId } from '../broker/ports.js';
import type { TracePart } from '../protocols/mqtt/trace/tracing.js';
import type { ShardAnswer, ShardFailure, ShardHandOver, ShardNotice, ShardOrder, ShardStatus } from './orders.js';
import type { ShardThread, SpawnShard } from './spawn.js';
import type { ThreadCells } from './thread-cells.js';
import type { Topology } from './topology.js';

/**
 * A serving shard beats every 100 ms. Silent for this long it hangs, and is ended. Long, because a turn may be: of a fan-out to
 * all that are connected, on a slow machine. To end a shard that works costs its clients their connections.
 */
export const HEARTBEAT_SILENCE_MS_MAX = 10_000;
/** A shard that starts loads its modules first, on a machine that may be busy. */
export const START_MS_MAX = 15_000;
/** What one tick adds to a silence at most. If `tick` itself came later, the whole process did not run, and no shard is to blame. */
const TICK_COUNTED_MS_MAX = 200;
/** A shard that lived this long died by accident: the next one starts at once. */
const STABLE_MS = 10_000;
const BACKOFF_MS_FIRST = 100;
const BACKOFF_MS_MAX = 5000;
/** Deaths in a row without serving in between, from which on the node gives up. */
const FAILED_STARTS_MAX = 10;

/*
  Life of a shard:

    starting --serving--> serving --stop()--> stopping --exit--> ended
        |                    |
        +-------- exit ------+--> waiting --restart--> starting
*/
type Phase = 'starting' | 'serving' | 'waiting' | 'stopping' | 'ended';

interface Shard {
  readonly number: ShardId;
  phase: Phase;
  thread: ShardThread | null;
  startedMs: number;
  heartbeat: number;
  /** Since its last heartbeat, as far as main ran too. */
  silentMs: number;
  restartMs: number;
  deathsInRow: number;
  failedStarts: number;
  lastWords: unknown;
  isDrained: boolean;
  isTerminated: boolean;
  status: ShardStatus | null;
}

export interface SupervisorOptions {
  readonly topology: Topology;
  readonly cells: ThreadCells;
  readonly spawn: SpawnShard;
  readonly handOver: (shard: ShardId, replacesDead: boolean) => ShardHandOver;
  readonly clock: Clock;
  readonly log: Logger;
  /** HEARTBEAT_SILENCE_MS_MAX if not given. */
  readonly silenceMsMax?: number;
}

/**
 * Starts the shards, watches them, and replaces one that died or hangs, while the others go on. On the main thread; it has no
 * timers: `tick` is called every 100 ms or so.
 */
export class Supervisor {
  /** A shard died; its rings are new and its cells are clear, its successor is still to come. */
  onShardDown: (shard: ShardId) => void = () => {};
  onShardServing: (shard: ShardId) => void = () => {};
  /** To a `query`. */
  onAnswer: (ticket: number, answer: ShardAnswer) => void = () => {};
  /** What a shard saw at its door. */
  onDoorNotes: (notes: DoorNotesTaken) => void = () => {};
  onTraced: (parts: readonly TracePart[]) => void = () => {};
  /** Shards do not come up: at the first start one that fails is enough. Called once. */
  onFatal: (error: unknown) => void = () => {};
  /** A phase changed or a shard was drained. */
  onChange: () => void = () => {};
  restarts = 0;
  readonly #options: SupervisorOptions;
  readonly #shards: Shard[];
  #tickedMs: number;
  #isFatal = false;
  /** All shards served once: from then on the dead are replaced. */
  #hasStarted = false;
  #isEnding = false;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#tickedMs = options.clock.monotonicMs();
    this.#shards = Array.from({ length: options.topology.shardCount }, (_, number) => ({
      number,
      phase: 'waiting' as Phase,
      thread: null,
      startedMs: 0,
      heartbeat: 0,
      silentMs: 0,
      restartMs: 0,
      deathsInRow: 0,
      failedStarts: 0,
      lastWords: null,
      isDrained: false,
      isTerminated: false,
      status: null,
    }));
  }

  start(): void {
    for (const shard of this.#shards) this.#spawn(shard, false);
  }

  get areAllServing(): boolean {
    return this.#shards.every((shard) => shard.phase === 'serving');
  }

  get areAllDrained(): boolean {
    return this.#shards.every((shard) => shard.isDrained || shard.thread === null);
  }

  get areAllEnded(): boolean {
    return this.#shards.every((shard) => shard.thread === null);
  }

  isServing(shard: ShardId): boolean {
    return this.#shards[shard].phase === 'serving';
  }

  statusOf(shard: ShardId): ShardStatus | null {
    return this.#shards[shard].status;
  }

  phaseOf(shard: ShardId): string {
    return this.#shards[shard].phase;
  }

  /** Which part of the time since the last call the loop of a shard was busy. */
  busyRatioOf(shard: ShardId): number {
    return this.#shards[shard].thread?.busyRatio() ?? 0;
  }

  postToAll(order: ShardOrder): void {
    for (const shard of this.#shards) shard.thread?.post(order);
  }

  /** @param ports of the order, which go with it. */
  post(shard: ShardId, order: ShardOrder, ports?: readonly MessagePort[]): void {
    this.#shards[shard].thread?.post(order, ports);
  }

  /** Has one shard fail as by a bug. For tests. */
  failShard(shard: ShardId, how: ShardFailure): void {
    this.#shards[shard].thread?.post({ kind: 'fail', how });
  }

  /** Tells every shard to let its clients go; nobody is replaced from here on. */
  drain(): void {
    this.#isEnding = true;
    this.postToAll({ kind: 'drain' });
  }

  /** Tells every shard to end. */
  stop(): void {
    this.#isEnding = true;
    for (const shard of this.#shards) {
      shard.thread?.post({ kind: 'stop' });
      shard.phase = shard.thread === null ? 'ended' : 'stopping';
    }
  }

  /** Ends what did not end by itself. */
  terminateAll(): void {
    for (const shard of this.#shards) shard.thread?.terminate();
  }

  tick(): void {
    const nowMs = this.#options.clock.monotonicMs();
    const countedMs = Math.min(nowMs - this.#tickedMs, TICK_COUNTED_MS_MAX);
    this.#tickedMs = nowMs;
    for (const shard of this.#shards) {
      if (this.#isEnding) return;
      if (shard.phase === 'waiting' && nowMs >= shard.restartMs) this.#spawn(shard, true);
      if (shard.phase === 'serving' || shard.phase === 'starting') this.#listen(shard, countedMs);
    }
  }

  #spawn(shard: Shard, replacesDead: boolean): void {
    const nowMs = this.#options.clock.monotonicMs();
    shard.phase = 'starting';
    shard.startedMs = nowMs;
    shard.silentMs = 0;
    shard.heartbeat = this.#options.cells.heartbeatOf(shard.number);
    shard.lastWords = null;
    shard.isDrained = false;
    shard.isTerminated = false;
    shard.status = null;
    shard.thread = this.#options.spawn(this.#options.handOver(shard.number, replacesDead), {
      onNotice: (notice) => this.#onNotice(shard, notice),
      onExit: (exitCode) => this.#onExit(shard, exitCode),
    });
  }

  #listen(shard: Shard, countedMs: number): void {
    const heartbeat = this.#options.cells.heartbeatOf(shard.number);
    if (heartbeat !== shard.heartbeat) {
      shard.heartbeat = heartbeat;
      shard.silentMs = 0;
      return;
    }
    shard.silentMs += countedMs;
    const servingMsMax = this.#options.silenceMsMax ?? HEARTBEAT_SILENCE_MS_MAX;
    if (shard.silentMs <= (shard.phase === 'serving' ? servingMsMax : START_MS_MAX)) return;
    this.#end(shard, 'shard.hung', 'a shard does not answer and is ended', { silentMs: Math.round(shard.silentMs) });
  }

  #end(shard: Shard, event: string, sentence: string, fields: Record<string, unknown>): void {
    if (shard.isTerminated || shard.thread === null) return;
    this.#options.log.error(event, sentence, { shard: shard.number, ...fields });
    shard.isTerminated = true;
    shard.thread.terminate();
  }

  #onNotice(shard: Shard, notice: ShardNotice): void {
    switch (notice.kind) {
      case 'serving':
        this.#becomeServing(shard);
        return;
      case 'drained':
        shard.isDrained = true;
        this.onChange();
        return;
      case 'status':
        shard.status = notice.status;
        return;
      case 'answer':
        this.onAnswer(notice.ticket, notice.answer);
        return;
      case 'door':
        this.onDoorNotes(notice.notes);
        return;
      case 'traced':
        this.onTraced(notice.parts);
        return;
      case 'peer-stuck':
        this.#end(this.#shards[notice.peer], 'shard.stuck', 'a shard does not read what another sends it, and is ended', {
          by: shard.number,
        });
        return;
      case 'journal-failed':
        // Nobody knows what is on the disk: only a new start can tell.
        this.#becomeFatal(new BrokerError('RMQ-1020', `(shard ${shard.number})`));
        return;
      case 'log':
        if (notice.level !== 'silent')
          this.#options.log[notice.level](notice.event, notice.sentence, { shard: shard.number, ...notice.fields });
        return;
      case 'failed':
        shard.lastWords = notice.error;
    }
  }

  #becomeServing(shard: Shard): void {
    if (shard.phase !== 'starting') return;
    const nowMs = this.#options.clock.monotonicMs();
    shard.phase = 'serving';
    shard.silentMs = 0;
    shard.failedStarts = 0;
    const startMs = Math.round(nowMs - shard.startedMs);
    this.#options.log.debug('shard.serving', 'a shard serves', { shard: shard.number, startMs });
    if (this.areAllServing) {
      this.#hasStarted = true;
      for (const { thread } of this.#shards) thread?.post({ kind: 'all-serving' });
    }
    this.onShardServing(shard.number);
    this.onChange();
  }

  #onExit(shard: Shard, exitCode: number): void {
    assert(shard.thread !== null, 'a thread exits once');
    shard.thread = null;
    this.#options.cells.endMustClose(shard.number);
    const livedMs = Math.round(this.#options.clock.monotonicMs() - shard.startedMs);
    const error = new BrokerError('RMQ-1013', `${shard.number} after ${livedMs} ms with exit code ${exitCode}`, { cause: shard.lastWords });
    if (this.#isEnding) {
      if (shard.phase !== 'stopping')
        this.#options.log.error('shard.died', 'a shard died while the node stops', { shard: shard.number, error });
      shard.phase = 'ended';
    } else if (!this.#hasStarted) {
      shard.phase = 'ended';
      this.#becomeFatal(error);
    } else this.#replace(shard, livedMs, error);
    this.onChange();
  }

  /** New rings for every pair with the dead, at once: what its peers send from now on waits for its successor. */
  #replace(shard: Shard, livedMs: number, error: BrokerError): void {
    const { clock, log, topology, cells } = this.#options;
    if (shard.phase === 'starting') shard.failedStarts += 1;
    shard.deathsInRow = livedMs < STABLE_MS ? shard.deathsInRow + 1 : 1;
    const delayMs = shard.deathsInRow === 1 ? 0 : Math.min(BACKOFF_MS_MAX, BACKOFF_MS_FIRST * 2 ** (shard.deathsInRow - 2));
    shard.phase = 'waiting';
    shard.restartMs = clock.monotonicMs() + delayMs;
    log.error('shard.died', 'a shard died and is replaced', { shard: shard.number, delayMs, error });

    topology.replace(shard.number);
    cells.clearShard(shard.number);
    for (const peer of this.#shards) {
      peer.thread?.post({ kind: 'replace-peer', peer: shard.number, rings: topology.ringsBetween(peer.number, shard.number) });
    }
    this.restarts += 1;
    this.onShardDown(shard.number);
    if (shard.failedStarts >= FAILED_STARTS_MAX) this.#becomeFatal(error);
    else if (delayMs === 0) this.#spawn(shard, true);
  }

  #becomeFatal(error: unknown): void {
    if (this.#isFatal) return;
    this.#isFatal = true;
    this.onFatal(error);
  }
}
