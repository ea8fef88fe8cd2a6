import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MUTANTS, type Mutant } from './mutants.js';

/*
  node dist/test/simulation/find-mutants.js [--seeds N] [WORD...]

  Copies the compiled program, plants each bug in turn (or those that have a WORD in their names), and simulates until it is found. Fails if one
  survives all seeds.
*/

/** As `--seeds`. */
const SEEDS_MAX = 500;
const COPIED_FOLDERS = ['src', 'test/simulation'] as const;

export const DIST: string = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

/** @returns the file with the bug in it; null if its place is not there exactly once. */
export function mutate(text: string, { find, replace }: Mutant): string | null {
  const parts = text.split(find);
  return parts.length === 2 ? parts.join(replace) : null;
}

interface Found {
  readonly seeds: number;
  readonly what: string;
}

/** @returns null if it survives. */
function hunt(folder: string, seeds: number): Found | null {
  const program = join(folder, 'dist/test/simulation/run.js');
  const run = spawnSync(process.execPath, [program, '--first', '1', '--seeds', String(seeds), '--first-failure'], { encoding: 'utf8' });
  const match = /^seed (\d+) failed after [^:]*: (.*)$/m.exec(run.stdout);
  if (match !== null) return { seeds: Number(match[1]), what: match[2] };
  return run.status === 0 ? null : { seeds: 1, what: `the program ended: ${run.stderr.trim().split('\n').at(-1)}` };
}

function huntWith(folder: string, mutant: Mutant, seeds: number): Found | null {
  const path = join(folder, 'dist', mutant.file);
  const original = readFileSync(path, 'utf8');
  const mutated = mutate(original, mutant);
  if (mutated === null) throw new Error(`the place of "${mutant.name}" is not in ${mutant.file} exactly once`);
  writeFileSync(path, mutated);
  try {
    return hunt(folder, seeds);
  } finally {
    writeFileSync(path, original);
  }
}

function main(): void {
  const words = process.argv.slice(2);
  const at = words.indexOf('--seeds');
  const seeds = at < 0 ? SEEDS_MAX : Number(words.splice(at, 2)[1]);
  const chosen = MUTANTS.filter(({ name }) => words.length === 0 || words.some((word) => name.includes(word)));
  const folder = mkdtempSync(join(tmpdir(), 'mutants-'));
  let survivors = 0;
  try {
    for (const part of COPIED_FOLDERS) cpSync(join(DIST, part), join(folder, 'dist', part), { recursive: true });
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }\n');
    for (const mutant of chosen) {
      const found = huntWith(folder, mutant, seeds);
      if (found === null) survivors += 1;
      const fate = found === null ? 'SURVIVED' : `seed ${found.seeds}`;
      process.stdout.write(`${mutant.name.padEnd(58)} ${fate.padEnd(10)} ${(found?.what ?? mutant.breaks).slice(0, 120)}\n`);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
  process.stdout.write(`${chosen.length - survivors} of ${chosen.length} found\n`);
  process.exitCode = survivors === 0 ? 0 : 1;
}

if (process.argv[1]?.endsWith('/simulation/find-mutants.js')) main();
