import type { GroupId, StreamId } from './ports.js';

/*
  Where things are, the same on every shard and for good:

    group    0 ..            records on the disk                    of streams 1 ..
             0x4000 ..       records in memory                      of streams 0x4000_0000 ..
             0x8000 + lane   no records: what is of one shard alone
    lane     group mod `groupLanes`; a session group is in its own
    shard    lane mod shards
*/

export const MEMORY_STREAMS_FROM = 0x4000_0000;
const MEMORY_GROUPS_FROM = 0x4000;
const SESSION_GROUPS_FROM = 0x8000;

export interface JournalShape {
  /** Groups of records on the disk, and as many in memory. */
  readonly groups: number;
  /** Lanes that the groups of records are spread over. */
  readonly groupLanes: number;
  /** All lanes on the disk: also those of shards beyond the others. */
  readonly lanes: number;
}

/** Whose partition of a stream is: spread evenly, neighbours apart. */
export function groupOf(stream: StreamId, partition: number, { groups }: JournalShape): GroupId {
  const group = ((Math.imul(stream, 0x9e37_79b1) + partition) >>> 0) % groups;
  return stream >= MEMORY_STREAMS_FROM ? MEMORY_GROUPS_FROM + group : group;
}

export function shardOf(group: GroupId, { groupLanes }: JournalShape, shardCount: number): number {
  const lane = group >= SESSION_GROUPS_FROM ? group - SESSION_GROUPS_FROM : (group % MEMORY_GROUPS_FROM) % groupLanes;
  return lane % shardCount;
}

export function isMemoryGroup(group: GroupId): boolean {
  return group >= MEMORY_GROUPS_FROM && group < SESSION_GROUPS_FROM;
}

/** The group on the disk whose lane, and so whose shard, is also that of a group of records. */
export function durableSiblingOf(group: GroupId): GroupId {
  return isMemoryGroup(group) ? group - MEMORY_GROUPS_FROM : group;
}

export function isSessionGroup(group: GroupId): boolean {
  return group >= SESSION_GROUPS_FROM;
}

/** Lanes on the disk that a shard has, its own first. */
export function lanesOf(shard: number, { lanes }: JournalShape, shardCount: number): number[] {
  return Array.from({ length: Math.max(lanes, shardCount) }, (_, lane) => lane).filter((lane) => lane % shardCount === shard);
}

/** Groups of a lane on the disk: of records, and one that is of its shard alone. */
export function groupsOfLane(lane: number, { groups, groupLanes }: JournalShape): GroupId[] {
  const ids = Array.from({ length: groups }, (_, id) => id).filter((id) => id % groupLanes === lane);
  return [...ids, SESSION_GROUPS_FROM + lane];
}

/** Groups of a shard whose records are in memory. */
export function memoryGroupsOf(shard: number, shape: JournalShape, shardCount: number): GroupId[] {
  return Array.from({ length: shape.groups }, (_, id) => MEMORY_GROUPS_FROM + id).filter((id) => shardOf(id, shape, shardCount) === shard);
}
