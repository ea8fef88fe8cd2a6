import type { ShardId } from '../../../broker/ports.js';
import type { GroupId, GroupLog, Sequence } from '../../../journal/ports.js';
import type { LogPlaces } from '../stored-run.js';
import { GroupCursor } from './group-cursor.js';

/** A delivery of QoS 2 that an earlier process sent: its message is in the log. */
export interface RestoredFlight {
  readonly packetId: number;
  readonly state: number;
  readonly group: GroupId;
  readonly sequence: Sequence;
  /** The shared subscription that it came by; not there if it was the session's own. */
  readonly shared?: string;
}

type BacklogGroup = readonly [group: GroupId, count: number, bytes: number, end: Sequence];

/** What a session keeps in the journal: its record, its subscriptions, and how far it is in each group. */
export class DurableSession {
  /** Random, for good: names the session to the owners of logs. */
  readonly uid: number;
  /** Where its rows are. */
  readonly home: GroupLog;
  readonly cursors: Map<GroupId, GroupCursor> = new Map();
  /** Filters that are indexed, and from where on in groups where the session is still before it. */
  readonly filters: Map<string, Map<GroupId, Sequence>> = new Map();
  /** Filters of a session that has just moved here, until their logs are asked: it may be taken further before that. */
  coming: readonly (readonly [filter: string, since: readonly (readonly [GroupId, Sequence])[]])[] = [];
  /** Pulls under way: the ticket by owner. */
  readonly pulls: Map<ShardId, number> = new Map();
  /** What the owners have told of the backlog, and who still has to; null if nobody was asked. */
  backlog: { readonly awaited: Set<ShardId>; readonly groups: BacklogGroup[] } | null = null;
  /** Rows that the next turn writes. At first both: a session without its progress would begin anew. */
  isRecordDirty = true;
  isProgressDirty = true;
  /** Packet ids of QoS 2 deliveries, and of their PUBRELs, whose rows are not durable yet. */
  heldPublishes: number[] = [];
  heldReleases: number[] = [];
  /** Of an earlier process; their messages are fetched at the first reconnect. */
  restored: { readonly flights: readonly RestoredFlight[]; readonly nextPacketId: number } | null = null;
  /** Groups of QoS 2 publishes of the client by packet id, until PUBREL. */
  readonly receivedGroups: Map<number, ShardId> = new Map();
  /** Messages that went by while nobody could keep them: retention, or the limits of the queue. */
  gap = 0;

  constructor(uid: number, home: GroupLog) {
    this.uid = uid;
    this.home = home;
  }

  /** A cursor that begins here, unless there is one. */
  cursorAt(group: GroupId, owner: ShardId, next: Sequence): GroupCursor {
    let cursor = this.cursors.get(group);
    if (cursor === undefined) {
      cursor = new GroupCursor(group, owner, next);
      this.cursors.set(group, cursor);
    }
    return cursor;
  }

  settle(group: GroupId, sequence: Sequence): void {
    this.cursors.get(group)?.settle(sequence);
    this.isProgressDirty = true;
  }

  /** Messages of a queue that were taken and are not sent: the log has them. */
  giveBack({ group, sequences }: LogPlaces, from: number): void {
    const cursor = this.cursors.get(group);
    if (cursor === undefined) return;
    for (let i = sequences.length - 1; i >= from; i -= 1) cursor.giveBack(sequences[i]);
  }
}
