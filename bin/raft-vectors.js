'use strict';

/*
  npm run raft-vectors -- FOLDER...: runs scripts of Raft in the formats of etcd-io/raft. Builds what is stale, and goes on in
  dist/test/raft/vectors/run.js.
*/

const path = require('node:path');
const url = require('node:url');
const { buildIfStale, ROOT } = require('./build.js');

if (!buildIfStale(false)) {
  process.stderr.write('RMQ-1007 build failed (see above).\n');
  process.exit(1);
}
process.setSourceMapsEnabled(true);
import(url.pathToFileURL(path.join(ROOT, 'dist/test/raft/vectors/run.js')).href);
