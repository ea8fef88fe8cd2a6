import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { CHANGE_COMMANDS, ChangeScript } from './configuration-change.js';
import { INTERACTION_COMMANDS, InteractionScript, levelOf } from './interaction.js';
import { type Case, parseScript } from './parse.js';
import { QUORUM_COMMANDS, runQuorumCase } from './quorum.js';

export type Format = 'quorum' | 'confchange' | 'interaction';

/** First case that printed something else. */
export interface Difference {
  readonly line: number;
  readonly command: string;
  readonly expected: readonly string[];
  readonly actual: readonly string[];
}

export type FileResult =
  | { readonly kind: 'passed'; readonly path: string; readonly format: Format; readonly cases: number }
  | { readonly kind: 'failed'; readonly path: string; readonly format: Format; readonly cases: number; readonly difference: Difference }
  /** It is no script, or of another format. */
  | { readonly kind: 'skipped'; readonly path: string };

/** Files of a folder and all below, in the order of their names; a file is itself. */
export function listScripts(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path, { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => (entry.isDirectory() || entry.isFile() ? listScripts(join(path, entry.name)) : []));
}

export function runScriptFile(path: string): FileResult {
  return runScript(path, readFileSync(path, 'utf8'));
}

export function runScript(path: string, text: string): FileResult {
  const cases = tryParse(text);
  const format = cases === null ? null : formatOf(cases);
  if (cases === null || format === null) return { kind: 'skipped', path };
  const difference = format === 'interaction' ? runInteraction(cases) : runExact(cases, format);
  const about = { path, format, cases: cases.length };
  return difference === null ? { kind: 'passed', ...about } : { kind: 'failed', ...about, difference };
}

/** A text that is no script at all is nobody's mistake. */
function tryParse(text: string): Case[] | null {
  try {
    return parseScript(text);
  } catch {
    return null;
  }
}

/** By the commands. One that no format knows does not make a script another's: it fails there. */
function formatOf(cases: readonly Case[]): Format | null {
  const knows = (commands: ReadonlySet<string>): boolean => cases.some(({ command }) => commands.has(command));
  if (knows(QUORUM_COMMANDS)) return 'quorum';
  if (knows(CHANGE_COMMANDS)) return 'confchange';
  return knows(INTERACTION_COMMANDS) ? 'interaction' : null;
}

function runExact(cases: readonly Case[], format: 'quorum' | 'confchange'): Difference | null {
  const script = new ChangeScript();
  for (const one of cases) {
    const actual = run(() => (format === 'quorum' ? runQuorumCase(one) : script.run(one)));
    if (!isSame(one.expected, actual)) return { ...one, actual };
  }
  return null;
}

/** What the nodes log is not compared. */
function runInteraction(cases: readonly Case[]): Difference | null {
  const script = new InteractionScript();
  let level = 'debug';
  for (const one of cases) {
    const { within, after } = levelOf(one, level);
    level = after;
    const actual = run(() => script.run(one));
    if (within === 'none') continue;
    const expected = withoutLogs(one.expected);
    if (!isSame(expected, withoutLogs(actual))) return { ...one, expected, actual: withoutLogs(actual) };
  }
  return null;
}

/** A script that a node does not survive prints why. */
function run(act: () => string[]): string[] {
  try {
    return act();
  } catch (error) {
    return error instanceof Error && error.name === 'AssertionFailure'
      ? [`${error.stack}`]
      : [error instanceof Error ? error.message : String(error)];
  }
}

function withoutLogs(lines: readonly string[]): string[] {
  const kept = lines.filter((line) => !/^\s*(?:DEBUG|INFO|WARN|ERROR|FATAL)\b/.test(line));
  return kept.length === 1 && kept[0] === 'ok' ? [] : kept;
}

function isSame(expected: readonly string[], actual: readonly string[]): boolean {
  return expected.length === actual.length && expected.every((line, at) => line === actual[at]);
}
