import assert from 'node:assert/strict';
import { test } from 'node:test';
import { changesBetween, settingAt } from '../../src/settings/changes.js';
import { LEAF_KINDS } from '../../src/settings/layers.js';
import { loadSettings } from '../../src/settings/parse.js';
import { HOT_PATHS } from '../../src/settings/schema.js';

function settingsWith(...assignments: string[]): ReturnType<typeof loadSettings>['settings'] {
  return loadSettings({ configPath: null, assignments, environment: {} }).settings;
}

test('changes: equal settings have none', () => {
  assert.deepEqual(changesBetween(settingsWith(), settingsWith()), []);
});

test('changes: each says what it was, what it is and whether a restart is needed', () => {
  assert.deepEqual(changesBetween(settingsWith(), settingsWith('log.level=debug', 'mqtt.tcp.port=0', 'roles=meta')), [
    { path: 'roles', before: ['meta', 'broker', 'journal'], after: ['meta'], isHot: false },
    { path: 'log.level', before: 'info', after: 'debug', isHot: true },
    { path: 'mqtt.tcp.port', before: 1883, after: 0, isHot: false },
  ]);
});

test('changes: every path of the schema is in the settings, and hot paths are paths', () => {
  const settings = settingsWith();
  for (const path of LEAF_KINDS.keys()) assert.notEqual(settingAt(settings, path), undefined, path);
  for (const path of HOT_PATHS) assert.ok(LEAF_KINDS.has(path), path);
  assert.equal(settingAt(settings, 'mqtt.nothing.here'), undefined);
});
