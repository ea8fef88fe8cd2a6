/*
  Regular expressions as operators write them in rules, in the words of JavaScript:

    alternatives => sequence ('|' sequence)*
    sequence     => (atom quantifier?)*
    atom         => character | '.' | '^' | '$' | class | escape | '(' alternatives ')' | '(?:' alternatives ')'
    quantifier   => ('*' | '+' | '?' | '{n}' | '{n,}' | '{n,m}') '?'?

  What cannot be matched in time that is linear in the text is not part of it: back references, looking ahead and behind. Word boundaries and
  named groups are left out as well.
*/

/** Pairs of code points, each from and to. */
export interface CharacterSet {
  readonly ranges: readonly number[];
  readonly isNegated: boolean;
}

export type ExpressionNode =
  | { readonly kind: 'empty' | 'begin' | 'end' }
  | { readonly kind: 'set'; readonly set: CharacterSet }
  | { readonly kind: 'sequence' | 'alternatives'; readonly parts: readonly ExpressionNode[] }
  | { readonly kind: 'group'; readonly index: number; readonly part: ExpressionNode }
  /** `max` -1: without end. */
  | { readonly kind: 'repeat'; readonly part: ExpressionNode; readonly min: number; readonly max: number; readonly isGreedy: boolean };

/** What is wrong with an expression, in words. */
export class ExpressionFault extends Error {}

/** Groups within groups: reading them is recursive. */
const DEPTH_MAX = 50;
const GROUPS_MAX = 99;

const DIGITS = [0x30, 0x39];
const WORD = [0x30, 0x39, 0x41, 0x5a, 0x5f, 0x5f, 0x61, 0x7a];
const BLANK = [0x09, 0x0d, 0x20, 0x20, 0xa0, 0xa0, 0x1680, 0x1680, 0x2000, 0x200a, 0x2028, 0x2029, 0x202f, 0x202f, 0x205f, 0x205f];
const BLANKS = [...BLANK, 0x3000, 0x3000, 0xfeff, 0xfeff];
const LINE_ENDS: CharacterSet = { ranges: [0x0a, 0x0a, 0x0d, 0x0d, 0x2028, 0x2029], isNegated: true };
const CODE_POINT_LAST = 0x10ffff;

const CLASS_BY_LETTER: Readonly<Record<string, CharacterSet>> = {
  d: { ranges: DIGITS, isNegated: false },
  D: { ranges: DIGITS, isNegated: true },
  w: { ranges: WORD, isNegated: false },
  W: { ranges: WORD, isNegated: true },
  s: { ranges: BLANKS, isNegated: false },
  S: { ranges: BLANKS, isNegated: true },
};
const CHARACTER_BY_LETTER: Readonly<Record<string, number>> = { t: 0x09, n: 0x0a, v: 0x0b, f: 0x0c, r: 0x0d };

/** @returns the tree and how many groups are numbered. @throws ExpressionFault. */
export function parseExpression(text: string): { readonly tree: ExpressionNode; readonly groups: number } {
  const parser = new Parser(text);
  const tree = parser.readAll();
  return { tree, groups: parser.groups };
}

class Parser {
  groups = 0;
  readonly #characters: readonly string[];
  #at = 0;
  #depth = 0;

  constructor(text: string) {
    this.#characters = [...text]; // By code points: a character is never cut in two.
  }

