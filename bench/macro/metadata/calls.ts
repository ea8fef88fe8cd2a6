import { randomFillSync } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SystemClock } from '../../../src/base/clock.js';
import { MetadataClient } from '../../../src/metadata/client/metadata-client.js';
import type { MetadataSession } from '../../../src/metadata/client/metadata-session.js';
import { ClusterService } from '../../../src/metadata/grpc/generated/robustmq/v1/cluster.js';
import { NodeProcess } from '../journal/node-process.js';

/*
  Writes to the catalogue and linearizable reads of it, by many callers that share one session, flushed to the disk; on one node and on three.

    node dist/bench/macro/metadata/calls.js [--nodes 1,3] [--callers 1000] [--seconds 5]
*/

const WARM_UP_MS = 1000;

interface Options {
  readonly nodes: readonly number[];
  readonly callers: number;
  readonly seconds: number;
}

function parseOptions(args: readonly string[]): Options {
  const of = (name: string, otherwise: string): string => {
    const at = args.indexOf(`--${name}`);
    return at < 0 ? otherwise : (args[at + 1] ?? otherwise);
  };
  return { nodes: of('nodes', '1,3').split(',').map(Number), callers: Number(of('callers', '1000')), seconds: Number(of('seconds', '5')) };
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const at = server.address();
      server.close(() => resolve(typeof at === 'object' && at !== null ? at.port : 0));
    });
  });
}

/** Calls without a pause, `callers` at a time. @returns calls that ended in the measured time, and how long each took. */
async function measure(callers: number, seconds: number, call: (caller: number, number: number) => Promise<unknown>): Promise<string> {
  const startMs = performance.now() + WARM_UP_MS;
  const endMs = startMs + seconds * 1000;
  const tookMs: number[] = [];
  const run = async (caller: number): Promise<void> => {
    for (let number = 0; performance.now() < endMs; number += 1) {
      const sentMs = performance.now();
      await call(caller, number);
      const nowMs = performance.now();
      if (sentMs >= startMs && nowMs <= endMs) tookMs.push(nowMs - sentMs);
    }
  };
  await Promise.all(Array.from({ length: callers }, (_, caller) => run(caller)));
  tookMs.sort((a, b) => a - b);
  const at = (part: number): string => (tookMs[Math.floor(tookMs.length * part)] ?? 0).toFixed(1);
  return `${Math.round(tookMs.length / seconds)
    .toLocaleString('en')
    .padStart(9)}/s   p50 ${at(0.5)} ms   p99 ${at(0.99)} ms`;
}

async function write(session: MetadataSession, caller: number, number: number): Promise<void> {
  const value = { scope: 0, key: `caller-${caller}`, value: String(number) };
  const outcome = await session.propose({
    $case: 'put',
    value: { resource: { resource: { $case: 'setting', value } }, expectedRevision: undefined },
  });
  if (outcome.refusal !== 0) throw new Error(`a write was refused: ${JSON.stringify(outcome)}`);
}

async function measureCluster(count: number, { callers, seconds }: Options): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'robust-metadata-'));
  const ports = await Promise.all(Array.from({ length: count }, freePort));
  const peers = ports.map((port, at) => `n${at + 1}=127.0.0.1:${port}`).join(',');
  const nodes = await Promise.all(
    ports.map((port, at) => {
      const settings = [
        `node.id=n${at + 1}`,
        `grpc.port=${port}`,
        'runtime.shards=1',
        'http.enabled=false',
        ...(count === 1 ? [] : [`metadata.peers=${peers}`]),
      ];
      return NodeProcess.start(join(folder, `n${at + 1}`), ...settings);
    }),
  );
  const clock = new SystemClock();
  const clientOf = (...addresses: readonly string[]): MetadataClient =>
    new MetadataClient({ addresses, token: '', tls: null, clock, fillRandom: (bytes) => void randomFillSync(bytes) });
  const asking = clientOf(`127.0.0.1:${ports[0]}`);
  const { leader } = await asking.call(ClusterService.status, {});
  const client = clientOf(`127.0.0.1:${ports[leader - 1]}`);
  const session = client.session();
  const name = `${count} ${count === 1 ? 'node ' : 'nodes'}`;
  say(`${name}  writes  ${await measure(callers, seconds, (caller, number) => write(session, caller, number))}`);
  const read = (caller: number): Promise<unknown> =>
    session.read({ key: { $case: 'setting', value: { scope: 0, key: `caller-${caller}` } } });
  say(`${name}  reads   ${await measure(callers, seconds, read)}`);
  session.close();
  for (const it of [client, asking]) it.close();
  await Promise.all(nodes.map((node) => node.end('SIGKILL')));
  rmSync(folder, { recursive: true, force: true });
}

const options = parseOptions(process.argv.slice(2));
say(`${options.callers} callers in one session, ${options.seconds} s, flushed to the disk`);
for (const count of options.nodes) await measureCluster(count, options);
