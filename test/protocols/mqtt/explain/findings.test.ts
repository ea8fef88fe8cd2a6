import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ExplainedSession, MatchingSubscription } from '../../../../src/protocols/mqtt/explain/explain.js';
import { type Findings, findingsOf } from '../../../../src/protocols/mqtt/explain/findings.js';
import { RecentEvents } from '../../../../src/protocols/mqtt/explain/recent-events.js';

const SUBSCRIPTION: MatchingSubscription = {
  ...{ filter: 'a/+', group: '', qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0, identifier: 0 },
};
const SESSION: ExplainedSession = {
  ...{ state: 'connected', isDurable: false, expirySeconds: 0, endsAtMs: null, subscriptions: 1, matching: [SUBSCRIPTION] },
  ...{ mayReceive: true, rule: 'there are no rules', isCongested: false, outputBytes: 0, queued: 0, inFlight: 0, room: 10 },
  ...{ acknowledged: 0, gap: 0, drops: [], place: null },
};

function found(session: Partial<ExplainedSession> | null, rewritten: string | null = null): Findings {
  const whole = session === null ? null : { ...SESSION, ...session };
  return findingsOf({ clientId: 'c', topic: 'a/b', session: whole, rewritten, log: null, now: 1_000_000 });
}

test('explain: the verdict follows what keeps messages from the client, the worst first', () => {
  const cases: readonly (readonly [what: Partial<ExplainedSession> | null, verdict: Findings['verdict'], words: RegExp])[] = [
    [null, 'no', /no session/],
    [{ matching: [], subscriptions: 0 }, 'no', /has no subscription/],
    [{ matching: [], subscriptions: 3 }, 'no', /None of its 3 subscriptions/],
    [{ mayReceive: false, rule: 'rule "r" denies it' }, 'no', /rule "r" denies it/],
    [{}, 'yes', /goes out at once/],
    [{ matching: [{ ...SUBSCRIPTION, noLocal: true }] }, 'partly', /No Local/],
    [{ matching: [{ ...SUBSCRIPTION, group: 'g', filter: '$share/g/a/+' }] }, 'partly', /one member of the group "g"/],
    [{ isCongested: true, outputBytes: 9 }, 'later', /9 bytes wait for its socket/],
    [{ isCongested: true, matching: [{ ...SUBSCRIPTION, qos: 0 }] }, 'partly', /QoS 0 is dropped/],
    [{ room: 0, inFlight: 10 }, 'later', /in flight to it as may be \(10\)/],
    [{ state: 'away', endsAtMs: 1_005_000 }, 'later', /it ends in 5 s/],
    [{ state: 'away', matching: [{ ...SUBSCRIPTION, qos: 0 }] }, 'no', /nothing is kept for a client that is away/],
    [{ gap: 4 }, 'partly', /4 messages of the log went by/],
  ];
  for (const [what, verdict, words] of cases) {
    const { verdict: given, sentences } = found(what);
    assert.equal(given, verdict, sentences.join(' '));
    assert.match(sentences.join(' '), words);
  }
});

test('explain: what was dropped is told with its reason, its time and the settings that change it', () => {
  const drop = {
    name: 'queueFull' as const,
    reason: 'queue-full',
    sentence: 'its queue was full',
    settings: ['mqtt.queue_messages_max'],
    count: 3,
    lastAtMs: 0,
  };
  const { verdict, sentences } = found({ drops: [drop] });
  assert.equal(verdict, 'partly');
  assert.ok(
    sentences.includes('It lost 3 messages, the last at 1970-01-01T00:00:00.000Z: its queue was full. See mqtt.queue_messages_max.'),
  );
});

test('explain: a topic that a rule rewrites is told first', () => {
  assert.match(found({}, 'new/b').sentences[0], /becomes one to "new\/b"/);
  assert.match(found({}, '').sentences[0], /refuses publishes/);
});

test('recent events: are those of one session in their order, and the oldest make room', () => {
  const events = new RecentEvents();
  for (let i = 0; i < 5000; i += 1) events.note(`s${i % 2}`, 'subscribed', `${i}`, i);
  const own = events.of('s1');
  assert.deepEqual([own.length, own[0].detail, own.at(-1)?.detail], [2048, '905', '4999']);
  assert.deepEqual(events.of('other'), []);
});
