import type { QueueMessage, ShardId } from '../../../broker/ports.js';
import type { GroupId, Sequence } from '../../../journal/ports.js';

interface Line {
  readonly member: number;
  readonly settled: number[];
  readonly kept: number[];
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

  constructor(ownerOf: (group: GroupId) => ShardId, send: (to: ShardId, message: QueueMessage) => void) {
    this.#ownerOf = ownerOf;
    this.#send = send;
  }

  get isEmpty(): boolean {
    return this.#lines.size === 0;
  }

  settled(member: number, group: GroupId, sequence: Sequence): void {
    this.#lineOf(member, group).settled.push(group, sequence);
  }

  kept(member: number, group: GroupId, sequence: Sequence): void {
    this.#lineOf(member, group).kept.push(group, sequence);
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
    for (const [owner, members] of lines) this.#send(owner, { kind: 'shared-done', members: [...members.values()] });
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
      line = { member, settled: [], kept: [], finished: 0, released: [], refused: [] };
      members.set(member, line);
    }
    return line;
  }
}
