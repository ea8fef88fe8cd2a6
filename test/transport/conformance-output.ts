import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CLOSE, COUNTER, EVENT } from '../../src/transport/ports.js';
import { PINGREQ, publish } from './mqtt-bytes.js';
import { OPTIONS, Probe } from './probe.js';
import { type CreateUnderTest, withTransport } from './under-test.js';

const QOS0 = { version: 4, qos: 0, retain: 0, duplicate: 0 } as const;

export function outputConformance(name: string, create: CreateUnderTest): void {
  turnConformance(name, create);
  microtaskConformance(name, create);
  listConformance(name, create);
  pressureConformance(name, create);
  lifeConformance(name, create);
}

function turnConformance(name: string, create: CreateUnderTest): void {
  test(`${name}: what a turn commands is not lost to what a microtask commands right behind it`, async () => {
    await withTransport(create, {}, async ({ transport }) => {
      const probe = new Probe(transport);
      const peers = [probe.open(), probe.open()];
      let hasAnswered = false;
      probe.onRow = () => {
        if (hasAnswered) return;
        hasAnswered = true;
        for (let id = 1; id <= 3; id += 1) transport.commands.ack(peers[0].connection, 0x40, id);
        // As the news of a commit comes: Node runs it when the callback has returned.
        Promise.resolve().then(() => {
          for (let id = 7; id <= 9; id += 1) transport.commands.ack(peers[1].connection, 0x40, id);
          transport.submit();
        });
      };
      peers[0].push(PINGREQ);
      await probe.until(() => peers.every(({ output }) => output.length === 12), 'both have their acknowledgements');
      assert.deepEqual([...peers[0].output], [0x40, 2, 0, 1, 0x40, 2, 0, 2, 0x40, 2, 0, 3]);
      assert.deepEqual([...peers[1].output], [0x40, 2, 0, 7, 0x40, 2, 0, 8, 0x40, 2, 0, 9]);
    });
  });
}

function microtaskConformance(name: string, create: CreateUnderTest): void {
  test(`${name}: a microtask right behind a turn sends its own blocks, and not those of the turn`, async () => {
    await withTransport(create, {}, async ({ transport }) => {
      const probe = new Probe(transport);
      const peers = [probe.open(), probe.open()];
      const [inTurn, behind] = ['of the turn', 'of the commit'].map((payload) => publish({ topic: 't', payload }));
      const send = (message: Buffer, to: number): void => {
        const block = transport.commands.buildBlockCopy(message, 0, message.length, 1, 4, QOS0, null);
        transport.commands.sendBlock(peers[to].connection, block, 0);
      };
      let hasAnswered = false;
      probe.onRow = () => {
        if (hasAnswered) return;
        hasAnswered = true;
        send(inTurn, 0);
        Promise.resolve().then(() => {
          send(behind, 1);
          transport.submit();
        });
      };
      peers[0].push(PINGREQ);
      await probe.until(() => peers.every(({ output }) => output.length > 0), 'both have a message');
      assert.deepEqual(peers[0].output, inTurn);
      assert.deepEqual(peers[1].output, behind);
    });
  });
}

