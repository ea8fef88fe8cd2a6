import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { diskBytes, NodeProcess } from './node-process.js';
import { PlainClient, publishAll } from './plain-client.js';

/*
  How long a start takes on what a killed broker left: 1 GiB of journal, a hundred sessions that are away, ten thousand retained messages.

    node dist/bench/macro/journal/restart.js [setting=value]...
*/

const GIB = 2 ** 30;
const SESSIONS = 100;
const RETAINED = 10_000;
const PAYLOAD_BYTES = 1024;
const PORTION = 50_000;
const STARTS = 3;

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function fill(node: NodeProcess, directory: string): Promise<number> {
  for (let i = 0; i < SESSIONS; i += 1) {
    const client = await PlainClient.connect(node.port, { clientId: `away-${i}`, clean: false });
    await client.subscribe(`plant/${i}/#`, 1);
    await client.disconnect();
  }
  const publisher = await PlainClient.connect(node.port, { clientId: 'publisher', clean: true });
  await publishAll(publisher, RETAINED, (index) => `state/${index}`, 64, 1_000, true);
  let messages = 0;
  while (diskBytes(directory) < GIB) {
    await publishAll(publisher, PORTION, (index) => `plant/${index % 200}/x`, PAYLOAD_BYTES, 4_000);
    messages += PORTION;
  }
  return messages;
}

async function main(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'robust-restart-'));
  const settings = process.argv.slice(2);
  try {
    let node = await NodeProcess.start(directory, ...settings);
    const messages = await fill(node, directory);
    for (let start = 0; start < STARTS; start += 1) {
      await node.end('SIGKILL');
      node = await NodeProcess.start(directory, ...settings);
      say(
        `ready after ${node.readyMs.toFixed(0)} ms, with ${(diskBytes(directory) / GIB).toFixed(2)} GiB and ${messages.toLocaleString('en')} messages`,
      );
    }
    await node.end();
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

await main();
