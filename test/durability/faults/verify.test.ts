import assert from 'node:assert/strict';
import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { ManualClock } from '../../../src/base/clock.js';
import { type Finding, isDamage } from '../../../src/journal/verify/findings.js';
import { repairLane } from '../../../src/journal/verify/repair-lane.js';
import { verifyLane } from '../../../src/journal/verify/verify-lane.js';
import { sumsKey } from '../../../src/storage/lmdb/keys.js';
import { openLmdbStore } from '../../../src/storage/lmdb/lmdb-store.js';
import { segmentName, TABLE_FILE } from '../../../src/storage/lmdb/names.js';
import { copyLane, flipBit, newDirectory, segmentPath, summed } from '../../storage/lmdb/lane-directory.js';
import { type Ledger, LedgerRig, until } from './ledger-rig.js';

interface Lane {
  readonly directory: string;
  readonly ledger: Ledger;
  readonly active: number;
}

function rigOn(directory: string, ledger?: Ledger): LedgerRig {
  const store = openLmdbStore({ directory, flushDeadlineMs: 5000 });
  return new LedgerRig({ store, segmentBytes: 1 << 13, ...(ledger === undefined ? {} : { ledger }) });
}

/** @param commits until some segments are sealed, and one is not. */
async function newLane(context: TestContext, commits = 8): Promise<Lane> {
  const directory = newDirectory(context);
  const rig = rigOn(directory);
  for (let commit = 0; commit < commits; commit += 1) {
    for (let partition = 0; partition < 3; partition += 1) rig.put(partition, 2, 300);
    rig.journal.groups[0].table('state').put(`key ${commit}`, Buffer.from(`value ${commit}`));
    await rig.settle();
  }
  const { store } = rig.journal.lanes[0];
  await until('all but the last are sealed', () => store.list().filter(({ isSealed }) => !isSealed).length === 1);
  const active = store.list().length;
  await summed(
    directory,
    Array.from({ length: active - 1 }, (_, i) => i + 1),
  );
  await rig.journal.close();
  return { directory, ledger: rig.ledger, active };
}

async function findingsOf(directory: string): Promise<Finding[]> {
  const findings: Finding[] = [];
  await verifyLane(directory, (finding) => findings.push(finding));
  return findings;
}

function filesOf(directory: string): Map<string, string> {
  return new Map(readdirSync(directory).map((name) => [name, readFileSync(join(directory, name)).toString('latin1')]));
}

/** Where these bytes are in the file: pages that are not in use any more have them too. */
function placesOf(path: string, bytes: Uint8Array): number[] {
  const file = readFileSync(path);
  const places: number[] = [];
  for (let at = file.indexOf(bytes); at >= 0; at = file.indexOf(bytes, at + 1)) places.push(at);
  assert.ok(places.length > 0, 'the bytes are in the file');
  return places;
}

function flipAll(path: string, places: readonly number[], bit: number): void {
  for (const at of places) flipBit(path, at * 8 + bit);
}

function entryOf(directory: string, segment: number): Uint8Array {
  const store = openLmdbStore({ directory, flushDeadlineMs: 5000 });
  let found = new Uint8Array(0);
  store.open(segment).scan((_group, _index, bytes) => {
    found = new Uint8Array(bytes);
    return false;
  });
  void store.close();
  return found;
}

test('verify: finds nothing in a lane that is as it was written, counts what is there, and changes nothing', async (context) => {
  const { directory, active } = await newLane(context, 12);
  const before = filesOf(directory);
  const findings: Finding[] = [];
  const verdict = await verifyLane(directory, (finding) => findings.push(finding));
  assert.deepEqual(findings, []);
  assert.equal(verdict.segments, active);
  assert.equal(verdict.sealed, active - 1);
  assert.ok(verdict.entries >= 12 * 3, `${verdict.entries} entries`);
  assert.ok(verdict.footers > 0);
  assert.equal(verdict.damaged.size, 0);
  assert.deepEqual(filesOf(directory), before);
});

