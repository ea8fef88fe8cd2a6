/*
  Scripts of commands and what they print:

      # comment
      command argument key=value key=(value,value)
      input, zero or more lines
      ----
      expected output, up to the next blank line

  Output that has blank lines itself stands between two pairs of `----`. A line that ends with a backslash goes on in the next.
*/

export interface Argument {
  readonly key: string;
  /** null: it is no `key=value`. */
  readonly values: readonly string[] | null;
}

export interface Case {
  /** Of the command, from 1. */
  readonly line: number;
  readonly command: string;
  readonly arguments: readonly Argument[];
  readonly input: readonly string[];
  readonly expected: readonly string[];
}

const SEPARATOR = '----';

export function parseScript(text: string): Case[] {
  const lines = text.split(/\r?\n/);
  const cases: Case[] = [];
  let at = 0;
  while (at < lines.length) {
    if (lines[at].trim() === '' || lines[at].startsWith('#')) {
      at += 1;
      continue;
    }
    const line = at + 1;
    let command = lines[at];
    while (command.endsWith('\\') && at + 1 < lines.length) {
      at += 1;
      command = `${command.slice(0, -1)} ${lines[at].trim()}`;
    }
    at += 1;
    const input: string[] = [];
    while (at < lines.length && lines[at] !== SEPARATOR) {
      input.push(lines[at]);
      at += 1;
    }
    if (at === lines.length) throw new Error(`line ${line}: no ${SEPARATOR} after the command`);
    const output = readOutput(lines, at + 1);
    cases.push({ line, ...parseCommand(command), input, expected: output.expected });
    at = output.next;
  }
  return cases;
}

/** Values of a key, in the order they come, over all arguments of that key. */
export function valuesOf({ arguments: given }: Case, key: string): readonly string[] {
  return given.flatMap((argument) => (argument.key === key ? (argument.values ?? []) : []));
}

export function firstOf(one: Case, key: string): string | undefined {
  return valuesOf(one, key)[0];
}

/** Whole numbers that stand without a key. */
export function numbersOf({ arguments: given }: Case): number[] {
  return given.filter(({ values }) => values === null).map(({ key }) => toNumber(key));
}

export function toNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new Error(`'${text}' is no whole number`);
  return Number(text);
}

function readOutput(lines: readonly string[], from: number): { expected: string[]; next: number } {
  const isFenced = lines[from] === SEPARATOR;
  const start = isFenced ? from + 1 : from;
  let end = start;
  while (end < lines.length && !(isFenced ? lines[end] === SEPARATOR && lines[end + 1] === SEPARATOR : lines[end] === '')) end += 1;
  return { expected: lines.slice(start, end), next: isFenced ? end + 2 : end + 1 };
}

function parseCommand(text: string): Pick<Case, 'command' | 'arguments'> {
  const words = text.match(/[^\s=]+=\([^)]*\)|\S+/g) ?? [];
  return { command: words[0] ?? '', arguments: words.slice(1).map(parseArgument) };
}

function parseArgument(word: string): Argument {
  const at = word.indexOf('=');
  if (at < 0) return { key: word, values: null };
  const value = word.slice(at + 1);
  const values = value.startsWith('(')
    ? value
        .slice(1, -1)
        .split(/[\s,]+/)
        .filter((part) => part !== '')
    : [value];
  return { key: word.slice(0, at), values };
}
