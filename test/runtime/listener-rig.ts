import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import type { RunningNode } from '../../src/runtime/node.js';
import { SETTINGS_SCHEMA, type Settings } from '../../src/settings/schema.js';
import { settingsFor } from './running-node.js';

/** mqtt.tls as given, the other default listeners off, and further ones. */
export function settingsWith(transport: 'native' | 'node', tls: object, listeners: readonly object[] = []): Settings {
  const { data_path } = settingsFor(transport, 1);
  return SETTINGS_SCHEMA.parse({
    data_path,
    runtime: { shards: 1, transport },
    mqtt: { tcp: { port: 0 }, ws: { enabled: false }, wss: { enabled: false }, tls: { port: 0, ...tls }, listeners },
    grpc: { port: 0 },
    http: { port: 0 },
  });
}

export function listenerOf(node: RunningNode, name: string): { readonly url: string; readonly host: string; readonly port: number } {
  return node.listeners.find((listener) => listener.name === name) ?? assert.fail(`there is ${name}`);
}

/** Also with an error, which is not what it is about. */
export async function closed(socket: Socket): Promise<void> {
  socket.on('error', () => {});
  socket.resume();
  if (!socket.closed) await new Promise<void>((resolve) => socket.once('close', () => resolve()));
}
