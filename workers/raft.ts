import { parentPort, workerData } from 'node:worker_threads';
import { assert } from '../src/base/assert.js';
import { isMetadataHandOver, runMetadata } from '../src/runtime/metadata-thread.js';

/* Thread of the metadata service. Started by runtime/spawn-metadata.ts. */
assert(parentPort !== null, 'the metadata service runs in a worker');
const handOver: unknown = workerData;
assert(isMetadataHandOver(handOver), 'main hands over what the metadata service needs');
await runMetadata(handOver, parentPort);
