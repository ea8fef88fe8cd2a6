import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { IConnectPacket } from 'mqtt-packet';
import { SILENT_LOGGER } from '../../../../src/base/logger.js';
import { type RunningNode, startNode } from '../../../../src/runtime/node.js';
import type { MqttSettings, Settings } from '../../../../src/settings/schema.js';
import { settingsFor, TRANSPORTS } from '../../../runtime/running-node.js';
import { readTitle } from '../statements/titles.js';
import { Peer } from './peer.js';

const SHARDS = Number(process.env.CONFORMANCE_SHARDS ?? 1);
const TRANSPORT = process.env.CONFORMANCE_TRANSPORT === 'node' ? 'node' : TRANSPORTS[0];

/** The place of one test: nobody else has its topics and client identifiers. */
export class Stage {
  readonly version: 4 | 5;
  readonly ports: { readonly tcp: number; readonly ws: number };
  readonly #prefix: string;
  readonly #peers: Peer[] = [];

  constructor(version: 4 | 5, prefix: string, ports: { tcp: number; ws: number }) {
    this.version = version;
    this.#prefix = prefix;
    this.ports = ports;
  }

  /** A name of this test's own, good for topics and client identifiers. */
  name(part: string): string {
    return `${this.#prefix}${part}`;
  }

  /** A connection on which nothing was said. */
  async open(version: 4 | 5 = this.version): Promise<Peer> {
    const peer = await Peer.dial(this.ports.tcp, version);
    this.#peers.push(peer);
    return peer;
  }

  /** A client that was let in: clean, without keep-alive, with an identifier of its own, unless the fields say otherwise. */
  async connect(fields: Partial<IConnectPacket> = {}, version: 4 | 5 = this.version): Promise<Peer> {
    const peer = await this.open(version);
    peer.clientId = fields.clientId ?? this.name(`client${this.#peers.length}`);
    peer.say(connectPacket(version, { clientId: peer.clientId, ...fields }));
    const connack = await peer.hear('connack');
    assert.equal(version === 5 ? connack.reasonCode : connack.returnCode, 0, 'CONNACK accepts');
    peer.connack = connack;
    return peer;
  }

  /** A client whose session outlives its connections; the same name finds it again. */
  keep(name: string, fields: Partial<IConnectPacket> = {}, version: 4 | 5 = this.version): Promise<Peer> {
    const properties = version === 5 ? { properties: { sessionExpiryInterval: 3600, ...fields.properties } } : {};
    return this.connect({ clientId: this.name(name), clean: false, ...fields, ...properties }, version);
  }

  end(): void {
    for (const peer of this.#peers) peer.drop();
  }
}

export function connectPacket(version: 4 | 5, fields: Partial<IConnectPacket>): IConnectPacket {
  return { cmd: 'connect', clientId: '', protocolId: 'MQTT', protocolVersion: version, clean: true, keepalive: 0, ...fields };
}

/** What a broker needs beside settings of MQTT. */
export interface Preparation {
  readonly settings?: (settings: Settings) => Settings;
  readonly prepare?: (node: RunningNode) => Promise<void>;
}

export type Play = (stage: Stage) => Promise<void>;

/**
 * A broker in this process for the tests of a file. What it gives back declares a test:
 *
 *   prove('5.0 MQTT-3.3.1-12 | 3.1.1 MQTT-3.3.1-9: what happens', async (stage) => ...)
 *
 * is played for each version named, and proves the statements behind it. statements.test.ts reads these titles.
 */
export function startProving(changes: Partial<MqttSettings> = {}, preparation: Preparation = {}): (title: string, play: Play) => void {
  let node: RunningNode | null = null;
  let count = 0;
  before(async () => {
    const settings = settingsFor(TRANSPORT, SHARDS);
    const changed = { ...settings, mqtt: { ...settings.mqtt, ...changes } };
    node = await startNode(preparation.settings?.(changed) ?? changed, SILENT_LOGGER);
    await preparation.prepare?.(node);
  });
  after(() => node?.stop());
  return (title, play) => {
    const { proofs, sentence } = readTitle(title);
    for (const { name, ids } of proofs) {
      test([`MQTT ${name}`, ...ids].join(' ').concat(`: ${sentence}`), async () => {
        assert.ok(node !== null, 'the broker was started');
        count += 1;
        const stage = new Stage(name === '5.0' ? 5 : 4, `t${count}`, portsOf(node));
        try {
          await play(stage);
        } finally {
          stage.end();
        }
      });
    }
  };
}

function portsOf(node: RunningNode): Stage['ports'] {
  return { tcp: portOf(node), ws: portOf(node, 'ws:') };
}

export function portOf(node: RunningNode, scheme = 'mqtt:'): number {
  return Number(new URL(node.listeners.find(({ url }) => url.startsWith(scheme))?.url ?? '').port);
}
