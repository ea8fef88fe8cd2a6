import type { Change } from './resource-tables.js';

/** What one batch of commands changed; whoever has all of them in their order has the catalogue. */
export interface ChangesDelta {
  readonly type: 'changes';
  /** Of the catalogue before the batch: whoever has another one missed something. */
  readonly previousRevision: number;
  readonly revision: number;
  /** Of the entry of the log. */
  readonly index: number;
  /** In the order in which they were made; a record can be among them more than once. */
  readonly changes: readonly Change[];
}

/** Everything may be different: a snapshot took the place of the state. */
export interface ResetDelta {
  readonly type: 'reset';
  readonly revision: number;
  readonly index: number;
}

export type Delta = ChangesDelta | ResetDelta;
