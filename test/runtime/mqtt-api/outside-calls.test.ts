import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MqttReply } from '../../../src/metadata/grpc/ports.js';
import type { MetadataNotice } from '../../../src/runtime/metadata-orders.js';
import { OutsideCalls } from '../../../src/runtime/mqtt-api/outside-calls.js';

const CALL = { method: 'listClients', request: new Uint8Array(), by: 'grpc 127.0.0.1:1' } as const;

test('outside calls: each has the answer to its own ticket, and a refusal has code and cure again', () => {
  const posted: MetadataNotice[] = [];
  const calls = new OutsideCalls((notice) => posted.push(notice));
  const replies: MqttReply[] = [];
  calls.ask(CALL, (reply) => (replies[0] = reply));
  calls.ask(CALL, (reply) => (replies[1] = reply));
  const tickets = posted.map((notice) => (notice.kind === 'mqtt-call' ? notice.ticket : assert.fail('a call')));
  calls.onWord(tickets[1], { kind: 'answered', response: new Uint8Array([7]) });
  calls.onWord(tickets[0], { kind: 'refused', fault: { code: 'RMQ-1023', detail: '(x)', cure: 'look' } });
  assert.deepEqual(replies[1], { kind: 'answered', response: new Uint8Array([7]) });
  const [first] = replies;
  assert.ok(first.kind === 'refused');
  assert.deepEqual([first.error.code, first.error.cure], ['RMQ-1023', 'look']);
});

test('outside calls: while too many wait, one more is refused and not handed on; with an answer there is room again', () => {
  const posted: MetadataNotice[] = [];
  const calls = new OutsideCalls((notice) => posted.push(notice));
  const ask = (): MqttReply | null => {
    let got: MqttReply | null = null;
    calls.ask(CALL, (reply) => {
      got = reply;
    });
    return got;
  };
  while (ask() === null) assert.ok(posted.length < 10_000, 'there is a limit');
  const full = posted.length;
  const refused = ask();
  assert.ok(refused?.kind === 'refused' && refused.error.code === 'RMQ-1033');
  assert.equal(posted.length, full);
  calls.onWord(1, { kind: 'failed', what: 'x' });
  assert.equal(ask(), null);
  assert.equal(posted.length, full + 1);
});
