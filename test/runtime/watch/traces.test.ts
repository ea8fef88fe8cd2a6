import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { SILENT_LOGGER } from '../../../src/base/logger.js';
import { type TraceOrder, Traces } from '../../../src/runtime/watch/traces.js';

const ORDER: TraceOrder = { name: 't', kind: 'client', value: 'c', tenant: 'default', payloadBytesMax: 0, durationMs: 1000, bytesMax: 200 };

function tracesIn(context: TestContext): { readonly traces: Traces; readonly told: string[][]; readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), 'robustmq-traces-'));
  context.after(() => rmSync(path, { recursive: true, force: true }));
  const told: string[][] = [];
  const traces = new Traces(path, SILENT_LOGGER, (specs) => told.push(specs.map(({ name }) => name)));
  context.after(() => traces.close());
  return { traces, told, path };
}

const textOf = (traces: Traces, name: string): string => traces.read(name, 0).bytes.toString();

test('traces: one that is full keeps whole lines, says why it ended, and the shards stop noting', (context) => {
  const { traces, told } = tracesIn(context);
  traces.start(ORDER, 0);
  traces.take([{ name: 't', text: 'first\nsecond\n', lost: 0 }], 1);
  traces.take([{ name: 't', text: `${'x'.repeat(100)}\n${'y'.repeat(100)}\n`, lost: 3 }], 2);
  traces.take([{ name: 't', text: 'too late\n', lost: 0 }], 3);
  const lines = textOf(traces, 't').split('\n');
  assert.match(lines[0], /^# .* trace of the client "c"$/);
  assert.deepEqual(lines.slice(1, 4), ['first', 'second', 'x'.repeat(100)]);
  assert.match(lines[4], /^# .* end: its size is reached, 3 packets found no room$/);
  assert.deepEqual(told, [['t'], []]);
});

test('traces: one ends by its time or by hand, stays until it is deleted, and its name is given once', (context) => {
  const { traces, path } = tracesIn(context);
  traces.start(ORDER, 0);
  assert.throws(() => traces.start(ORDER, 0), /RMQ-1031.*there is a trace "t"/);
  assert.throws(() => traces.delete('t'), /RMQ-1031.*stop it first/);
  traces.tick(999);
  assert.notEqual(traces.list()[0].running, null);
  traces.tick(1000);
  assert.equal(traces.list()[0].running, null);
  assert.match(textOf(traces, 't'), /its time is over/);
  traces.start({ ...ORDER, name: 'u' }, 0);
  traces.stop('u', 5);
  assert.match(textOf(traces, 'u'), /it was stopped/);
  assert.throws(() => traces.stop('u', 6), /RMQ-1023/);
  const later = new Traces(path, SILENT_LOGGER, () => assert.fail('nothing runs'));
  assert.deepEqual(
    later.list().map(({ name }) => name),
    ['t', 'u'],
    'files of an earlier run are there',
  );
  later.delete('t');
  assert.throws(() => later.read('t', 0), /RMQ-1023/);
});

test('traces: there are few at once, and a long one is read in pages', (context) => {
  const { traces } = tracesIn(context);
  for (let i = 0; i < 8; i += 1) traces.start({ ...ORDER, name: `t${i}`, bytesMax: 10_000_000 }, 0);
  assert.throws(() => traces.start({ ...ORDER, name: 't8' }, 0), /RMQ-1033/);
  const line = `${'z'.repeat(999)}\n`;
  traces.take([{ name: 't0', text: line.repeat(1000), lost: 0 }], 0);
  let [offset, length, pages] = [0, 0, 0];
  while (offset >= 0) {
    const page = traces.read('t0', offset);
    length += page.bytes.length;
    offset = page.next;
    pages += 1;
  }
  assert.ok(length > 1_000_000 && pages === Math.ceil(length / (256 * 1024)), `${length} bytes in ${pages} pages`);
});
