import { connect as connectSocket, Socket } from 'node:net';
import { Worker, workerData } from 'node:worker_threads';
import mqtt, { type MqttClient } from 'mqtt';
import { BrokerUnderTest } from '../broker-under-test.js';

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
  // In a process of its own: the client that is measured shall not share a thread with it.
  const broker = await BrokerUnderTest.start();
  const { host, port } = broker.target;
  const headers = { authorization: `Bearer ${broker.token}`, 'content-type': 'application/json' };
  const made = await fetch(`${broker.httpUrl}/api/v1/mqtt/users/good`, { method: 'PUT', headers, body: '{"password":"good"}' });
  if (!made.ok) throw new Error(`the user: ${made.status} ${await made.text()}`);
  const client = await mqtt.connectAsync(`mqtt://${host}:${port}`, { username: 'good', password: 'good' });
  if (client.stream instanceof Socket) client.stream.setNoDelay(true); // Else Nagle's 40 ms are all that is seen.
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
  await client.endAsync(true);
  await broker.stop();
}

const given: unknown = workerData;
if (typeof given === 'object' && given !== null && 'port' in given && 'perSecond' in given)
  storm(Number(given.port), Number(given.perSecond));
else await main(Number(process.argv[2] ?? 1000), Number(process.argv[3] ?? 3));
