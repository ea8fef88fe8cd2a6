/** What is wrong. Stable: protocols map it to errors of theirs. */
export type BatchFault =
  | 'too-short'
  | 'bad-length'
  | 'many-batches'
  | 'bad-magic'
  | 'bad-checksum'
  | 'bad-attributes'
  | 'bad-codec'
  | 'bad-count'
  | 'bad-producer'
  | 'bad-timestamp'
  | 'bad-record'
  | 'no-key'
  | 'too-large';

/** A record batch is not what it should be. */
export class BatchError extends Error {
  override readonly name = 'BatchError';
  readonly fault: BatchFault;
  /** Of the record at fault, counted from 0; -1: it is the batch. */
  readonly recordIndex: number;

  constructor(fault: BatchFault, message: string, options: { cause?: unknown; recordIndex?: number } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.fault = fault;
    this.recordIndex = options.recordIndex ?? -1;
  }
}
