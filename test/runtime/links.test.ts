import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { PeerMessage } from '../../src/broker/peer-messages.js';
import { createRing } from '../../src/ring/layout.js';
import { Links, type PeerRings } from '../../src/runtime/links.js';
import type { LinkLimits } from '../../src/runtime/outbound-link.js';
import { ThreadCells } from '../../src/runtime/thread-cells.js';
import { FakeSpaces } from './fake-spaces.js';

const RING_BYTES = 4096;

interface Got {
  readonly from: number;
  readonly what:
    | PeerMessage
    | { kind: 'run'; group: number; topic: number; generation: number; version: number; count: number; bytes: number[] };
}

interface End {
  readonly links: Links;
  readonly spaces: FakeSpaces;
  readonly arena: Uint8Array;
  readonly got: Got[];
  readonly relieved: number[];
  readonly replaced: number[];
  readonly stuck: number[];
  turn(): void;
}

function openEnd(self: number, peers: (PeerRings | null)[], cells: ThreadCells, limits?: LinkLimits): End {
  const spaces = new FakeSpaces();
  const arena = Uint8Array.from({ length: 65_536 }, (_, index) => (index * 7) & 0xff);
  const links = new Links({ self, peers, fromMain: createRing(1024), cells, spaces, arena, ...(limits === undefined ? {} : { limits }) });
  const end: End = {
    links,
    spaces,
    arena,
    got: [],
    relieved: [],
    replaced: [],
    stuck: [],
    turn: () => {
      links.receive();
      links.release();
      links.flush();
    },
  };
  links.onMessage = (from, what) => end.got.push({ from, what });
  links.onRun = (from, run) => {
    const { sharedGroup, logGroup, sequence, publisher, publisherHash, topic, generation, version, count, space, bytes, offset, length } =
      run;
    assert.deepEqual(spaces.read(space, offset, length), bytes.slice(offset, offset + length));
    assert.deepEqual([logGroup, sequence, publisher, publisherHash], [7, 2 ** 40 + 3, 5, -77]);
    end.got.push({
      from,
      what: { kind: 'run', group: sharedGroup, topic, generation, version, count, bytes: [...bytes.subarray(offset, offset + length)] },
    });
  };
  links.onLinkRelieved = (to) => end.relieved.push(to);
  links.onPeerReplaced = (peer) => end.replaced.push(peer);
  links.onPeerStuck = (peer) => end.stuck.push(peer);
  return end;
}

function openPair(limits?: LinkLimits): { a: End; b: End; cells: ThreadCells } {
  const cells = ThreadCells.create(2);
  const ab = createRing(RING_BYTES);
  const ba = createRing(RING_BYTES);
  const a = openEnd(0, [null, { incoming: ba, outgoing: ab }], cells, limits);
  const b = openEnd(1, [{ incoming: ab, outgoing: ba }, null], cells, limits);
  return { a, b, cells };
}

function forward(
  links: Links,
  to: number,
  sharedGroup: number,
  topic: number,
  generation: number,
  version: 4 | 5,
  count: number,
  bytes: Uint8Array,
  offset: number,
  length: number,
): boolean {
  const place = { tenant: 9, publisher: 5, publisherHash: -77, logGroup: 7, sequence: 2 ** 40 + 3, space: 0 };
  return links.forward(to, { ...place, sharedGroup, topic, generation, version, count, bytes, offset, length });
}

function settle(...ends: End[]): void {
  for (let round = 0; round < 1000 && ends.some((end) => end.links.hasWork); round += 1) for (const end of ends) end.turn();
}

test('links: a run arrives with its numbers and bytes, from every remainder of its place', () => {
  const { a, b } = openPair();
  for (const offset of [0, 1, 2, 3]) {
    for (const length of [2, 5, 160, 500]) {
      assert.equal(forward(a.links, 1, 11, 70_000, 3, 5, 9, a.arena, offset, length), true);
      a.links.flush();
      b.turn();
      const bytes = [...a.arena.subarray(offset, offset + length)];
      assert.deepEqual(b.got.pop(), {
        from: 0,
        what: { kind: 'run', group: 11, topic: 70_000, generation: 3, version: 5, count: 9, bytes },
      });
    }
  }
});

test('links: bytes that are not in the arena arrive as well', () => {
  const { a, b } = openPair();
  const other = Uint8Array.of(1, 2, 3, 4, 5);
  forward(a.links, 1, 0, 1, 1, 4, 1, other, 1, 3);
  settle(a, b);
  assert.deepEqual(b.got[0].what.kind === 'run' && b.got[0].what.bytes, [2, 3, 4]);
});

test('links: control messages keep their binary fields', () => {
  const { a, b } = openPair();
  const message = { topic: 't', frame: Uint8Array.of(0x30, 0, 255), version: 5, receivedAtMs: Date.now(), expiresAtMs: 0 } as const;
  a.links.send(1, { kind: 'retain', ticket: 7, topic: 't', message });
  a.links.send(1, { kind: 'claimed', ticket: 8, clientId: 'é', outcome: null });
  settle(a, b);
  const [first, second] = b.got.map((got) => got.what);
  assert.ok(first.kind === 'retain' && first.message !== null);
  assert.deepEqual(
    { ...first, message: { ...first.message, frame: [...first.message.frame] } },
    {
      kind: 'retain',
      ticket: 7,
      topic: 't',
      message: { ...message, frame: [0x30, 0, 255] },
    },
  );
  assert.deepEqual(second, { kind: 'claimed', ticket: 8, clientId: 'é', outcome: null });
});

