import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../../../src/main.js', import.meta.url));
const LISTENING = /mqtt:\/\/[\w.]+:(\d+)/;
const PAGE_BYTES = 4096;

/** A broker on a data directory that outlives it. */
export class NodeProcess {
  readonly port: number;
  readonly readyMs: number;
  readonly #child: ChildProcess;

  static async start(dataPath: string, ...settings: readonly string[]): Promise<NodeProcess> {
    const all = [
      `data_path=${dataPath}`,
      'mqtt.tcp.port=0',
      'mqtt.ws.enabled=false',
      'mqtt.tls.enabled=false',
      'mqtt.wss.enabled=false',
      'grpc.port=0',
      'http.port=0',
      ...settings,
    ];
    const beganMs = performance.now();
    const child = spawn(process.execPath, [MAIN, 'start', '--foreground', ...all.flatMap((setting) => ['--set', setting])], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let text = '';
    const port = await new Promise<number>((resolve, reject) => {
      const read = (chunk: Buffer): void => {
        text += chunk.toString();
        const match = LISTENING.exec(text);
        if (match !== null) resolve(Number(match[1]));
      };
      child.stdout.on('data', read);
      child.stderr.on('data', read);
      child.once('exit', (code) => reject(new Error(`the broker ended with ${code}: ${text}`)));
    });
    return new NodeProcess(child, port, performance.now() - beganMs);
  }

  private constructor(child: ChildProcess, port: number, readyMs: number) {
    this.#child = child;
    this.port = port;
    this.readyMs = readyMs;
  }

  /** Resident memory, and how much of it is not mapped from files. */
  memory(): { readonly residentBytes: number; readonly ownBytes: number } {
    const [, resident, shared] = readFileSync(`/proc/${this.#child.pid}/statm`, 'latin1').split(' ').map(Number);
    return { residentBytes: resident * PAGE_BYTES, ownBytes: (resident - shared) * PAGE_BYTES };
  }

  async end(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const exit = once(this.#child, 'exit');
    this.#child.kill(signal);
    await exit;
  }
}

/** Bytes that the files below a directory take on the disk. */
export function diskBytes(directory: string): number {
  let bytes = 0;
  for (const name of readdirSync(directory, { recursive: true, encoding: 'utf8' })) {
    const stats = statSync(join(directory, name));
    if (stats.isFile()) bytes += stats.blocks * 512;
  }
  return bytes;
}
