export type BatchFault = 'too-short' | 'bad-length' | 'bad-magic' | 'bad-checksum' | 'bad-count' | 'bad-record' | 'bad-codec' | 'too-large';

/** A record batch is not what it should be. */
export class BatchError extends Error {
  override readonly name = 'BatchError';
  readonly fault: BatchFault;

  constructor(fault: BatchFault, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.fault = fault;
  }
}
