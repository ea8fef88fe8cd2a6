import assert from 'node:assert/strict';
import { test } from 'node:test';
import { generate, type Packet, parser } from 'mqtt-packet';
import { ManualClock } from '../../../src/base/clock.js';
import { SILENT_LOGGER } from '../../../src/base/logger.js';
import { SeededRandom } from '../../../src/base/random.js';
import { Bridge } from '../../../src/connectors/mqtt/bridge.js';
import type { Carrier, WireClient } from '../../../src/connectors/mqtt/wire-client.js';

/** A broker on one side of the bridge: what it heard, and what it is made to say. */
class Side {
  readonly heard: Packet[] = [];
  isClosed = false;
  #client: WireClient | null = null;

  open(client: WireClient): Carrier {
    this.#client = client;
    this.isClosed = false;
    const input = parser({ protocolVersion: 5 });
    input.on('packet', (packet) => this.heard.push(packet));
    return {
      write: (bytes) => input.parse(Buffer.from(bytes)) >= 0,
      ...{ pause: () => {}, resume: () => {} },
      close: () => {
        this.isClosed = true;
      },
    };
  }

  say(packet: Packet): void {
    this.#client?.take(generate(packet, { protocolVersion: 5 }), 0);
  }

  count(cmd: Packet['cmd']): number {
    return this.heard.filter((packet) => packet.cmd === cmd).length;
  }
}

function running(): { bridge: Bridge; far: Side; near: Side } {
  const [far, near] = [new Side(), new Side()];
  const rule = { filter: 'in/#', qos: 1, localPrefix: '', remotePrefix: '' } as const;
  const bridge = new Bridge({
    ...{ name: 'b', brokerId: 'here', version: 5, clientId: 'c', user: '', password: '', keepAliveSeconds: 0, inFlightMax: 10 },
    ...{ reconnectMsMin: 100, reconnectMsMax: 100, out: [], in: [rule], log: SILENT_LOGGER },
    ...{ clock: new ManualClock(), random: new SeededRandom(1) },
    openRemote: (client) => far.open(client),
    openLocal: (client) => near.open(client),
  });
  bridge.onTick();
  far.say({ cmd: 'connack', reasonCode: 0, sessionPresent: false });
  near.say({ cmd: 'connack', reasonCode: 0, sessionPresent: false });
  assert.equal(bridge.report().state, 'running');
  return { bridge, far, near };
}

/** A message of the far broker comes, and this one answers it. */
function bringIn(reasonCode: number): { bridge: Bridge; far: Side } {
  const { bridge, far, near } = running();
  far.say({ cmd: 'publish', topic: 'in/a', payload: 'x', qos: 1, messageId: 5, dup: false, retain: false });
  assert.equal(near.count('publish'), 1);
  const published = near.heard.find((packet) => packet.cmd === 'publish');
  near.say({ cmd: 'puback', messageId: published?.messageId ?? 0, reasonCode });
  return { bridge, far };
}

test('bridge: what is taken here is acknowledged there', () => {
  const { bridge, far } = bringIn(0);
  assert.deepEqual([far.count('puback'), bridge.report().received, bridge.report().state], [1, 1, 'running']);
});

for (const code of [0x83, 0x97])
  test(`bridge: what cannot be kept here now (0x${code.toString(16)}) is not acknowledged there, and comes again`, () => {
    const { bridge, far } = bringIn(code);
    assert.equal(far.count('puback'), 0);
    assert.deepEqual([bridge.report().state, bridge.report().dropped.refused, far.isClosed], ['waiting', 0, true]);
  });

for (const code of [0x80, 0x87, 0x90])
  test(`bridge: what will never be taken here (0x${code.toString(16)}) is acknowledged there, and counted`, () => {
    const { bridge, far } = bringIn(code);
    assert.deepEqual([far.count('puback'), bridge.report().dropped.refused, bridge.report().state], [1, 1, 'running']);
  });
