import { type CharacterSet, ExpressionFault, type ExpressionNode, parseExpression } from './expression-syntax.js';

/*
  A regular expression that is matched in time linear in the text, whatever it is: no operator can write one that stalls a shard, and no client
  can find a topic that makes it slow. All ways through the expression are walked at once, character by character (Thompson 1968, with the
  groups of Pike), where JavaScript tries one after the other.

    expression --> tree (expression-syntax.ts) --> program:  set | split | jump | save | begin | end | match

  The first match is taken, and of those at the same place the one that JavaScript would find. One thing differs: a group inside a repetition
  keeps what it matched last, where JavaScript forgets it in a round that passes it by.
*/

export const EXPRESSION_LENGTH_MAX = 1024;
/** With it the work per character is bounded. */
const PROGRAM_MAX = 1000;

type Instruction =
  | { readonly op: 'set'; readonly set: CharacterSet }
  | { op: 'split'; first: number; second: number }
  | { op: 'jump'; to: number }
  | { readonly op: 'save'; readonly slot: number }
  | { readonly op: 'begin' | 'end' | 'match' };

/** Where each group begins and ends, by pairs; -1: it took no part. */
type Slots = readonly number[];

interface Threads {
  readonly counters: number[];
  readonly slots: Slots[];
}

export class Expression {
  /** Groups that are numbered, from 1. */
  readonly groups: number;
  readonly #program: readonly Instruction[];
  /** By instruction: the step at which it was visited last. */
  readonly #visited: Int32Array;
  #step = 0;

  /** @throws ExpressionFault if it is none, or one that is not taken. */
  constructor(text: string) {
    if (text.length > EXPRESSION_LENGTH_MAX) throw new ExpressionFault(`longer than ${EXPRESSION_LENGTH_MAX} characters`);
    const { tree, groups } = parseExpression(text);
    this.groups = groups;
    const program: Instruction[] = [];
    append(program, { kind: 'group', index: 0, part: tree });
    program.push({ op: 'match' });
    this.#program = program;
    this.#visited = new Int32Array(program.length);
  }

  /** The text that matched and the text of each group, where it took part; null: there is no match anywhere. */
  match(text: string): readonly (string | undefined)[] | null {
    const characters = [...text];
    let found: Slots | null = null;
    let now: Threads = { counters: [], slots: [] };
    this.#visited.fill(0);
    this.#step = 1;
    for (let at = 0; at <= characters.length; at += 1) {
      // A match that begins later counts less than all that are under way.
      if (found === null) this.#follow(now, 0, new Array<number>(2 * (this.groups + 1)).fill(-1), at, characters.length);
      if (now.counters.length === 0) break;
      const then: Threads = { counters: [], slots: [] };
      this.#step += 1;
      const point = at < characters.length ? (characters[at].codePointAt(0) ?? 0) : -1;
      for (const [index, counter] of now.counters.entries()) {
        const instruction = this.#program[counter];
        if (instruction.op === 'match') {
          found = now.slots[index];
          break; // The rest would count less.
        }
        if (instruction.op === 'set' && point >= 0 && isIn(instruction.set, point))
          this.#follow(then, counter + 1, now.slots[index], at + 1, characters.length);
      }
      now = then;
    }
    return found === null ? null : textsOf(characters, found);
  }

  /** Adds the thread at an instruction, or those that it leads to without reading. */
  #follow(threads: Threads, counter: number, slots: Slots, at: number, end: number): void {
    if (this.#visited[counter] === this.#step) return;
    this.#visited[counter] = this.#step;
    const instruction = this.#program[counter];
    switch (instruction.op) {
      case 'jump':
        this.#follow(threads, instruction.to, slots, at, end);
        return;
      case 'split':
        this.#follow(threads, instruction.first, slots, at, end);
        this.#follow(threads, instruction.second, slots, at, end);
        return;
      case 'save': {
        const saved = [...slots];
        saved[instruction.slot] = at;
        this.#follow(threads, counter + 1, saved, at, end);
        return;
      }
      case 'begin':
        if (at === 0) this.#follow(threads, counter + 1, slots, at, end);
        return;
      case 'end':
        if (at === end) this.#follow(threads, counter + 1, slots, at, end);
        return;
      case 'set':
      case 'match':
        threads.counters.push(counter);
        threads.slots.push(slots);
    }
  }
}

function append(program: Instruction[], node: ExpressionNode): void {
  if (program.length > PROGRAM_MAX) throw new ExpressionFault('too large: fewer or shorter repetitions');
  switch (node.kind) {
    case 'empty':
      return;
    case 'begin':
    case 'end':
      program.push({ op: node.kind });
      return;
    case 'set':
      program.push({ op: 'set', set: node.set });
      return;
    case 'sequence':
      for (const part of node.parts) append(program, part);
      return;
    case 'group':
      program.push({ op: 'save', slot: 2 * node.index });
      append(program, node.part);
      program.push({ op: 'save', slot: 2 * node.index + 1 });
      return;
    case 'alternatives':
      appendAlternatives(program, node.parts);
      return;
    case 'repeat':
      appendRepeat(program, node);
  }
}

function appendAlternatives(program: Instruction[], parts: readonly ExpressionNode[]): void {
  const jumps: { op: 'jump'; to: number }[] = [];
  for (const [index, part] of parts.entries()) {
    if (index + 1 === parts.length) {
      append(program, part);
      break;
    }
    const split = { op: 'split' as const, first: program.length + 1, second: 0 };
    program.push(split);
    append(program, part);
    const jump = { op: 'jump' as const, to: 0 };
    program.push(jump);
    jumps.push(jump);
    split.second = program.length;
  }
  for (const jump of jumps) jump.to = program.length;
}

/** a{2,4} is a a (a (a)?)?, and a{2,} is a a a*. */
function appendRepeat(program: Instruction[], { part, min, max, isGreedy }: Extract<ExpressionNode, { kind: 'repeat' }>): void {
  for (let i = 0; i < min; i += 1) {
    const before = program.length;
    append(program, part);
    if (program.length === before) break; // Nothing, however often.
  }
  const optional = max < 0 ? 1 : max - min;
  const splits: { op: 'split'; first: number; second: number }[] = [];
  for (let i = 0; i < optional; i += 1) {
    const split = { op: 'split' as const, first: 0, second: 0 };
    const at = program.length;
    program.push(split);
    append(program, part);
    if (max < 0) program.push({ op: 'jump', to: at });
    if (isGreedy) split.first = at + 1;
    else split.second = at + 1;
    splits.push(split);
  }
  for (const split of splits) {
    if (isGreedy) split.second = program.length;
    else split.first = program.length;
  }
}

function isIn({ ranges, isNegated }: CharacterSet, point: number): boolean {
  for (let i = 0; i < ranges.length; i += 2) if (point >= ranges[i] && point <= ranges[i + 1]) return !isNegated;
  return isNegated;
}

function textsOf(characters: readonly string[], slots: Slots): (string | undefined)[] {
  return Array.from({ length: slots.length / 2 }, (_, group) => {
    const from = slots[2 * group];
    const to = slots[2 * group + 1];
    return from < 0 || to < 0 ? undefined : characters.slice(from, to).join('');
  });
}
