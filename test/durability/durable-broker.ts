import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { askControl } from '../../src/launcher/control-client.js';

const MAIN = fileURLToPath(new URL('../../src/main.js', import.meta.url));
const START_MS_MAX = 30_000;
const STOP_MS_MAX = 35_000;
const LOG_LINES_MAX = 10_000;
const TAIL_LINES = 15;

/** A line of the log, as far as tests look at it. */
const LOG_LINE: z.ZodType<LogLine> = z.looseObject({
  level: z.string(),
  event: z.string(),
  msg: z.string(),
  name: z.string().optional(),
  url: z.string().optional(),
});
export interface LogLine {
  readonly level: string;
  readonly event: string;
  readonly msg: string;
  readonly name?: string | undefined;
  readonly url?: string | undefined;
}

const STATUS: z.ZodType<BrokerStatus> = z.object({
  node: z.object({ shards: z.array(z.object({ mqtt: z.record(z.string(), z.number()).optional() })) }),
});
interface BrokerStatus {
  readonly node: { readonly shards: readonly { readonly mqtt?: Readonly<Record<string, number>> | undefined }[] };
}

export interface Ending {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface BrokerOptions {
  /** A directory of its own, removed at the end, unless given. */
  readonly dataPath?: string;
  /** As of `--set`. */
  readonly settings?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

/** One data directory, and the broker processes that live on it one after another. Each life has a new port. */
export class DurableBroker {
  readonly dataPath: string;
  /** Lines of all lives. */
  readonly log: LogLine[] = [];
  /** Standard error of all lives. */
  readonly complaints: string[] = [];
  #child: ChildProcess | null = null;
  #url = '';
  #ending: Promise<Ending> = Promise.resolve({ code: 0, signal: null });
  readonly #options: BrokerOptions;
  /** Settings of the lives to come, beside those of the options. */
  readonly #added: string[] = [];
  readonly #isPathOwn: boolean;

  constructor(options: BrokerOptions = {}) {
    this.#options = options;
    this.#isPathOwn = options.dataPath === undefined;
    this.dataPath = options.dataPath ?? mkdtempSync(join(tmpdir(), 'robustmq-durable-'));
  }

  /** A running broker with two shards that is gone when the test ends. */
  static async start(context: TestContext, ...settings: string[]): Promise<DurableBroker> {
    const broker = new DurableBroker({ settings: ['runtime.shards=2', ...settings] });
    context.after(() => broker.dispose());
    await broker.start();
    return broker;
  }

  /** A setting as of `--set`, from the next start on. */
  set(assignment: string): void {
    this.#added.push(assignment);
  }

  /** @returns milliseconds from spawn to ready. */
  async start(): Promise<number> {
    const { settings = [], environment = {} } = this.#options;
    const all = [
      `data_path=${this.dataPath}`,
      'mqtt.tcp.port=0',
      'mqtt.ws.enabled=false',
      'mqtt.tls.enabled=false',
      'mqtt.wss.enabled=false',
      'grpc.enabled=false',
      'http.enabled=false',
      'log.format=json',
      ...settings,
      ...this.#added,
    ];
    const args = [MAIN, 'start', '--foreground', ...all.flatMap((setting) => ['--set', setting])];
    const beganMs = performance.now();
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...environment } });
    this.#child = child;
    this.#url = '';
    this.#ending = new Promise((resolve) => child.once('exit', (code, signal) => resolve({ code, signal })));
    createInterface({ input: child.stderr }).on('line', (line) => keep(this.complaints, line));
    const ready = new Promise<void>((resolve) => {
      createInterface({ input: child.stdout }).on('line', (line) => {
        if (!line.startsWith('{')) return; // The banner.
        const parsed = LOG_LINE.parse(JSON.parse(line));
        keep(this.log, parsed);
        if (parsed.event === 'listener.ready' && parsed.name === 'mqtt.tcp') this.#url = parsed.url ?? '';
        if (parsed.event === 'server.ready') resolve();
      });
    });
    await this.#before(ready, START_MS_MAX, 'ready');
    return performance.now() - beganMs;
  }

  /** `mqtt://127.0.0.1:port` of this life. */
  get url(): string {
    return this.#url;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** SIGKILL at once; the promise is for the process to be gone. */
  kill(): Promise<Ending> {
    this.#child?.kill('SIGKILL');
    return this.#ending;
  }

  /** In order. @returns the exit code. */
  async stop(): Promise<number | null> {
    this.#child?.kill('SIGTERM');
    return (await this.ended(STOP_MS_MAX)).code;
  }

  /** The end of this life, by itself or by our doing. */
  async ended(timeoutMs: number): Promise<Ending> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`the broker did not end within ${timeoutMs} ms\n${this.tail()}`)), timeoutMs);
    });
    return await Promise.race([this.#ending, late]).finally(() => clearTimeout(timer));
  }

  /** A counter of the protocol, over all shards; as of up to a second ago. */
  async counter(name: string): Promise<number> {
    const answer = await askControl(this.dataPath, { verb: 'status' }, 5_000);
    if (answer === null) throw new Error('the broker does not answer');
    return STATUS.parse(answer.body).node.shards.reduce((sum, { mqtt }) => sum + (mqtt?.[name] ?? 0), 0);
  }

  /** Lines that say that something is wrong, with a code, since line `from` of the log. */
  alarms(from = 0): LogLine[] {
    return this.log.slice(from).filter((line) => ['warn', 'error', 'fatal'].includes(line.level) && /RMQ-\d{4}/.test(JSON.stringify(line)));
  }

  /** The last that it said. */
  tail(): string {
    return [...this.log.slice(-TAIL_LINES).map((line) => JSON.stringify(line)), ...this.complaints.slice(-TAIL_LINES)].join('\n');
  }

  async dispose(): Promise<void> {
    await this.kill();
    if (this.#isPathOwn) rmSync(this.dataPath, { recursive: true, force: true });
  }

  /** Waits for what must come before the process ends. */
  async #before(event: Promise<void>, timeoutMs: number, what: string): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`the broker is not ${what} after ${timeoutMs} ms\n${this.tail()}`)), timeoutMs);
    });
    const dead = this.#ending.then(({ code, signal }): never => {
      throw new Error(`the broker ended with ${code ?? signal} before it was ${what}\n${this.tail()}`);
    });
    await Promise.race([event, dead, late]).finally(() => clearTimeout(timer));
  }
}

function keep<Line>(lines: Line[], line: Line): void {
  lines.push(line);
  if (lines.length > LOG_LINES_MAX) lines.splice(0, LOG_LINES_MAX / 2);
}
