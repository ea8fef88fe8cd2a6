import { BrokerError } from '../../src/base/errors.js';
import type { RunningNode } from '../../src/launcher/ports.js';
import { runCommand } from '../../src/launcher/run.js';
import type { Settings } from '../../src/settings/schema.js';

/*
  robust-server with a node that serves nobody: what the launcher does around a node, without one. The node id says how it behaves:
  `refuses` does not start, `hangs` never stops.
*/

async function startStub(settings: Settings): Promise<RunningNode> {
  if (settings.node.id === 'refuses') throw new BrokerError('RMQ-1003', 'on 127.0.0.1:1883 (mqtt tcp): in use by pid 812');
  const alive = setInterval(() => {}, 60_000);
  return {
    listeners: [{ name: 'mqtt.tcp', url: 'mqtt://127.0.0.1:41883', host: '127.0.0.1', port: 41_883 }],
    shardCount: settings.runtime.shards,
    transportKind: 'node',
    webSocketEngine: 'ws',
    grpcAddress: '127.0.0.1:1228',
    certificates: { authorityPath: '', reload: () => [] },
    httpAddress: '127.0.0.1:58080',
    connections: () => 3,
    query: (question) => Promise.resolve({ asked: question.verb }),
    noteReload: (by, outcome) => process.stdout.write(`${JSON.stringify({ event: 'noted', by, ...outcome })}\n`),
    status: () => ({ stub: true }),
    stop: () => {
      if (settings.node.id === 'hangs') return new Promise<void>(() => {});
      clearInterval(alive);
      return Promise.resolve();
    },
    onFatal: () => {},
  };
}

process.exitCode = await runCommand({ args: process.argv.slice(2), scriptPath: process.argv[1], startNode: startStub });
