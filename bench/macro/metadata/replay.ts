import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SystemClock } from '../../../src/base/clock.js';
import { SILENT_LOGGER } from '../../../src/base/logger.js';
import { SystemRandom } from '../../../src/base/random.js';
import type { CommandEnvelope } from '../../../src/metadata/catalogue/commands.js';
import { MetadataNode } from '../../../src/metadata/metadata-node.js';
import { MetadataStore } from '../../../src/metadata/store/metadata-store.js';
import { DRIVER_LIMITS } from '../../../src/raft/driver/limits.js';

/*
  How long a start takes with a snapshot of 1 M records and 1 M commands after it in the log, on the disk.

    node dist/bench/macro/metadata/replay.js [commands]
*/

const COMMANDS = Number(process.argv[2] ?? 1_000_000);
const PER_CALL = 1000;
const CALLS_UNDER_WAY = 16;

const directory = mkdtempSync(join(tmpdir(), 'robust-replay-'));
const random = new SystemRandom();

function open(snapshotEntries: number): { readonly store: MetadataStore; build(): MetadataNode } {
  const store = MetadataStore.open(directory, 60_000);
  const build = (): MetadataNode =>
    new MetadataNode({
      store,
      firstPeers: new Map(),
      self: { name: 'n1', roles: ['meta'], version: '0' },
      tls: null,
      limits: { ...DRIVER_LIMITS, snapshotBytes: 2 ** 40, snapshotEntries },
      votersMax: 7,
      drawBelow: (limit) => random.below(limit),
      clock: new SystemClock(),
      log: SILENT_LOGGER,
    });
  return { store, build };
}

function propose(node: MetadataNode, envelopes: readonly CommandEnvelope[]): Promise<void> {
  return new Promise((resolve, reject) => {
    node.propose(envelopes, 60_000, (answer) => (answer.kind === 'applied' ? resolve() : reject(new Error(answer.kind))));
  });
}

async function led(node: MetadataNode): Promise<void> {
  while (!node.hasCommittedOwnTerm) await new Promise((resolve) => setTimeout(resolve, 5));
}

async function write(node: MetadataNode, from: number, to: number): Promise<void> {
  let next = from;
  const run = async (): Promise<void> => {
    while (next < to) {
      const envelopes: CommandEnvelope[] = [];
      for (; envelopes.length < PER_CALL && next < to; next += 1) {
        const value = {
          tenant: 'default',
          name: `user-${next % COMMANDS}`,
          passwordHash: '',
          isSuperuser: false,
          comment: 'made by a benchmark',
          scram: [],
        };
        envelopes.push({ command: { kind: 'put-user', value, expected: null }, requestId: null });
      }
      await propose(node, envelopes);
    }
  };
  await Promise.all(Array.from({ length: CALLS_UNDER_WAY }, run));
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

const first = open(Math.floor(COMMANDS / PER_CALL));
await first.store.found({ kind: 'first-voters', identity: { clusterId: 'c', nodeId: 1, uuid: 'u' }, voters: [1] });
const writer = first.build();
writer.start();
await led(writer);
await propose(writer, [
  { command: { kind: 'initialise-cluster', id: 'c', name: 'bench', tokenHash: '', firstVoters: 1 }, requestId: null },
]);
const half = Math.floor(COMMANDS / 2);
await write(writer, 0, half);
await write(writer, 0, half);
while (writer.status().snapshotIndex <= 1) await new Promise((resolve) => setTimeout(resolve, 20));
say(`a snapshot of ${half.toLocaleString('en')} records is written`);
await write(writer, half, half + COMMANDS);
const logged = writer.status().appliedIndex - writer.status().snapshotIndex;
await writer.stop();
await first.store.close();

const beganMs = performance.now();
const again = open(2 ** 30);
const node = again.build();
node.start();
await led(node);
const tookMs = performance.now() - beganMs;
say(
  `start: ${(tookMs / 1000).toFixed(2)} s for the snapshot and ${logged.toLocaleString('en')} entries with ${COMMANDS.toLocaleString('en')} commands after it`,
);
say(`${node.reader.count('user').toLocaleString('en')} users`);
await node.stop();
await again.store.close();
rmSync(directory, { recursive: true, force: true });
process.exit(0);
