import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { diskBytes, NodeProcess } from './node-process.js';
import { PlainClient, publishAll } from './plain-client.js';

/*
  100,000 partitions in one node: a stream of so many, and messages to so many topics that nearly all of them have records. How fast they are
  taken, how long a start takes then, and the memory after it.

    node dist/bench/macro/journal/partitions.js [setting=value]...
*/

const PARTITIONS = 100_000;
const TOPICS = 600_000;
const MESSAGES = 1_200_000;
const PAYLOAD_BYTES = 64;
const PUBLISHERS = 4;
const MIB = 2 ** 20;
const STREAM = JSON.stringify([{ name: 'spread', filters: ['spread/#'], partitions: PARTITIONS }]);

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

async function main(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'robust-partitions-'));
  const settings = [`streams=${STREAM}`, 'mqtt.topics_max=2000000', ...process.argv.slice(2)];
  try {
    const node = await NodeProcess.start(directory, ...settings);
    const publishers = await Promise.all(
      Array.from({ length: PUBLISHERS }, (_, i) => PlainClient.connect(node.port, { clientId: `publisher-${i}`, clean: true })),
    );
    const beganMs = performance.now();
    const each = MESSAGES / PUBLISHERS;
    await Promise.all(
      publishers.map((publisher, i) =>
        publishAll(publisher, each, (index) => `spread/${(index * PUBLISHERS + i) % TOPICS}`, PAYLOAD_BYTES, 4_000),
      ),
    );
    const tookMs = performance.now() - beganMs;
    say(`${Math.round(MESSAGES / (tookMs / 1000)).toLocaleString('en')} records/s over ${PARTITIONS.toLocaleString('en')} partitions`);
    say(
      `${(node.memory().residentBytes / MIB).toFixed(0)} MiB resident, ${(node.memory().ownBytes / MIB).toFixed(0)} MiB of its own, ${(diskBytes(directory) / MIB).toFixed(0)} MiB on the disk`,
    );
    await node.end('SIGKILL');
    for (const how of ['after kill -9', 'after an orderly end']) {
      const again = await NodeProcess.start(directory, ...settings);
      const { residentBytes, ownBytes } = again.memory();
      say(
        `start ${how}: ready after ${(again.readyMs / 1000).toFixed(2)} s, ${(residentBytes / MIB).toFixed(0)} MiB resident, ${(ownBytes / MIB).toFixed(0)} MiB of its own`,
      );
      await again.end();
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

await main();
