import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

interface Generator {
  readonly GENERATED: string;
  generate(folder: string): void;
  /** Empty: it can. */
  whyNot(): string;
}

const generator: Generator = createRequire(import.meta.url)('../../../../bin/proto.js');

function filesOf(folder: string): readonly (readonly [name: string, text: string])[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .sort()
    .map((name) => [name, readFileSync(join(folder, name), 'utf8')]);
}

test('proto: what is generated from the .proto files is what was committed', (context) => {
  const reason = generator.whyNot();
  if (reason !== '') {
    context.skip(reason);
    return;
  }
  const folder = mkdtempSync(join(tmpdir(), 'robustmq-proto-'));
  context.after(() => rmSync(folder, { recursive: true }));
  generator.generate(folder);
  const fresh = filesOf(folder);
  const committed = filesOf(generator.GENERATED);
  assert.deepEqual(
    fresh.map(([name]) => name),
    committed.map(([name]) => name),
  );
  const stale = fresh.filter(([, text], at) => text !== committed[at][1]).map(([name]) => name);
  assert.deepEqual(stale, [], 'run `npm run proto`');
});
