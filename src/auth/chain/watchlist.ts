import type { Clock } from '../../base/clock.js';
import type { Identity } from '../ports.js';
import type { Grant } from '../sources/source.js';
import type { GuardedSource } from './guarded-source.js';

/** A connection: its shard and its number there. */
export interface Holder {
  readonly shard: number;
  readonly owner: number;
}

interface Kept {
  readonly holder: Holder;
  readonly identity: Identity;
  readonly stamp: string;
  readonly account: Account;
}

/** Clients of one source of which it says the same. */
interface Account {
  readonly source: GuardedSource;
  readonly key: string;
  readonly kept: Set<Kept>;
  checkedMs: number;
  isOpen: boolean;
}

export interface WatchlistOptions {
  readonly sourceOf: (name: string) => GuardedSource | undefined;
  /** Milliseconds after which a source is asked again; 0: only those that tell their changes. */
  readonly refreshMs: number;
  readonly clock: Clock;
  /** null: it must go. */
  readonly tell: (holder: Holder, now: Identity | null, stamp: string) => void;
}

/** Accounts that are looked at in one go where the answers are in memory: the thread has others to answer in between. */
const LOCAL_AT_ONCE = 256;

/**
 * Clients that are connected, and whether their sources would still let them in. Sources that tell their changes are asked then; the others one account after the
 * other, the one that waited longest first, with at most half of the source's connections: those who come have the other half. With more
 * accounts than it can ask in `refreshMs` a round takes longer; `oldestMs` tells.
 */
export class Watchlist {
  readonly #options: WatchlistOptions;
  readonly #byHolder = new Map<number, Map<number, Kept>>();
  /** By source and key, those that were checked longest ago first. */
  readonly #accounts = new Map<string, Map<string, Account>>();
  /** Keys of sources that tell their changes, still to be asked; null: all there are. */
  readonly #changed = new Map<string, Set<string>>();
  readonly #open = new Map<string, number>();

  constructor(options: WatchlistOptions) {
    this.#options = options;
  }

