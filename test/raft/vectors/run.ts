import { existsSync } from 'node:fs';
import { type Difference, type FileResult, listScripts, runScriptFile } from './suite.js';

/*
  npm run raft-vectors -- FOLDER...     runs every script below, whatever its format, and names those that passed and failed
*/

function describeDifference({ line, command, expected, actual }: Difference): string {
  const lines = [`    line ${line}: ${command}`];
  const shared = sharedLines(expected, actual);
  lines.push(...expected.slice(Math.max(0, shared - 3), shared).map((text) => `        ${text}`));
  lines.push(...expected.slice(shared, shared + 20).map((text) => `      - ${text}`));
  lines.push(...actual.slice(shared, shared + 20).map((text) => `      + ${text}`));
  return lines.join('\n');
}

function sharedLines(expected: readonly string[], actual: readonly string[]): number {
  let shared = 0;
  while (shared < expected.length && shared < actual.length && expected[shared] === actual[shared]) shared += 1;
  return shared;
}

function describeResult(result: FileResult): string {
  if (result.kind === 'skipped') return `skipped  ${result.path}`;
  const head = `${result.kind}   ${result.path} (${result.format}, ${result.cases} cases)`;
  return result.kind === 'passed' ? head : `${head}\n${describeDifference(result.difference)}`;
}

function main(paths: readonly string[]): number {
  const missing = paths.filter((path) => !existsSync(path));
  if (paths.length === 0 || missing.length > 0) {
    process.stderr.write(paths.length === 0 ? 'Name the folders with the scripts.\n' : `There is no ${missing.join(', no ')}.\n`);
    return 2;
  }
  const results = paths.flatMap(listScripts).map(runScriptFile);
  for (const result of results) process.stdout.write(`${describeResult(result)}\n`);
  const count = (kind: FileResult['kind']): number => results.filter((result) => result.kind === kind).length;
  process.stdout.write(`${count('passed')} passed, ${count('failed')} failed, ${count('skipped')} skipped\n`);
  return count('failed') > 0 ? 1 : 0;
}

process.exitCode = main(process.argv.slice(2));
