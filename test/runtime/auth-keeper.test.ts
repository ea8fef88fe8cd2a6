import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RecordingLogger } from '../../src/base/logger.js';
import { AUTH_SILENCE_MS_MAX, AuthKeeper } from '../../src/runtime/auth-keeper.js';
import type { AuthThreadEvents } from '../../src/runtime/spawn-auth.js';
import { ThreadCells } from '../../src/runtime/thread-cells.js';
import { SETTINGS_SCHEMA } from '../../src/settings/schema.js';

test('auth keeper: a thread that hangs is ended and another one started; one that only opens its sources is not', (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  const threads: { events: AuthThreadEvents; isTerminated: boolean }[] = [];
  const log = new RecordingLogger();
  const keeper = new AuthKeeper({
    handOver: { settings: SETTINGS_SCHEMA.parse({ auth: { anonymous: false } }), cells: ThreadCells.create(1).memory },
    spawn: (_handOver, events) => {
      const thread = {
        ...{ events, isTerminated: false, post: () => {} },
        terminate: () => {
          thread.isTerminated = true;
        },
      };
      threads.push(thread);
      return thread;
    },
    log,
    ...{ userCount: () => 0, wantFull: () => {}, isServing: () => false, postToShard: () => {} },
  });
  let nowMs = 0;
  const pass = (ms: number): void => {
    for (const endMs = nowMs + ms; nowMs < endMs; nowMs += 100) keeper.tick(nowMs);
  };
  pass(AUTH_SILENCE_MS_MAX * 2);
  assert.equal(threads[0].isTerminated, false, 'it is still opening');
  threads[0].events.onNotice({ kind: 'ready' });
  pass(AUTH_SILENCE_MS_MAX);
  assert.equal(threads[0].isTerminated, false);
  pass(200);
  assert.equal(threads[0].isTerminated, true);
  threads[0].events.onExit(1);
  context.mock.timers.tick(200);
  assert.equal(threads.length, 2);
  assert.deepEqual(
    log.records.map(({ event }) => event),
    ['auth.hung', 'auth.died'],
  );
});
