import type { GroupId } from '../../../journal/ports.js';

/*
  Where a message in a session's hands is from, as one integer beside its sequence (`LogPlaces.group`, Outbound):

    0 | handed over: 1 bit | 1 + number of the share in the session: 14 bits | group of the journal: 16 bits

  Below 2^16: the session's own subscriptions read it from the log. Above: it came from the queue of a shared subscription. Handed over: that
  queue knows that it is the session's for good.
*/
const SHARE = 0x1_0000;
const HANDED_OVER = 0x4000_0000;
export const SHARES_MAX = 0x3fff;

export function isShared(place: number): boolean {
  return place >= SHARE;
}

export function sharedPlace(share: number, group: GroupId): number {
  return (share + 1) * SHARE + group;
}

export function groupOfPlace(place: number): GroupId {
  return place & 0xffff;
}

export function shareOf(place: number): number {
  return ((place >>> 16) & SHARES_MAX) - 1;
}

export function isHandedOver(place: number): boolean {
  return (place & HANDED_OVER) !== 0;
}

export function handedOver(place: number): number {
  return place | HANDED_OVER;
}
