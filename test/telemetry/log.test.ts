import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BrokerError } from '../../src/base/errors.js';
import { LogOutput, openLog } from '../../src/telemetry/log.js';

function recording(output: LogOutput): { lines: string[]; log: ReturnType<typeof openLog> } {
  const lines: string[] = [];
  return { lines, log: openLog(output, { shard: 2 }, { write: (line) => lines.push(line) }) };
}

test('log: a json line has level, time, event, sentence and fields', () => {
  const { lines, log } = recording(new LogOutput('info', 'json', false));
  log.child({ connection: 7 }).warn('connection.slow', 'output waits', { bytes: 10 });
  const { time, ...rest } = JSON.parse(lines[0]);
  assert.ok(Math.abs(time - Date.now()) < 10_000);
  assert.deepEqual(rest, { level: 'warn', shard: 2, connection: 7, event: 'connection.slow', bytes: 10, msg: 'output waits' });
});

test('log: the level is one for all loggers of an output', () => {
  const output = new LogOutput('warn', 'json', false);
  const { lines, log } = recording(output);
  const child = log.child({});
  child.info('a.b', 'not written');
  output.level = 'debug';
  assert.equal(child.isEnabled('debug'), true);
  child.debug('a.b', 'written');
  output.level = 'silent';
  child.fatal('a.b', 'not written');
  assert.equal(lines.length, 1);
});

test('log: errors keep code, cure and cause', () => {
  const { lines, log } = recording(new LogOutput('info', 'json', false));
  log.error('x.y', 'failed', { error: new BrokerError('RMQ-1003', 'on 1', { cause: new Error('inner') }) });
  const { error } = JSON.parse(lines[0]);
  assert.equal(error.code, 'RMQ-1003');
  assert.match(error.cure, /port/);
  assert.equal(error.cause.message, 'inner');
});

test('log: a pretty line is one line for people; an error follows, with its cure or its stack', () => {
  const { lines, log } = recording(new LogOutput('info', 'pretty', false));
  log.info('session.open', 'hello', { client: 'a b', count: 3 });
  log.error('x.y', 'failed', { error: new BrokerError('RMQ-1009', '(x)', { cure: 'Start it' }) });
  log.error('x.y', 'failed', { error: new Error('bug') });
  assert.match(lines[0], /^\d\d:\d\d:\d\d\.\d{3} INFO {2}session\.open {2}hello {2}shard=2 {2}client="a b" {2}count=3\n$/);
  assert.match(lines[1], /\n {4}RMQ-1009 .* \(x\)\. Start it\.\n$/);
  assert.match(lines[2], /\n {4}Error: bug\n {8}at /);
});
