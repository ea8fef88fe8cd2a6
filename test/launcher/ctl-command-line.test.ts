import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EXIT } from '../../src/launcher/command-line.js';
import { type CtlLine, isCtlLine, parseCtlLine } from '../../src/launcher/ctl/command-line.js';
import { MQTT } from '../../src/launcher/ctl/mqtt/group.js';
import type { Verb, VerbGroup } from '../../src/launcher/ctl/verb.js';
import { TOPICS } from '../../src/launcher/ctl/verbs.js';

function parsed(...args: string[]): CtlLine {
  const result = parseCtlLine(args, '9.9.9');
  assert.ok(isCtlLine(result), `a command line: ${isCtlLine(result) ? '' : result.err}`);
  return result;
}

function refused(...args: string[]): { exitCode: number; out: string; err: string } {
  const result = parseCtlLine(args, '9.9.9');
  assert.ok(!isCtlLine(result), args.join(' '));
  return result;
}

test('ctl command line: the broker is named by a file, settings and a data path, which wins', () => {
  const { input, form } = parsed('stream', 'list', '--config', 'a.toml', '--data-path', 'there', '--set', 'log.level=debug', '-o', 'json');
  assert.deepEqual(input, { configPath: 'a.toml', assignments: ['log.level=debug', 'data_path=there'] });
  assert.equal(form, 'json');
  assert.deepEqual(parsed('journal', 'status').input, { configPath: null, assignments: [] });
});

test('ctl command line: a stream to create is checked and complete', () => {
  const { action } = parsed(
    ...['stream', 'create', 'orders', '--partitions', '8', '--filters', 'a/#,b/+', '--filters', 'c', '--key', '{level:2}'],
    ...[
      '--flush',
      'interval',
      '--retention-time',
      '7d',
      '--retention-bytes',
      '1GiB',
      '--retention-records',
      '10',
      '--compact',
      '--qos0=false',
    ],
  );
  assert.deepEqual(action, {
    kind: 'stream-create',
    stream: {
      name: 'orders',
      partitions: 8,
      filters: ['a/#', 'b/+', 'c'],
      key: '{level:2}',
      flush: 'interval',
      storage: 'lmdb',
      retention_time: 604_800_000,
      retention_bytes: 2 ** 30,
      retention_records: 10,
      compact: true,
      tombstone_time: 86_400_000,
      qos0: false,
    },
  });
});

test('ctl command line: a stream in memory has nothing to flush unless it is said', () => {
  const { action } = parsed('stream', 'create', 'ticks', '--storage', 'memory');
  assert.equal(action.kind === 'stream-create' && action.stream.flush, 'none');
  assert.match(
    refused('stream', 'create', 'x', '--storage', 'memory', '--flush', 'commit').err,
    /^error: storage = "memory" has nothing to flush/,
  );
});

test('ctl command line: what a stream cannot be is a usage error that names the flag', () => {
  const wrong: readonly (readonly [RegExp, ...string[]])[] = [
    [/the name of the stream must be letters/, 'a b'],
    [/--partitions too small/, 'x', '--partitions', '0'],
    [/--partitions <count>.*no whole number/, 'x', '--partitions', 'many'],
    [/--retention-time "soon" is not a duration/, 'x', '--retention-time', 'soon'],
    [/--flush <when>.*Allowed choices/, 'x', '--flush', 'never'],
    [/flush = "none" needs storage = "memory"/, 'x', '--flush', 'none'],
    [/compact = true with the same key/, 'x', '--compact', '--key', 'same'],
  ];
  for (const [message, ...args] of wrong) {
    const { exitCode, err } = refused('stream', 'create', ...args);
    assert.equal(exitCode, EXIT.usage, args.join(' '));
    assert.match(err, message);
  }
});

test('ctl command line: tail begins at an offset, an end, a time or some time ago', () => {
  const startOf = (from: string) => {
    const { action } = parsed('stream', 'tail', 'orders', '--from', from);
    return action.kind === 'stream-tail' ? action.from : null;
  };
  assert.deepEqual(startOf('1200'), { kind: 'offset', offset: 1200 });
  assert.deepEqual(startOf('earliest'), { kind: 'earliest' });
  assert.deepEqual(startOf('latest'), { kind: 'latest' });
  assert.deepEqual(startOf('10m'), { kind: 'ago', ms: 600_000 });
  assert.deepEqual(startOf('2026-05-01T12:00:00Z'), { kind: 'time', timestampMs: Date.UTC(2026, 4, 1, 12) });
  assert.match(refused('stream', 'tail', 'orders', '--from', 'noon').err, /no offset, no time/);
  assert.deepEqual(parsed('stream', 'tail', 'orders', '-p', '3', '-n', '5', '-f').action, {
    kind: 'stream-tail',
    name: 'orders',
    partition: 3,
    from: null,
    isFollowing: true,
    count: 5,
  });
});

