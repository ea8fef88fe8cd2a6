import { BatchError } from '../batch-error.js';

/** The compressed bytes break the rules of their codec. */
export function broken(codec: string, what: string, cause?: unknown): BatchError {
  return new BatchError('bad-record', `compressed records (${codec}): ${what}`, { cause });
}

/** Inflated, the records would be longer than allowed. */
export function tooLarge(codec: string, bytesMax: number, cause?: unknown): BatchError {
  return new BatchError('too-large', `compressed records (${codec}) are longer than ${bytesMax} bytes when inflated`, { cause });
}
