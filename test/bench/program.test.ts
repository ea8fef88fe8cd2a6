import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Command, CommanderError } from 'commander';
import { createProgram } from '../../bench/robust-bench/program.js';
import type { SeriesRequest } from '../../bench/robust-bench/run-series.js';

interface Parsed {
  readonly requests: SeriesRequest[];
  readonly text: string;
  readonly exitCode: number;
}

async function parse(...args: string[]): Promise<Parsed> {
  const requests: SeriesRequest[] = [];
  let text = '';
  const program = createProgram(async (request) => void requests.push(request));
  const capture = (command: Command): void => {
    const write = (part: string): void => {
      text += part;
    };
    command.configureOutput({ writeOut: write, writeErr: write });
    command.commands.forEach(capture);
  };
  capture(program);
  try {
    await program.parseAsync(args, { from: 'user' });
    return { requests, text, exitCode: 0 };
  } catch (error) {
    assert.ok(error instanceof CommanderError);
    return { requests, text, exitCode: error.exitCode };
  }
}

test('robust-bench: defaults of a scenario make a plan that can run', async () => {
  const { requests } = await parse('mqtt', 'fanout');
  const [{ plan, targets, rounds, output }] = requests;
  assert.deepEqual(
    [plan.publishers, plan.subscribers, plan.topics, plan.qos, plan.size, plan.version, plan.threads],
    [1, 1000, 1, 0, 128, 4, 1],
  );
  assert.deepEqual([plan.durationMs, plan.warmupMs], [10_000, 1_000]);
  assert.deepEqual(targets, [{ host: '127.0.0.1', port: 1883, pid: 0 }]);
  assert.deepEqual([rounds, output], [1, 'table']);
});

test('robust-bench: options reach the plan; comparing repeats three times', async () => {
  const { requests } = await parse(
    'mqtt',
    'p2p',
    '--publishers',
    '20',
    '--qos',
    '2',
    '--size',
    '4KiB',
    '--duration',
    '3',
    '--version',
    '5',
    '--against',
    '[::1]:1999',
    '--output',
    'json',
  );
  const [{ plan, targets, rounds, output }] = requests;
  assert.deepEqual([plan.publishers, plan.topics, plan.qos, plan.size, plan.durationMs, plan.version], [20, 20, 2, 4096, 3_000, 5]);
  assert.deepEqual(targets[1], { host: '::1', port: 1999, pid: 0 });
  assert.deepEqual([rounds, output], [3, 'json']);
});

test('robust-bench: URLs name what carries MQTT, where to, and with --insecure any certificate will do', async () => {
  const { requests } = await parse(
    ...['mqtt', 'fanin', '--url', 'wss://broker.example/ws', '--subscribers-url', 'mqtt://[::1]:1885'],
    ...['--against', 'mqtts://127.0.0.1:443', '--insecure', '--username', 'u', '--password', 'p'],
  );
  const [{ plan, targets }] = requests;
  assert.deepEqual([plan.username, plan.password], ['u', 'p']);
  const trust = { ca: null, isInsecure: true };
  assert.deepEqual(targets, [
    {
      ...{ host: 'broker.example', port: 8084, pid: 0, subscribersTo: { host: '::1', port: 1885 } },
      carrier: { scheme: 'wss', hostName: 'broker.example', path: '/ws', ...trust },
    },
    { host: '127.0.0.1', port: 443, pid: 0, carrier: { scheme: 'mqtts', hostName: '127.0.0.1', path: '/mqtt', ...trust } },
  ]);
});

test('robust-bench: many loopback connections are spread over source addresses, a list is taken as given', async () => {
  const spread = await parse('mqtt', 'conn', '--connections', '50000');
  assert.equal(spread.requests[0].plan.sourceAddresses.length, 16);
  const given = await parse('mqtt', 'conn', '--source-addresses', '127.0.0.2-4,127.0.1.1');
  assert.deepEqual(given.requests[0].plan.sourceAddresses, ['127.0.0.2', '127.0.0.3', '127.0.0.4', '127.0.1.1']);
});

for (const [why, args] of [
  ['an unknown option', ['mqtt', 'fanout', '--subs', '3']],
  ['an unknown scenario', ['mqtt', 'fan']],
  ['no scenario', ['mqtt']],
  ['a QoS that is none', ['mqtt', 'pub', '--qos', '3']],
  ['a payload without room for its fields', ['mqtt', 'pub', '--size', '8']],
  ['a process that is not there', ['mqtt', 'pub', '--pid', '4194303']],
  ['a time that is none', ['mqtt', 'pub', '--duration', 'soon']],
  ['a topic with a wildcard', ['mqtt', 'pub', '--topic-prefix', 'a/#']],
  ['a URL of another protocol', 'mqtt', 'pub', '--url', 'http://127.0.0.1'],
  ['a URL beside a host', 'mqtt', 'pub', '--url', 'mqtt://127.0.0.1', '--host', '10.0.0.5'],
  ['a file without certificates', 'mqtt', 'pub', '--ca', 'package.json'],
  ['a URL of another protocol', ['mqtt', 'pub', '--url', 'http://127.0.0.1']],
  ['a URL beside a host', ['mqtt', 'pub', '--url', 'mqtt://127.0.0.1', '--host', '10.0.0.5']],
  ['a file without certificates', ['mqtt', 'pub', '--ca', 'package.json']],
  ['an address that is none', ['mqtt', 'conn', '--source-addresses', '127.0.0.9-2']],
] as const) {
  test(`robust-bench: ${why} is wrong usage: exit code 2, nothing runs`, async () => {
    const { requests, exitCode, text } = await parse(...args);
    assert.equal(exitCode, 2);
    assert.equal(requests.length, 0);
    assert.notEqual(text, '');
  });
}

for (const scenario of ['conn', 'pub', 'sub', 'fanout', 'fanin', 'p2p']) {
  test(`robust-bench: help of ${scenario} ends with three examples that parse`, async () => {
    const { text, exitCode } = await parse('mqtt', scenario, '--help');
    assert.equal(exitCode, 0);
    const examples = text.split('Examples:\n')[1].trim().split('\n');
    assert.equal(examples.length, 3);
    for (const example of examples) {
      // Processes of the examples do not exist here.
      const args = example
        .replace(/--(against-)?pid \d+/g, '')
        .trim()
        .split(/\s+/)
        .slice(2);
      assert.equal((await parse(...args)).requests.length, 1, example);
    }
  });
}
