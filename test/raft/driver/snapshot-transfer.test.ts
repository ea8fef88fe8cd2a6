import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { IncomingSnapshot, RaftTransport, SnapshotChunk, SnapshotMark, StoreDone } from '../../../src/raft/driver/ports.js';
import { snapshotOf } from '../../../src/raft/driver/snapshot-mark.js';
import { SnapshotReceiver } from '../../../src/raft/driver/snapshot-receiver.js';
import { SnapshotSender } from '../../../src/raft/driver/snapshot-sender.js';
import { makeMessage } from '../../../src/raft/make-message.js';
import { EMPTY_CONFIGURATION, type LogIndex } from '../../../src/raft/messages.js';
import { crc32c } from '../../../src/wire/crc32c.js';

const PEER = 2;
const CHUNK = Buffer.from('a chunk');

function markOf(index: LogIndex): SnapshotMark {
  return { index, term: 1, configuration: EMPTY_CONFIGURATION, chunkCount: 3, bytes: 3 * CHUNK.length, checksum: 7 };
}

function chunkOf(mark: SnapshotMark, number: number): SnapshotChunk {
  return { mark, term: 1, number, checksum: crc32c(CHUNK, 0, CHUNK.length), bytes: CHUNK };
}

/** Tells how much there is. */
function question(mark: SnapshotMark): SnapshotChunk {
  return { mark, term: 1, number: 0, checksum: 0, bytes: new Uint8Array(0) };
}

/** A store that is slow: writes are done when the test says so. */
class SlowIncoming implements IncomingSnapshot {
  readonly writes: StoreDone[] = [];
  isComplete = false;

  begin(): number {
    return 0;
  }

  write(_chunk: Uint8Array, done: StoreDone): void {
    this.writes.push(done);
  }

  isWhole(): boolean {
    return this.isComplete;
  }
}

class Wire implements RaftTransport {
  readonly chunks: number[] = [];
  readonly answers: number[] = [];

  send(): void {}

  sendChunk(_to: number, { bytes, number }: SnapshotChunk): void {
    this.chunks.push(bytes.length === 0 ? -1 : number);
  }

  sendChunkAnswer(_to: number, { next }: { readonly next: number }): void {
    this.answers.push(next);
  }
}

function receiverOn(incoming: IncomingSnapshot, wire: Wire): SnapshotReceiver {
  return new SnapshotReceiver({ incoming }, wire, (error) => assert.fail(error));
}

test('snapshot transfer: a chunk that got lost is sent again when the peer says what it has', () => {
  const wire = new Wire();
  const sender = new SnapshotSender({ readChunk: () => CHUNK }, wire, 2, { onTransferEnd: () => {} });
  const mark = markOf(5);
  sender.begin(makeMessage({ type: 'snapshot', to: PEER, term: 1, snapshot: snapshotOf(mark) }));
  sender.onAnswer(PEER, { index: 5, next: 0 });
  assert.deepEqual(wire.chunks, [-1, 0, 1]);
  for (let tick = 0; tick < 10; tick += 1) sender.onTick();
  sender.onAnswer(PEER, { index: 5, next: 0 });
  assert.deepEqual(wire.chunks, [-1, 0, 1, -1, 0, 1]);
});

test('snapshot transfer: chunks that were written before it began anew do not count', () => {
  const wire = new Wire();
  const incoming = new SlowIncoming();
  const receiver = receiverOn(incoming, wire);
  receiver.onChunk(PEER, chunkOf(markOf(5), 0));
  receiver.onChunk(PEER, question(markOf(6)));
  receiver.onChunk(PEER, question(markOf(5)));
  for (const done of incoming.writes) done(null);
  receiver.onChunk(PEER, question(markOf(5)));
  assert.deepEqual(wire.answers, [0, 0, 0]);
});

test('snapshot transfer: another snapshot does not disturb one that the core was told of', () => {
  const wire = new Wire();
  const incoming = new SlowIncoming();
  const receiver = receiverOn(incoming, wire);
  receiver.onChunk(PEER, question(markOf(5)));
  incoming.isComplete = true;
  assert.equal(receiver.isWhole(markOf(5)), true);
  receiver.onChunk(PEER, question(markOf(6)));
  assert.deepEqual(wire.answers, [0]);
  receiver.onSettled();
  receiver.onChunk(PEER, question(markOf(6)));
  assert.deepEqual(wire.answers, [0, 0]);
});
