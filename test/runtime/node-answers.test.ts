import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SystemClock } from '../../src/base/clock.js';
import { SILENT_LOGGER } from '../../src/base/logger.js';
import { Enquiries } from '../../src/runtime/enquiries.js';
import { NodeAnswers } from '../../src/runtime/node-answers.js';
import type { ShardAnswers, ShardQuestion } from '../../src/runtime/questions.js';
import { Alarms } from '../../src/runtime/watch/alarms.js';
import { Traces } from '../../src/runtime/watch/traces.js';
import { STREAM_SCHEMA } from '../../src/settings/journal-schema.js';
import { OneCatalogue } from './one-catalogue.js';

const SHARDS = 2;
type Reply = (shard: number, question: ShardQuestion) => ShardAnswers[ShardQuestion['kind']];

/** A node whose shards answer at once; those in `down` not at all. */
function setUp(reply: Reply, down: readonly number[] = []): { answers: NodeAnswers; one: OneCatalogue } {
  const one = new OneCatalogue();
  const enquiries: Enquiries = new Enquiries({
    isServing: (shard) => !down.includes(shard),
    post: (shard, order) => {
      if (order.kind === 'query') enquiries.onAnswer(order.ticket, { fault: null, body: reply(shard, order.question) });
    },
  });
  const answers = new NodeAnswers({
    shardCount: SHARDS,
    shape: { groups: 16, groupLanes: SHARDS, lanes: SHARDS },
    catalogue: one.streams,
    enquiries,
    reader: one.copy.reader,
    clock: new SystemClock(),
    watch: {
      alarms: new Alarms({ holdMs: 0, eventStaysMs: 0, historyMax: 0, log: SILENT_LOGGER, tell: () => {} }),
      traces: new Traces('nowhere', SILENT_LOGGER, () => {}),
    },
    propose: (commands) => Promise.resolve(one.apply(commands)),
    askCluster: (question) => Promise.resolve({ asked: question.verb }),
  });
  return { answers, one };
}

test('node answers: a shard that is down is named, and the rest is told', async () => {
  const { answers } = setUp((_shard, { kind }) => (kind === 'totals' ? [{ stream: 1, records: 5, bytes: 50 }] : []), [1]);
  const list = await answers.answer({ verb: 'stream-list' });
  assert.ok('silent' in list && 'streams' in list);
  assert.deepEqual(list.silent, [1]);
  assert.match(JSON.stringify(list.streams), /"stream":1,.*"records":5,"bytes":50/);
  const page = await answers.answer({ verb: 'stream-describe', name: 'mqtt' });
  assert.ok('partitions' in page && Array.isArray(page.partitions));
  assert.equal(page.partitions.length, 8, 'partitions of the other are missing');
  assert.ok(page.partitions.every(({ shard }) => shard === 0));
});

test('node answers: shards hear of a stream before the operator hears that it is there', async () => {
  let isKnown = false;
  const { answers, one } = setUp((_shard, { kind }) => {
    assert.equal(kind, 'orders-done');
    isKnown = one.deltas.length === 1;
    return null;
  });
  const stream = STREAM_SCHEMA.parse({ name: 'orders' });
  const made = await answers.answer({ verb: 'stream-create', stream });
  assert.ok(isKnown);
  assert.ok('definition' in made);
  await answers.answer({ verb: 'stream-delete', name: 'orders' });
  assert.deepEqual([one.deltas.length, one.copy.deleted], [2, [3]]);
});

test('node answers: what is asked of the cluster goes to the metadata service', async () => {
  const { answers } = setUp(() => null);
  assert.deepEqual(await answers.answer({ verb: 'cluster-members' }), { asked: 'cluster-members' });
});

test('node answers: a page is asked of those shards alone that have its partitions', async () => {
  const asked: unknown[] = [];
  const { answers } = setUp((shard, question) => {
    asked.push([shard, question.kind === 'read' && question.from]);
    return [];
  });
  await answers.answer({
    verb: 'stream-read',
    stream: 1,
    from: [
      [0, 7],
      [2, 9],
    ],
  });
  assert.deepEqual(asked, [
    [
      1,
      [
        [0, 7],
        [2, 9],
      ],
    ],
  ]);
  await assert.rejects(answers.answer({ verb: 'stream-read', stream: 1, from: [[16, 0]] }), /RMQ-1023 .*partition 16 .* which has 16/);
  await assert.rejects(answers.answer({ verb: 'stream-read', stream: 77, from: [] }), /RMQ-1023 .*deleted meanwhile/);
});

test('node answers: sessions of all shards in one order, with what waits for them in all logs', async () => {
  const session = (clientId: string, behind: boolean) => ({
    ...{
      key: clientId,
      clientId,
      tenant: 'default',
      state: 'away' as const,
      sinceMs: 1,
      expirySeconds: 60,
      endsAtMs: 2,
      version: 5 as const,
      isDurable: true,
    },
    ...{ subscriptions: 1, queued: 2, inFlight: 0 },
    position: behind
      ? {
          filters: [['a', []] as const],
          groups: [
            [0, 0, 5, 0],
            [1, 1, 5, 0],
          ] as const,
        }
      : null,
  });
  const { answers } = setUp((shard, { kind }) => {
    if (kind === 'sessions')
      return { sessions: shard === 0 ? [session('b', true), session('d', false)] : [session('a', false)], total: 2 - shard };
    assert.equal(kind, 'backlogs');
    return [{ count: 10, isMore: shard === 1 }];
  });
  const list = await answers.answer({ verb: 'session-list', after: '', limit: 2, match: '' });
  assert.ok('sessions' in list && Array.isArray(list.sessions) && 'total' in list);
  assert.equal(list.total, 3);
  const rows = list.sessions.map((it) => [it.clientId, it.shard, it.waiting, it.waitsMore, 'position' in it]);
  assert.deepEqual(rows, [
    ['a', 1, 2, false, false],
    ['b', 0, 22, true, false],
  ]);
});

test('node answers: a session that nobody has is not found, unless a shard is silent that may have it', async () => {
  const up = setUp(() => null).answers;
  await assert.rejects(up.answer({ verb: 'session-show', clientId: 'c' }), /RMQ-1023 not found \(session "c"\)/);
  await assert.rejects(up.answer({ verb: 'session-delete', clientId: 'c' }), /RMQ-1023/);
  const down = setUp(() => null, [0]).answers;
  await assert.rejects(down.answer({ verb: 'session-delete', clientId: 'c' }), /RMQ-1024 .*shard 0; no other has the session "c"/);
});
