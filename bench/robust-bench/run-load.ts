import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { BrokerProcess } from './broker-process.js';
import type { DialFailure } from './dialer.js';
import { summarizeLatency } from './latency-cells.js';
import type { FromLoadThread, LoadHandOver, ToLoadThread } from './load-messages.js';
import type { BrokerUse, LoadOutcome } from './load-outcome.js';
import type { LoadPlan, Target } from './load-plan.js';
import { MonotonicMicros } from './monotonic-micros.js';
import { createTallyMemory, TALLY, Tally, totalOf } from './tally.js';

/** Between "begin" and the first message, so that all threads begin together. */
const HEAD_START_MS = 20;
const DRAIN_POLL_MS = 20;
/** Nothing arriving for so long after the window: the rest is lost. */
const DRAIN_QUIET_MS: Readonly<Record<0 | 1 | 2, number>> = { 0: 400, 1: 3_000, 2: 3_000 };
/** At QoS 0 and full speed the sockets between hold what the broker may take minutes to get through: nobody waits for that. */
const DRAIN_FLOOD_MS_MAX = 2_000;
const ENDING_MS_MAX = 5_000;

/** The load could not begin: the broker cannot be reached or refuses. */
export class LoadFailure extends Error {
  override readonly name = 'LoadFailure';
  readonly kind: DialFailure['kind'];

  constructor(failure: DialFailure) {
    super(failure.reason);
    this.kind = failure.kind;
  }
}

/** What the live line shows; called once per second from the begin of the load. */
export type OnSecond = (second: number, tallies: readonly Tally[], phase: 'connecting' | 'warm-up' | 'measuring' | 'draining') => void;

interface Snapshot {
  readonly atUs: number;
  readonly brokerCpuSeconds: number;
  readonly ownCpuSeconds: number;
  readonly sent: number;
  readonly received: number;
  readonly bytesReceived: number;
}

/** Runs one load against one broker, from the first connection to the last message. */
export async function runLoad(plan: LoadPlan, target: Target, onSecond: OnSecond, signal: AbortSignal): Promise<LoadOutcome> {
  const { subscribersTo } = target;
  const resolved: Target = {
    ...target,
    host: await addressOf(target.host),
    subscribersTo:
      subscribersTo === null || subscribersTo === undefined ? null : { ...subscribersTo, host: await addressOf(subscribersTo.host) },
  };
  const run = new LoadRun(plan, resolved, onSecond, signal);
  try {
    return await run.measure();
  } finally {
    await run.end();
  }
}

/** A name is looked up once, not once per connection. */
async function addressOf(host: string): Promise<string> {
  try {
    return (await lookup(host)).address;
  } catch (error) {
    throw new LoadFailure({ kind: 'unreachable', reason: error instanceof Error ? error.message : String(error) });
  }
}

class LoadRun {
  readonly #plan: LoadPlan;
  readonly #target: Target;
  readonly #onSecond: OnSecond;
  readonly #stopped: AbortSignal; // The user interrupts, or a thread died.
  readonly #clock = new MonotonicMicros();
  readonly #tallies: Tally[] = [];
  readonly #workers: Worker[] = [];
  readonly #dialed: Promise<DialFailure | null>[] = [];
  readonly #broker: BrokerProcess | null;
  readonly #crash = new AbortController(); // A load thread died: its error is the reason.
  #phase: Parameters<OnSecond>[2] = 'connecting';

  constructor(plan: LoadPlan, target: Target, onSecond: OnSecond, signal: AbortSignal) {
    this.#plan = plan;
    this.#target = target;
    this.#onSecond = onSecond;
    this.#stopped = AbortSignal.any([signal, this.#crash.signal]);
    this.#broker = target.pid === 0 ? null : new BrokerProcess(target.pid);
  }

  async measure(): Promise<LoadOutcome> {
    const kibBefore = this.#broker?.residentKib() ?? 0;
    const dialedFromUs = this.#clock.now();
    const stopLive = this.#liveLines();
    try {
      const connectSeconds = await this.#connectAll(dialedFromUs);
      const kibConnected = this.#broker?.residentKib() ?? 0;
      const [from, to] = await this.#load();
      await this.#drain();
      const clients = this.#total(TALLY.ready);
      return this.#outcome(from, to, connectSeconds, clients === 0 ? 0 : (kibConnected - kibBefore) / clients);
    } finally {
      stopLive();
    }
  }

