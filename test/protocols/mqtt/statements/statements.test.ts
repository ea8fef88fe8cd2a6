import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { bindsServer, collectProofs, README, REGISTERS, withTable } from './table.js';

const ROOT = process.cwd();

test('statements: every number is in its register once, and every number that a test names is there', () => {
  const known = new Set<string>();
  for (const [name, register] of Object.entries(REGISTERS)) {
    for (const [id] of register) {
      assert.ok(!known.has(`${name} ${id}`), `${name} ${id} is there once`);
      known.add(`${name} ${id}`);
    }
  }
  assert.deepEqual(
    [...collectProofs(ROOT).keys()].filter((key) => !known.has(key)),
    [],
  );
});

test('statements: every one that binds a server has a test', () => {
  const proofs = collectProofs(ROOT);
  const open = Object.entries(REGISTERS).flatMap(([name, register]) =>
    register.filter((statement) => bindsServer(statement) && !proofs.has(`${name} ${statement[0]}`)).map(([id]) => `${name} ${id}`),
  );
  assert.deepEqual(open, []);
});

test('statements: the table in README.md is that of the tests (npm run statements)', () => {
  const readme = readFileSync(join(ROOT, README), 'utf8');
  assert.ok(withTable(readme, collectProofs(ROOT)) === readme, 'the table is stale: write it anew');
});
