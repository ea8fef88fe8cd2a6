import type { Offset, PartitionKey } from '../../journal/ports.js';

/** Partitions, and the offset where each goes on. */
export type ReplayPlaces = readonly (readonly [key: PartitionKey, next: Offset])[];

/** Between the shard of a client that reads the log like a subscription, and the owners of the logs. */
export type ReplayMessage =
  /** What the logs of that shard have for the filter from the places on; answered when there is something. */
  | {
      readonly kind: 'replay';
      readonly ticket: number;
      readonly tenant: string;
      /** As clients of the tenant know it. */
      readonly filter: string;
      /** Where partitions begin that have no place: with the first record of this time, in milliseconds since the epoch. */
      readonly fromMs: number;
      /** Records before it are old: they go out with RETAIN. */
      readonly sinceMs: number;
      readonly places: ReplayPlaces;
      /** latest: which record of each topic is the last, in what is there now. chosen: exactly the records at the places. */
      readonly wants: 'all' | 'latest' | 'chosen';
    }
  | {
      readonly kind: 'replayed';
      readonly ticket: number;
      readonly places: ReplayPlaces;
      /** PUBLISH packets of MQTT 5, one behind the other; each says by RETAIN whether it is old. */
      readonly frames: Uint8Array;
      /** Of `latest`: where the last record of each topic is. */
      readonly latest: ReplayPlaces;
    }
  /** Nobody waits for the answer any more. */
  | { readonly kind: 'replay-end'; readonly ticket: number };
