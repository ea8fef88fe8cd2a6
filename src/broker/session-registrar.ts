import { assert } from '../base/assert.js';
import type { PeerMessage } from './peer-messages.js';
import { type ClaimOutcome, REFUSED, type ShardId } from './ports.js';

/** A holder that has not answered by then is passed over: its session counts as ended, and what it sends later is dropped. */
const SURRENDER_TIMEOUT_MS = 10_000;
/** Claimed later than anything that was restored. */
const IN_USE = Number.POSITIVE_INFINITY;
/** How long a registrar waits to be told who holds what, before it serves claims without knowing. */
const HOLDS_TIMEOUT_MS = 10_000;

export interface RegistrarLinks {
  readonly self: ShardId;
  readonly shardCount: number;
  /** To a peer, or to this shard itself: then it is handled before the call returns. */
  post(to: ShardId, message: PeerMessage): void;
  /** A session whose claimant died on the way stays with this shard. */
  adopt(clientId: string, state: Uint8Array): void;
  /** State was dropped; for the log. */
  lost(clientId: string, why: string): void;
}

interface Claim {
  readonly from: ShardId;
  readonly ticket: number;
  readonly owner: string;
  readonly discard: boolean;
}

/** A claim that waits until the holder gave the session up. */
interface Transfer {
  /** Null if the claimant died meanwhile. */
  claim: Claim | null;
  readonly holder: ShardId;
  readonly ticket: number;
  readonly deadlineMs: number;
}

/** One identifier somebody waits for. At rest there is none, only a holder. */
interface Contest {
  readonly clientId: string;
  transfer: Transfer | null;
  readonly queue: Claim[];
}

interface LateSurrender {
  readonly clientId: string;
  readonly holder: ShardId;
}

/**
 * The registrar of the client identifiers this shard owns: who holds each, and who is next.
 *
 *   claimant            registrar            holder
 *      |------ claim ------>|
 *      |                    |---- surrender ---->|    (left out if nobody holds it)
 *      |                    |<--- surrendered ---|
 *      |<----- claimed -----|
 *      :                    |<----- release -----|    (the session ended)
 *
 * When a shard dies, the sessions that it had been given and had not made durable are where they came from:
 *
 *   registrar ---- return ----> all others ---- holds ----> registrar
 *
 * Claims of one identifier are served one after another. A grant needs no answer: what the registrar sends next to the same
 * shard comes after it. Every state changes before anything is posted, for a post to this very shard may come back at once.
 */
export class SessionRegistrar {
  readonly #links: RegistrarLinks;
  readonly #holders: Map<string, ShardId> = new Map();
  readonly #contests: Map<string, Contest> = new Map();
  /** Surrenders nobody waits for any more, by ticket. Until its answer comes, a release by that holder is about the past. */
  readonly #late: Map<number, LateSurrender> = new Map();
  /** Shards that must still tell what they hold before claims are served. */
  readonly #awaited: Set<ShardId> = new Set();
  #awaitedUntilMs = 0;
  /** Of sessions that were restored: when they were claimed last. While peers are awaited. */
  readonly #claimedAtMs: Map<string, number> = new Map();
  readonly #awaitsPeers: boolean;
  #ticketLast = 0;
  #nowMs = 0;

  /** @param awaitsHolds all shards, this one too, will tell what they hold: from the journal, or because this shard takes the place of one that died. */
  constructor(links: RegistrarLinks, awaitsHolds: boolean, nowMs: number) {
    this.#links = links;
    this.#nowMs = nowMs;
    this.#awaitsPeers = awaitsHolds;
    if (!awaitsHolds) return;
    for (let shard = 0; shard < links.shardCount; shard += 1) this.#awaited.add(shard);
    this.#awaitedUntilMs = nowMs + HOLDS_TIMEOUT_MS;
  }

  holderOf(clientId: string): ShardId | undefined {
    return this.#holders.get(clientId);
  }

