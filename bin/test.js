'use strict';

/*
  npm test: builds what is stale, then runs every test of dist with Node's own runner.

    node bin/test.js [part of a path]... [--node-flag]...      `npm test -- ring settings` runs test/ring and test/settings
*/

const { spawnSync } = require('node:child_process');
const path = require('node:path');
const { buildIfStale, DIST, hasNative, listFiles, ROOT } = require('./build.js');

/** A test that hangs fails after that. */
const TEST_MS_MAX = 120_000;

const flags = process.argv.slice(2).filter((argument) => argument.startsWith('-'));
const wanted = process.argv.slice(2).filter((argument) => !argument.startsWith('-'));

function isWanted(file) {
  const name = path.relative(DIST, file);
  return name.endsWith('.test.js') && (wanted.length === 0 || wanted.some((part) => name.includes(part)));
}

if (!buildIfStale(false)) {
  process.stderr.write('RMQ-1007 build failed (see above).\n');
  process.exit(1);
}
const files = listFiles(path.join(DIST, 'test')).filter(isWanted).sort();
if (files.length === 0) {
  process.stderr.write('No test file has such a path.\n');
  process.exit(2);
}
process.stdout.write(
  `Node ${process.version}, transport ${hasNative() ? 'native and node' : 'node only: the native addon was not built'}, ${files.length} test files\n`,
);
const run = spawnSync(
  process.execPath,
  ['--enable-source-maps', '--test', '--test-reporter=spec', `--test-timeout=${TEST_MS_MAX}`, ...flags, ...files],
  {
    cwd: ROOT,
    stdio: 'inherit',
  },
);
process.exit(run.status ?? 1);
