import { NEVER, type Operation, type WriteOperation } from './history.js';

/*
  Whether operations on one key could have happened one after the other, each between its call and its answer (Herlihy and Wing 1990). The search
  is that of Wing and Gong (1993) with the memory of Lowe (2017): a set of operations that are done, with the state they left, is tried once.

      call a ....... answer a                       a may come before or after b, c only after both;
            call b .............. answer b          d never came back: at any time after its call, or never
                                    call c ... answer c
         call d ...
*/

export type Verdict = 'linearizable' | 'not linearizable' | 'undecided';

/** Steps of a search; more than that is given up. */
const STEPS_MAX = 400_000;
/** The revision of a record that nobody ever learned: that of an operation without an answer, as its negative number. */
type Revision = number;

export function judge(operations: readonly Operation[]): Verdict {
  const relevant = withoutUnseen(operations);
  return new Search(relevant).run();
}

class Search {
  readonly #operations: readonly Operation[];
  /** Revisions that operations without an answer turned out to have. */
  readonly #revisionOf: ReadonlyMap<number, Revision>;
  readonly #known: ReadonlySet<Revision>;
  readonly #tried = new Set<string>();
  readonly #isDone: boolean[];
  #steps = 0;
  /** Before it all are done. */
  #first = 0;
  /** Those with an answer that are to be done yet. */
  #answersLeft: number;

  constructor(operations: readonly Operation[]) {
    this.#operations = [...operations].sort((a, b) => a.invokedMs - b.invokedMs);
    this.#revisionOf = revisionsOf(operations);
    this.#known = new Set(this.#revisionOf.values());
    this.#isDone = this.#operations.map(() => false);
    this.#answersLeft = operations.filter(({ returnedMs }) => returnedMs !== NEVER).length;
  }

  run(): Verdict {
    const isFound = this.#search(0);
    if (isFound) return 'linearizable';
    return this.#steps > STEPS_MAX ? 'undecided' : 'not linearizable';
  }

  /** Depth first, without recursion: histories are long. */
  #search(initial: Revision): boolean {
    const path: { readonly at: number; readonly before: Revision }[] = [];
    let state = initial;
    let from = 0;
    for (;;) {
      if (this.#answersLeft === 0) return true;
      this.#steps += 1;
      if (this.#steps > STEPS_MAX) return false;
      const next = this.#nextFrom(from, state);
      if (next !== null) {
        path.push({ at: next.at, before: state });
        this.#do(next.at, true);
        state = next.state;
        from = this.#first;
        if (!this.#isNew(state)) from = this.#operations.length;
        continue;
      }
      const last = path.pop();
      if (last === undefined) return false;
      this.#do(last.at, false);
      state = last.before;
      from = last.at + 1;
    }
  }

  /** The next operation from `from` on that can be done in this state: nothing that is not done answered before its call. */
  #nextFrom(from: number, state: Revision): { readonly at: number; readonly state: Revision } | null {
    let deadline = NEVER;
    for (let at = this.#first; at < this.#operations.length && this.#operations[at].invokedMs <= deadline; at += 1) {
      if (!this.#isDone[at]) deadline = Math.min(deadline, this.#operations[at].returnedMs);
    }
    for (let at = Math.max(from, this.#first); at < this.#operations.length; at += 1) {
      const operation = this.#operations[at];
      if (operation.invokedMs > deadline) return null;
      if (this.#isDone[at]) continue;
      const after = this.#after(operation, state);
      if (after !== null) return { at, state: after };
    }
    return null;
  }

  /** @returns the state that the operation leaves; null if it cannot have had its answer in this one. */
  #after(operation: Operation, state: Revision): Revision | null {
    if (operation.kind === 'read') return operation.revision === state ? state : null;
    const { kind, expected, outcome, writer } = operation;
    if (outcome !== null && !outcome.isOk) return this.#isFound(outcome.found, state) ? state : null;
    const fits = expected === null ? kind === 'put' || state !== 0 : expected === state || (state < 0 && this.#isUnknown(expected));
    if (!fits) return null;
    if (kind === 'delete') return 0;
    return outcome?.revision ?? this.#revisionOf.get(writer) ?? -writer;
  }

  #isFound(found: number, state: Revision): boolean {
    return found === state || (state < 0 && this.#isUnknown(found));
  }

  /** Nobody knows who wrote this revision: it may be one of those without an answer. */
  #isUnknown(revision: number): boolean {
    return revision !== 0 && !this.#known.has(revision);
  }

  #do(at: number, isDone: boolean): void {
    this.#isDone[at] = isDone;
    if (this.#operations[at].returnedMs !== NEVER) this.#answersLeft += isDone ? -1 : 1;
    if (isDone) while (this.#isDone[this.#first]) this.#first += 1;
    else this.#first = Math.min(this.#first, at);
  }

  #isNew(state: Revision): boolean {
    let key = `${state}:${this.#first}`;
    for (let at = this.#first; at < this.#operations.length; at += 1) {
      if (this.#isDone[at]) key += `,${at}`;
      else if (this.#operations[at].invokedMs > this.#operations[this.#first].returnedMs) break;
    }
    if (this.#tried.has(key)) return false;
    this.#tried.add(key);
    return true;
  }
}

function revisionsOf(operations: readonly Operation[]): Map<number, Revision> {
  const revisions = new Map<number, Revision>();
  for (const operation of operations) {
    if (operation.kind === 'read') {
      if (operation.writer > 0) revisions.set(operation.writer, operation.revision);
    } else if (operation.outcome?.isOk === true && operation.kind === 'put') revisions.set(operation.writer, operation.outcome.revision);
  }
  return revisions;
}

/** Operations without an answer that nobody saw anything of need not have happened. They are many, and each would double the search. */
function withoutUnseen(operations: readonly Operation[]): Operation[] {
  const revisions = revisionsOf(operations);
  const known = new Set(revisions.values());
  const isUnknown = (revision: number | null): boolean => revision !== null && revision > 0 && !known.has(revision);
  const hasMystery = operations.some(
    (operation) =>
      operation.kind !== 'read' &&
      (isUnknown(operation.expected) || (operation.outcome !== null && !operation.outcome.isOk && isUnknown(operation.outcome.found))),
  );
  const isSeen = (operation: WriteOperation): boolean => hasMystery || operation.kind === 'delete' || revisions.has(operation.writer);
  return operations.filter((operation) => operation.kind === 'read' || operation.returnedMs !== NEVER || isSeen(operation));
}