test('links: what is longer than a record of the ring comes in parts, and gives its space back', () => {
  const { a, b } = openPair();
  const spacesBefore = b.spaces.count;
  const state = Uint8Array.from({ length: 20_000 }, (_, index) => index & 0xff);
  forward(a.links, 1, 0, 5, 6, 4, 2, a.arena, 3, 30_000);
  a.links.send(1, { kind: 'surrendered', ticket: 1, clientId: 'c', outcome: state });
  forward(a.links, 1, 0, 5, 6, 4, 1, a.arena, 0, 10);
  settle(a, b);
  assert.deepEqual(
    b.got.map((got) => got.what.kind),
    ['run', 'surrendered', 'run'],
  );
  const [run, surrendered] = b.got.map((got) => got.what);
  assert.ok(run.kind === 'run' && surrendered.kind === 'surrendered' && surrendered.outcome instanceof Uint8Array);
  assert.deepEqual(run.bytes, [...a.arena.subarray(3, 30_003)]);
  assert.deepEqual([...surrendered.outcome], [...state]);
  assert.equal(b.spaces.count, spacesBefore);
});

test('links: a full ring congests the link, nothing is lost, and the sender is told when it is over', () => {
  const { a, b } = openPair();
  let sent = 0;
  while (forward(a.links, 1, 0, sent, 0, 4, 1, a.arena, 0, 200)) sent += 1;
  sent += 1; // The one that was taken and answered with false.
  for (; sent < 100; sent += 1) assert.equal(forward(a.links, 1, 0, sent, 0, 4, 1, a.arena, 0, 200), false);
  a.links.flush();
  assert.deepEqual(a.relieved, []);
  assert.ok(a.links.bytesWaiting > 0);
  settle(a, b);
  assert.deepEqual(a.relieved, [1]);
  assert.equal(a.links.bytesWaiting, 0);
  assert.deepEqual(
    b.got.map((got) => got.what.kind === 'run' && got.what.topic),
    Array.from({ length: 100 }, (_, index) => index),
  );
  assert.equal(forward(a.links, 1, 0, 0, 0, 4, 1, a.arena, 0, 200), true);
});

test('links: runs beyond the limit are dropped and counted, control messages still go, and beyond theirs the peer is stuck', () => {
  const { a } = openPair({ runBytesMax: 8192, bytesMax: 9000 });
  for (let index = 0; index < 200; index += 1) forward(a.links, 1, 0, index, 0, 4, 3, a.arena, 0, 200);
  assert.ok(a.links.droppedMessages > 0);
  assert.equal(a.links.droppedMessages % 3, 0);
  assert.deepEqual(a.stuck, []);
  for (let index = 0; index < 200; index += 1) a.links.send(1, { kind: 'interest-remove', filter: 'a/b' });
  assert.deepEqual(a.stuck, [1]);
});

test('links: a replaced peer is told of once, its last words come first, and the link to its successor is empty', () => {
  const { a, b, cells } = openPair();
  while (forward(a.links, 1, 0, 1, 1, 4, 1, a.arena, 0, 300));
  b.links.send(0, { kind: 'release', clientId: 'last words' });
  const incoming = createRing(RING_BYTES);
  const outgoing = createRing(RING_BYTES);
  let submits = 0;
  a.links.replacePeer(1, { incoming, outgoing }, () => {
    submits += 1;
    assert.deepEqual(a.replaced, []);
  });
  assert.equal(submits, 1);
  assert.deepEqual(a.got, [{ from: 1, what: { kind: 'release', clientId: 'last words' } }]);
  assert.deepEqual(a.replaced, [1]);
  assert.deepEqual(a.relieved, [1]);

  const successor = openEnd(1, [{ incoming: outgoing, outgoing: incoming }, null], cells);
  successor.links.send(0, { kind: 'release', clientId: 'hello' });
  a.links.send(1, { kind: 'holds', clientIds: ['x'], claimedAtMs: [] });
  settle(a, successor);
  assert.deepEqual(successor.got, [{ from: 0, what: { kind: 'holds', clientIds: ['x'], claimedAtMs: [] } }]);
  assert.equal(a.got.length, 2);
});

test('links: everything arrives once and in order, however the two sides take turns', () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('run' as const), size: fc.integer({ min: 2, max: 3000 }) }),
    fc.record({ kind: fc.constant('control' as const), size: fc.integer({ min: 0, max: 3000 }) }),
    fc.record({ kind: fc.constant('flush' as const), size: fc.constant(0) }),
    fc.record({ kind: fc.constant('receive' as const), size: fc.constant(0) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const { a, b } = openPair();
      let sent = 0;
      for (const { kind, size } of steps) {
        if (kind === 'run') forward(a.links, 1, 0, sent++, 0, 4, 1, a.arena, size & 3, size);
        else if (kind === 'control')
          a.links.send(1, { kind: 'claim', ticket: sent++, clientId: 'x'.repeat(size), owner: '', discard: false });
        else if (kind === 'flush') a.links.flush();
        else b.turn();
      }
      a.links.flush();
      settle(a, b);
      const order = b.got.map(({ what }) => (what.kind === 'run' ? what.topic : what.kind === 'claim' ? what.ticket : -1));
      assert.deepEqual(
        order,
        Array.from({ length: sent }, (_, index) => index),
      );
    }),
    { numRuns: 150 },
  );
});
