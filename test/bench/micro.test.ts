import assert from 'node:assert/strict';
import { test } from 'node:test';
import { measureSuite } from '../../bench/micro/measure.js';
import { SUITES } from '../../bench/micro/suites.js';

for (const suite of SUITES) {
  test(`micro bench: ${suite.name}: every task runs`, () => {
    for (const result of measureSuite(suite, 5))
      assert.ok(result.operationsPerSecond > 0 && Number.isFinite(result.operationsPerSecond), result.task);
  });
}
