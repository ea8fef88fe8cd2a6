import { parentPort } from 'node:worker_threads';
import { assert } from '../../../src/base/assert.js';
import { ThreadCatalogue } from '../../../src/runtime/thread-catalogue.js';

/* A copy of the catalogue as a shard has it, which says when it knew of a revision. */
assert(parentPort !== null, 'a copy is on a thread of its own');
const port = parentPort;
const catalogue = new ThreadCatalogue();
port.on('message', (message: { readonly chunks?: readonly Uint8Array[]; readonly delta?: Uint8Array }) => {
  if (message.chunks !== undefined) catalogue.load(message.chunks);
  if (message.delta !== undefined) catalogue.apply(message.delta);
  port.postMessage([catalogue.reader.revision, performance.timeOrigin + performance.now()]);
});
