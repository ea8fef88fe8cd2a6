import { mkdtempSync, rmSync } from 'node:fs';
import { connect as connectSocket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker, workerData } from 'node:worker_threads';
import mqtt, { type MqttClient } from 'mqtt';
import { SILENT_LOGGER } from '../../../src/base/logger.js';
import { startNode } from '../../../src/runtime/node.js';
import { loadSettings } from '../../../src/settings/parse.js';
import { FREE_PORTS } from '../free-ports.js';

/*
  What a storm of bad logins does to a client that behaves: the round trip of its QoS 1 messages, without and with 1,000 bad logins a second, in turns.

      node dist/bench/macro/auth/login-storm.js [logins per second] [rounds]

  Every login has another name and password, so that neither memory nor back-off spares a hash: the worst that there is.
*/

const ROUND_MS = 5000;
const PAUSE_MS = 5;

/** A CONNECT of MQTT 3.1.1 with name and password, as bytes: a client library would be what is measured. */
function connectFrame(user: string, password: string): Buffer {
  const text = (value: string): Buffer => Buffer.concat([Buffer.from([value.length >> 8, value.length & 0xff]), Buffer.from(value)]);
  const body = Buffer.concat([text('MQTT'), Buffer.from([4, 0xc2, 0, 60]), text(''), text(user), text(password)]);
  return Buffer.concat([Buffer.from([0x10, body.length]), body]);
}

function storm(port: number, perSecond: number): void {
  let name = 0;
  let owed = 0;
  setInterval(() => {
    for (owed += perSecond / 100; owed >= 1; owed -= 1) {
      name += 1;
      const socket = connectSocket(port, '127.0.0.1', () => socket.write(connectFrame(`storm-${name}`, `guess-${name}`)));
      socket.on('data', () => socket.destroy()).on('error', () => socket.destroy());
    }
  }, 10);
}

async function roundTrips(client: MqttClient, lastMs: number): Promise<number[]> {
  const times: number[] = [];
  const endMs = performance.now() + lastMs;
  while (performance.now() < endMs) {
    const sentMs = performance.now();
    const arrived = new Promise<void>((resolve) => client.once('message', () => resolve()));
    await client.publishAsync('bench/storm', 'x', { qos: 1 });
    await arrived;
    times.push(performance.now() - sentMs);
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  return times;
}

function percentile(times: readonly number[], share: number): string {
  const sorted = times.toSorted((a, b) => a - b);
  return `${(sorted[Math.floor(sorted.length * share)] ?? 0).toFixed(2)} ms`;
}

async function main(perSecond: number, rounds: number): Promise<void> {
  const dataPath = mkdtempSync(join(tmpdir(), 'robustmq-storm-'));
  const assignments = [`data_path=${dataPath}`, ...FREE_PORTS, 'mqtt.ws.enabled=false'];
  const { settings } = loadSettings({ configPath: null, environment: {}, assignments });
  const node = await startNode(settings, SILENT_LOGGER);
  const [{ url, port }] = node.listeners;
  await node.query({ verb: 'ask', question: 'mqtt-user-put', ask: { tenant: 'default', name: 'good', password: 'good' } });
  const client = await mqtt.connectAsync(url, { username: 'good', password: 'good' });
  await client.subscribeAsync('bench/storm', { qos: 1 });
  const [quiet, stormy]: [number[], number[]] = [[], []];
  await roundTrips(client, 1000);
  for (let round = 0; round < rounds; round += 1) {
    quiet.push(...(await roundTrips(client, ROUND_MS)));
    const worker = new Worker(new URL(import.meta.url), { workerData: { port, perSecond } });
    await roundTrips(client, 1000);
    stormy.push(...(await roundTrips(client, ROUND_MS)));
    await worker.terminate();
    await roundTrips(client, 2000); // What waits for a hash is done with.
  }
  for (const [what, times] of Object.entries({ quiet, stormy }))
    process.stdout.write(`${what}: ${times.length} messages, p50 ${percentile(times, 0.5)}, p99 ${percentile(times, 0.99)}\n`);
  process.stdout.write(`${JSON.stringify('auth' in node.status() ? Reflect.get(node.status(), 'auth') : null)}\n`);
  await client.endAsync(true);
  await node.stop();
  rmSync(dataPath, { recursive: true, force: true });
}

const given: unknown = workerData;
if (typeof given === 'object' && given !== null && 'port' in given && 'perSecond' in given)
  storm(Number(given.port), Number(given.perSecond));
else await main(Number(process.argv[2] ?? 1000), Number(process.argv[3] ?? 3));