  get size(): number {
    let size = 0;
    for (const kept of this.#byHolder.values()) size += kept.size;
    return size;
  }

  /** How long ago the account that waits longest was asked about. */
  oldestMs(nowMs: number): number {
    let oldest = 0;
    for (const accounts of this.#accounts.values())
      for (const { checkedMs, source } of accounts.values()) {
        if (source.source.tellsChanges) break;
        oldest = Math.max(oldest, nowMs - checkedMs);
        break; // The first of a source is its oldest.
      }
    return oldest;
  }

  keep(holder: Holder, identity: Identity, stamp: string): void {
    this.letGo(holder);
    const source = this.#options.sourceOf(identity.source);
    const recheck = source?.source.recheck ?? null;
    if (source === undefined || recheck === null) return;
    const account = this.#accountOf(source, recheck.keyOf(identity));
    const kept: Kept = { holder, identity, stamp, account };
    account.kept.add(kept);
    const ofShard = this.#byHolder.get(holder.shard) ?? new Map<number, Kept>();
    this.#byHolder.set(holder.shard, ofShard.set(holder.owner, kept));
    // Between its answer and now the source may have told a change that nobody was kept for.
    if (source.source.tellsChanges) this.onChanged(source, [account.key]);
  }

  letGo({ shard, owner }: Holder): void {
    const kept = this.#byHolder.get(shard)?.get(owner);
    if (kept === undefined) return;
    this.#byHolder.get(shard)?.delete(owner);
    const { account } = kept;
    account.kept.delete(kept);
    if (account.kept.size === 0) this.#accounts.get(account.source.rules.name)?.delete(account.key);
  }

  /** The shard is gone, and all its connections. */
  letGoAll(shard: number): void {
    for (const { holder } of [...(this.#byHolder.get(shard)?.values() ?? [])]) this.letGo(holder);
    this.#byHolder.delete(shard);
  }

  /** A source tells what may be different. @param keys null: all. */
  onChanged({ rules: { name }, source }: GuardedSource, keys: readonly string[] | null): void {
    if (!source.tellsChanges) return;
    const accounts = this.#accounts.get(name);
    if (accounts === undefined) return;
    const changed = this.#changed.get(name) ?? new Set<string>();
    for (const key of keys ?? accounts.keys()) if (accounts.has(key)) changed.add(key);
    if (changed.size > 0) this.#changed.set(name, changed);
  }

  /** Called several times a second. Bounded. */
  tick(): void {
    for (const [name, changed] of this.#changed) {
      let left = LOCAL_AT_ONCE;
      for (const key of changed) {
        if (left-- === 0) break;
        changed.delete(key);
        const account = this.#accounts.get(name)?.get(key);
        if (account !== undefined) void this.#check(account);
      }
      if (changed.size === 0) this.#changed.delete(name);
    }
    if (this.#options.refreshMs > 0) for (const accounts of this.#accounts.values()) this.#askDue(accounts);
  }

  #askDue(accounts: Map<string, Account>): void {
    const dueMs = this.#options.clock.monotonicMs() - this.#options.refreshMs;
    for (const account of accounts.values()) {
      const { source } = account;
      if (source.source.tellsChanges || account.isOpen || account.checkedMs > dueMs) return;
      const open = this.#open.get(source.rules.name) ?? 0;
      if (open >= Math.max(1, source.rules.connections >> 1)) return;
      this.#open.set(source.rules.name, open + 1);
      void this.#check(account).then(() => {
        this.#open.set(source.rules.name, (this.#open.get(source.rules.name) ?? 1) - 1);
        this.#askDue(accounts);
      });
    }
  }

  /** Never rejects. */
  async #check(account: Account): Promise<void> {
    const { source, kept, key } = account;
    const [first] = kept;
    if (first === undefined) return;
    account.isOpen = true;
    account.checkedMs = this.#options.clock.monotonicMs();
    const ofSource = this.#accounts.get(source.rules.name);
    if (ofSource?.get(key) === account) {
      ofSource.delete(key); // To the end of the order.
      ofSource.set(key, account);
    }
    const now = await source.recheck(first.identity);
    account.isOpen = false;
    if (now === undefined) return; // Nobody knows: what it said last counts.
    for (const one of [...kept]) this.#compare(one, now);
  }

  #compare({ holder, identity, stamp }: Kept, now: Grant | null): void {
    if (now === null || (now.stamp !== stamp && stamp !== '' && now.stamp !== '')) {
      this.letGo(holder);
      this.#options.tell(holder, null, '');
      return;
    }
    const { isSuperuser, rules, stamp: stampNow } = now;
    if (isSuperuser === identity.isSuperuser && JSON.stringify(rules) === JSON.stringify(identity.rules)) return;
    const changed: Identity = { ...identity, isSuperuser, rules };
    this.#keepAgain(holder, changed, stampNow);
    this.#options.tell(holder, changed, stampNow);
  }

  /** With what it may now, so that it is told once. */
  #keepAgain(holder: Holder, identity: Identity, stamp: string): void {
    const kept = this.#byHolder.get(holder.shard)?.get(holder.owner);
    if (kept === undefined) return;
    const { account } = kept;
    const now: Kept = { holder, identity, stamp, account };
    account.kept.delete(kept);
    account.kept.add(now);
    this.#byHolder.get(holder.shard)?.set(holder.owner, now);
  }

  #accountOf(source: GuardedSource, key: string): Account {
    const { name } = source.rules;
    const accounts = this.#accounts.get(name) ?? new Map<string, Account>();
    this.#accounts.set(name, accounts);
    const known = accounts.get(key);
    if (known !== undefined) return known;
    const account: Account = { source, key, kept: new Set(), checkedMs: this.#options.clock.monotonicMs(), isOpen: false };
    accounts.set(key, account);
    return account;
  }
}
