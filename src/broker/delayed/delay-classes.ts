import type { GroupId, Journal, Offset, StreamId } from '../../journal/ports.js';

/*
  Delayed messages are records of a stream that no catalogue has: it is of the data directory alone, like the groups it lies in. In each group it has
  one partition for each class of delays, so that a message that waits for weeks does not keep the bodies of those that waited for seconds:

    class    0       1       2       3      4       5       6       7
    up to    10 s    1 min   6 min   36 min 3.6 h   21.6 h  5.4 d   for ever

  A place is (offset, class) of a message in one number.
*/

export const DELAYED_STREAM: StreamId = 0x3fff_ffff;

const CLASS_MS_FIRST = 10_000;
const CLASS_FACTOR = 6;
export const DELAY_CLASSES = 8;

export function classOfDelay(delayMs: number): number {
  let limit = CLASS_MS_FIRST;
  for (let kind = 0; kind < DELAY_CLASSES - 1; kind += 1) {
    if (delayMs <= limit) return kind;
    limit *= CLASS_FACTOR;
  }
  return DELAY_CLASSES - 1;
}

/** The partitions of the stream that lie in a group, by class. */
export function partitionsIn(journal: Journal, group: GroupId): number[] {
  const partitions: number[] = [];
  for (let partition = 0; partitions.length < DELAY_CLASSES; partition += 1)
    if (journal.groupOf(DELAYED_STREAM, partition) === group) partitions.push(partition);
  return partitions;
}

export function placeOf(offset: Offset, kind: number): number {
  return offset * DELAY_CLASSES + kind;
}

export function offsetOf(place: number): Offset {
  return Math.floor(place / DELAY_CLASSES);
}

export function classOf(place: number): number {
  return place % DELAY_CLASSES;
}
