import Table from 'cli-table3';
import { z } from 'zod';

/** What a server says of itself. */
export interface StatusReport {
  readonly state: 'starting' | 'ready' | 'stopping';
  readonly pid: number;
  readonly version: string;
  readonly nodeVersion: string;
  readonly nodeId: string;
  readonly uptimeMs: number;
  readonly dataPath: string;
  readonly configFiles: readonly string[];
  readonly listeners: readonly { readonly name: string; readonly url: string; readonly host: string; readonly port: number }[];
  readonly shards: number;
  readonly connections: number;
  readonly transport: string;
  readonly webSocketEngine: string;
  /** host:port; empty: there is none. */
  readonly grpcAddress: string;
  readonly httpAddress: string;
  /** By path: value, and where it comes from. */
  readonly settings: Readonly<Record<string, { readonly value: unknown; readonly source: string; readonly where: string }>>;
  /** The node's own report. */
  readonly node: unknown;
}

export const STATUS_REPORT: z.ZodType<StatusReport> = z.object({
  state: z.enum(['starting', 'ready', 'stopping']),
  pid: z.int(),
  version: z.string(),
  nodeVersion: z.string(),
  nodeId: z.string(),
  uptimeMs: z.number(),
  dataPath: z.string(),
  configFiles: z.array(z.string()),
  listeners: z.array(z.object({ name: z.string(), url: z.string(), host: z.string(), port: z.int() })),
  shards: z.int(),
  connections: z.int(),
  transport: z.string(),
  webSocketEngine: z.string(),
  grpcAddress: z.string(),
  httpAddress: z.string(),
  settings: z.record(z.string(), z.object({ value: z.unknown(), source: z.string(), where: z.string() })),
  node: z.unknown(),
});

/** What a reload did, by path. */
export interface ReloadReport {
  readonly applied: readonly string[];
  readonly needRestart: readonly string[];
  /** What stays as it was, by listener, with the error. */
  readonly refused: readonly string[];
}

export const RELOAD_REPORT: z.ZodType<ReloadReport> = z.object({
  applied: z.array(z.string()),
  needRestart: z.array(z.string()),
  refused: z.array(z.string()),
});

/** The table that `robust-server status` prints. */
export function statusTable(report: StatusReport, isColored: boolean): string {
  const table = new Table({ style: { head: [], border: isColored ? ['grey'] : [] } });
  const listeners = report.listeners.map((listener) => `${listener.name}  ${listener.url}`);
  table.push(
    ['State', report.state],
    ['Pid', String(report.pid)],
    ['Uptime', uptimeText(report.uptimeMs)],
    ['Version', `${report.version} (Node ${report.nodeVersion})`],
    ['Node', report.nodeId],
    ['Listeners', listeners.length === 0 ? 'none' : listeners.join('\n')],
    ['gRPC', report.grpcAddress === '' ? 'none' : report.grpcAddress],
    ['HTTP', report.httpAddress === '' ? 'none' : `http://${report.httpAddress}`],
    ['Shards', String(report.shards)],
    ['Connections', String(report.connections)],
    ['Transport', report.transport],
    ['WebSocket', report.webSocketEngine],
    ['Data', report.dataPath],
    ['Config', report.configFiles.length === 0 ? 'built-in defaults, none loaded' : report.configFiles.join('\n')],
  );
  return `${table.toString()}\n`;
}

/** `3 d 4 h`, `12 m 5 s`: the two largest units. */
export function uptimeText(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  const parts: readonly (readonly [number, string])[] = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'm'],
    [seconds % 60, 's'],
  ];
  const largest = parts.findIndex(([amount]) => amount > 0);
  const first = largest === -1 ? parts.length - 1 : largest;
  return parts
    .slice(first, first + 2)
    .map(([amount, unit]) => `${amount} ${unit}`)
    .join(' ');
}
