import { assert } from '../../base/assert.js';
import { durableSiblingOf } from '../../journal/placement.js';
import type { CommitNumber, GroupId, GroupLog, Journal } from '../../journal/ports.js';
import type { LogTarget } from '../ports.js';
import { classOf, offsetOf, placeOf } from './delay-classes.js';
import { DelayedGroup } from './delayed-group.js';
import type { Delayed, DelayedRow, DelayedWriter } from './ports.js';

const GROUP_DIGITS = 5;
const OFFSET_DIGITS = 16;

/**
 * The delayed messages of all groups of a shard, whatever protocol they came by. What a record holds is the protocol's business; where it lies is
 * decided by the topic: in the group of the log that it will go to, so that its publication and the note that it was published are one commit.
 */
export class DelayedMessages implements Delayed {
  readonly #journal: Journal;
  readonly #groups = new Map<GroupId, DelayedGroup>();
  readonly #messagesMax: number;

  /** Call it when the journal is open: restores what waits. */
  constructor(journal: Journal, messagesMax: number) {
    this.#journal = journal;
    this.#messagesMax = messagesMax;
    for (const log of journal.groups) if (!journal.isVolatile(log.id)) this.#groups.set(log.id, new DelayedGroup(journal, log));
  }

  /** Of this shard. */
  get count(): number {
    let sum = 0;
    for (const group of this.#groups.values()) sum += group.count;
    return sum;
  }

  get isFull(): boolean {
    return this.count >= this.#messagesMax;
  }

  groups(): IterableIterator<DelayedGroup> {
    return this.#groups.values();
  }

  groupOf(target: LogTarget): GroupId {
    return durableSiblingOf(target.group);
  }

  logOf(target: LogTarget): GroupLog | undefined {
    return this.#journal.group(this.groupOf(target));
  }

  append(target: LogTarget, nowMs: number, dueMs: number, write: DelayedWriter): CommitNumber {
    const group = this.#groups.get(this.groupOf(target));
    assert(group !== undefined, 'the log is of this shard');
    return group.append(nowMs, dueMs, write);
  }

  onCommitted(commit: CommitNumber): void {
    for (const group of this.#groups.values()) group.onCommitted(commit);
  }

  onLost(commit: CommitNumber): void {
    for (const group of this.#groups.values()) group.onLost(commit);
  }

  trim(): void {
    for (const group of this.#groups.values()) group.trim();
  }

  cancel(id: string): boolean {
    const [group, place] = partsOf(id);
    return this.#groups.get(group)?.cancel(place) ?? false;
  }

  list(after: string, visit: (row: DelayedRow) => boolean): void {
    const [afterGroup, afterPlace] = after === '' ? [-1, -1] : partsOf(after);
    let goesOn = true;
    for (const [id, group] of [...this.#groups].sort(([a], [b]) => a - b)) {
      if (id < afterGroup || !goesOn) continue;
      group.list(id === afterGroup ? afterPlace : -1, (place, dueMs, batch) => {
        goesOn = visit({ id: idOf(id, place), dueMs, batch });
        return goesOn;
      });
    }
  }
}

/** Group, class and offset, so that they sort as they are listed. */
function idOf(group: GroupId, place: number): string {
  return `${String(group).padStart(GROUP_DIGITS, '0')}-${classOf(place)}-${String(offsetOf(place)).padStart(OFFSET_DIGITS, '0')}`;
}

/** Numbers that nothing has, if the text is no id. */
function partsOf(id: string): [group: GroupId, place: number] {
  const match = /^(\d{5})-([0-7])-(\d{16})$/.exec(id);
  return match === null ? [-1, -1] : [Number(match[1]), placeOf(Number(match[3]), Number(match[2]))];
}
