import { assert } from '../base/assert.js';
import { ownerOf } from './level-hash.js';
import type { PeerMessage } from './peer-messages.js';
import { type ClaimOutcome, REFUSED, type RestoredSession, type SessionDirectory, type ShardId } from './ports.js';

export interface DirectoryLinks {
  readonly self: ShardId;
  readonly shardCount: number;
  /** To a peer, or to this shard itself: then it is handled before the call returns. */
  post(to: ShardId, message: PeerMessage): void;
}

interface WaitingClaim {
  readonly clientId: string;
  readonly owner: string;
  readonly discard: boolean;
  readonly done: (outcome: ClaimOutcome) => void;
  isCancelled: boolean;
}

/** A session asked back from the protocol, which has not answered yet. */
interface Surrender {
  readonly clientId: string;
  readonly registrar: ShardId;
  /** NOBODY if the registrar that asked is dead. */
  ticket: number;
  readonly discard: boolean;
  readonly staysHere: boolean;
  /** Questions that came meanwhile: from the successor of a dead registrar, or after the registrar gave up waiting. */
  readonly followers: (() => void)[];
}

const NOBODY = 0;

/**
 * One shard's side of the session directory: the claims it waits for and the sessions it holds. The registrar of each
 * identifier, on whichever shard, is the authority; `session-registrar.ts` draws the messages.
 */
export class ShardDirectory implements SessionDirectory {
  onSurrender: SessionDirectory['onSurrender'] = failUnset;
  judgeClaim: SessionDirectory['judgeClaim'] = () => 'mine';
  onOrphan: SessionDirectory['onOrphan'] = failUnset;
  onOutdated: SessionDirectory['onOutdated'] = failUnset;
  onReturn: SessionDirectory['onReturn'] = () => [];
  readonly #links: DirectoryLinks;
  readonly #claims: Map<number, WaitingClaim> = new Map();
  readonly #held: Set<string> = new Set();
  /** Held sessions that stay in place while a claim of this shard for them is being served. The grant is on its way, so a release must not overtake it. */
  readonly #staying: Set<string> = new Set();
  readonly #surrenders: Map<string, Surrender> = new Map();
  #ticketLast = 0;

  constructor(links: DirectoryLinks) {
    this.#links = links;
  }

  holds(clientId: string): boolean {
    return this.#held.has(clientId);
  }

  get heldCount(): number {
    return this.#held.size;
  }

  /** Claims that wait for their answer, cancelled ones included. */
  get waitingCount(): number {
    return this.#claims.size;
  }

  claim(clientId: string, owner: string, discard: boolean, done: (outcome: ClaimOutcome) => void): number {
    this.#ticketLast += 1;
    const ticket = this.#ticketLast;
    this.#claims.set(ticket, { clientId, owner, discard, done, isCancelled: false });
    this.#links.post(this.#registrarOf(clientId), { kind: 'claim', ticket, clientId, owner, discard });
    return ticket;
  }

  cancelClaim(ticket: number): void {
    const claim = this.#claims.get(ticket);
    if (claim !== undefined) claim.isCancelled = true;
  }

