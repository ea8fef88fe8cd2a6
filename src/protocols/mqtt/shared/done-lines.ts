import type { QueueMessage, ShardId } from '../../../broker/ports.js';
import type { GroupId, Sequence } from '../../../journal/ports.js';
import type { Claim } from './shares.js';

const NO_TICKET = 0;

/** Where messages are remembered until it is durable that nobody else gets them. */
export interface KeptBy {
  onKept(claim: Claim): void;
}

interface Line {
  readonly member: number;
  readonly settled: number[];
  readonly kept: number[];
  /** Who is told when it is durable that they are kept. */
  readonly keepers: (readonly [KeptBy, Claim])[];
  finished: number;
  readonly released: number[];
  readonly refused: number[];
}

/** What became of messages that were given to members of this shard: told to the owners of their queues together, at the end of the turn. */
export class DoneLines {
  readonly #ownerOf: (group: GroupId) => ShardId;
  readonly #send: (to: ShardId, message: QueueMessage) => void;
  /** By owner, then by member. */
  #lines: Map<ShardId, Map<number, Line>> = new Map();

  readonly #expect: (kept: () => void) => number;

  /** @param expect gives a ticket: `kept` is called when the owner says that it is durable. */
  constructor(
    ownerOf: (group: GroupId) => ShardId,
    send: (to: ShardId, message: QueueMessage) => void,
    expect: (kept: () => void) => number,
  ) {
    this.#ownerOf = ownerOf;
    this.#send = send;
    this.#expect = expect;
  }

  get isEmpty(): boolean {
    return this.#lines.size === 0;
  }

  settled(member: number, group: GroupId, sequence: Sequence): void {
    this.#lineOf(member, group).settled.push(group, sequence);
  }

  kept(member: number, claim: Claim, keeper: KeptBy): void {
    const [, group, sequence] = claim;
    const line = this.#lineOf(member, group);
    line.kept.push(group, sequence);
    line.keepers.push([keeper, claim]);
  }

  /** One that was kept. */
  finished(member: number, group: GroupId): void {
    this.#lineOf(member, group).finished += 1;
  }

  released(member: number, group: GroupId, sequence: Sequence): void {
    this.#lineOf(member, group).released.push(group, sequence);
  }

  refused(member: number, group: GroupId, sequence: Sequence): void {
    this.#lineOf(member, group).refused.push(group, sequence);
  }

  flush(): void {
    if (this.#lines.size === 0) return;
    const lines = this.#lines;
    this.#lines = new Map();
    for (const [owner, members] of lines) {
      const told = [...members.values()].map(({ keepers: _, ...line }) => line);
      this.#send(owner, { kind: 'shared-done', ticket: this.#ticketFor([...members.values()]), members: told });
    }
  }

  #ticketFor(lines: readonly Line[]): number {
    if (lines.every(({ kept }) => kept.length === 0)) return NO_TICKET;
    return this.#expect(() => {
      for (const { keepers } of lines) for (const [keeper, claim] of keepers) keeper.onKept(claim);
    });
  }

  #lineOf(member: number, group: GroupId): Line {
    const owner = this.#ownerOf(group);
    let members = this.#lines.get(owner);
    if (members === undefined) {
      members = new Map();
      this.#lines.set(owner, members);
    }
    let line = members.get(member);
    if (line === undefined) {
      line = { member, settled: [], kept: [], keepers: [], finished: 0, released: [], refused: [] };
      members.set(member, line);
    }
    return line;
  }
}
