import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Target } from '../robust-bench/load-plan.js';
import { FREE_PORTS } from './free-ports.js';

const MAIN = fileURLToPath(new URL('../../src/main.js', import.meta.url));
const READY_MS_MAX = 15_000;
const STOP_MS_MAX = 10_000;
/** What the log says of the MQTT listener, and last of HTTP. */
const LISTENING = /mqtt:\/\/([\w.]+):(\d+).*(http:\/\/[\w.]+:\d+)/s;

/** Our broker in a process of its own, as users start it: defaults, except for the ports (free ones) and the data directory (a fresh one). */
export class BrokerUnderTest {
  readonly target: Target;
  readonly httpUrl: string;
  readonly #child: ChildProcess;
  readonly #dataPath: string;

  /** @param assignments settings beside the defaults. @throws with what the broker wrote if it does not get ready. */
  static async start(...assignments: readonly string[]): Promise<BrokerUnderTest> {
    const dataPath = mkdtempSync(join(tmpdir(), 'robust-bench-'));
    const settings = [...FREE_PORTS, `data_path=${dataPath}`, ...assignments].flatMap((setting) => ['--set', setting]);
    const child = spawn(process.execPath, [MAIN, 'start', '--foreground', ...settings], { stdio: ['ignore', 'pipe', 'pipe'] });
    let text = '';
    const listening = new Promise<RegExpExecArray>((resolve, reject) => {
      const deadline = setTimeout(() => reject(new Error(`the broker was not ready in ${READY_MS_MAX} ms: ${text}`)), READY_MS_MAX);
      const read = (part: Buffer): void => {
        text += part.toString();
        const match = LISTENING.exec(text);
        if (match === null) return;
        clearTimeout(deadline);
        resolve(match);
      };
      child.stdout.on('data', read);
      child.stderr.on('data', read);
      child.once('exit', (code) => {
        clearTimeout(deadline);
        reject(new Error(`the broker ended with ${code}: ${text}`));
      });
    });
    try {
      const [, host, port, http] = await listening;
      return new BrokerUnderTest(child, dataPath, http, { host, port: Number(port), pid: child.pid ?? 0 });
    } catch (error) {
      child.kill('SIGKILL');
      rmSync(dataPath, { recursive: true, force: true });
      throw error;
    }
  }

  private constructor(child: ChildProcess, dataPath: string, httpUrl: string, target: Target) {
    this.#child = child;
    this.#dataPath = dataPath;
    this.httpUrl = httpUrl;
    this.target = target;
  }

  /** Secret of whoever may use its API. */
  get token(): string {
    return readFileSync(join(this.#dataPath, 'secrets', 'http-token'), 'utf8').trim();
  }

  /** Drains it. @returns its exit code; null if it had to be killed. */
  async stop(): Promise<number | null> {
    const child = this.#child;
    if (child.exitCode === null && child.signalCode === null) {
      const exit = once(child, 'exit');
      child.kill('SIGTERM');
      const kill = setTimeout(() => child.kill('SIGKILL'), STOP_MS_MAX);
      await exit;
      clearTimeout(kill);
    }
    rmSync(this.#dataPath, { recursive: true, force: true });
    return child.exitCode;
  }
}