test('verify: finds every flipped bit of a sealed segment, in an entry or elsewhere (a sample: all are swept by the test of the sums)', async (context) => {
  const { directory } = await newLane(context, 4);
  const path = segmentPath(directory, 1);
  const entry = entryOf(copyLane(context, directory), 1);
  const [at] = placesOf(path, entry);
  const bits: number[] = [];
  for (let bit = 0; bit < entry.length * 8; bit += 7) bits.push(at * 8 + bit);
  for (let bit = 0; bit < statSync(path).size * 8; bit += 997) bits.push(bit);
  let found = 0;
  for (const bit of bits) {
    flipBit(path, bit);
    const findings = await findingsOf(directory);
    if (findings.some((finding) => isDamage(finding) && finding.segment === 1)) found += 1;
    flipBit(path, bit);
  }
  context.diagnostic(`${found} of ${bits.length} flipped bits`);
  assert.equal(found, bits.length);
  assert.deepEqual(await findingsOf(directory), []);
});

test('verify: finds every bit of an entry of the active segment that is flipped, and says which entry it is', async (context) => {
  const { directory, active } = await newLane(context, 5);
  const path = segmentPath(directory, active);
  const entry = entryOf(copyLane(context, directory), active);
  const places = placesOf(path, entry);
  for (let bit = 0; bit < entry.length * 8; bit += 1) {
    flipAll(path, places, bit);
    const findings = await findingsOf(directory);
    assert.deepEqual(
      findings.map(({ kind, segment }) => [kind, segment]),
      [['entry', active]],
      `bit ${bit}`,
    );
    assert.ok((findings[0].index ?? 0) > 0);
    flipAll(path, places, bit);
  }
});

test('verify: finds a wrong row of the table, and a table that is not there', async (context) => {
  const { directory } = await newLane(context);
  const path = join(directory, TABLE_FILE);
  flipAll(path, placesOf(path, sumsKey(1)), 8 * 12);
  const wrong = await findingsOf(directory);
  assert.ok(wrong.some((finding) => finding.kind === 'file' && finding.file === TABLE_FILE));
  rmSync(path);
  const gone = await findingsOf(directory);
  assert.ok(gone.some(({ kind }) => kind === 'no-table'));
  assert.ok(gone.every((finding) => !isDamage(finding)));
  assert.ok(gone.some(({ kind }) => kind === 'unsummed'));
});

test('verify: a segment in the middle that is gone is a gap in the groups that were in it', async (context) => {
  const { directory } = await newLane(context, 16);
  rmSync(segmentPath(directory, 2));
  const findings = await findingsOf(directory);
  assert.ok(findings.length > 0);
  for (const { kind, what } of findings) {
    assert.equal(kind, 'gap');
    assert.match(what, /entries \d+ to \d+ of group \d+ are not there/);
  }
  rmSync(segmentPath(directory, 1));
  assert.deepEqual(await findingsOf(directory), [], 'what was before the first segment has expired');
});

test('repair: sets damaged files aside, deletes nothing, and the next start serves the others', async (context) => {
  const { directory, ledger } = await newLane(context, 16);
  const damaged = segmentPath(directory, 2);
  flipBit(damaged, 8 * (statSync(damaged).size - 100));
  const bytes = readFileSync(damaged);
  const { renamed, verdict } = await repairLane(directory, () => {}, new ManualClock());
  assert.equal(verdict.damaged.size, 1);
  const name = renamed.get(segmentName(2)) ?? '';
  assert.match(name, /^quarantine-0000000002-.+\.mdb$/);
  assert.ok(readFileSync(join(directory, name)).equals(bytes));
  const rig = rigOn(directory, ledger);
  assert.ok(rig.expectNothingWrong() > 0, 'the records of the segment are missing');
  assert.ok(ledger.committedCount > rig.expectNothingWrong());
  rig.put(0);
  await rig.settle();
  await rig.journal.close();
  const after = await findingsOf(directory);
  assert.deepEqual(after.filter(isDamage), []);
  assert.ok(after.some(({ kind }) => kind === 'quarantine'));
});

test('repair: a damaged table is set aside, and its lane starts without it', async (context) => {
  const { directory, ledger } = await newLane(context, 16);
  flipBit(join(directory, TABLE_FILE), 24 * 8);
  assert.throws(() => openLmdbStore({ directory, flushDeadlineMs: 5000 }), { fault: 'corrupt' });
  const { renamed } = await repairLane(directory, () => {}, new ManualClock());
  assert.deepEqual([...renamed.keys()], [TABLE_FILE]);
  const rig = rigOn(directory, ledger);
  rig.expectEverything();
  const table = rig.journal.groups[0].table('state');
  assert.equal(table.size, 16, 'changes of tables were read again from the segments');
  await rig.journal.close();
});