function listConformance(name: string, create: CreateUnderTest): void {
  test(`${name}: a list gets a block once each, except the one left out`, async () => {
    await withTransport(create, {}, async ({ transport }) => {
      const probe = new Probe(transport);
      const peers = Array.from({ length: 5 }, () => probe.open());
      const numbers = Int32Array.from(peers.map((peer) => peer.connection));
      const message = publish({ topic: 't', payload: 'fan' });
      const fanOut = (except: number): void => {
        const block = transport.commands.buildBlockCopy(message, 0, message.length, 1, 4, QOS0, null);
        transport.commands.sendBlockToList(3, block, except);
        transport.submit();
      };
      transport.commands.listSet(3, numbers, 4);
      numbers.fill(-1);
      fanOut(-1);
      fanOut(peers[1].connection);
      transport.commands.listForget(peers[0].connection);
      fanOut(-1);
      transport.commands.listSet(3, Int32Array.of(peers[4].connection), 1);
      fanOut(-1);
      transport.commands.listSet(3, new Int32Array(0), 0);
      fanOut(-1);
      await probe.until(() => peers[4].output.length > 0 && peers[3].output.length >= 3 * message.length, 'output');
      await probe.settle();
      assert.deepEqual(
        peers.map((peer) => peer.output.length / message.length),
        [2, 2, 3, 3, 1],
      );
    });
  });

  test(`${name}: a receiver above its high mark is passed over and counted`, async () => {
    await withTransport(create, {}, async ({ transport }) => {
      const probe = new Probe(transport);
      const [slow, quick] = [probe.open({ highMarkBytes: 1000, lowMarkBytes: 500 }), probe.open()];
      slow.takesOutput = false;
      const message = publish({ topic: 't', payload: 'm'.repeat(600) });
      transport.commands.listSet(0, Int32Array.of(slow.connection, quick.connection), 2);
      for (let i = 0; i < 5; i += 1) {
        const block = transport.commands.buildBlockCopy(message, 0, message.length, 1, 4, QOS0, null);
        transport.commands.sendBlockToList(0, block, -1);
        transport.submit();
        await probe.until(() => quick.output.length >= (i + 1) * message.length, 'the quick one');
      }
      await probe.untilRow(slow.connection, EVENT.congested);
      assert.equal(transport.counters[COUNTER.droppedQos0], 3);
      assert.equal(slow.output.length, 2 * message.length);
    });
  });

  test(`${name}: a receiver that was passed over stays so between its marks, until it is relieved`, async () => {
    await withTransport(create, {}, async ({ transport }) => {
      const probe = new Probe(transport);
      const message = publish({ topic: 't', payload: 'm'.repeat(600) });
      const marks = { highMarkBytes: message.length, lowMarkBytes: 500 };
      const slow = probe.open(marks);
      slow.takesOutput = false;
      transport.commands.listSet(0, Int32Array.of(slow.connection), 1);
      const fanOut = (): void => {
        const block = transport.commands.buildBlockCopy(message, 0, message.length, 1, 4, QOS0, null);
        transport.commands.sendBlockToList(0, block, -1);
        transport.submit();
      };
      /** Leaves so many bytes waiting, then sends once more. @returns messages handed out until now. */
      const sendWith = (waiting: number): number => {
        transport.acknowledgeOutput(slow.connection, transport.outputBytesOf(slow.connection) - waiting);
        fanOut();
        return slow.output.length / message.length;
      };
      fanOut();
      assert.equal(sendWith(message.length), 2, 'at the high mark is not above it');
      assert.equal(sendWith(message.length + 1), 2);
      assert.equal(sendWith(message.length), 2, 'below the high mark again, but not relieved');
      assert.equal(sendWith(marks.lowMarkBytes), 2, 'at the low mark is not below it');
      assert.equal(transport.counters[COUNTER.droppedQos0], 3);
      assert.equal(sendWith(marks.lowMarkBytes - 1), 3);
      assert.equal(transport.counters[COUNTER.droppedQos0], 3);
    });
  });
}

