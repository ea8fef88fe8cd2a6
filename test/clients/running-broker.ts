import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt';
import { FREE_PORTS } from '../../bench/macro/free-ports.js';
import { SILENT_LOGGER } from '../../src/base/logger.js';
import type { RunningNode } from '../../src/launcher/ports.js';
import { startNode } from '../../src/runtime/node.js';
import { loadSettings } from '../../src/settings/parse.js';

/** A whole broker in this process, on ports of its own, gone when the test ends. */
export async function startBroker(context: TestContext, ...assignments: string[]): Promise<RunningNode> {
  const dataPath = mkdtempSync(join(tmpdir(), 'robustmq-test-'));
  const { settings } = loadSettings({
    configPath: null,
    environment: {},
    assignments: [`data_path=${dataPath}`, ...FREE_PORTS, ...assignments],
  });
  const broker = await startNode(settings, SILENT_LOGGER);
  context.after(async () => {
    await broker.stop();
    rmSync(dataPath, { recursive: true, force: true });
  });
  return broker;
}

export function urlOf(broker: RunningNode, name: 'mqtt.tcp' | 'mqtt.ws' = 'mqtt.tcp'): string {
  const listener = broker.listeners.find((candidate) => candidate.name === name);
  if (listener === undefined) throw new Error(`the broker has no listener ${name}`);
  return listener.url;
}

/** A connected mqtt.js client that ends with the test and never reconnects by itself. */
export async function connectClient(context: TestContext, url: string, options: IClientOptions = {}): Promise<MqttClient> {
  const client = await mqtt.connectAsync(url, { reconnectPeriod: 0, connectTimeout: 5_000, ...options });
  context.after(() => client.endAsync(true));
  return client;
}

/** As `connectClient`, with an inbox that is there before the first message can be. */
export async function connectInbox(
  context: TestContext,
  url: string,
  options: IClientOptions = {},
): Promise<{ client: MqttClient; inbox: Inbox }> {
  const client = mqtt.connect(url, { reconnectPeriod: 0, connectTimeout: 5_000, ...options });
  context.after(() => client.endAsync(true));
  const inbox = new Inbox(client);
  await new Promise<void>((resolve, reject) => client.once('connect', () => resolve()).once('error', reject));
  return { client, inbox };
}

export interface Received {
  readonly topic: string;
  readonly payload: string;
  readonly qos: number;
  readonly retain: boolean;
  readonly duplicate: boolean;
  readonly properties: Readonly<Record<string, unknown>>;
}

/** Collects what a client receives. */
export class Inbox {
  readonly messages: Received[] = [];
  #waiting: (() => void)[] = [];

  constructor(client: MqttClient) {
    client.on('message', (topic, payload, packet) => {
      this.messages.push({
        topic,
        payload: payload.toString(),
        qos: packet.qos,
        retain: packet.retain,
        duplicate: packet.dup,
        properties: { ...packet.properties },
      });
      for (const check of this.#waiting) check();
    });
  }

  /** Waits until there are `count` messages; fails after `timeoutMs`. */
  async until(count: number, timeoutMs = 5_000): Promise<Received[]> {
    await Inbox.untilTogether([this], count, timeoutMs);
    return this.messages;
  }

  /** Waits until several have `count` messages together. */
  static async untilTogether(inboxes: readonly Inbox[], count: number, timeoutMs = 5_000): Promise<void> {
    const sum = (): number => inboxes.reduce((all, { messages }) => all + messages.length, 0);
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${sum()} of ${count} messages after ${timeoutMs} ms`)), timeoutMs);
      const check = (): void => {
        if (sum() < count) return;
        clearTimeout(timer);
        for (const inbox of inboxes) inbox.#waiting = inbox.#waiting.filter((waiting) => waiting !== check);
        resolve();
      };
      for (const inbox of inboxes) inbox.#waiting.push(check);
      check();
    });
  }
}

/** Resolves when everything a client sent before was handled and everything for it was sent: PINGREQ would do, a QoS 1 round trip is sure. */
export async function settle(client: MqttClient): Promise<void> {
  await client.publishAsync('test/settle', '', { qos: 1 });
}

/** Resolves when the client's connection is gone. */
export function closeOf(client: MqttClient): Promise<void> {
  return new Promise((resolve) => client.once('close', resolve));
}

/** Resolves with the reason code of the server's DISCONNECT. */
export function disconnectOf(client: MqttClient): Promise<number | undefined> {
  return new Promise((resolve) => client.once('disconnect', (packet) => resolve(packet.reasonCode)));
}
