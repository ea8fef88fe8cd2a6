import { openLmdbStore } from '../../../src/storage/lmdb/lmdb-store.js';
import type { StoreError } from '../../../src/storage/ports.js';
import { answerOf, bytesOf, entryOf } from '../conformance/under-test.js';

/*
  Started by disk-error.test.ts under strace, which makes system calls fail: appends until the store says that it failed, and a little on.
  A line for each answer. Ends with 0 when everything answered; anything that nobody caught ends it with another code.
*/
const [directory, count] = process.argv.slice(2);
const store = openLmdbStore({ directory, flushDeadlineMs: 3000 });
const segment = store.create(1);

function say(what: string, error: StoreError | null): void {
  process.stdout.write(`${what} ${error === null ? 'done' : `${error.fault} ${error.message}`}\n`);
}

for (let index = 1; index <= Number(count); index += 1) {
  const [first, second, change] = await Promise.all([
    answerOf((done) => segment.append([entryOf(1, index, 5000), entryOf(2, index)], done)),
    answerOf((done) => segment.append([entryOf(3, index)], done)),
    answerOf((done) => store.table.apply([{ key: bytesOf('k'), value: bytesOf(String(index)) }], done)),
  ]);
  say(`append ${index}`, first);
  say(`second ${index}`, second);
  say(`change ${index}`, change);
}
process.exit(0); // Closing would wait for what never comes.