  onClaim(from: ShardId, { ticket, clientId, owner, discard }: Extract<PeerMessage, { kind: 'claim' }>): void {
    let contest = this.#contests.get(clientId);
    if (contest === undefined) {
      contest = { clientId, transfer: null, queue: [] };
      this.#contests.set(clientId, contest);
    }
    contest.queue.push({ from, ticket, owner, discard });
    this.#serve(contest);
  }

  onSurrendered(from: ShardId, ticket: number, clientId: string, outcome: ClaimOutcome): void {
    const contest = this.#contests.get(clientId);
    if (contest?.transfer?.ticket !== ticket) {
      const late = this.#late.delete(ticket);
      assert(late, 'an answer has a question');
      if (outcome === REFUSED)
        this.onHolds(from, [clientId], []); // It kept what we thought it had lost.
      else if (outcome !== null) this.#links.lost(clientId, 'its holder answered too late');
      return;
    }
    assert(contest.transfer.holder === from, 'the holder answers, nobody else');
    if (outcome === REFUSED) this.#refuse(contest, contest.transfer);
    else this.#finishTransfer(contest, outcome);
  }

  onRelease(from: ShardId, clientId: string): void {
    if (this.#holders.get(clientId) !== from) return;
    for (const late of this.#late.values()) if (late.holder === from && late.clientId === clientId) return;
    this.#holders.delete(clientId);
  }

  /** What a peer holds: told once to a new registrar, and again for each session that found its way back to it. */
  onHolds(from: ShardId, clientIds: readonly string[], claimedAtMs: readonly number[]): void {
    for (const [i, clientId] of clientIds.entries()) {
      const holder = this.#holders.get(clientId);
      if (holder === from) continue;
      const isRestored = i < claimedAtMs.length;
      if (holder !== undefined && (isRestored || this.#claimedAtMs.has(clientId))) {
        this.#settleRestored(clientId, holder, from, isRestored ? claimedAtMs[i] : IN_USE);
        continue;
      }
      if (isRestored) this.#claimedAtMs.set(clientId, claimedAtMs[i]);
      if (holder === undefined && !this.#contests.get(clientId)?.transfer) {
        this.#holders.set(clientId, from);
        continue;
      }
      // Somebody else has it by now. There is exactly one holder, so the latecomer ends its own.
      this.#ticketLast += 1;
      this.#late.set(this.#ticketLast, { clientId, holder: from });
      this.#postSurrender(from, this.#ticketLast, clientId, null, true, holder ?? this.#links.self);
    }
    this.#stopAwaiting(from);
  }

  onPeerReplaced(peer: ShardId): void {
    // Its successor has the sessions that the journal has, and will say so.
    if (this.#awaitsPeers) {
      for (let shard = 0; shard < this.#links.shardCount; shard += 1) this.#awaited.add(shard);
      this.#awaitedUntilMs = this.#nowMs + HOLDS_TIMEOUT_MS;
    }
    for (const [clientId, holder] of this.#holders) if (holder === peer) this.#holders.delete(clientId);
    for (const [ticket, late] of this.#late) if (late.holder === peer) this.#late.delete(ticket);
    for (const contest of [...this.#contests.values()]) {
      const alive = contest.queue.filter((claim) => claim.from !== peer);
      contest.queue.splice(0, contest.queue.length, ...alive);
      const transfer = contest.transfer;
      if (transfer === null) {
        this.#serve(contest);
        continue;
      }
      if (transfer.claim?.from === peer) transfer.claim = null;
      if (transfer.holder !== peer) continue;
      if (this.#awaitsPeers) this.#askAgain(contest, transfer);
      else this.#finishTransfer(contest, null);
    }
    // What was on its way to the dead one its successor has only if it was durable there.
    if (this.#awaitsPeers)
      for (let shard = 0; shard < this.#links.shardCount; shard += 1) if (shard !== peer) this.#links.post(shard, { kind: 'return', peer });
  }

  /** The session is another principal's: its holder keeps it, and the next in the queue is asked about. */
  #refuse(contest: Contest, { claim }: Transfer): void {
    contest.transfer = null;
    if (claim !== null)
      this.#links.post(claim.from, { kind: 'claimed', ticket: claim.ticket, clientId: contest.clientId, outcome: REFUSED });
    this.#serve(contest);
  }

  /** The holder died, and its successor may have the session: the claim waits for it. */
  #askAgain(contest: Contest, { claim }: Transfer): void {
    contest.transfer = null;
    if (claim !== null) contest.queue.unshift(claim);
    this.#serve(contest);
  }

  /** Two shards have the session: one was to take it from the other when the process ended. What was claimed last counts. */
  #settleRestored(clientId: string, holder: ShardId, newcomer: ShardId, newcomerClaimedAtMs: number): void {
    const isLater = newcomerClaimedAtMs > (this.#claimedAtMs.get(clientId) ?? IN_USE);
    if (isLater) {
      this.#holders.set(clientId, newcomer);
      if (newcomerClaimedAtMs === IN_USE) this.#claimedAtMs.delete(clientId);
      else this.#claimedAtMs.set(clientId, newcomerClaimedAtMs);
    }
    this.#links.post(isLater ? holder : newcomer, { kind: 'outdated', clientId });
  }

  onTick(nowMs: number): void {
    this.#nowMs = nowMs;
    if (this.#awaited.size > 0 && nowMs >= this.#awaitedUntilMs) {
      this.#awaited.clear();
      this.#stopAwaitingAll();
    }
    if (this.#contests.size === 0) return;
    for (const contest of [...this.#contests.values()]) {
      const transfer = contest.transfer;
      if (transfer === null || nowMs < transfer.deadlineMs) continue;
      this.#late.set(transfer.ticket, { clientId: contest.clientId, holder: transfer.holder });
      this.#finishTransfer(contest, null);
    }
  }

  #stopAwaiting(peer: ShardId): void {
    if (this.#awaited.delete(peer) && this.#awaited.size === 0) this.#stopAwaitingAll();
  }

  #stopAwaitingAll(): void {
    this.#claimedAtMs.clear();
    for (const contest of [...this.#contests.values()]) this.#serve(contest);
  }

  /** Grants what can be granted; stops at the first claim that needs somebody to surrender. */
  #serve(contest: Contest): void {
    const clientId = contest.clientId;
    if (this.#awaited.size > 0) return;
    for (;;) {
      if (contest.transfer !== null) return;
      const claim = contest.queue.shift();
      if (claim === undefined) break;
      const holder = this.#holders.get(clientId);
      if (holder === undefined) {
        this.#grant(clientId, claim, null);
        continue;
      }
      this.#ticketLast += 1;
      const ticket = this.#ticketLast;
      contest.transfer = { claim, holder, ticket, deadlineMs: this.#nowMs + SURRENDER_TIMEOUT_MS };
      this.#postSurrender(holder, ticket, clientId, claim.owner, claim.discard, claim.from);
    }
    if (this.#contests.get(clientId) === contest) this.#contests.delete(clientId);
  }

  #finishTransfer(contest: Contest, state: Uint8Array | null): void {
    const transfer = contest.transfer;
    assert(transfer !== null, 'only a transfer under way is finished');
    contest.transfer = null;
    this.#holders.delete(contest.clientId);
    // A claimant that died passes the session on to the next in the queue, else it stays with this shard.
    const claim = transfer.claim ?? contest.queue.shift();
    if (claim !== undefined) {
      this.#grant(contest.clientId, claim, claim.discard ? null : state);
    } else if (state !== null) {
      this.#holders.set(contest.clientId, this.#links.self);
      this.#links.adopt(contest.clientId, state);
    }
    this.#serve(contest);
  }

  #grant(clientId: string, claim: Claim, state: Uint8Array | null): void {
    this.#holders.set(clientId, claim.from);
    this.#links.post(claim.from, { kind: 'claimed', ticket: claim.ticket, clientId, outcome: state });
  }

  #postSurrender(holder: ShardId, ticket: number, clientId: string, owner: string | null, discard: boolean, claimant: ShardId): void {
    this.#links.post(holder, { kind: 'surrender', ticket, clientId, owner, discard, claimant });
  }
}
