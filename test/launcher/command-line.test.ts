import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type CommandLine, EXIT, isCommandLine, parseCommandLine } from '../../src/launcher/command-line.js';

function parsed(...args: string[]): CommandLine {
  const result = parseCommandLine(args, '9.9.9');
  assert.ok(isCommandLine(result), 'a command line');
  return result;
}

function refused(...args: string[]): { exitCode: number; out: string; err: string } {
  const result = parseCommandLine(args, '9.9.9');
  assert.ok(!isCommandLine(result), 'no command line');
  return result;
}

test('command line: start takes a file, the foreground and settings in order', () => {
  assert.deepEqual(parsed('start', 'a.toml', '--set', 'x.y=1', '--foreground', '--set', 'z=2=3'), {
    verb: 'start',
    configPath: 'a.toml',
    assignments: ['x.y=1', 'z=2=3'],
    isForeground: true,
    output: 'table',
  });
});

test('command line: status knows its output form, and no other', () => {
  assert.equal(parsed('status', '-o', 'json').output, 'json');
  assert.equal(refused('status', '-o', 'xml').exitCode, EXIT.usage);
});

test('command line: what is not understood is a usage error', () => {
  for (const args of [['bogus'], ['start', '--nothing'], ['start', 'a.toml', 'b.toml'], ['stop', '--foreground'], ['start', '--set'], []]) {
    const end = refused(...args);
    assert.equal(end.exitCode, EXIT.usage, args.join(' '));
    assert.notEqual(end.err, '', args.join(' '));
  }
});

test('command line: every help ends with three examples, and version and help are no errors', () => {
  for (const args of [['--help'], ['start', '-h'], ['stop', '-h'], ['restart', '-h'], ['status', '-h'], ['reload', '-h']]) {
    const end = refused(...args);
    assert.equal(end.exitCode, EXIT.ok);
    assert.match(end.out, /Examples:\n( {2}robust-server .*\n){3}$/, args.join(' '));
  }
  assert.equal(refused('--version').out, '9.9.9\n');
});