test('ctl command line: export takes a file, and -o json like every other verb', () => {
  assert.deepEqual(parsed('stream', 'export', 'orders', '-o', 'json', '--output', 'x.jsonl').action, {
    kind: 'stream-export',
    name: 'orders',
    path: 'x.jsonl',
  });
});

test('ctl command line: what is not understood is a usage error', () => {
  const wrong = [
    [],
    ['bogus'],
    ['stream'],
    ['stream', 'bogus'],
    ['stream', 'describe'],
    ['session', 'show', 'a', 'b'],
    ['journal', 'status', '-o', 'xml'],
  ];
  for (const args of wrong) {
    const end = refused(...args);
    assert.equal(end.exitCode, EXIT.usage, args.join(' '));
    assert.notEqual(end.err, '', args.join(' '));
  }
});

test('ctl command line: every verb has a help with three examples that are understood', () => {
  for (const { topic, pages } of TOPICS)
    for (const { verb, examples } of pages) {
      const end = refused(topic, verb, '--help');
      assert.equal(end.exitCode, EXIT.ok);
      assert.match(end.out, /Examples:\n( {2}robust-ctl .*\n){3}$/, `${topic} ${verb}`);
      for (const example of examples) parsed(...wordsOf(example));
    }
  assert.match(refused('--help').out, /Examples:\n( {2}robust-ctl .*\n){3}$/);
  assert.equal(refused('--version').out, '9.9.9\n');
});

/** Every verb of a group and of those below it, with the words that lead to it. */
function verbsOf(group: VerbGroup, above: readonly string[] = []): { words: string[]; page: Verb }[] {
  const here = [...above, group.topic];
  return [
    ...group.verbs.map((page) => ({ words: [...here, page.verb], page })),
    ...(group.groups ?? []).flatMap((below) => verbsOf(below, here)),
  ];
}

test('ctl command line: every verb that is one piece has a help with three examples of its own that are understood', () => {
  for (const { words, page } of verbsOf(MQTT)) {
    const end = refused(...words, '--help');
    assert.equal(end.exitCode, EXIT.ok, words.join(' '));
    assert.match(end.out, /Examples:\n( {2}robust-ctl .*\n){3}$/, words.join(' '));
    for (const example of page.examples) {
      assert.ok(example.startsWith(words.join(' ')), `${words.join(' ')}: ${example}`);
      assert.equal(parsed(...wordsOf(example)).action.kind, 'run');
    }
  }
  assert.match(refused('mqtt', '--help').out, /client .*\n.*session .*\n/);
});

test('ctl command line: what a verb that is one piece cannot do is a usage error', () => {
  const wrong: readonly (readonly [RegExp, ...string[]])[] = [
    [/say publish or subscribe/, 'acl', 'test', 'c', 'read', 'a'],
    [/say allow or deny/, 'acl', 'add', 'a', 'maybe', '#'],
    [/one of --user, --client, --address/, 'acl', 'add', 'a', 'deny', '#', '--user', 'x', '--client', 'y'],
    [/It is publish, subscribe/, 'acl', 'add', 'a', 'deny', '#', '--action', 'read'],
    [/the kind is one of/, 'ban', 'add', 'planet', 'x'],
    [/no duration like 10m/, 'ban', 'add', 'client', 'x', '--for', 'soon'],
    [/It is 0, 1 or 2/, 'subscription', 'add', 'c', 'a', '--qos', '3'],
    [/say yes or no/, 'user', 'superuser', 'alice', 'perhaps'],
    [/no size like 4MiB/, 'tenant', 'set', 'acme', '--storage', 'big'],
    [/missing required argument 'client-id'/, 'client', 'show'],
  ];
  for (const [message, ...args] of wrong) {
    const { exitCode, err } = refused('mqtt', ...args);
    assert.equal(exitCode, EXIT.usage, args.join(' '));
    assert.match(err, message);
  }
});

/** As a shell would cut the line, as far as the examples go. */
function wordsOf(line: string): string[] {
  const command = line.split(/ [|>] /)[0];
  return [...command.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map(([, single, double, plain]) => single ?? double ?? plain);
}
