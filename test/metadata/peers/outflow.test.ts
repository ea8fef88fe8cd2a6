import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FrameQueue, type FrameSink, Outflow } from '../../../src/metadata/peers/outflow.js';

const KIB = 1024;

/** gRPC's side: it has what it was given until it is told that the network took it. */
class SlowSink implements FrameSink {
  readonly frames: Buffer[] = [];
  readonly #waiting: ((error?: Error | null) => void)[] = [];

  write(frame: Buffer, done: (error?: Error | null) => void): boolean {
    this.frames.push(frame);
    this.#waiting.push(done);
    return false;
  }

  letThrough(count: number, error: Error | null = null): void {
    for (const done of this.#waiting.splice(0, count)) done(error);
  }

  /** The first byte of each frame, in their order. */
  get names(): string {
    return this.frames.map((frame) => String.fromCharCode(frame[0])).join('');
  }
}

function frame(name: string, bytes = 1): Buffer {
  return Buffer.alloc(bytes, name);
}

test('outflow: gRPC is given a quarter of a MiB and what goes beyond waits, until something has gone', () => {
  const queue = new FrameQueue(100, 10_000 * KIB);
  const sink = new SlowSink();
  const written: number[] = [];
  const outflow = new Outflow(sink, [queue], (bytes) => written.push(bytes));
  for (const name of 'abcdef') queue.push(frame(name, 100 * KIB));
  outflow.flush();
  outflow.flush();
  assert.equal(sink.names, 'abc');
  sink.letThrough(1);
  assert.equal(sink.names, 'abcd');
  sink.letThrough(3);
  assert.equal(sink.names, 'abcdef');
  assert.deepEqual(written, [100 * KIB, 100 * KIB, 100 * KIB, 100 * KIB]);
});

test('outflow: what has rank overtakes what waits, and one frame may be as large as it likes', () => {
  const [pings, chunks] = [new FrameQueue(1, 1), new FrameQueue(10, 10_000 * KIB)];
  const sink = new SlowSink();
  const outflow = new Outflow(sink, [pings, chunks], () => {});
  for (const name of 'abc') chunks.push(frame(name, 1024 * KIB));
  outflow.flush();
  assert.ok(pings.push(frame('p')));
  assert.ok(!pings.push(frame('q')), 'one ping waits, not two');
  outflow.flush();
  assert.equal(sink.names, 'a');
  sink.letThrough(1);
  assert.equal(sink.names, 'apb');
});

test('outflow: many small frames are bounded by their number', () => {
  const queue = new FrameQueue(1000, 10_000 * KIB);
  const sink = new SlowSink();
  for (let i = 0; i < 1000; i += 1) queue.push(frame('a'));
  new Outflow(sink, [queue], () => {}).flush();
  assert.equal(sink.frames.length, 256);
});

test('outflow: of a stream that broke or was closed nothing is taken and nothing told', () => {
  for (const isBroken of [true, false]) {
    const queue = new FrameQueue(100, 10_000 * KIB);
    const sink = new SlowSink();
    const outflow = new Outflow(sink, [queue], () => assert.fail('nothing is written'));
    for (const name of 'abcdef') queue.push(frame(name, 200 * KIB));
    outflow.flush();
    if (!isBroken) outflow.close();
    sink.letThrough(2, isBroken ? new Error('it broke') : null);
    if (!isBroken) outflow.flush();
    assert.equal(sink.names, 'ab');
  }
});

test('outflow: a queue is full by frames or by bytes, and takes again when something has left', () => {
  const queue = new FrameQueue(2, 10);
  assert.ok(queue.push(frame('a', 6)));
  assert.ok(!queue.push(frame('b', 5)));
  assert.ok(queue.push(frame('c', 4)));
  assert.ok(!queue.push(Buffer.alloc(0)));
  assert.equal(queue.shift()?.length, 6);
  assert.ok(queue.push(frame('d', 6)));
  queue.clear();
  assert.ok(queue.isEmpty);
  assert.ok(queue.push(frame('e', 10)));
});