function pressureConformance(name: string, create: CreateUnderTest): void {
  test(`${name}: waiting output raises congested above the high mark and relieved below the low mark, once each`, async () => {
    await withTransport(create, {}, async ({ transport }) => {
      const probe = new Probe(transport);
      const peer = probe.open({ highMarkBytes: 1000, lowMarkBytes: 300 });
      peer.takesOutput = false;
      const send = (length: number): void => {
        transport.commands.sendCopy(peer.connection, Buffer.alloc(length, 1));
        transport.submit();
      };
      send(1000);
      await probe.settle();
      assert.equal(probe.rowsOf(peer.connection).length, 0);
      send(200);
      const congested = await probe.untilRow(peer.connection, EVENT.congested);
      assert.equal(congested.offset, 1200);
      assert.equal(transport.outputBytesOf(peer.connection), 1200);
      send(100);
      transport.acknowledgeOutput(peer.connection, 900);
      await probe.settle();
      assert.deepEqual(
        probe.rowsOf(peer.connection).map((row) => row.kind),
        [EVENT.congested],
      );
      transport.acknowledgeOutput(peer.connection, 200);
      await probe.untilRow(peer.connection, EVENT.relieved);
      await probe.settle();
      assert.deepEqual(
        probe.rowsOf(peer.connection).map((row) => row.kind),
        [EVENT.congested, EVENT.relieved],
      );
      send(1000);
      await probe.untilRow(peer.connection, EVENT.congested, 2);
    });
  });

  test(`${name}: a connection whose output passes its budget is closed for it`, async () => {
    await withTransport(create, {}, async ({ transport }) => {
      const probe = new Probe(transport);
      const peer = probe.open({ highMarkBytes: 1000, lowMarkBytes: 300, outputBytesMax: 5000 });
      peer.takesOutput = false;
      transport.commands.sendCopy(peer.connection, Buffer.alloc(4000, 1));
      transport.submit();
      transport.commands.sendCopy(peer.connection, Buffer.alloc(2000, 1));
      transport.submit();
      const closed = await probe.untilRow(peer.connection, EVENT.closed);
      assert.equal(closed.number, CLOSE.budget);
      assert.equal(peer.closeCalls, 1);
    });
  });

  test(`${name}: a paused connection has no rows until it is resumed`, async () => {
    await withTransport(create, {}, async ({ transport }) => {
      const probe = new Probe(transport);
      const peer = probe.open();
      transport.commands.pauseReading(peer.connection);
      transport.submit();
      peer.push(PINGREQ);
      await probe.settle();
      assert.equal(probe.rowsOf(peer.connection).length, 0);
      transport.commands.resumeReading(peer.connection);
      transport.submit();
      await probe.untilRow(peer.connection, EVENT.ping);
    });
  });

  test(`${name}: a paused virtual connection says when it has enough, and when it can take more`, async () => {
    await withTransport(create, {}, async ({ transport }) => {
      const probe = new Probe(transport);
      const peer = probe.open();
      const message = publish({ topic: 't', payload: 'm'.repeat(4000) });
      transport.commands.pauseReading(peer.connection);
      transport.submit();
      let pushed = 0;
      do pushed += 1;
      while (peer.push(message) && pushed < 5000);
      assert.ok(pushed < 5000, 'a connection that nobody reads must refuse some day');
      assert.equal(peer.readableCalls, 0);
      transport.commands.resumeReading(peer.connection);
      transport.submit();
      const frames = (): number => probe.rowsOf(peer.connection, EVENT.publish).reduce((sum, row) => sum + row.count, 0);
      await probe.until(() => frames() === pushed && peer.readableCalls > 0, 'every message and a call to go on');
    });
  });

  test(`${name}: serveVirtual serves what was pushed before it returns, and within a turn does nothing`, async () => {
    await withTransport(create, {}, async ({ transport }) => {
      let turns = 0;
      let depth = 0;
      transport.start(() => {
        assert.equal(depth, 0, 'no turn within a turn');
        depth += 1;
        turns += 1;
        transport.serveVirtual();
        depth -= 1;
      });
      let readable = 0;
      const sink = { onOutput: () => undefined, onReadable: () => (readable += 1), onClose: () => undefined };
      const connection = transport.openVirtual(OPTIONS, sink);
      const message = publish({ topic: 't', payload: 'm'.repeat(4000) });
      for (let pushed = 0; pushed < 5000 && transport.pushVirtual(connection, message); pushed += 1);
      assert.deepEqual([turns, readable], [0, 0]);
      transport.serveVirtual();
      assert.ok(turns > 0);
      assert.equal(readable, 1);
      assert.ok(transport.pushVirtual(connection, message), 'it takes more');
    });
  });

  test(`${name}: a frame longer than what may wait is pushed in parts, by whoever waits when told to`, async () => {
    await withTransport(create, { frameBytesMax: 1 << 20 }, async ({ transport }) => {
      const probe = new Probe(transport);
      const peer = probe.open({ frameBytesMax: 1 << 20 });
      const message = publish({ topic: 't', payload: 'm'.repeat(700_000) });
      for (let at = 0; at < message.length; at += 16_384) {
        const told = peer.readableCalls;
        if (!peer.push(message.subarray(at, at + 16_384))) await probe.until(() => peer.readableCalls > told, 'a call to go on');
      }
      assert.equal((await probe.untilRow(peer.connection, EVENT.publish)).length, message.length);
    });
  });
}