  /** Ends the threads; those that do not say goodbye in time are cut off. */
  async end(): Promise<void> {
    const exits = this.#workers.map((worker) => (worker.threadId === -1 ? Promise.resolve() : once(worker, 'exit')));
    this.#tell({ kind: 'end' });
    const late = new AbortController();
    await Promise.race([Promise.all(exits), delay(ENDING_MS_MAX, undefined, { signal: late.signal, ref: false }).catch(() => undefined)]);
    late.abort();
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }

  async #connectAll(fromUs: number): Promise<number> {
    // 31 bits are plenty to tell runs apart.
    const run = Math.floor(Math.random() * 2 ** 31);
    for (let thread = 0; thread < this.#plan.threads; thread++) this.#startThread(run, thread);
    const failures = await this.#unlessStopped(Promise.all(this.#dialed));
    const failure = failures.find((each) => each !== null) ?? null;
    // A load with half of its clients would measure something else; counting connections goes on with those that are there.
    if (failure !== null && (this.#plan.scenario !== 'conn' || this.#total(TALLY.ready) === 0)) throw new LoadFailure(failure);
    return (this.#clock.now() - fromUs) / 1e6;
  }

  #startThread(run: number, thread: number): void {
    const tallyMemory = createTallyMemory();
    this.#tallies.push(new Tally(tallyMemory));
    const workerData: LoadHandOver = { plan: this.#plan, target: this.#target, run, thread, tallyMemory };
    const worker = new Worker(new URL('./load-worker.js', import.meta.url), { workerData });
    this.#workers.push(worker);
    worker.once('error', (error) => this.#crash.abort(error));
    this.#dialed.push(
      new Promise((resolve) => {
        worker.on('message', (message: FromLoadThread) => {
          if (message.kind === 'dialed') resolve(message.failure);
        });
      }),
    );
  }

  /** @returns the state at the two ends of the measured window. */
  async #load(): Promise<[Snapshot, Snapshot]> {
    const startUs = this.#clock.now() + HEAD_START_MS * 1_000;
    this.#phase = 'warm-up';
    this.#tell({ kind: 'begin', startUs });
    await this.#sleepUntil(startUs + this.#plan.warmupMs * 1_000);
    this.#phase = 'measuring';
    const from = this.#snapshot();
    await this.#sleepUntil(startUs + (this.#plan.warmupMs + this.#plan.durationMs) * 1_000);
    return [from, this.#snapshot()];
  }

  /** Waits for what is still under way, as long as some of it arrives. */
  async #drain(): Promise<void> {
    this.#phase = 'draining';
    const { qos } = this.#plan;
    if (this.#plan.publishers === 0) return;
    const isFlood = qos === 0 && this.#plan.rate === 0;
    const endUs = this.#clock.now() + Math.min(this.#plan.drainMsMax, isFlood ? DRAIN_FLOOD_MS_MAX : Number.POSITIVE_INFINITY) * 1_000;
    let progress = -1;
    let quietSinceUs = this.#clock.now();
    while (this.#clock.now() < endUs) {
      const arrived = this.#total(TALLY.received) - this.#total(TALLY.duplicates);
      const isAcked = qos === 0 || this.#total(TALLY.acked) >= this.#total(TALLY.sent);
      if (isAcked && arrived >= this.#total(TALLY.expected)) return;
      const moved = arrived + this.#total(TALLY.acked) + this.#total(TALLY.sent);
      if (moved !== progress) quietSinceUs = this.#clock.now();
      else if (this.#clock.now() - quietSinceUs > DRAIN_QUIET_MS[qos] * 1_000) return;
      progress = moved;
      await this.#sleepUntil(this.#clock.now() + DRAIN_POLL_MS * 1_000);
    }
  }

  #outcome(from: Snapshot, to: Snapshot, connectSeconds: number, kibPerConnection: number): LoadOutcome {
    const seconds = this.#plan.durationMs / 1_000;
    const sampledSeconds = (to.atUs - from.atUs) / 1e6;
    const total = (counter: number): number => this.#total(counter);
    const unique = total(TALLY.received) - total(TALLY.duplicates);
    const latency = (part: 'connectLatency' | 'deliverLatency' | 'acknowledgeLatency' | 'lag') =>
      summarizeLatency(this.#tallies.map((tally) => tally[part]));
    return {
      connected: total(TALLY.ready),
      connectFailed: total(TALLY.connectFailed),
      dropped: total(TALLY.dropped),
      connectSeconds,
      connectsPerSecond: total(TALLY.ready) / connectSeconds,
      sentPerSecond: total(TALLY.windowSent) / seconds,
      ackedPerSecond: total(TALLY.windowAcked) / seconds,
      receivedPerSecond: total(TALLY.windowReceived) / seconds,
      receivedMibPerSecond: (to.bytesReceived - from.bytesReceived) / sampledSeconds / 2 ** 20,
      sent: total(TALLY.sent),
      acked: total(TALLY.acked),
      refused: total(TALLY.refused),
      unsent: total(TALLY.unsent),
      expected: total(TALLY.expected),
      received: total(TALLY.received),
      lost: Math.max(0, total(TALLY.expected) - unique),
      duplicates: total(TALLY.duplicates),
      reordered: total(TALLY.reordered),
      foreign: total(TALLY.foreign),
      downgraded: total(TALLY.downgraded),
      connect: latency('connectLatency'),
      deliver: latency('deliverLatency'),
      acknowledge: latency('acknowledgeLatency'),
      lag: latency('lag'),
      generatorCores: (to.ownCpuSeconds - from.ownCpuSeconds) / sampledSeconds,
      broker: this.#brokerUse(from, to, kibPerConnection),
    };
  }

  #brokerUse(from: Snapshot, to: Snapshot, kibPerConnection: number): BrokerUse | null {
    if (this.#broker === null) return null;
    const cpuSeconds = to.brokerCpuSeconds - from.brokerCpuSeconds;
    const messages = this.#plan.subscribers > 0 ? to.received - from.received : to.sent - from.sent;
    return {
      cores: cpuSeconds / ((to.atUs - from.atUs) / 1e6),
      cpuUsPerMessage: messages === 0 ? 0 : (cpuSeconds * 1e6) / messages,
      residentMib: this.#broker.residentKib() / 1024,
      kibPerConnection,
    };
  }

  #liveLines(): () => void {
    let second = 0;
    const timer = setInterval(() => this.#onSecond(++second, this.#tallies, this.#phase), 1_000);
    return () => clearInterval(timer);
  }

  #snapshot(): Snapshot {
    const own = process.cpuUsage();
    return {
      atUs: this.#clock.now(),
      brokerCpuSeconds: this.#broker?.cpuSeconds() ?? 0,
      ownCpuSeconds: (own.user + own.system) / 1e6,
      sent: this.#total(TALLY.sent),
      received: this.#total(TALLY.received) + this.#total(TALLY.foreign),
      bytesReceived: this.#total(TALLY.bytesReceived),
    };
  }

  #total(counter: number): number {
    return totalOf(this.#tallies, counter);
  }

  #tell(message: ToLoadThread): void {
    for (const worker of this.#workers) worker.postMessage(message);
  }

  #sleepUntil(atUs: number): Promise<unknown> {
    return this.#unlessStopped(delay(Math.max(0, (atUs - this.#clock.now()) / 1_000)));
  }

  /** Rejects as soon as the user interrupts or a thread dies. */
  #unlessStopped<T>(promise: Promise<T>): Promise<T> {
    const stopped = this.#stopped;
    return new Promise((resolve, reject) => {
      const onAbort = (): void => reject(stopped.reason);
      if (stopped.aborted) onAbort();
      stopped.addEventListener('abort', onAbort, { once: true });
      promise.then(resolve, reject).finally(() => stopped.removeEventListener('abort', onAbort));
    });
  }
}