  readAll(): ExpressionNode {
    const tree = this.#alternatives();
    if (this.#at < this.#characters.length) throw new ExpressionFault('a ) without its (');
    return tree;
  }

  #alternatives(): ExpressionNode {
    const parts = [this.#sequence()];
    while (this.#take('|')) parts.push(this.#sequence());
    return parts.length === 1 ? parts[0] : { kind: 'alternatives', parts };
  }

  #sequence(): ExpressionNode {
    const parts: ExpressionNode[] = [];
    while (this.#at < this.#characters.length && this.#next !== '|' && this.#next !== ')') parts.push(this.#repeated(this.#atom()));
    if (parts.length === 0) return { kind: 'empty' };
    return parts.length === 1 ? parts[0] : { kind: 'sequence', parts };
  }

  #repeated(part: ExpressionNode): ExpressionNode {
    const counts = this.#counts();
    if (counts === null) return part;
    if (part.kind === 'begin' || part.kind === 'end') throw new ExpressionFault('^ and $ cannot be repeated');
    const [min, max] = counts;
    const repeat: ExpressionNode = { kind: 'repeat', part, min, max, isGreedy: !this.#take('?') };
    if (this.#counts() !== null) throw new ExpressionFault('a quantifier after a quantifier');
    return repeat;
  }

  /** How often the atom before is repeated; null: nothing is said. */
  #counts(): readonly [min: number, max: number] | null {
    if (this.#take('*')) return [0, -1];
    if (this.#take('+')) return [1, -1];
    if (this.#take('?')) return [0, 1];
    if (!this.#take('{')) return null;
    const min = this.#number();
    let max = min;
    if (this.#take(',')) max = this.#next === '}' ? -1 : this.#number();
    if (!this.#take('}')) throw new ExpressionFault('a { that begins no {n}, {n,} or {n,m}: write \\{ for the character');
    if (max >= 0 && max < min) throw new ExpressionFault(`{${min},${max}} is the wrong way round`);
    return [min, max];
  }

  #number(): number {
    let digits = '';
    while (/^\d$/.test(this.#next)) digits += this.#step();
    if (digits === '' || digits.length > 4) throw new ExpressionFault('a { that begins no {n}, {n,} or {n,m}: write \\{ for the character');
    return Number(digits);
  }

  #atom(): ExpressionNode {
    const character = this.#step();
    switch (character) {
      case '(':
        return this.#group();
      case '[':
        return { kind: 'set', set: this.#class() };
      case '.':
        return { kind: 'set', set: LINE_ENDS };
      case '^':
        return { kind: 'begin' };
      case '$':
        return { kind: 'end' };
      case '\\':
        return { kind: 'set', set: this.#escape() };
      case '*':
      case '+':
      case '?':
      case '{':
        throw new ExpressionFault(`a ${character} with nothing before it`);
      case '}':
      case ']':
        throw new ExpressionFault(`a ${character} that closes nothing: write \\${character} for the character`);
      default:
        return { kind: 'set', set: only(character) };
    }
  }

  #group(): ExpressionNode {
    this.#depth += 1;
    if (this.#depth > DEPTH_MAX) throw new ExpressionFault(`groups within groups more than ${DEPTH_MAX} deep`);
    let index = -1;
    if (this.#take('?')) {
      if (!this.#take(':'))
        throw new ExpressionFault('a group that looks ahead, looks behind or has a name: only (...) and (?:...) are known');
    } else {
      this.groups += 1;
      index = this.groups;
      if (index > GROUPS_MAX) throw new ExpressionFault(`more than ${GROUPS_MAX} groups`);
    }
    const part = this.#alternatives();
    if (!this.#take(')')) throw new ExpressionFault('a ( without its )');
    this.#depth -= 1;
    return index < 0 ? part : { kind: 'group', index, part };
  }

  #class(): CharacterSet {
    const isNegated = this.#take('^');
    const ranges: number[] = [];
    while (!this.#take(']')) {
      const from = this.#classMember();
      if (this.#next !== '-' || this.#characters[this.#at + 1] === ']') {
        ranges.push(...spanOf(from));
        continue;
      }
      this.#step();
      const to = this.#classMember();
      const [first, last] = [singleOf(from), singleOf(to)];
      if (first > last) throw new ExpressionFault('a range in [] that is the wrong way round');
      ranges.push(first, last);
    }
    return { ranges, isNegated };
  }

  #classMember(): CharacterSet {
    const character = this.#step();
    if (character === '') throw new ExpressionFault('a [ without its ]');
    return character === '\\' ? this.#escape() : only(character);
  }

  #escape(): CharacterSet {
    const letter = this.#step();
    if (letter === '') throw new ExpressionFault('a \\ with nothing behind it');
    if (letter in CLASS_BY_LETTER) return CLASS_BY_LETTER[letter];
    if (letter in CHARACTER_BY_LETTER) return onlyPoint(CHARACTER_BY_LETTER[letter]);
    if (letter === 'x') return onlyPoint(this.#hexadecimal(2));
    if (letter === 'u') return onlyPoint(this.#hexadecimal(4));
    if (/^[1-9]$/.test(letter)) throw new ExpressionFault('a back reference: it cannot be matched in linear time');
    if (/^[a-z0-9]$/i.test(letter)) throw new ExpressionFault(`\\${letter} is not known here`);
    return only(letter);
  }

  #hexadecimal(digits: number): number {
    let text = '';
    for (let i = 0; i < digits; i += 1) text += this.#step();
    if (text.length !== digits || !/^[0-9a-f]+$/i.test(text)) throw new ExpressionFault(`\\x and \\u are followed by 2 and 4 digits`);
    return Number.parseInt(text, 16);
  }

  /** Empty at the end. */
  get #next(): string {
    return this.#characters[this.#at] ?? '';
  }

  #step(): string {
    const character = this.#next;
    this.#at += 1;
    return character;
  }

  #take(character: string): boolean {
    if (this.#next !== character) return false;
    this.#at += 1;
    return true;
  }
}

function only(character: string): CharacterSet {
  return onlyPoint(character.codePointAt(0) ?? 0);
}

function onlyPoint(point: number): CharacterSet {
  return { ranges: [point, point], isNegated: false };
}

function singleOf({ ranges, isNegated }: CharacterSet): number {
  if (isNegated || ranges.length !== 2 || ranges[0] !== ranges[1]) throw new ExpressionFault('a range in [] from or to a class');
  return ranges[0];
}

/** The ranges that a set stands for within another one. */
function spanOf({ ranges, isNegated }: CharacterSet): readonly number[] {
  if (!isNegated) return ranges;
  const rest: number[] = [];
  let from = 0;
  for (let i = 0; i < ranges.length; i += 2) {
    if (ranges[i] > from) rest.push(from, ranges[i] - 1);
    from = ranges[i + 1] + 1;
  }
  rest.push(from, CODE_POINT_LAST);
  return rest;
}