function lifeConformance(name: string, create: CreateUnderTest): void {
  test(`${name}: closeVirtual hands on its reason after what was pushed, and the number rests until its release`, async () => {
    await withTransport(create, { connectionsMax: 4 }, async ({ transport }) => {
      const probe = new Probe(transport);
      const peer = probe.open();
      peer.push(PINGREQ);
      transport.closeVirtual(peer.connection, CLOSE.error);
      const closed = await probe.untilRow(peer.connection, EVENT.closed);
      assert.equal(closed.number, CLOSE.error);
      assert.deepEqual(
        probe.rowsOf(peer.connection).map((row) => row.kind),
        [EVENT.ping, EVENT.closed],
      );
      const others = [probe.open(), probe.open()];
      for (const other of others) assert.notEqual(other.connection, peer.connection);
      transport.commands.sendCopy(peer.connection, Buffer.from('nobody'));
      transport.commands.close(peer.connection, 0);
      transport.commands.pauseReading(peer.connection);
      transport.submit();
      await probe.settle();
      assert.equal(probe.rowsOf(peer.connection, EVENT.closed).length, 1);
      transport.commands.release(peer.connection);
      transport.submit();
      for (let i = 0; i < 20; i += 1) {
        probe.seen.length = 0;
        const next = probe.open();
        assert.ok(next.connection >= 0, 'a released number is there again');
        transport.closeVirtual(next.connection, CLOSE.byPeer);
        await probe.untilRow(next.connection, EVENT.closed);
        transport.commands.release(next.connection);
        transport.submit();
      }
    });
  });

  test(`${name}: close hands out what is queued, tells the carrier once and ends with a row`, async () => {
    await withTransport(create, {}, async ({ transport }) => {
      const probe = new Probe(transport);
      for (const lingerMs of [0, 50]) {
        const peer = probe.open();
        transport.commands.sendCopy(peer.connection, Buffer.from('last words'));
        transport.commands.close(peer.connection, lingerMs);
        transport.commands.sendCopy(peer.connection, Buffer.from('too late'));
        transport.submit();
        peer.push(PINGREQ);
        const closed = await probe.untilRow(peer.connection, EVENT.closed);
        assert.equal(closed.number, CLOSE.byUs);
        assert.equal(peer.output.toString(), 'last words');
        assert.equal(peer.closeCalls, 1);
        assert.equal(probe.rowsOf(peer.connection).length, 1);
      }
    });
  });

  test(`${name}: after close nothing is called, and closing again is nothing`, async () => {
    await withTransport(create, {}, async ({ transport }) => {
      const probe = new Probe(transport);
      const peer = probe.open();
      peer.push(PINGREQ);
      transport.close();
      transport.close();
      const turns = probe.turns;
      const outputs = peer.chunks.length;
      await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
      assert.equal(probe.turns, turns);
      assert.equal(peer.chunks.length, outputs);
    });
  });

  test(`${name}: submit with nothing to do does nothing`, async () => {
    await withTransport(create, {}, async ({ transport }) => {
      const probe = new Probe(transport);
      for (let i = 0; i < 1000; i += 1) transport.submit();
      await probe.settle();
      assert.ok(probe.turns <= 4);
    });
  });
}
