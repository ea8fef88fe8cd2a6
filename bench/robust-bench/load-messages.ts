import type { DialFailure } from './dialer.js';
import type { LoadPlan, Target } from './load-plan.js';

/** What a load thread is started with. */
export interface LoadHandOver {
  readonly plan: LoadPlan;
  readonly target: Target;
  readonly run: number;
  readonly thread: number;
  readonly tallyMemory: SharedArrayBuffer;
}

export type ToLoadThread = { readonly kind: 'begin'; readonly startUs: number } | { readonly kind: 'end' };

export type FromLoadThread = { readonly kind: 'dialed'; readonly failure: DialFailure | null } | { readonly kind: 'ended' };
