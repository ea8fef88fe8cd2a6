import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { diskBytes, NodeProcess } from './node-process.js';
import { PlainClient, publishAll } from './plain-client.js';

/*
  What sessions cost that are away.

    node dist/bench/macro/journal/sessions.js shared     1,000 sessions on one filter: bytes on the disk for each message
    node dist/bench/macro/journal/sessions.js apart      10,000 sessions, each on a topic of its own, and 1 M messages to others: one comes back
    node dist/bench/macro/journal/sessions.js drain      one session with 1 M messages: it comes back and takes them
*/

const MIB = 2 ** 20;
const PAYLOAD_BYTES = 256;
const ROOMY = ['mqtt.queue_messages_max=100000000', 'mqtt.queue_bytes_max=64GiB'];

async function makeSessions(port: number, count: number, filterOf: (index: number) => string): Promise<void> {
  const perTurn = 50;
  for (let first = 0; first < count; first += perTurn)
    await Promise.all(
      Array.from({ length: Math.min(perTurn, count - first) }, async (_, i) => {
        const client = await PlainClient.connect(port, { clientId: `away-${first + i}`, clean: false });
        await client.subscribe(filterOf(first + i), 1);
        await client.disconnect();
      }),
    );
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** The same messages with and without the sessions, each on a broker of its own. */
async function shared(directory: string, settings: readonly string[]): Promise<void> {
  const messages = 100_000;
  const perMessage: number[] = [];
  for (const sessions of [0, 1, 1_000]) {
    const dataPath = join(directory, `sessions-${sessions}`);
    const node = await NodeProcess.start(dataPath, ...settings);
    await makeSessions(node.port, sessions, () => 'plant/#');
    const publisher = await PlainClient.connect(node.port, { clientId: 'publisher', clean: true });
    await publishAll(publisher, 1_000, () => 'plant/warm', PAYLOAD_BYTES);
    const before = diskBytes(join(dataPath, 'journal'));
    await publishAll(publisher, messages, (index) => `plant/${index % 100}`, PAYLOAD_BYTES);
    perMessage.push((diskBytes(join(dataPath, 'journal')) - before) / messages);
    say(
      `${String(sessions).padStart(5)} sessions   ${perMessage[perMessage.length - 1].toFixed(1)} bytes on the disk for each message of ${PAYLOAD_BYTES}`,
    );
    await node.end();
  }
}

async function apart(directory: string, settings: readonly string[]): Promise<void> {
  const node = await NodeProcess.start(directory, ...ROOMY, ...settings);
  await makeSessions(node.port, 10_000, (index) => `own/${index}`);
  const publisher = await PlainClient.connect(node.port, { clientId: 'publisher', clean: true });
  await publishAll(publisher, 100, () => 'own/7777', PAYLOAD_BYTES);
  await publishAll(publisher, 1_000_000, (index) => `other/${index % 1_000}`, PAYLOAD_BYTES, 10_000);
  for (const round of [1, 2, 3]) {
    const own = 100;
    await publishAll(publisher, round === 1 ? 0 : own, () => 'own/7777', PAYLOAD_BYTES);
    const beganMs = performance.now();
    const client = await PlainClient.connect(node.port, { clientId: 'away-7777', clean: false });
    await client.until(() => client.received >= own);
    say(
      `reconnected, and has its ${own} messages: the first after ${(client.firstMs - beganMs).toFixed(1)} ms, the last after ${(client.latestMs - beganMs).toFixed(1)} ms`,
    );
    await client.disconnect();
  }
  await node.end();
}

async function drain(directory: string, settings: readonly string[]): Promise<void> {
  const messages = 1_000_000;
  const node = await NodeProcess.start(directory, ...ROOMY, ...settings);
  await makeSessions(node.port, 1, () => 'plant/#');
  const publisher = await PlainClient.connect(node.port, { clientId: 'publisher', clean: true });
  await publishAll(publisher, messages, (index) => `plant/${index % 100}`, PAYLOAD_BYTES, 10_000);
  await publisher.disconnect();
  const before = node.memory();
  let most = before.ownBytes;
  const watch = setInterval(() => {
    most = Math.max(most, node.memory().ownBytes);
  }, 20);
  const beganMs = performance.now();
  const client = await PlainClient.connect(node.port, { clientId: 'away-0', clean: false });
  await client.until(() => client.received >= messages);
  const tookMs = performance.now() - beganMs;
  clearInterval(watch);
  say(
    `${messages.toLocaleString('en')} messages in ${tookMs.toFixed(0)} ms: ${Math.round(messages / (tookMs / 1000)).toLocaleString('en')}/s, ${((most - before.ownBytes) / MIB).toFixed(0)} MiB more memory at most`,
  );
  await node.end();
}

const SCENARIOS = { shared, apart, drain } as const;

async function main(): Promise<void> {
  const [name, ...settings] = process.argv.slice(2);
  if (name !== 'shared' && name !== 'apart' && name !== 'drain') {
    process.stderr.write('usage: sessions.js shared|apart|drain [setting=value]...\n');
    process.exitCode = 2;
    return;
  }
  const directory = mkdtempSync(join(tmpdir(), 'robust-sessions-'));
  try {
    await SCENARIOS[name](directory, settings);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

await main();
