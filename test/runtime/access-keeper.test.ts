import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SILENT_LOGGER } from '../../src/base/logger.js';
import type { Command } from '../../src/metadata/catalogue/commands.js';
import { AccessKeeper, BY_FLAPPING } from '../../src/runtime/access-keeper.js';
import { OneCatalogue } from './one-catalogue.js';
import { settingsFor, TRANSPORTS, until } from './running-node.js';

test('access keeper: bans of clients that came and went are deleted when they are over, and no others', async () => {
  const catalogue = new OneCatalogue();
  const ban = (value: string, by: string, untilMs: number): Command => ({
    kind: 'put-ban',
    value: { tenant: 'default', kind: 'client', value, untilMs, reason: '', by },
    expected: null,
  });
  catalogue.apply([ban('over', BY_FLAPPING, 1), ban('not-yet', BY_FLAPPING, Date.now() + 600_000), ban('by-hand', 'ann', 1)]);
  const settings = settingsFor(TRANSPORTS[0], 1);
  const keeper = new AccessKeeper({
    ...{
      settings,
      catalogue: catalogue.copy,
      propose: (commands) => Promise.resolve(catalogue.apply(commands)),
      log: SILENT_LOGGER,
      sweepMs: 20,
    },
  });
  const names = (): readonly string[] => catalogue.copy.reader.list('ban', { limit: 10 }).map(({ value }) => value);
  try {
    await until('it is gone', () => !names().includes('over'));
    catalogue.apply([ban('later', BY_FLAPPING, 2)]);
    await until('one that came later is gone, too', () => !names().includes('later'));
    assert.deepEqual([...names()].sort(), ['by-hand', 'not-yet']);
  } finally {
    await keeper.stop();
  }
});
