import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { PAGE_OFFSETS, SettledPages } from '../../../src/journal/cursor/settled-pages.js';
import { randomRuns } from './random-runs.js';

const PAGES = 12;
const OFFSETS = PAGES * PAGE_OFFSETS;

/** Offsets near the edges of pages, where things go wrong, and a few others. */
const offset = fc.oneof(
  fc.tuple(fc.nat({ max: PAGES - 1 }), fc.constantFrom(0, 1, 31, 32, PAGE_OFFSETS - 1)).map(([page, rest]) => page * PAGE_OFFSETS + rest),
  fc.nat({ max: OFFSETS - 1 }),
);
const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constant('one' as const), from: offset, to: offset }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('range' as const), from: offset, to: offset }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('floor' as const), from: offset, to: offset }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('page' as const), from: offset, to: offset }) },
);

test('settled pages: whatever is settled in whatever order, they say what a row of flags says', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
      const pages = new SettledPages();
      const flags = new Uint8Array(OFFSETS);
      const settleRange = (from: number, to: number): void => {
        const fresh = flags.subarray(from, to).reduce((sum, flag) => sum + 1 - flag, 0);
        flags.fill(1, from, Math.max(from, to));
        assert.equal(pages.settleRange(from, to), fresh);
      };
      for (const next of steps) {
        if (next.do === 'one') {
          assert.equal(pages.settle(next.from), flags[next.from] === 0);
          flags[next.from] = 1;
        } else if (next.do === 'range') settleRange(next.from, next.to);
        else if (next.do === 'floor') settleRange(0, next.to);
        else {
          const first = Math.floor(next.from / PAGE_OFFSETS) * PAGE_OFFSETS; // One by one, so that a page becomes full by its last bit.
          for (let at = first; at < first + PAGE_OFFSETS; at += 1) {
            assert.equal(pages.settle(at), flags[at] === 0);
            flags[at] = 1;
          }
        }
        compare(pages, flags);
      }
    }),
    randomRuns(60),
  );
});

function compare(pages: SettledPages, flags: Uint8Array): void {
  const hole = flags.indexOf(0);
  const floor = hole < 0 ? OFFSETS : hole;
  assert.equal(pages.floor, floor);
  assert.equal(
    pages.beyond,
    flags.subarray(floor).reduce((sum, flag) => sum + flag, 0),
  );
  for (let at = 0; at < OFFSETS; at += 511) {
    assert.equal(pages.isSettled(at), flags[at] === 1);
    const next = flags.indexOf(0, at);
    assert.equal(pages.nextUnsettled(at), next < 0 ? OFFSETS : next);
  }
  const listed = new Uint8Array(OFFSETS).fill(1, 0, floor);
  const list = (from: number, to: number): void => {
    assert.ok(
      listed.subarray(from, to).every((flag) => flag === 0),
      'ranges are apart from each other',
    );
    listed.fill(1, from, to);
  };
  const plan = pages.plan();
  for (const page of plan.pages) pages.forEachRange(page, list);
  for (let at = 0; at < plan.runs.length; at += 2) list(plan.runs[at] * PAGE_OFFSETS, plan.runs[at + 1] * PAGE_OFFSETS);
  assert.deepEqual(listed, flags);
}

test('settled pages: runs of full pages cost two numbers, however many pages', () => {
  const pages = new SettledPages();
  pages.settleRange(1, 10_000_000_000);
  assert.ok(pages.bytes < 3000, `${pages.bytes} bytes`);
  assert.equal(pages.nextUnsettled(1), 10_000_000_000);
  pages.settle(0);
  assert.equal(pages.floor, 10_000_000_000);
  assert.equal(pages.beyond, 0);
});
