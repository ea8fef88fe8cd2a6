import type { SegmentId } from '../ports.js';

export const SEGMENT_FILE: RegExp = /^segment-(\d+)\.mdb$/;
export const QUARANTINE_FILE: RegExp = /^quarantine-(\d+)-.*\.mdb$/;
export const TABLE_FILE = 'table.mdb';
const WHY_MAX = 60;

export function segmentName(id: SegmentId): string {
  return `segment-${numberOf(id)}.mdb`;
}

/** The time keeps two of them apart; a name that sorts beside its number. */
export function quarantineName(id: SegmentId, why: string, nowMs: number): string {
  return `quarantine-${numberOf(id)}-${slugOf(why)}-${nowMs}.mdb`;
}

export function quarantineTableName(why: string, nowMs: number): string {
  return `quarantine-table-${slugOf(why)}-${nowMs}.mdb`;
}

function numberOf(id: SegmentId): string {
  return String(id).padStart(10, '0');
}

function slugOf(why: string): string {
  return why
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, WHY_MAX);
}
