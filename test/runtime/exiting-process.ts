import assert from 'node:assert/strict';
import { SILENT_LOGGER } from '../../src/base/logger.js';
import { startNode } from '../../src/runtime/node.js';
import { settingsFor } from './running-node.js';

/*
  A process that ends with 1 while its node runs; the first argument says when and how:

    serving        process.exit while all shards serve
    starting <ms>  process.exit so long after the start, wherever the shards are then
    bug            main throws what nobody catches
    hung           process.exit while a shard hangs
*/
const [, , mode, delayMs = '0'] = process.argv;
const ending = startNode(settingsFor('node', 2, 'uws'), SILENT_LOGGER);
if (mode === 'starting') setTimeout(() => process.exit(1), Number(delayMs));
const node = await ending;
if (mode === 'bug') setImmediate(() => assert.fail('a bug'));
if (mode === 'serving') process.exit(1);
if (mode === 'hung') {
  node.terminateShard(0, 'hang');
  setImmediate(() => process.exit(1));
}
