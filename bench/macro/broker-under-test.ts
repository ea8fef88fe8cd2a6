import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { CarrierChoice, Target } from '../robust-bench/load-plan.js';
import { FREE_PORTS } from './free-ports.js';

const MAIN = fileURLToPath(new URL('../../src/main.js', import.meta.url));
const READY_MS_MAX = 15_000;
const STOP_MS_MAX = 10_000;
/** It writes JSON lines, as nobody watches: each listener with its URL, then that it is ready. */
const READY = /"event":"server\.ready"/;
const LISTENING = /"event":"[a-z-]+\.ready"[^\n]*"url":"([a-z]+:\/\/[^"]+)"/g;

/** Our broker in a process of its own, as users start it: defaults, except for the ports (free ones) and the data directory (a fresh one). */
export class BrokerUnderTest {
  /** Plain TCP. */
  readonly target: Target;
  readonly httpUrl: string;
  readonly #urls: readonly URL[];
  readonly #child: ChildProcess;
  readonly #dataPath: string;

  /** @param assignments settings beside the defaults. @throws with what the broker wrote if it does not get ready. */
  static async start(...assignments: readonly string[]): Promise<BrokerUnderTest> {
    const dataPath = mkdtempSync(join(tmpdir(), 'robust-bench-'));
    const settings = [...FREE_PORTS, `data_path=${dataPath}`, ...assignments].flatMap((setting) => ['--set', setting]);
    const child = spawn(process.execPath, [MAIN, 'start', '--foreground', ...settings], { stdio: ['ignore', 'pipe', 'pipe'] });
    let text = '';
    const listening = new Promise<URL[]>((resolve, reject) => {
      const deadline = setTimeout(() => reject(new Error(`the broker was not ready in ${READY_MS_MAX} ms: ${text}`)), READY_MS_MAX);
      const read = (part: Buffer): void => {
        text += part.toString();
        if (!READY.test(text)) return;
        clearTimeout(deadline);
        resolve(Array.from(text.matchAll(LISTENING), ([, url]) => new URL(url)));
      };
      child.stdout.on('data', read);
      child.stderr.on('data', read);
      child.once('exit', (code) => {
        clearTimeout(deadline);
        reject(new Error(`the broker ended with ${code}: ${text}`));
      });
    });
    try {
      return new BrokerUnderTest(child, dataPath, await listening);
    } catch (error) {
      child.kill('SIGKILL');
      rmSync(dataPath, { recursive: true, force: true });
      throw error;
    }
  }

  private constructor(child: ChildProcess, dataPath: string, urls: readonly URL[]) {
    this.#child = child;
    this.#dataPath = dataPath;
    this.#urls = urls;
    this.httpUrl = this.#urlOf('http').origin;
    this.target = { ...this.#addressOf('mqtt'), pid: child.pid ?? 0 };
  }

  /** Publishers over TLS or WebSocket, with the authority that the broker made for itself; subscribers over plain TCP. */
  async targetOver(scheme: CarrierChoice['scheme']): Promise<Target> {
    const { host, port, path } = this.#addressOf(scheme);
    const ca = scheme === 'ws' ? null : await this.#authority();
    return { ...this.target, host, port, carrier: { scheme, hostName: host, path, ca, isInsecure: false }, subscribersTo: this.target };
  }

  /** The broker makes it beside its start: it can be ready before. */
  async #authority(): Promise<string> {
    const path = join(this.#dataPath, 'secrets', 'development-ca.pem');
    for (let waitedMs = 0; !existsSync(path); waitedMs += 20) {
      if (waitedMs > READY_MS_MAX) throw new Error(`the broker made no certificate in ${READY_MS_MAX} ms`);
      await delay(20);
    }
    return readFileSync(path, 'utf8');
  }

  #urlOf(scheme: string): URL {
    const url = this.#urls.find(({ protocol }) => protocol === `${scheme}:`);
    if (url === undefined) throw new Error(`the broker does not listen for ${scheme}`);
    return url;
  }

  #addressOf(scheme: string): { readonly host: string; readonly port: number; readonly path: string } {
    const url = this.#urlOf(scheme);
    return { host: url.hostname, port: Number(url.port), path: url.pathname };
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
