import { createHash } from 'node:crypto';
import type { MessagePort } from 'node:worker_threads';
import { Admission } from '../auth/admission.js';
import { AllSources } from '../auth/chain/all-sources.js';
import { Watchlist } from '../auth/chain/watchlist.js';
import { PasswordChecker } from '../auth/passwords/password-checker.js';
import { UserBook } from '../auth/user-book.js';
import { SystemClock } from '../base/clock.js';
import { CatalogueView } from '../metadata/catalogue/view.js';
import type { AuthHandOver, AuthNotice, AuthOrder, AuthStatus } from './auth-orders.js';
import { AuthShard } from './auth-shard.js';
import { HashThreads } from './hash-pool.js';
import { faultOf } from './metadata-orders.js';
import { PortLogger } from './port-logger.js';
import { ThreadCells } from './thread-cells.js';

const TICK_MS = 100;
const STATUS_TICKS = 10;

interface AuthParts {
  readonly clock: SystemClock;
  readonly view: CatalogueView;
  readonly users: UserBook;
  readonly hashes: HashThreads;
  readonly sources: AllSources;
}

/** The thread of authentication: sources with their connections and memories, and the shards that ask. */
export class AuthHost {
  readonly #post: (notice: AuthNotice) => void;
  readonly #parts: AuthParts;
  readonly #admission: Admission;
  readonly #watchlist: Watchlist;
  readonly #shards = new Map<number, AuthShard>();
  /** Ports of shards that came before the catalogue: what they say waits in them. */
  readonly #early = new Map<number, MessagePort>();
  readonly #timer: NodeJS.Timeout;
  #decoyKey: Uint8Array = new Uint8Array(0);
  #isReady = false;
  #isStopping = false;
  #ticks = 0;
  /** Of shards that are gone. */
  #admitted = 0;
  #refused = 0;

  /** @throws BrokerError if a source cannot be opened; main has heard why. */
  static async open(handOver: AuthHandOver, post: (notice: AuthNotice) => void): Promise<AuthHost> {
    const { auth } = handOver.settings;
    const log = new PortLogger(post, new ThreadCells(handOver.cells));
    const clock = new SystemClock();
    const view = new CatalogueView();
    const users = new UserBook(() => view.reader);
    const hashes = new HashThreads(auth.hashing_threads, auth.hashes_waiting_max);
    const checker = new PasswordChecker(hashes, () => clock.monotonicMs());
    try {
      const sources = await AllSources.open({ auth, users, checker, clock, log });
      return new AuthHost(handOver, post, { clock, view, users, hashes, sources }, log);
    } catch (error) {
      post({ kind: 'fatal', fault: faultOf(error, 'RMQ-1001') });
      throw error;
    }
  }

  private constructor({ settings }: AuthHandOver, post: (notice: AuthNotice) => void, parts: AuthParts, log: PortLogger) {
    const { auth, metadata } = settings;
    const { clock, view, users, sources } = parts;
    this.#post = post;
    this.#parts = parts;
    this.#admission = new Admission({
      chainOf: (listener) => sources.chainOf(listener),
      users,
      backOff: auth,
      decoyKey: () => this.#decoyKey,
      clock,
      log,
    });
    this.#watchlist = new Watchlist({
      sourceOf: (name) => sources.byName.get(name),
      refreshMs: auth.refresh,
      clock,
      tell: ({ shard, owner }, now, stamp) => this.#shards.get(shard)?.tellChange(owner, now, stamp),
    });
    for (const guarded of sources.byName.values()) guarded.source.onChanged = (keys) => this.#watchlist.onChanged(guarded, keys);
    view.onChange('user', (change) => users.onChanged(change === 'reset' ? null : change.key));
    view.onChange('cluster', () => {
      this.#decoyKey = createHash('sha256')
        .update(`scram ${metadata.token} ${view.reader.get('cluster', {})?.id}`)
        .digest();
    });
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  onOrder(order: AuthOrder): void {
    switch (order.kind) {
      case 'catalogue':
        this.#parts.view.load(order.chunks);
        this.#becomeReady();
        return;
      case 'catalogue-change':
        this.#parts.view.apply(order.delta); // After a gap the whole comes: main sees to that.
        return;
      case 'shard':
        this.#dropShard(order.shard);
        if (this.#isReady) this.#take(order.shard, order.port);
        else this.#early.set(order.shard, order.port);
        return;
      case 'shard-down':
        this.#dropShard(order.shard);
        return;
      case 'stop':
        void this.#stop();
    }
  }

  #becomeReady(): void {
    if (this.#isReady) return;
    this.#isReady = true;
    for (const [shard, port] of this.#early) this.#take(shard, port);
    this.#early.clear();
    this.#post({ kind: 'ready' });
  }

  #take(shard: number, port: MessagePort): void {
    this.#shards.set(shard, new AuthShard(shard, port, this.#admission, this.#watchlist));
  }

  #dropShard(shard: number): void {
    this.#early.get(shard)?.close();
    this.#early.delete(shard);
    const known = this.#shards.get(shard);
    if (known === undefined) return;
    this.#admitted += known.admitted;
    this.#refused += known.refused;
    known.close();
    this.#shards.delete(shard);
  }

  #tick(): void {
    this.#watchlist.tick();
    this.#ticks += 1;
    if (this.#ticks % STATUS_TICKS === 0) this.#post({ kind: 'status', status: this.#status() });
  }

  #status(): AuthStatus {
    const { sources, hashes, clock } = this.#parts;
    let admitted = this.#admitted;
    let refused = this.#refused;
    for (const shard of this.#shards.values()) {
      admitted += shard.admitted;
      refused += shard.refused;
    }
    const statuses = [...sources.byName].map(([name, { counters, isDown }]) => [name, { ...counters, isDown }] as const);
    return {
      sources: Object.fromEntries(statuses),
      watched: this.#watchlist.size,
      refreshLagMs: Math.round(this.#watchlist.oldestMs(clock.monotonicMs())),
      hashesWaiting: hashes.waiting,
      admitted,
      refused,
    };
  }

  async #stop(): Promise<void> {
    if (this.#isStopping) return;
    this.#isStopping = true;
    clearInterval(this.#timer);
    for (const shard of [...this.#shards.keys()]) this.#dropShard(shard);
    await this.#parts.sources.close();
    await this.#parts.hashes.close();
    this.#post({ kind: 'stopped' });
    process.exit(0);
  }
}
