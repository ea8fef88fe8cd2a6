import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { MQTT_3_1_1 } from './mqtt-3-1-1.js';
import { MQTT_5 } from './mqtt-5.js';
import type { SpecificationName, Statement } from './statement.js';
import { titlesIn } from './titles.js';

/* The table of statements in src/protocols/mqtt/README.md: made of the registers and of the titles of the tests. */

export const REGISTERS: Readonly<Record<SpecificationName, readonly Statement[]>> = { '5.0': MQTT_5, '3.1.1': MQTT_3_1_1 };

const TESTS = 'test/protocols/mqtt/conformance';
export const README = 'src/protocols/mqtt/README.md';
const BEGIN = '<!-- statements: written by npm run statements -->';
const END = '<!-- end of statements -->';

/** Files whose tests prove a statement, by version and number: `5.0 MQTT-3.1.2-3`. */
export type Proofs = ReadonlyMap<string, readonly string[]>;

export function bindsServer([, binds]: Statement): boolean {
  return binds === 'server' || binds === 'both';
}

/** @param root of the repository. */
export function collectProofs(root: string): Proofs {
  const proofs = new Map<string, string[]>();
  const folder = join(root, TESTS);
  for (const file of readdirSync(folder).sort()) {
    if (!file.endsWith('.test.ts')) continue;
    for (const { proofs: parts } of titlesIn(readFileSync(join(folder, file), 'utf8'))) {
      for (const { name, ids } of parts) for (const id of ids) noteProof(proofs, `${name} ${id}`, file.replace('.test.ts', ''));
    }
  }
  return proofs;
}

function noteProof(proofs: Map<string, string[]>, key: string, file: string): void {
  const files = proofs.get(key) ?? [];
  if (!files.includes(file)) files.push(file);
  proofs.set(key, files);
}

/** README.md with the table as it has to be. */
export function withTable(readme: string, proofs: Proofs): string {
  const begin = readme.indexOf(BEGIN);
  const end = readme.indexOf(END);
  if (begin < 0 || end < begin) throw new Error(`${README} has no place for the table`);
  return `${readme.slice(0, begin)}${BEGIN}\n\n${tables(proofs)}\n${readme.slice(end)}`;
}

function tables(proofs: Proofs): string {
  return (Object.keys(REGISTERS) as SpecificationName[]).map((name) => table(name, REGISTERS[name], proofs)).join('\n');
}

function table(name: SpecificationName, register: readonly Statement[], proofs: Proofs): string {
  const ours = register.filter(bindsServer);
  const proven = ours.filter(([id]) => proofs.has(`${name} ${id}`));
  const rows = ours.map(([id, , says]) => {
    const files = proofs.get(`${name} ${id}`);
    return `| ${id} | ${says} | ${files === undefined ? '' : files.join(', ')} | ${files === undefined ? 'open' : 'holds'} |`;
  });
  const sum = `MQTT ${name}: of ${register.length} statements ${ours.length} bind a server; ${proven.length} of those have a test.`;
  return [`### ${sum}`, '', '| Statement | In our words | Tests | Status |', '| --- | --- | --- | --- |', ...rows, ''].join('\n');
}
