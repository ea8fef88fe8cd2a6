/**
 * dropped: a proposal that finds no leader, or one that cannot take it. not-a-member: an answer of somebody whom this node does not know.
 * not-local: what may only come from the node itself.
 */
export type StepOutcome = 'taken' | 'dropped' | 'not-a-member' | 'not-local';
