import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadNative, type NativeBinding, type NativeReactor, type ReactorConfig } from '../../src/native/door.js';

function binding(): NativeBinding {
  const loaded = loadNative();
  assert.ok(!('unavailable' in loaded), 'unavailable' in loaded ? loaded.unavailable : '');
  return loaded;
}

function config(): ReactorConfig {
  return {
    arena: new Uint8Array(2 << 20),
    rows: new Int32Array(64 * 8),
    activity: new Int32Array(8),
    counters: new Float64Array(16),
    generations: new Int32Array(16),
    commands: new Int32Array(16 * 8),
    scratch: new Uint8Array(4096),
    window: new Uint8Array(4096),
    virtualRows: new Int32Array(16 * 4),
    onTurn: () => 0,
    onVirtual: () => {},
  };
}

function withReactor(
  body: (reactor: NativeReactor, call: (method: string, ...parameters: unknown[]) => unknown, memory: ReactorConfig) => void,
): void {
  const memory = config();
  const reactor = new (binding().Reactor)(memory);
  try {
    body(reactor, (method, ...parameters) => Reflect.apply(Reflect.get(reactor, method), reactor, parameters), memory);
  } finally {
    reactor.close();
  }
}

const OPTIONS = [1, false, 1000, 1000, 100, 10_000] as const;

test('reactor: a configuration with a missing, short or foreign array is refused', () => {
  const { Reactor } = binding();
  const good: Record<string, unknown> = { ...config() };
  const construct = (given: unknown): unknown => Reflect.construct(Reactor, given === undefined ? [] : [given]);
  for (const name of Object.keys(good)) {
    assert.throws(() => construct({ ...good, [name]: undefined }), TypeError, name);
    assert.throws(() => construct({ ...good, [name]: 7 }), TypeError, name);
    assert.throws(() => construct({ ...good, [name]: new Float32Array(8) }), TypeError, name);
  }
  for (const name of ['arena', 'rows', 'counters', 'scratch', 'window']) {
    const empty = Reflect.construct(Object(good[name]).constructor, [1]);
    assert.throws(() => construct({ ...good, [name]: empty }), TypeError, name);
  }
  assert.throws(() => construct(undefined), TypeError);
  assert.throws(() => construct(null), TypeError);
});

test('reactor: methods refuse arguments of the wrong type or range', () => {
  withReactor((_reactor, call) => {
    const connection = call('openVirtual', ...OPTIONS);
    assert.equal(connection, 0);
    const wrong: readonly (readonly [string, ...unknown[]])[] = [
      ['submit'],
      ['submit', -1],
      ['submit', 17],
      ['submit', 'x'],
      ['drain', 0],
      ['drain', 0, 1],
      ['adopt', -1, ...OPTIONS],
      ['adopt', '3', ...OPTIONS],
      ['openVirtual', 4, ...OPTIONS.slice(1)],
      ['openVirtual', 1, 0, ...OPTIONS.slice(2)],
      ['openVirtual', 1, false, 0, 1000, 100, 10_000],
      ['openVirtual', 1, false, 3 << 20, 1000, 100, 10_000],
      ['openVirtual', 1, false, 1000, 100, 1000, 10_000],
      ['openVirtual', 1, false, 1000, 1000, 100, 0],
      ['openVirtual', 1, false, 1000, 1000, 100, 2 ** 31],
      ['connect', '127.0.0.1', false, 0, '', ...OPTIONS],
      ['connect', 'x'.repeat(300), false, 1, '', ...OPTIONS],
      ['connect', 7, false, 1, '', ...OPTIONS],
      ['pushVirtual', 1, new Uint8Array(1)],
      ['pushVirtual', 0, 'bytes'],
      ['pushVirtual', 0, new Int32Array(1)],
      ['acknowledgeOutput', 0, -1],
      ['acknowledgeOutput', 9, 1],
      ['closeVirtual', 0, 4],
      ['setList', -1, new Int32Array(1), 1],
      ['setList', 2 ** 20, new Int32Array(1), 1],
      ['setList', 0, new Int32Array(1), 2],
      ['setList', 0, new Uint8Array(4), 1],
      ['registerSpace', new Int32Array(1)],
      ['registerSpace', new ArrayBuffer(8)],
      ['unregisterSpace', 0],
      ['unregisterSpace', 2],
      ['internTopic', 'topic'],
      ['topicName', 0],
      ['topicName', -1],
      ['peerOf', 1],
      ['outputBytesOf', Number.NaN],
    ];
    for (const [method, ...parameters] of wrong)
      assert.throws(() => call(method, ...parameters), TypeError, `${method}(${parameters.join(', ')})`);
  });
});

test('reactor: methods refuse to be called on something else', () => {
  withReactor((reactor) => {
    const acceptor = new (binding().Acceptor)(new Int32Array(256), new Float64Array(16), () => {});
    for (const self of [undefined, {}, acceptor]) assert.throws(() => Reflect.apply(reactor.tick, self, []), TypeError);
    acceptor.close();
  });
});

test('reactor: a command that only a fault of ours can write is refused by name, and the ones before it are done', () => {
  const wrong: readonly (readonly number[])[] = [
    [0],
    [99],
    [1, 5, 0, 0, 1], // No such connection.
    [1, 0, 7, 0, 1], // No such space.
    [1, 0, 0, -1, 1],
    [1, 0, 1, 4000, 97], // Beyond the scratch.
    [1, 0, 0, 0, -5],
    [2 | (4 << 8) | (4 << 12), 1, 0, 10, 1, 0, 0], // The scratch has no PUBLISH there.
    [2 | (4 << 8) | (4 << 12), 1, 0, 10, 0, 0, 0],
    [2 | (3 << 8) | (4 << 12), 1, 0, 10, 1, 0, 0],
    [3, 0, 0, 1], // No such block.
    [4, 0, 0, -1],
    [4, -1, 0, -1],
    [5, 0, 0x40, 0, 1, 0, 1], // No run there.
    [5, 0, 0x40, 0, 1, 4097, 1],
    [6, 0, 0x40, 0, 1],
    [6, 0, 0x40, 1, 0],
    [6, 0, 0x40, 65536, 1],
    [7, 0, 3, 100],
    [7, 0, 4, 0],
    [7, 0, 4, 1 << 30],
    [10, 0, -1],
    [11, 0], // Release of an open connection.
  ];
  withReactor((reactor, call, memory) => {
    call('openVirtual', ...OPTIONS);
    for (const command of wrong) {
      memory.commands.fill(0);
      memory.commands.set([8, 0], 0); // A pause, which is good.
      memory.commands.set(command, 8);
      assert.throws(() => reactor.submit(2), { name: 'RangeError', message: /^command 1 is not valid: / }, command.join(' '));
    }
  });
});

test('reactor: after close every method does nothing', () => {
  withReactor((reactor, call) => {
    reactor.close();
    for (const method of ['start', 'close', 'submit', 'drain', 'tick', 'adopt', 'openVirtual', 'peerOf'])
      assert.equal(call(method), undefined, method);
  });
});

test('reactor: a space may lie in shared memory, at an offset, and numbers are used again', () => {
  withReactor((reactor) => {
    const shared = new Uint8Array(new SharedArrayBuffer(4096), 100, 1000);
    assert.equal(reactor.registerSpace(shared), 2);
    assert.equal(reactor.registerSpace(Buffer.from('a buffer')), 3);
    reactor.unregisterSpace(2);
    assert.equal(reactor.registerSpace(new Uint8Array(1)), 2);
  });
});