  release(clientId: string): void {
    if (!this.#held.delete(clientId)) return;
    if (!this.#staying.has(clientId)) this.#postRelease(clientId);
  }

  onClaimed(ticket: number, clientId: string, state: ClaimOutcome): void {
    const claim = this.#claims.get(ticket);
    assert(claim !== undefined && claim.clientId === clientId, 'a grant answers a claim');
    this.#claims.delete(ticket);
    if (state === REFUSED) {
      if (!claim.isCancelled) claim.done(REFUSED);
      return;
    }
    this.#staying.delete(clientId);
    if (!claim.isCancelled) {
      this.#held.add(clientId);
      claim.done(state);
    } else if (state !== null) {
      this.adopt(clientId, state);
    } else if (!this.#held.has(clientId)) {
      // We were given what nobody is here to use. (What stayed in place is still held.)
      this.#postRelease(clientId);
    }
  }

  onSurrenderAsked(registrar: ShardId, question: Extract<PeerMessage, { kind: 'surrender' }>): void {
    const { ticket, clientId, owner, claimant } = question;
    const waiting = this.#surrenders.get(clientId);
    if (waiting !== undefined) {
      waiting.followers.push(() => this.onSurrenderAsked(registrar, question));
      return;
    }
    if (!this.#held.has(clientId)) {
      this.#links.post(registrar, { kind: 'surrendered', ticket, clientId, outcome: null });
      return;
    }
    const verdict = owner === null ? 'mine' : this.judgeClaim(clientId, owner);
    if (verdict === 'taken') {
      this.#links.post(registrar, { kind: 'surrendered', ticket, clientId, outcome: REFUSED });
      return;
    }
    const discard = question.discard || verdict === 'unowned';
    const staysHere = claimant === this.#links.self && !discard;
    if (staysHere) this.#staying.add(clientId);
    else this.#held.delete(clientId);
    const surrender: Surrender = { clientId, registrar, ticket, discard, staysHere, followers: [] };
    this.#surrenders.set(clientId, surrender);
    this.onSurrender(clientId, discard, claimant, (state) => this.#onGivenUp(surrender, state));
  }

  announce(sessions: readonly RestoredSession[]): void {
    const byRegistrar: RestoredSession[][] = Array.from({ length: this.#links.shardCount }, () => []);
    for (const session of sessions) {
      this.#held.add(session.clientId);
      byRegistrar[this.#registrarOf(session.clientId)].push(session);
    }
    for (const [registrar, held] of byRegistrar.entries()) {
      const clientIds = held.map(({ clientId }) => clientId);
      this.#links.post(registrar, { kind: 'holds', clientIds, claimedAtMs: held.map(({ claimedAtMs }) => claimedAtMs) });
    }
  }

  /** A shard died. Sessions that it was given by us are ours again, unless it had kept them. */
  onReturnAsked(registrar: ShardId, peer: ShardId): void {
    const returned = this.onReturn((clientId, claimant) => claimant === peer && this.#registrarOf(clientId) === registrar);
    for (const { clientId } of returned) this.#held.add(clientId);
    const clientIds = returned.map(({ clientId }) => clientId);
    this.#links.post(registrar, { kind: 'holds', clientIds, claimedAtMs: returned.map(({ claimedAtMs }) => claimedAtMs) });
  }

  onOutdatedHere(clientId: string): void {
    if (this.#held.delete(clientId)) this.onOutdated(clientId);
  }

  /** The session's state is here and nobody waits for it: the protocol keeps it. The registrar knows. */
  adopt(clientId: string, state: Uint8Array): void {
    this.#held.add(clientId);
    this.onOrphan(clientId, state);
  }

  /** Tells the new registrar what we hold, then asks again what we asked its predecessor. */
  onPeerReplaced(peer: ShardId): void {
    for (const clientId of this.#staying) if (this.#registrarOf(clientId) === peer) this.#staying.delete(clientId);
    for (const surrender of this.#surrenders.values()) {
      if (surrender.registrar !== peer) continue;
      surrender.ticket = NOBODY;
      surrender.followers.length = 0;
      if (!surrender.discard) this.#held.add(surrender.clientId);
    }
    // State that was under way to or from the dead one. In one message with the rest: after it nobody waits for us.
    const returned = this.onReturn((clientId) => this.#registrarOf(clientId) === peer);
    const clientIds = returned.map(({ clientId }) => clientId);
    for (const clientId of this.#held) if (this.#registrarOf(clientId) === peer) clientIds.push(clientId);
    for (const { clientId } of returned) this.#held.add(clientId);
    this.#links.post(peer, { kind: 'holds', clientIds, claimedAtMs: returned.map(({ claimedAtMs }) => claimedAtMs) });

    for (const [ticket, claim] of this.#claims) {
      const { clientId, owner, discard } = claim;
      if (this.#registrarOf(clientId) !== peer) continue;
      if (claim.isCancelled) this.#claims.delete(ticket);
      else this.#links.post(peer, { kind: 'claim', ticket, clientId, owner, discard });
    }
  }

  #onGivenUp(surrender: Surrender, state: Uint8Array | null): void {
    const { clientId, registrar, ticket } = surrender;
    assert(this.#surrenders.get(clientId) === surrender, 'a surrender is answered once');
    this.#surrenders.delete(clientId);
    if (ticket === NOBODY) {
      this.#keepUnasked(surrender, state);
    } else {
      // It did not stay after all: it goes to the claimant as bytes.
      if (surrender.staysHere && state !== null && this.#staying.delete(clientId)) this.#held.delete(clientId);
      this.#links.post(registrar, { kind: 'surrendered', ticket, clientId, outcome: surrender.discard ? null : state });
    }
    for (const ask of surrender.followers) ask();
  }

  /** The registrar that asked is dead and its successor has not asked: the session stays ours if it still exists. */
  #keepUnasked(surrender: Surrender, state: Uint8Array | null): void {
    const clientId = surrender.clientId;
    if (surrender.discard) return;
    if (state !== null) {
      if (!this.#held.has(clientId)) this.#links.post(surrender.registrar, { kind: 'holds', clientIds: [clientId], claimedAtMs: [] });
      this.adopt(clientId, state);
    } else if (!surrender.staysHere) {
      this.release(clientId);
    }
  }

  #postRelease(clientId: string): void {
    this.#links.post(this.#registrarOf(clientId), { kind: 'release', clientId });
  }

  #registrarOf(clientId: string): ShardId {
    return ownerOf(clientId, this.#links.shardCount);
  }
}

function failUnset(): void {
  assert(false, 'the protocol sets the callbacks of the directory before the first claim');
}
