/*
  Numbers with a meaning. A branded number is a plain number at run time; the compiler keeps an Offset from being passed as a
  PartitionId. The one cast is in the function that checks the value, where it enters.
*/

declare const BRAND: unique symbol;

export type Brand<T, Name extends string> = T & { readonly [BRAND]: Name };

/** Milliseconds since the epoch. */
export type EpochMs = Brand<number, 'EpochMs'>;
/** A length of time in milliseconds. */
export type DurationMs = Brand<number, 'DurationMs'>;
/** A size in bytes. */
export type ByteCount = Brand<number, 'ByteCount'>;
