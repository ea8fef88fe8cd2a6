import assert from 'node:assert/strict';
import { copyFileSync, readdirSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { SeededRandom } from '../../../src/base/random.js';
import { openLmdbStore } from '../../../src/storage/lmdb/lmdb-store.js';
import { TABLE_FILE } from '../../../src/storage/lmdb/names.js';
import { StoreError } from '../../../src/storage/ports.js';
import { SETTINGS } from '../../journal/log/rig.js';
import { answerOf } from '../../storage/conformance/under-test.js';
import { flipBit, newDirectory, segmentPath, summed } from '../../storage/lmdb/lane-directory.js';
import { type Ledger, LedgerRig, until } from './ledger-rig.js';

/*
  Row 5 of the fault catalogue: bits that flip and files that become shorter, against a real journal on LMDB. A crash of the process would be a
  failed test file.
*/

const SEED = Number(process.env.SEED ?? Math.trunc(Math.random() * 1e6));
const FLIPS = Number(process.env.FLIPS ?? 60);

interface Lane {
  readonly directory: string;
  readonly ledger: Ledger;
  readonly sealed: readonly number[];
  readonly active: number;
}

function rigOn(directory: string, ledger?: Ledger): LedgerRig {
  const store = openLmdbStore({ directory, flushDeadlineMs: 5000 });
  try {
    return new LedgerRig({ store, segmentBytes: 1 << 16, tailBytes: 1, cacheBytes: 1, ...(ledger === undefined ? {} : { ledger }) });
  } catch (error) {
    void store.close();
    throw error;
  }
}

/** A lane with sealed segments and an active one that has entries. */
async function newLane(context: TestContext): Promise<Lane> {
  const directory = newDirectory(context);
  const rig = rigOn(directory);
  const table = rig.journal.groups[0].table('state');
  for (let round = 0; round < 60; round += 1) {
    for (let partition = 0; partition < 5; partition += 1) rig.put(partition, 1 + (round % 3), round % 10 === 0 ? 2500 : 150);
    table.put(`key ${round % 20}`, Buffer.from(`value ${round}`));
    await rig.settle();
    rig.clock.advance(100);
    rig.journal.onTick(rig.clock.nowMs());
  }
  const store = rig.journal.lanes[0].store;
  await until('all but the last are sealed', () => store.list().filter(({ isSealed }) => !isSealed).length === 1);
  const listed = store.list();
  const sealed = listed.filter(({ isSealed }) => isSealed).map(({ id }) => id);
  await summed(directory, sealed);
  await rig.journal.close();
  assert.ok(sealed.length >= 2, `${sealed.length} sealed segments`);
  return { directory, ledger: rig.ledger, sealed, active: listed.length };
}

/** Puts the files back as they were. */
function restore(from: string, to: string): void {
  for (const name of readdirSync(to)) rmSync(join(to, name));
  for (const name of readdirSync(from)) if (name.endsWith('.mdb')) copyFileSync(join(from, name), join(to, name));
}

type Ending = 'refused' | 'reported' | 'unnoticed';

/** Starts on damaged files and reads everything. @returns what the operator sees. */
async function startOn(directory: string, ledger: Ledger): Promise<Ending> {
  let rig: LedgerRig;
  try {
    rig = rigOn(directory, ledger);
  } catch (error) {
    assert.ok(error instanceof StoreError && error.fault === 'corrupt', String(error));
    assert.match(error.message, /robust-ctl journal verify/);
    return 'refused';
  }
  const missing = rig.expectNothingWrong();
  const isReported = rig.journal.corruptEntries > 0;
  if (missing > 0) assert.ok(isReported, `${missing} records are missing and nothing was said`);
  await rig.journal.close();
  return isReported ? 'reported' : 'unnoticed';
}

for (const which of ['sealed', 'active', 'table'] as const)
  test(`fault 5: a bit that flips in ${which === 'table' ? 'the table' : `the ${which} segment`} never brings a wrong record, nor a missing one without a word (seed ${SEED})`, async (context) => {
    const random = new SeededRandom(SEED);
    const lane = await newLane(context);
    const directory = newDirectory(context);
    const endings = { refused: 0, reported: 0, unnoticed: 0 };
    for (let flip = 0; flip < FLIPS; flip += 1) {
      restore(lane.directory, directory);
      const path =
        which === 'table'
          ? join(directory, TABLE_FILE)
          : segmentPath(directory, which === 'active' ? lane.active : lane.sealed[random.below(lane.sealed.length)]);
      const bit = random.below(statSync(path).size * 8);
      flipBit(path, bit);
      try {
        endings[await startOn(directory, lane.ledger)] += 1;
      } catch (error) {
        throw new Error(`bit ${bit} of ${path}`, { cause: error });
      }
    }
    context.diagnostic(JSON.stringify(endings));
    if (which !== 'table') assert.equal(endings.refused, 0, 'one bad segment does not keep the journal from starting');
  });

for (const which of ['sealed', 'active'] as const)
  test(`fault 5: a ${which} segment that was cut short is set aside at the start, and the others serve`, async (context) => {
    const lane = await newLane(context);
    const directory = newDirectory(context);
    const id = which === 'active' ? lane.active : lane.sealed[0];
    const { size } = statSync(segmentPath(lane.directory, id));
    // An empty file is what a segment is before its first commit: of an active one nobody can tell.
    for (const length of [...(which === 'active' ? [] : [0]), 1, 100, 4096, 8192, 12_288, size >> 1, size - 4096, size - 1]) {
      restore(lane.directory, directory);
      truncateSync(segmentPath(directory, id), length);
      const ending = await startOn(directory, lane.ledger);
      assert.equal(ending, 'reported', `${length} bytes`);
      assert.ok(
        readdirSync(directory).some((name) => name.startsWith('quarantine-')),
        `${length} bytes`,
      );
    }
  });

test('fault 5: a table that becomes shorter fails the journal, and nothing crashes', async (context) => {
  const lane = await newLane(context);
  const rig = rigOn(lane.directory, lane.ledger);
  truncateSync(join(lane.directory, TABLE_FILE), 8192);
  const { store } = rig.journal.lanes[0];
  assert.throws(() => store.table.get(Buffer.from('key')), { fault: 'corrupt' });
  assert.throws(() => store.table.scan(new Uint8Array(0), () => true), { fault: 'corrupt' });
  assert.equal((await answerOf((done) => store.table.apply([{ key: Buffer.from('key'), value: null }], done)))?.fault, 'corrupt');
  rig.put(0);
  rig.journal.flush();
  await until('the journal failed', () => rig.journal.state === 'failed');
  await rig.journal.close();
});

/** A running journal whose sealed segments became shorter. */
async function shortened(context: TestContext): Promise<LedgerRig> {
  const lane = await newLane(context);
  const rig = rigOn(lane.directory, lane.ledger);
  assert.equal(rig.expectNothingWrong(), 0);
  for (const id of lane.sealed) truncateSync(segmentPath(lane.directory, id), 8192);
  context.after(() => rig.journal.close());
  return rig;
}

test('fault 5: an active segment that becomes shorter fails the journal at the next commit, and nothing crashes', async (context) => {
  const lane = await newLane(context);
  const rig = rigOn(lane.directory, lane.ledger);
  truncateSync(segmentPath(lane.directory, lane.active), 8192);
  rig.put(0);
  rig.journal.flush();
  await until('the journal failed', () => rig.journal.state === 'failed');
  assert.deepEqual(rig.committed, []);
  await rig.journal.close();
});

test('fault 5: reading a partition in a segment that became shorter ends as corrupt', async (context) => {
  const rig = await shortened(context);
  for (const partition of rig.ledger.committed.keys()) assert.equal(rig.records(partition).status, 'corrupt');
  assert.ok(rig.expectNothingWrong() > 0);
  assert.ok(rig.journal.corruptEntries > 0);
});

test('fault 5: records in a segment that became shorter are skipped by sequence', async (context) => {
  const rig = await shortened(context);
  const sequences = Float64Array.from({ length: 20 }, (_, i) => i + 1);
  for (const group of rig.journal.groups)
    assert.equal(
      group.readRecords(sequences, 0, 20, 1e6, () => assert.fail('none can be read')),
      20,
    );
  assert.ok(rig.journal.corruptEntries > 0);
});

test('fault 5: prefetch in a segment that became shorter does not reject', async (context) => {
  const rig = await shortened(context);
  for (const key of rig.ledger.committed.keys()) await rig.journal.partition(1, key, SETTINGS).prefetch(0, 1e6);
  for (const group of rig.journal.groups) await group.prefetchRecords(Float64Array.of(1, 2, 3), 0, 3);
});

test('fault 5: a tick with a segment that became shorter goes on', async (context) => {
  const rig = await shortened(context);
  for (const key of rig.ledger.committed.keys()) rig.journal.deletePartition(rig.journal.partition(1, key, SETTINGS).key);
  for (let second = 0; second < 5; second += 1) {
    rig.clock.advance(1100);
    rig.journal.onTick(rig.clock.nowMs());
    await rig.settle();
  }
});

test('fault 9: a journal whose directory is gone fails at the next commit', async (context) => {
  const lane = await newLane(context);
  const rig = rigOn(lane.directory, lane.ledger);
  rmSync(lane.directory, { recursive: true });
  rig.put(0);
  rig.journal.flush();
  await until('the journal failed', () => rig.journal.state === 'failed');
  assert.deepEqual(rig.committed, []);
  await rig.journal.close();
});

test('fault 10: files that are not of LMDB are set aside or refused, never written over', async (context) => {
  const lane = await newLane(context);
  const foreign = Buffer.from('this is somebody else’s file, and of some length '.repeat(400));
  writeFileSync(segmentPath(lane.directory, lane.sealed[0]), foreign);
  assert.equal(await startOn(lane.directory, lane.ledger), 'reported');
  const aside = readdirSync(lane.directory).find((name) => name.startsWith('quarantine-'));
  assert.ok(aside !== undefined);
  assert.equal(statSync(join(lane.directory, aside)).size, foreign.length);
  writeFileSync(join(lane.directory, TABLE_FILE), foreign);
  assert.equal(await startOn(lane.directory, lane.ledger), 'refused');
  assert.equal(statSync(join(lane.directory, TABLE_FILE)).size, foreign.length);
});
