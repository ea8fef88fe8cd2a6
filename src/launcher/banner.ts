import { relative } from 'node:path';
import { takesAnonymous } from '../settings/auth-schema.js';
import { isLoopback, type LoadedSettings } from '../settings/parse.js';
import type { Settings } from '../settings/schema.js';
import type { RunningListener, RunningNode } from './ports.js';

/*
  What a person reads when the server is ready. Only what is true of this very server: addresses that answer, the engines in use,
  where the data lie and where the settings come from, and commands that work as they stand.
*/

export interface BannerFacts {
  readonly version: string;
  readonly node: RunningNode;
  readonly loaded: LoadedSettings;
  readonly readyMs: number;
  /** How this server is stopped: `Ctrl-C to stop`. */
  readonly howToStop: string;
}

export function banner(facts: BannerFacts): string {
  const { node, loaded, version } = facts;
  const { settings } = loaded;
  const shards = `${node.shardCount} ${node.shardCount === 1 ? 'shard' : 'shards'}`;
  const lines = [
    `RobustMQ ${version}   ${settings.node.id}   profile: ${settings.security.profile}   Node ${process.version}   ${shards}`,
    `  MQTT      ${node.listeners.map((listener) => listener.url).join('   ')}`,
    ...(node.grpcAddress === '' ? [] : [`  gRPC      ${node.grpcAddress}`]),
    ...(node.certificates.authorityPath === ''
      ? []
      : [`  TLS       clients that trust ${shownPath(node.certificates.authorityPath)} can verify this server`]),
    ...(node.httpAddress === '' ? [] : [`  HTTP      http://${node.httpAddress}/metrics`]),
    `  Data      ${shownPath(settings.data_path)}`,
    `  Config    ${loaded.files.length === 0 ? 'built-in defaults, none loaded' : loaded.files.join(', ')}`,
    `  Engines   transport ${node.transportKind}${settings.mqtt.ws.enabled ? `, WebSocket ${node.webSocketEngine}` : ''}`,
    `  ${reachNote(node.listeners, settings)}`,
    ...tryLines(node.listeners),
    `Ready in ${(facts.readyMs / 1000).toFixed(2)} s. ${facts.howToStop}.`,
  ];
  return `${lines.join('\n')}\n`;
}

function reachNote(listeners: readonly RunningListener[], { auth, security }: Settings): string {
  const far = listeners.filter((listener) => !isLoopback(listener.host));
  if (far.length === 0) return 'Local only: other machines cannot connect.';
  const open = far.filter(({ name }) => takesAnonymous(auth, security.profile, name)).map(({ name }) => name);
  if (open.length === 0) return 'Other machines can connect, and have to prove who they are.';
  return `OPEN TO ANYBODY: who says nothing of itself is let in (${open.join(', ')}).`;
}

/** Debian's clients for TCP, which need no installation of ours; mqtt.js where there is WebSocket alone. */
function tryLines(listeners: readonly RunningListener[]): string[] {
  const tcp = listeners.find((listener) => listener.name === 'mqtt.tcp');
  const first = tcp ?? listeners[0];
  if (first === undefined) return [];
  if (tcp === undefined) {
    const at = `-l ws -h ${reachable(first.host)} -p ${first.port} --path ${new URL(first.url).pathname}`;
    return ['', 'Try it:', `  npx mqtt sub ${at} -t 'demo/#' -v`, `  npx mqtt pub ${at} -t demo/hello -m hi`, ''];
  }
  const at = `-h ${reachable(tcp.host)} -p ${tcp.port}`;
  return ['', 'Try it:', `  mosquitto_sub ${at} -t 'demo/#' -v`, `  mosquitto_pub ${at} -t demo/hello -m hi`, ''];
}

/** An address to connect to: "all addresses" is none. */
function reachable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1';
  return host === '::' ? '::1' : host;
}

function shownPath(path: string): string {
  const fromHere = relative(process.cwd(), path);
  if (fromHere === '') return '.';
  return fromHere.startsWith('..') ? path : `./${fromHere}`;
}
