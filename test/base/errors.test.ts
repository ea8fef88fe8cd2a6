import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BrokerError, describeError, ERROR_TABLE, systemCodeOf } from '../../src/base/errors.js';

test('errors: one line holds code, title, detail and cure', () => {
  const error = new BrokerError('RMQ-1003', 'on 127.0.0.1:1883 (mqtt tcp): in use by pid 812', { cure: 'Stop it, or set mqtt.tcp.port' });
  assert.equal(error.line, 'RMQ-1003 cannot listen on 127.0.0.1:1883 (mqtt tcp): in use by pid 812. Stop it, or set mqtt.tcp.port.');
  assert.equal(error.code, 'RMQ-1003');
});

test('errors: without a cure of its own an error has that of the table, and keeps its cause', () => {
  const cause = new Error('EACCES');
  const error = new BrokerError('RMQ-1005', './data: no right to write', { cause });
  assert.equal(error.cure, ERROR_TABLE['RMQ-1005'].cure);
  assert.equal(error.cause, cause);
});

test('errors: every code has a title that can be continued and a cure without a full stop', () => {
  for (const [code, entry] of Object.entries(ERROR_TABLE)) {
    assert.match(code, /^RMQ-\d{4}$/);
    assert.doesNotMatch(entry.title, /[.:]$/, code);
    assert.doesNotMatch(entry.cure, /\.$/, code);
  }
});

test('errors: anything thrown can be described', () => {
  assert.match(describeError(new BrokerError('RMQ-1009', 'in ./data')), /^RMQ-1009 .*\.$/);
  assert.equal(describeError(new Error('plain')), 'plain');
  assert.equal(describeError('text'), 'text');
});

test('errors: the code of a system call is found, and nothing else is taken for one', () => {
  assert.equal(systemCodeOf(Object.assign(new Error('x'), { code: 'EADDRINUSE' })), 'EADDRINUSE');
  assert.equal(systemCodeOf(Object.assign(new Error('x'), { code: 5 })), '');
  assert.equal(systemCodeOf({ code: 'ENOENT' }), '');
});
