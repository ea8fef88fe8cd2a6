import { parentPort, workerData } from 'node:worker_threads';
import { assert } from '../src/base/assert.js';
import { isShardHandOver, runShard } from '../src/runtime/shard-thread.js';

/* Thread of one shard. Started by runtime/spawn.ts. */
assert(parentPort !== null, 'a shard runs in a worker');
const handOver: unknown = workerData;
assert(isShardHandOver(handOver), 'main hands over what a shard needs');
await runShard(handOver, parentPort);
