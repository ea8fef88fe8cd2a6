'use strict';

/*
  npm run statements: writes the table of numbered statements in src/protocols/mqtt/README.md anew, after tests of
  test/protocols/mqtt/conformance or the registers changed.
*/

const { readFileSync, writeFileSync } = require('node:fs');
const path = require('node:path');
const { buildIfStale, DIST, ROOT } = require('./build.js');

if (!buildIfStale(false)) {
  process.stderr.write('RMQ-1007 build failed (see above).\n');
  process.exit(1);
}
import(path.join(DIST, 'test/protocols/mqtt/statements/table.js')).then(({ collectProofs, README, withTable }) => {
  const readme = path.join(ROOT, README);
  writeFileSync(readme, withTable(readFileSync(readme, 'utf8'), collectProofs(ROOT)));
});
