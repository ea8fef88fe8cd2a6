import type { Logger } from '../../base/logger.js';
import { type SegmentId, StoreError } from '../../storage/ports.js';
import type { Lane } from './lane.js';
import { LatestKeys } from './latest-keys.js';
import type { Partition } from './partition.js';
import { readParts } from './record-footers.js';
import { rewriteSegment } from './rewrite.js';
import type { Sieve } from './rewritten-entry.js';
import { isBusy } from './segments.js';

/** Of a rewrite that could not begin. */
const LATER = -1;
/** Between two looks at what could be written again. */
const ROUND_MS = 5_000;
/** A partition is compacted when so large a share of its sealed bytes came since it was last. */
const DIRTY_SHARE = 0.5;
/** Keys that are looked at together, about: their partitions share the rewriting. */
const KEYS_MAX = 500_000;
const PORTION_BYTES = 256 * 1024;
/** A segment of which less is left is written again, so that little does not keep much on the disk. */
const LIVE_SHARE_MIN = 0.5;

/**
 * The background work on sealed segments: those with records of compacted partitions are written again without what newer records of their
 * keys replaced, and those of which little is left without the rest. One segment at a time; between portions everybody has a turn.
 */
export class Compaction {
  readonly #lanes: readonly Lane[];
  readonly #log: Logger;
  readonly #nowMs: () => number;
  readonly #pause: () => Promise<void>;
  /** Sealed bytes of a partition when it was last compacted. */
  readonly #cleanBytes = new Map<Partition, number>();
  /** Bytes of batches, by segment. */
  readonly #atSeal = new Map<SegmentId, number>();
  /** What could not be written again. */
  readonly #givenUp = new Set<SegmentId>();
  #nextRoundMs = 0;
  #round: Promise<void> | null = null;
  #isClosed = false;

  constructor(lanes: readonly Lane[], nowMs: () => number, log: Logger) {
    this.#lanes = lanes;
    this.#log = log;
    this.#nowMs = nowMs;
    this.#pause = () => new Promise((resolve) => setImmediate(resolve));
  }

  onTick(nowMs: number): void {
    if (this.#round !== null || this.#isClosed || (nowMs < this.#nextRoundMs && nowMs >= this.#nextRoundMs - ROUND_MS)) return;
    this.#nextRoundMs = nowMs + ROUND_MS;
    this.#round = this.round()
      .catch((error: unknown) => {
        if (!isBusy(error)) throw error; // The next round sees to it.
      })
      .finally(() => {
        this.#round = null;
      });
  }

  /** What is under way comes to its end, or is given up between two segments. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#round;
  }

  /** One look at every lane. */
  async round(): Promise<void> {
    for (const lane of this.#lanes) {
      await this.#compact(lane);
      await this.#tighten(lane);
    }
  }

  /** Compacted partitions of which enough is new. */
  async #compact(lane: Lane): Promise<void> {
    const latest = new LatestKeys();
    const chosen: Partition[] = [];
    for (const group of lane.groups)
      for (const partition of group.partitions()) {
        if (!partition.settings.isCompacted || latest.size >= KEYS_MAX || this.#isClosed) continue;
        const sealed = sealedBytesOf(partition);
        if (sealed === 0 || sealed - (this.#cleanBytes.get(partition) ?? 0) < sealed * DIRTY_SHARE) continue;
        if (await latest.add(partition, PORTION_BYTES, this.#pause)) chosen.push(partition);
      }
    if (chosen.length === 0) return;
    const segments = new Set(chosen.flatMap(({ sealed }) => sealed.map(({ segment }) => segment)));
    // From the oldest on: a record without value goes only after what it replaced.
    const inOrder = [...segments].sort((a, b) => firstPlaceIn(chosen, a) - firstPlaceIn(chosen, b));
    for (const segment of inOrder) if (!(await this.#rewrite(lane, segment, latest))) return;
    for (const partition of chosen) this.#cleanBytes.set(partition, sealedBytesOf(partition));
  }

  /** Segments that are mostly empty. */
  async #tighten(lane: Lane): Promise<void> {
    const live = new Map<SegmentId, number>();
    for (const group of lane.groups)
      for (const { sealed } of group.partitions())
        for (const { segment, bytes } of sealed) live.set(segment, (live.get(segment) ?? 0) + bytes);
    for (const { id, isSealed, isQuarantined } of lane.store.list()) {
      const rest = live.get(id) ?? 0;
      if (!isSealed || isQuarantined || rest === 0 || this.#givenUp.has(id)) continue;
      if (rest < this.#bytesAtSeal(lane, id) * LIVE_SHARE_MIN) await this.#rewrite(lane, id, new LatestKeys());
    }
  }

  /** Bytes of all batches that the segment was sealed with. */
  #bytesAtSeal(lane: Lane, id: SegmentId): number {
    const known = this.#atSeal.get(id);
    if (known !== undefined) return known;
    let sum = 0;
    for (const { id: group } of lane.groups)
      lane.segments.guarded(
        id,
        group,
        () =>
          readParts(lane.segments.reader(id), group, (_key, { bytes }) => {
            sum += bytes;
          }),
        undefined,
      );
    this.#atSeal.set(id, sum);
    return sum;
  }

  /** @returns false if it was not written again. */
  async #rewrite(lane: Lane, from: SegmentId, latest: LatestKeys): Promise<boolean> {
    if (this.#isClosed || !lane.isSealed(from) || !lane.isCheckpointed(from)) return false;
    const partitionOf = new Map(
      lane.groups.flatMap((group) => [...group.partitions()].map((partition) => [partition.key, partition] as const)),
    );
    const sieve: Sieve = {
      logStartOf: (key) => partitionOf.get(key)?.logStart ?? Number.POSITIVE_INFINITY,
      highWatermarkOf: (key) => partitionOf.get(key)?.highWatermark ?? 0,
      latest,
      nowMs: this.#nowMs(),
    };
    const before = lane.segments.reader(from).bytes;
    lane.rewriting = from;
    const to = await rewriteSegment({ ...lane, pause: this.#pause }, from, lane.takeSegmentId(), sieve)
      .catch((error: unknown) => {
        if (!isOver(error)) throw error;
        return LATER;
      })
      .finally(() => {
        lane.rewriting = null;
      });
    if (to === LATER) return false;
    if (to === null) {
      this.#givenUp.add(from);
      return false;
    }
    const after = lane.segments.reader(to).bytes;
    this.#atSeal.delete(from);
    lane.segmentsRewritten += 1;
    this.#log.info('journal.segment-rewritten', 'a segment of the journal was written again without what nobody wants any more', {
      segment: from,
      as: to,
      before,
      after,
    });
    return true;
  }
}

/** There is no room for a segment now, or the store was closed meanwhile: all is as it was, and a later round tries again. */
function isOver(error: unknown): boolean {
  return error instanceof StoreError && (error.fault === 'disk-full' || error.fault === 'closed');
}

function sealedBytesOf({ sealed }: Partition): number {
  let bytes = 0;
  for (const part of sealed) bytes += part.bytes;
  return bytes;
}

/** Order of segments by what the partitions have in them: numbers do not tell, for some were written again. */
function firstPlaceIn(partitions: readonly Partition[], segment: SegmentId): number {
  let first = Number.POSITIVE_INFINITY;
  for (const { sealed } of partitions)
    for (const [place, part] of sealed.entries()) if (part.segment === segment) first = Math.min(first, place);
  return first;
}
